"""Rows with known labels whose readings stand for those of rows to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from ..checks import check_known, check_type, invalid
from ..data import ModalityBatch

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class ReferenceRows:
    """Readings of rows that the model was not fitted to, or out-of-fold readings of those that it was.

    Args:
        batch: The rows ``(rows,)``.
        states: Their states of the target ``(rows,)``.
        weights: How much each counts, positive ``(rows,)``.
    """

    batch: ModalityBatch
    states: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, batch: ModalityBatch, target: str, weights: ArrayLike | None = None) -> ReferenceRows:
        """The rows of a batch whose state of the target is known, and whose weight is not zero.

        Raises:
            TypeError: If the batch is no ``ModalityBatch``.
            ValueError: If the batch has more dimensions than rows, or not the target, or a weight is negative, or none
                is left.
        """
        check_type("reference", batch, ModalityBatch, "be a ModalityBatch")
        if len(batch.shape) != 1:
            raise invalid("reference", "have one dimension, rows", f"batch shape {tuple(batch.shape)}")
        check_known("the target of reference", target, batch.targets)
        states = batch.targets[target].cpu().numpy()
        counts_for = np.ones(len(states)) if weights is None else np.asarray(weights, dtype=np.float64)
        if counts_for.shape != states.shape or not (np.isfinite(counts_for) & (counts_for >= 0)).all():
            must = f"be {len(states)} numbers of at least 0, one a row of reference"
            raise invalid("reference_weight", must, np.asarray(weights).tolist())
        known = np.flatnonzero((states >= 0) & (counts_for > 0))
        if not len(known):
            raise invalid("reference", f"hold a row that counts with a known state of {target!r}", "none")
        return cls(batch[known], states[known], counts_for[known])

    def __len__(self) -> int:
        return len(self.states)

    def thinned(self, max_rows: int) -> ReferenceRows:
        """About so many of the rows, evenly spaced within every state, with at least one of each; nothing is drawn."""
        if len(self) <= max_rows:
            return self
        kept = []
        for state in np.unique(self.states):
            rows = np.flatnonzero(self.states == state)
            wanted = max(1, round(max_rows * len(rows) / len(self)))
            kept.append(rows[((np.arange(wanted) + 0.5) * len(rows) / wanted).astype(int)])
        return self._at(np.sort(np.concatenate(kept)))

    def having(self, sources: Sequence[str]) -> ReferenceRows:
        """Those of the rows that have one of the sources at least, and these alone."""
        batch = self.batch.select(sources)
        present = torch.stack(list(batch.present.values())).any(0).cpu().numpy()
        return ReferenceRows(batch, self.states, self.weights)._at(np.flatnonzero(present))

    def probabilities(self, probs: np.ndarray) -> np.ndarray:
        """How probable the reading of each of the rows is ``(num_rows, rows)``, if the states have these probabilities.

        Within a state by weights; a state that none of the rows has gives its share to the others.

        Args:
            probs: ``(num_rows, num_states)``.
        """
        of_state = np.bincount(self.states, self.weights, probs.shape[1])
        found = probs[:, self.states] * (self.weights / of_state[self.states])
        total = found.sum(1, keepdims=True)
        return np.divide(found, total, out=np.zeros_like(found), where=total > 0)

    def _at(self, rows: np.ndarray) -> ReferenceRows:
        return ReferenceRows(self.batch[rows], self.states[rows], self.weights[rows])
