"""What a model says of rows when only some of their modalities are shown to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_known, check_type, invalid
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..evidence import fill, silence
from ..fusion import FusionModel, GraphFusion
from ..fusion.graph_fusion import read_by
from ..fusion.tempered import TemperedPotential
from ..graph import Variable
from ..inference import infer
from ..logspace import logsumexp, subtract
from ..potentials import CorrelatedScorePotential, JointPotential


class SubsetAnswers(ABC):
    """Answers for any subset of the modalities of some rows, each row encoded once where the model allows it.

    Args:
        modalities: Their names.
        present: Which of them each row has, bool ``(rows, num_modalities)``.
    """

    num_pairs = 2**16  # of a row and a subset that are asked at once

    def __init__(self, modalities: tuple[str, ...], present: np.ndarray) -> None:
        self.modalities = modalities
        self.present = present

    @abstractmethod
    def log_probs(self, rows: np.ndarray, kept: np.ndarray) -> Tensor:
        """Log-probabilities ``(num_subsets, num_rows, num_states)`` in nats; ``-inf`` where impossible.

        Args:
            rows: Positions ``(num_rows,)`` of rows that all have the same modalities.
            kept: By subset what is shown, bool ``(num_subsets, num_modalities)``, no modality that the rows lack.
        """

    def patterns(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every set of modalities that some rows have, as positions, and these rows."""
        masks, which = np.unique(self.present, axis=0, return_inverse=True)
        for i, mask in enumerate(masks):
            yield np.flatnonzero(mask), np.flatnonzero(which.reshape(-1) == i)

    def in_parts(self, rows: np.ndarray, kept: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """As ``log_probs``, some subsets at a time."""
        size = max(1, self.num_pairs // max(1, len(rows)))
        for start in range(0, len(kept), size):
            part = slice(start, min(start + size, len(kept)))
            yield part, self.log_probs(rows, kept[part]).double().cpu().numpy()

    def log_odds(self, rows: np.ndarray, kept: np.ndarray, state: int) -> np.ndarray:
        """Log-odds ``(num_subsets, num_rows)`` of a state against all others, in nats; ``nan`` where impossible."""
        found = np.empty((len(kept), len(rows)))
        for part, log_probs in self.in_parts(rows, kept):
            found[part] = log_odds(log_probs, state)
        return found


class ModelAnswers(SubsetAnswers):
    """Answers of any fusion model, which reads each row once per subset."""

    num_pairs = 2**12  # whose inputs are held at once

    def __init__(self, model: FusionModel, batch: ModalityBatch, target: str) -> None:
        super().__init__(batch.modalities, _presence(batch))
        self.model, self.batch, self.target = model, batch, target

    @torch.no_grad()
    def log_probs(self, rows: np.ndarray, kept: np.ndarray) -> Tensor:
        """As for ``SubsetAnswers``."""
        shown = repeated(self.batch, rows, len(kept))
        masks = {
            name: torch.from_numpy(np.repeat(kept[:, i], len(rows))).to(shown.present[name].device)
            for i, name in enumerate(self.modalities)
        }
        found = self.model(shown.keep(masks))[self.target]
        return found.reshape(len(kept), len(rows), -1)


class GraphAnswers(SubsetAnswers):
    """Answers of graph fusion: tables of single modalities are made once, those of several anew for each subset."""

    def __init__(self, model: GraphFusion, batch: ModalityBatch, target: str) -> None:
        super().__init__(batch.modalities, _presence(batch))
        self.model, self.batch, self.target = model, batch, target
        with torch.no_grad():
            self.tables = model.log_potentials(batch)

    def log_probs(self, rows: np.ndarray, kept: np.ndarray) -> Tensor:
        """As for ``SubsetAnswers``."""
        return self.log_marginals(rows, dict(zip(self.modalities, kept.T, strict=True)))

    @torch.no_grad()
    def log_marginals(
        self,
        rows: np.ndarray,
        kept: Mapping[str, np.ndarray],
        changing: Mapping[str, tuple[Tensor, Tensor]] | None = None,
    ) -> Tensor:
        """As ``log_probs``, where the values of some modalities depend on the subset.

        Args:
            rows: Positions ``(num_rows,)`` of rows that all have the same modalities.
            kept: By modality, in which subsets it is shown, bool ``(num_subsets,)``.
            changing: By modality, values ``(num_subsets, num_rows, *features)`` to read instead of those of the batch,
                and in which subsets it is present, bool ``(num_subsets, num_rows)``, the same for all rows.
        """
        changing = {} if changing is None else changing
        num_subsets, index = len(next(iter(kept.values()))), torch.from_numpy(rows)
        tables: dict[str, Tensor] = {}
        alike: dict[tuple[str, ...], list[str]] = {}  # factors of one scope become one table before inference
        again: ModalityBatch | None = None
        for name, potential in self.model.potential_of.items():
            read, scope = read_by(potential), self.model.graph.scopes[name]
            if not read:
                tables[name] = self.tables[name]
            elif isinstance(potential, CorrelatedScorePotential):
                tables[name] = self._correlated(potential, rows, kept, changing)
            elif isinstance(potential, TemperedPotential) and isinstance(potential.inner, CorrelatedScorePotential):
                inverse = potential.inverse_temperatures(self._shows(potential.modalities, rows, kept, changing))
                table = self._correlated(potential.inner, rows, kept, changing)
                tables[name] = table * inverse.to(table)[:, None, None]
            elif isinstance(potential, JointPotential) or read[0] in changing:
                again = self._shown(rows, kept, changing, num_subsets) if again is None else again
                table = self.model._table(name, potential, again)
                tables[name] = table.reshape(num_subsets, len(rows), *table.shape[1:])
            else:
                alike.setdefault(scope, []).append(name)
        for scope, names in alike.items():
            masks = [torch.from_numpy(kept[read_by(self.model.potential_of[name])[0]]) for name in names]
            stacked = torch.stack([self.tables[name][index.to(self.tables[name].device)] for name in names])
            tables |= {name: stacked.new_zeros(self.model.graph.shape(scope)) for name in names[1:]}
            tables[names[0]] = _together(stacked, masks, len(scope))
        if all(scope == (self.target,) for scope in self.model.graph.scopes.values()):
            total = torch.stack(torch.broadcast_tensors(*tables.values())).sum(0)  # nothing is to be summed out
            log_marginals = subtract(total, logsumexp(total, (-1,)).unsqueeze(-1))
        else:
            found = infer(self.model.graph, tables, targets=[self.target], method=self.model.method)
            log_marginals = found.log_marginals[self.target]
        return log_marginals.expand(num_subsets, len(rows), log_marginals.shape[-1])

    def _correlated(
        self,
        potential: CorrelatedScorePotential,
        rows: np.ndarray,
        kept: Mapping[str, np.ndarray],
        changing: Mapping[str, tuple[Tensor, Tensor]],
    ) -> Tensor:
        """Its table, which is linear in the scores, with weights that depend on the subset alone."""
        index, start = torch.from_numpy(rows), potential.start
        present = self._shows(potential.modalities, rows, kept, changing).to(start.device)
        weights = potential.weights(present) * present
        nothing = [start.new_zeros(len(present), potential.num_states)] * len(potential.modalities)
        table = potential(nothing, present).unsqueeze(1)
        fixed = [i for i, name in enumerate(potential.modalities) if name not in changing]
        values = [self.batch.inputs[potential.modalities[i]][index] for i in fixed]
        heard = [fill(each, mask.any().expand(len(rows))) for each, mask in zip(values, present.T[fixed], strict=True)]
        table = table + torch.tensordot(weights[:, fixed], torch.stack(heard), dims=1)
        for i, name in enumerate(potential.modalities):
            if name in changing:
                table = table + weights[:, i, None, None] * changing[name][0]
        return table

    def _shows(
        self,
        names: Sequence[str],
        rows: np.ndarray,
        kept: Mapping[str, np.ndarray],
        changing: Mapping[str, tuple[Tensor, Tensor]],
    ) -> Tensor:
        """Which modalities rows that all have the same ones show in each subset, bool ``(num_subsets, num_names)``."""
        masks = {name: torch.from_numpy(kept[name]) & bool(self.batch.present[name][rows[0]]) for name in kept}
        masks |= {name: speaks[:, 0] for name, (_, speaks) in changing.items()}
        return torch.stack([masks[name] for name in names], dim=-1)

    def _shown(
        self,
        rows: np.ndarray,
        kept: Mapping[str, np.ndarray],
        changing: Mapping[str, tuple[Tensor, Tensor]],
        num_subsets: int,
    ) -> ModalityBatch:
        """The rows once per subset, with what the subset shows of them."""
        joint = (each for each in self.model.potentials if isinstance(each, JointPotential))
        needed = dict.fromkeys([*(name for each in joint for name in each.modalities), *changing])
        shown = repeated(self.batch.select(list(needed)), rows, num_subsets)
        masks = {name: torch.from_numpy(np.repeat(kept[name], len(rows))) for name in needed if name not in changing}
        shown = shown.keep({name: mask.to(shown.present[name].device) for name, mask in masks.items()})
        if not changing:
            return shown
        inputs, present = dict(shown.inputs), dict(shown.present)
        for name, (values, speaks) in changing.items():
            inputs[name], present[name] = values.flatten(0, 1), speaks.flatten()
        return ModalityBatch(inputs, present)


def answers_of(model: FusionModel, batch: ModalityBatch, target: str) -> SubsetAnswers:
    """The answers of a model, by the cheapest way that it allows.

    Raises:
        TypeError: If the model is no ``FusionModel``, or the batch no ``ModalityBatch``.
        ValueError: If the model does not predict the target, or the batch has more dimensions than rows.
    """
    check_type("model", model, FusionModel, "be a FusionModel")
    check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
    check_known("target", target, model.targets)
    if len(batch.shape) != 1:
        raise invalid("batch", "have one dimension, rows", f"batch shape {tuple(batch.shape)}")
    return (GraphAnswers if isinstance(model, GraphFusion) else ModelAnswers)(model, batch, target)  # type: ignore[arg-type]


def state_of(target_state: Any, labels: list[Any]) -> int:
    """The position of a label; of two labels the second if None.

    Raises:
        ValueError: If the label is unknown, or None among more than two.
    """
    if target_state is None:
        if len(labels) != 2:
            raise invalid("target_state", f"name one of {len(labels)} states, {labels}", None)
        return 1
    check_known("target_state", target_state, labels)
    return labels.index(target_state)


def labels_of(target: Variable) -> list[Any]:
    """The names of the states, or their positions where they have no names."""
    return list(range(target.num_states) if target.states is None else target.states)


def log_odds(log_probs: np.ndarray, state: int | np.ndarray) -> np.ndarray:
    """Log-odds ``(*batch,)`` of a state, or of one a row, against all others; ``nan`` where none is possible.

    Example:
        >>> log_odds(np.log([[0.25, 0.5, 0.25]]), 1)
        array([0.])
    """
    states = np.broadcast_to(state, log_probs.shape[:-1])[..., None]
    chosen = np.take_along_axis(log_probs, states, -1)[..., 0]
    others = np.where(np.arange(log_probs.shape[-1]) == states, -np.inf, log_probs)
    with np.errstate(invalid="ignore"):  # -inf minus -inf: no state is possible
        return chosen - (others.max(-1) if log_probs.shape[-1] == 2 else np.logaddexp.reduce(others, -1))


def repeated(batch: ModalityBatch, rows: np.ndarray, times: int) -> ModalityBatch:
    """Rows one after the other, and these as often as wanted."""
    tiled = batch[np.tile(rows, times)]
    frames = [name for name, value in tiled.inputs.items() if is_frame(value)]
    if not frames:
        return tiled
    inputs = {name: value.reset_index(drop=True) if name in frames else value for name, value in tiled.inputs.items()}
    return ModalityBatch(inputs, tiled.present, columns=tiled.columns)


def _together(stacked: Tensor, masks: list[Tensor], num_dims: int) -> Tensor:
    """Sums ``(num_subsets, rows, *scope)`` of tables ``(num_tables, rows, *scope)`` under each subset."""
    if bool(stacked.isfinite().all()):
        weights = torch.stack(masks, dim=-1).to(stacked.device, stacked.dtype)
        return torch.tensordot(weights, stacked, dims=1)
    silenced = (
        silence(table.expand(len(mask), *table.shape), mask.to(table.device)[:, None], num_dims)
        for table, mask in zip(stacked, masks, strict=True)
    )
    return torch.stack(list(silenced)).sum(0)


def _presence(batch: ModalityBatch) -> np.ndarray:
    return torch.stack(list(batch.present.values()), dim=1).cpu().numpy()
