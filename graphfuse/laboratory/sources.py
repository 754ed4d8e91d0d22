"""What the laboratory runs on, by name: data sets, and problems whose true posterior is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from ..checks import check_known
from ..data import Dataset, ModalityBatch, available, load
from ..problems import SIGNAL_PROBLEMS, NetworkProblem, hepar2, signal_problem

KNOWN_ROWS = 3000  # drawn once, whatever the seeds of a run
_SEED = 20_030  # of the rows that are drawn
Truth = Callable[[ModalityBatch], Tensor]  # probabilities (num_rows, num_states)


@dataclass(frozen=True, eq=False)
class Source:
    """Rows whose target is known, and their true posterior where it is.

    Args:
        name: As it is asked for, with the target after a slash if it is not the first one.
        dataset: The rows; ``dataset.target`` is what is predicted.
        truth: From rows with any gaps, their true probabilities.
    """

    name: str
    dataset: Dataset
    truth: Truth | None = None


def source_names() -> tuple[str, ...]:
    """The names that ``open_source`` takes, without targets.

    Example:
        >>> "hepar2" in source_names(), "breast_cancer" in source_names()
        (True, True)
    """
    return tuple(sorted({*available(), *_PROBLEMS}))


def open_source(name: str, root: str | Path | None = None) -> Source:
    """The rows of this name; those whose target is unknown are left out.

    Args:
        name: One of ``source_names()``, or one of them with a target: ``"hepar2/PBC"``.
        root: Folder of the data sets that are read from files; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        ValueError: If there is no source or no target of this name.
        FileNotFoundError: If the files of the data set are not there.

    Example:
        >>> open_source("hepar2/PBC").dataset.target.name, open_source("child").dataset.target.name
        ('PBC', 'Disease')
    """
    stem, _, target = name.partition("/")
    check_known("each name in data", stem, source_names())
    dataset, truths = _drawn(stem) if stem in _PROBLEMS else (load(stem, root), {})
    by_name = {variable.name: variable for variable in dataset.targets}
    if target:
        check_known(f"the target in {name!r}", target, by_name)
        others = tuple(variable for each, variable in by_name.items() if each != target)
        dataset = replace(dataset, target=by_name[target], other_targets=others)
    known = dataset.batch.targets[dataset.target.name] >= 0
    return Source(name, dataset if known.all() else dataset[known], truths.get(dataset.target.name))


def _drawn(name: str) -> tuple[Dataset, dict[str, Truth]]:
    """Rows of a problem; exact inference tells the truth of each target."""
    problem = _PROBLEMS[name]()
    batch = problem.draw(KNOWN_ROWS, torch.Generator().manual_seed(_SEED))
    variables = {variable.name: variable for variable in problem.network.graph.variables}
    first, *others = (variables[target] for target in problem.targets)
    source = f"drawn from the network {name.removesuffix('_signals')}"
    dataset = Dataset(name, batch, first, source=source, other_targets=tuple(others))

    def truth_of(target: str) -> Truth:
        return lambda rows: problem.true_posterior(rows)[target]

    return dataset, {target: truth_of(target) for target in problem.targets}


_PROBLEMS: dict[str, Callable[[], NetworkProblem]] = {
    "hepar2": hepar2,  # findings by their labels
    "hepar2_signals": partial(signal_problem, "hepar2"),
    **{name: partial(signal_problem, name) for name in SIGNAL_PROBLEMS if name != "hepar2"},
}
