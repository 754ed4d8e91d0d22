"""A problem whose true answer is known: patients drawn from a network, seen through modalities with gaps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..checks import check_count, check_known, check_names, check_type, check_unique, invalid, listed
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..evidence import Evidence, silence
from ..networks import Network, decode_labels, encode_labels
from .readings import ExactLabel, Reading

_ROWS_AT_A_TIME = 1024  # bounds the memory of exact inference


@dataclass(frozen=True, eq=False)
class NetworkProblem:
    """Targets of a network, and its other variables as what modalities show of them; the rest stays hidden.

    A modality whose variables are all read exactly is a DataFrame of state labels, one column per variable. Any other
    is one tensor ``(num_rows, num_variables, *features)``, its variables in order along the second dimension, so their
    readings have features of one shape; where a feature is a single number, the columns are named.

    Args:
        network: What patients are drawn from; a Bayesian network or any other.
        targets: Variables to predict.
        modalities: By modality, its variables; none is a target, none occurs twice.
        readings: By variable, how its state is seen; exactly, where a variable is left out.

    Raises:
        TypeError: If an argument is of another type.
        ValueError: If a variable is unknown, used twice, or read with another number of states; if a reading belongs to
            no modality; or if a modality mixes exact readings with others.

    Example:
        >>> from graphfuse import Variable, bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2), Variable("temperature", 2)], {"temperature": ["flu"]})
        >>> tables = {"flu": torch.tensor([0.9, 0.1]), "temperature": torch.tensor([[0.95, 0.05], [0.2, 0.8]])}
        >>> network = Network(graph, {name: table.double().log() for name, table in tables.items()})
        >>> from graphfuse.problems import GaussianSignal
        >>> thermometer = GaussianSignal(torch.tensor([36.6, 39.0]), 0.5)
        >>> problem = NetworkProblem(network, ["flu"], {"vitals": ["temperature"]}, {"temperature": thermometer})
        >>> problem.true_posterior(ModalityBatch({"vitals": [[40.0], [nan]]}))["flu"]
        tensor([[0.3600, 0.6400],
                [0.9000, 0.1000]], dtype=torch.float64)
    """

    network: Network
    targets: Sequence[str]
    modalities: Mapping[str, Sequence[str]]
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_type("network", self.network, Network, "be a Network")
        num_states = self.network.graph.num_states
        targets = check_names("targets", self.targets)
        if not targets:
            raise invalid("targets", "name at least one variable", "none")
        check_type("modalities", self.modalities, Mapping, "be a mapping from modalities to variables")
        if not self.modalities:
            raise invalid("modalities", "hold at least one modality", "none")
        groups = {name: check_names(f"modalities[{name!r}]", group) for name, group in self.modalities.items()}
        for name, group in groups.items():
            if not group:
                raise invalid(f"modalities[{name!r}]", "name at least one variable", "none")
        shown = [variable for group in groups.values() for variable in group]
        for variable in (*targets, *shown):
            check_known("each variable of targets and modalities", variable, num_states)
        check_unique("targets and modalities together", [*targets, *shown])
        check_type("readings", self.readings, Mapping, "be a mapping from variables to readings")
        for variable, reading in self.readings.items():
            check_known("each variable in readings", variable, shown)
            check_type(f"readings[{variable!r}]", reading, Reading, "be a Reading")
            if reading.num_states != num_states[variable]:
                must = f"read {num_states[variable]} states"
                raise invalid(f"readings[{variable!r}]", must, f"{reading.num_states} states")
        readings = {name: self.readings.get(name) or ExactLabel(num_states[name]) for name in shown}
        for name, group in groups.items():
            exact = [variable for variable in group if isinstance(readings[variable], ExactLabel)]
            if exact and len(exact) < len(group):
                must = "be read exactly in all of its variables, or in none"
                raise invalid(f"modalities[{name!r}]", must, f"exact readings of {listed(exact)} alone")
        for name, value in (("targets", targets), ("modalities", groups), ("readings", readings)):
            object.__setattr__(self, name, value)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Variables that are neither a target nor in a modality."""
        used = {*self.targets, *self.readings}
        return tuple(name for name in self.network.graph.variable_names if name not in used)

    def draw(self, num_rows: int, generator: torch.Generator) -> ModalityBatch:
        """Independent complete rows, with the states of all targets; remove what shall be missing by a mechanism.

        Args:
            num_rows: How many.
            generator: Source of states and readings.

        Raises:
            ValueError: If ``num_rows`` is below 1.
        """
        check_count("num_rows", num_rows)
        return self.observe(self.network.sample(num_rows, generator), generator)

    def observe(self, states: Mapping[str, Tensor], generator: torch.Generator) -> ModalityBatch:
        """What the modalities show of rows whose states are known, with the states of all targets.

        Args:
            states: By variable, int64 ``(num_rows,)``; hidden variables are not read.
            generator: Source of the readings.

        Raises:
            ValueError: If a target or a variable of a modality has no states.
        """
        absent = [name for name in (*self.targets, *self.readings) if name not in states]
        if absent:
            raise invalid("states", "hold every target and every variable of a modality", f"none of {listed(absent)}")
        inputs: dict[str, Any] = {}
        columns: dict[str, tuple[str, ...]] = {}
        for name, group in self.modalities.items():
            if self._is_exact(name):
                inputs[name] = decode_labels(self.network.graph, {variable: states[variable] for variable in group})
                continue
            seen = {variable: self.readings[variable].sample(states[variable], generator) for variable in group}
            if len({value.shape for value in seen.values()}) > 1:
                shapes = {variable: tuple(value.shape[1:]) for variable, value in seen.items()}
                raise invalid(f"modalities[{name!r}]", "be read in features of one shape", shapes)
            inputs[name] = torch.stack(list(seen.values()), 1)
            if inputs[name].ndim == 2:
                columns[name] = tuple(group)
        return ModalityBatch(inputs, targets={name: states[name] for name in self.targets}, columns=columns)

    def true_posterior(self, batch: ModalityBatch) -> dict[str, Tensor]:
        """By target, its exact probabilities given what is present in each row, ``(num_rows, num_states)``.

        A modality that is missing, also one that the batch lacks, and a cell that is missing are summed out. A row
        without anything gets the marginals of the network.

        Args:
            batch: Rows as ``draw`` makes them, with any gaps; its targets are not read.

        Raises:
            ValueError: If the batch has more than one dimension, an unknown modality, or values that its readings
                cannot have drawn; or if a row is impossible under the network.
        """
        check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
        for name in batch.modalities:
            check_known("each modality in batch", name, self.modalities)
        if len(batch.shape) != 1:
            raise invalid("batch", "have one dimension, rows", f"shape {tuple(batch.shape)}")
        parts = [self._posterior(batch, start) for start in range(0, max(len(batch), 1), _ROWS_AT_A_TIME)]
        return {name: torch.cat([part[name] for part in parts]) for name in self.targets}

    def _posterior(self, batch: ModalityBatch, start: int) -> dict[str, Tensor]:
        """The answer for the rows from ``start`` on, as many as are taken at a time."""
        rows = batch[start : start + _ROWS_AT_A_TIME]
        posterior = self.network.infer(self._evidence(rows), self.targets)
        impossible = posterior.impossible.expand(len(rows)).nonzero().flatten()
        if len(impossible):
            raise invalid("batch", "be possible under the network in every row", f"row {start + int(impossible[0])}")
        return {name: posterior.marginal(name).expand(len(rows), -1) for name in self.targets}

    def _evidence(self, batch: ModalityBatch) -> Evidence:
        hard: dict[str, Tensor] = {}
        soft: dict[str, Tensor] = {}
        for name, value in batch.inputs.items():
            group, present = self.modalities[name], batch.present[name]
            if is_frame(value) != self._is_exact(name):
                must = "be a DataFrame of labels" if self._is_exact(name) else "be a tensor of what readings show"
                raise invalid(f"batch.inputs[{name!r}]", must, type(value).__name__, TypeError)
            if self._is_exact(name):
                absent = [column for column in group if column not in value.columns]
                if absent:
                    must = "have a column for every variable of the modality"
                    raise invalid(f"batch.inputs[{name!r}]", must, f"none for {listed(absent)}")
                for variable, states in encode_labels(self.network.graph, value[list(group)]).hard.items():
                    hard[variable] = states.where(present.cpu(), -1)
                continue
            if value.ndim < 2 or value.shape[1] != len(group) or not value.is_floating_point():
                must = f"be floating-point of shape (num_rows, {len(group)}, *features), a place per variable"
                raise invalid(f"batch.inputs[{name!r}]", must, f"{value.dtype} of shape {tuple(value.shape)}")
            for place, variable in enumerate(group):
                seen = torch.full_like(value[:, place], torch.nan)
                seen[present] = value[present, place]
                soft[variable] = silence(self.readings[variable].log_likelihoods(seen), present, 1)
        return Evidence(hard, soft)

    def _is_exact(self, modality: str) -> bool:
        return isinstance(self.readings[self.modalities[modality][0]], ExactLabel)
