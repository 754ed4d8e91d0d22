"""What a run consists of: trials, each the same rows for every model, told before anything is computed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

from .. import __version__
from ..checks import check_count, check_known, check_names, check_type, invalid
from .guards import fingerprint
from .models import ModelEntry, model_entry
from .protocols import Protocol, make_protocol, protocol_names
from .sources import Source, open_source

DEFAULT_DATA = ("breast_cancer", "handwritten_digits", "hepar2")
DEFAULT_PROTOCOLS = ("missing_rates", "modality_subsets")
DEFAULT_MODELS = (
    "prior",
    "graph-fusion",
    "early-fusion",
    "mean-pool",
    "log-pool",
    "hybrid-fusion",
    "logistic-mean-indicator",
    "hgb-native-nan",
)


@dataclass(frozen=True)
class BenchSettings:
    """What to run.

    Args:
        data: Names of data sets, or of problems with a known truth; with a target after a slash if not the first.
        protocols: Names of protocols.
        models: Names of models, or ``module:name`` for models of your own (see ``model_entry``).
        num_seeds: Random splits of each data set.
        seed: Of the sequence of splits and of all that is drawn.
        test_fraction: Share of the rows, or groups, that a random split holds out.
        protocol_settings: By protocol, settings other than its defaults.
        root: Folder of data files; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        ValueError: If a name is unknown or repeated, or a number is out of its range.

    Example:
        >>> BenchSettings(data=["breast_cancer"], models=["prior", "log-pol"])
        Traceback (most recent call last):
            ...
        ValueError: each of models must be one of ...; got 'log-pol' (did you mean 'log-pool'?).
    """

    data: Sequence[str] = DEFAULT_DATA
    protocols: Sequence[str] = DEFAULT_PROTOCOLS
    models: Sequence[str] = DEFAULT_MODELS
    num_seeds: int = 5
    seed: int = 0
    test_fraction: float = 0.3
    protocol_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    root: str | Path | None = None

    def __post_init__(self) -> None:
        for argument in ("data", "protocols", "models"):
            names = check_names(argument, getattr(self, argument))
            if not names:
                raise invalid(argument, "name at least one", "none")
            object.__setattr__(self, argument, names)
        for name in self.protocols:
            check_known("each of protocols", name, protocol_names())
        for name in self.models:
            model_entry(name)
        check_count("num_seeds", self.num_seeds)
        check_count("seed", self.seed, minimum=0)
        if not 0.0 < self.test_fraction < 1.0:
            raise invalid("test_fraction", "lie strictly between 0 and 1", self.test_fraction)
        check_type("protocol_settings", self.protocol_settings, Mapping, "be a mapping from protocols to settings")
        for name in self.protocol_settings:
            check_known("each protocol in protocol_settings", name, self.protocols)


@dataclass(frozen=True)
class TrialPlan:
    """One training condition of one split, for a number of models; what a process is handed.

    Args:
        data: Name of the source.
        digest: Of the content of its rows.
        protocol: Name of the protocol.
        protocol_settings: All of its settings.
        split: Number of the split.
        condition: The training condition.
        models: Names of the models.
        seed: Of the run.
        test_fraction: Of the run.
        size: Rows, columns and classes, for estimates of time.
        root: Folder of data files.
    """

    data: str
    digest: str
    protocol: str
    protocol_settings: Mapping[str, Any]
    split: int
    condition: str
    models: tuple[str, ...]
    seed: int
    test_fraction: float
    size: tuple[int, int, int]
    root: str | Path | None = None

    def key(self, model: str) -> dict[str, Any]:
        """All that the cell of a model depends on, as plain values."""
        return {
            "data": self.data,
            "digest": self.digest,
            "protocol": self.protocol,
            "protocol_settings": dict(self.protocol_settings),
            "split": self.split,
            "condition": self.condition,
            "model": model,
            "seed": self.seed,
            "test_fraction": self.test_fraction,
            "version": __version__,
        }

    def draw_seed(self, *purpose: object) -> int:
        """A seed below 2**31 of this split and purpose, the same in every process."""
        text = repr((self.seed, self.data, self.protocol, self.split, *purpose))
        return int.from_bytes(sha256(text.encode()).digest()[:4], "little") >> 1


@dataclass(frozen=True)
class Plan:
    """Trials in the order in which they are run: all data sets of the first split, then of the second.

    Args:
        settings: What was asked for.
        trials: What is to be computed.
        refused: By data set and protocol, why the protocol cannot be asked of it.
    """

    settings: BenchSettings
    trials: tuple[TrialPlan, ...]
    refused: Mapping[tuple[str, str], str]

    def cell_keys(self) -> Iterator[dict[str, Any]]:
        """The key of every cell."""
        return (trial.key(model) for trial in self.trials for model in trial.models)


def make_plan(settings: BenchSettings) -> Plan:
    """The trials of a run; data sets are read, nothing is fitted.

    Raises:
        ValueError: If a data set, target or setting is unknown, or no protocol can be asked of any data set.
        FileNotFoundError: If files of a data set are not there; the message says which are expected where.
        ModuleNotFoundError: If a model needs a package that is not installed.

    Example:
        >>> plan = make_plan(BenchSettings(data=["breast_cancer"], protocols=["missing_rates"], num_seeds=2))
        >>> len(plan.trials), len(list(plan.cell_keys()))
        (6, 48)
    """
    for name in settings.models:
        _check_installed(name, model_entry(name))
    trials: list[TrialPlan] = []
    refused: dict[tuple[str, str], str] = {}
    for data in settings.data:
        source = opened(data, settings.root)
        for name in settings.protocols:
            protocol = make_protocol(name, settings.protocol_settings.get(name))
            reason = protocol.refusal(source.dataset)
            if reason is None:
                trials += _trials(settings, data, source, name, protocol)
            else:
                refused[data, name] = reason
    if not trials:
        reasons = "; ".join(f"{name} of {data}: {reason}" for (data, name), reason in refused.items())
        raise invalid("protocols", "hold one that can be asked of one of the data sets", reasons)
    trials.sort(key=lambda trial: trial.split)
    return Plan(settings, tuple(trials), refused)


@lru_cache(maxsize=1)
def code_digest() -> str:
    """A digest of the source of the package: cells that were computed by another state of it are told to the reader."""
    root = Path(__file__).parents[1]
    found = sha256()
    for path in sorted(root.rglob("*.py")):
        found.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


@lru_cache(maxsize=4)
def opened(name: str, root: str | Path | None) -> Source:
    """The source of this name, kept while a process works on it."""
    return open_source(name, root)


def _trials(settings: BenchSettings, data: str, source: Source, name: str, protocol: Protocol) -> Iterator[TrialPlan]:
    dataset = source.dataset
    size = (len(dataset), dataset.batch.to_frame().shape[1], dataset.target.num_states)
    digest = fingerprint(dataset.batch)[:16]
    for split in range(protocol.num_splits(dataset, settings.num_seeds)):
        for condition in protocol.conditions(dataset):
            yield TrialPlan(
                data,
                digest,
                name,
                _plain(asdict(protocol)),
                split,
                condition,
                tuple(settings.models),
                settings.seed,
                settings.test_fraction,
                size,
                settings.root,
            )


def _plain(value: Any) -> Any:
    """Settings as JSON gives them back."""
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def _check_installed(name: str, entry: ModelEntry) -> None:
    if entry.requires is None:
        return
    try:
        import_module(entry.requires)
    except ModuleNotFoundError:
        message = f"the model {name!r} needs the package {entry.requires}, which is not installed."
        raise ModuleNotFoundError(message) from None
