"""The choice among graphs over scores: by how likely they make the labels of rows that they were not fitted to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..data import ModalityBatch
from ..fusion import GraphFusion
from ..learning import map_estimate
from ..learning.folds import stratified_folds
from .held_out import HeldOutLoss

_NUM_FOLDS = 3
_ROUGH: dict[str, Any] = {"max_steps": 25, "tolerance": 1e-5}  # for the fits that are only compared


def _as_it_is(model: GraphFusion) -> GraphFusion:
    return model


@dataclass(frozen=True, eq=False)
class Candidate:
    """A graph that may be chosen.

    Args:
        name: What it is called.
        make: Makes it, untrained.
        sources: What it reads.
        widen: Makes of the trained graph the one that answers.
    """

    name: str
    make: Callable[[], GraphFusion]
    sources: tuple[str, ...]
    widen: Callable[[GraphFusion], GraphFusion] = _as_it_is


@dataclass(frozen=True, eq=False)
class ScoredRows:
    """Out-of-fold scores of the training rows, each row under several subsets of its modalities.

    Args:
        subsets: The rows under each subset, with their states as the target; the first is the rows as they came.
        states: Classes ``(rows,)``.
        sample_weight: How much each row counts, positive ``(rows,)`` and of mean one; alike if None.
        groups: What each row belongs to ``(rows,)``; every row alone if None.
    """

    subsets: Sequence[ModalityBatch]
    states: np.ndarray
    sample_weight: np.ndarray | None = None
    groups: np.ndarray | None = None

    @property
    def counts_for(self) -> np.ndarray:
        """The weight of every row ``(rows,)``."""
        return np.ones(len(self.states)) if self.sample_weight is None else self.sample_weight

    @property
    def num_cases(self) -> float:
        """How many independent cases the rows are, by their weights: those of one group are one."""
        if self.groups is None:
            return float(self.counts_for.sum())
        _, group = np.unique(self.groups, return_inverse=True)
        return float((np.bincount(group, self.counts_for) / np.bincount(group)).sum())

    def loss(self, values: np.ndarray, held: np.ndarray) -> HeldOutLoss:
        """What the rows that were held out lost, of values ``(rows,)`` in nats."""
        groups = np.arange(len(held)) if self.groups is None else self.groups
        return HeldOutLoss(values[held], self.counts_for[held], groups[held])

    def of(self, sources: Sequence[str], rows: np.ndarray) -> ModalityBatch:
        """Rows of these sources, under one subset after the other."""
        kept = [batch.select(sources)[rows] for batch in self.subsets]
        return ModalityBatch(
            {name: torch.cat([batch.inputs[name] for batch in kept]) for name in sources},
            {name: torch.cat([batch.present[name] for batch in kept]) for name in sources},
            targets={name: torch.cat([batch.targets[name] for batch in kept]) for name in kept[0].targets},
        )


def held_out_losses(
    candidates: Sequence[Candidate], scored: ScoredRows, seed: int, finish: Callable[[GraphFusion], None]
) -> dict[str, HeldOutLoss]:
    """By candidate the negative log-likelihood of held-out rows, in nats.

    Half of it is that of the rows as they came, half that of the same rows under random subsets.

    Args:
        candidates: Graphs.
        scored: Rows; a class of one row is never held out.
        seed: Of the folds.
        finish: Sets what is not trained, before and after training.
    """
    fold = stratified_folds(scored.states, _NUM_FOLDS, seed, scored.groups)
    losses = {}
    for candidate in candidates:
        found = np.zeros(len(fold))
        for model, held in _held_out(candidate, scored, fold, finish):
            with torch.no_grad():
                by_subset = -model.log_likelihood(scored.of(candidate.sources, held)).reshape(-1, len(held)).numpy()
            others = by_subset[1:].mean(0) if len(by_subset) > 1 else by_subset[0]
            found[held] = (by_subset[0] + others) / 2
        losses[candidate.name] = scored.loss(found, fold >= 0)
    return losses


def held_out_answers(
    candidate: Candidate, scored: ScoredRows, seed: int, finish: Callable[[GraphFusion], None]
) -> tuple[np.ndarray, np.ndarray]:
    """What the graph, before it is widened, says of the target in rows that were held out, under every subset.

    Args:
        candidate: A graph of one target.
        scored: Rows; those that no fold holds out are left out.
        seed: Of the folds.
        finish: Sets what is not trained, before and after training.

    Returns:
        Log-probabilities ``(num_subsets, num_held, num_states)`` in nats, and which rows these are ``(num_held,)``.
    """
    found, rows = [np.zeros((len(scored.subsets), 0, int(scored.states.max()) + 1))], [np.zeros(0, dtype=np.int64)]
    fold = stratified_folds(scored.states, _NUM_FOLDS, seed, scored.groups)
    for model, held in _held_out(replace(candidate, widen=_as_it_is), scored, fold, finish):
        [target] = model.targets
        with torch.no_grad():
            answers = model(scored.of(candidate.sources, held))[target].numpy()
        found.append(answers.reshape(len(scored.subsets), len(held), -1))
        rows.append(held)
    return np.concatenate(found, axis=1), np.concatenate(rows)


def _held_out(
    candidate: Candidate, scored: ScoredRows, fold: np.ndarray, finish: Callable[[GraphFusion], None]
) -> Iterator[tuple[GraphFusion, np.ndarray]]:
    """By fold the graph fitted to the other rows, roughly, and the rows that were held out."""
    for k in range(fold.max() + 1):
        inner, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        yield trained(candidate, scored, inner, finish, **_ROUGH), held


def trained(
    candidate: Candidate,
    scored: ScoredRows,
    rows: np.ndarray,
    finish: Callable[[GraphFusion], None],
    **settings: Any,
) -> GraphFusion:
    """The graph, fitted to rows under their subsets, with settings of ``map_estimate``."""
    model = candidate.make()
    finish(model)
    weights = scored.counts_for[rows]
    repeated = None if scored.sample_weight is None else torch.from_numpy(np.tile(weights, len(scored.subsets)))
    train = scored.of(candidate.sources, rows)
    map_estimate(model, train, num_rows=float(weights.sum()), sample_weight=repeated, **settings)
    finish(model)
    return candidate.widen(model)
