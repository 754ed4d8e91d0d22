"""Ensembles of decision trees as arrays of nodes, evaluated on many rows at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..checks import invalid
from .leaf_search import BitVectors, Walk

_PAIRS = 2**19  # pairs of a row and a tree that are followed at once


@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """Binary trees whose leaves add to the scores of a row.

    A row goes left where its value is at most the threshold; a ``nan`` goes where ``missing_go_left`` says. Children
    are indices of nodes in these same arrays.

    Args:
        feature: Column that a node reads, ``(num_nodes,)``; -1 at a leaf.
        threshold: ``(num_nodes,)``.
        left: Left child, ``(num_nodes,)``; a leaf is its own child.
        right: Right child, ``(num_nodes,)``.
        missing_go_left: Bool ``(num_nodes,)``.
        values: What a leaf adds, ``(num_nodes, width)``.
        roots: First node of each tree, ``(num_trees,)``.
        outputs: The score that the first value of each tree adds to, ``(num_trees,)``; the others add to the next.
        baseline: Scores before any tree, ``(num_scores,)``.

    Raises:
        ValueError: If the arrays do not fit each other, or a child or score lies outside.

    Example:
        >>> stump = TreeEnsemble(
        ...     feature=np.array([0, -1, -1]),
        ...     threshold=np.array([0.5, 0.0, 0.0]),
        ...     left=np.array([1, 1, 2]),
        ...     right=np.array([2, 1, 2]),
        ...     missing_go_left=np.array([False, False, False]),
        ...     values=np.array([[0.0], [-1.0], [1.0]]),
        ...     roots=np.array([0]),
        ...     outputs=np.array([0]),
        ...     baseline=np.array([0.25]),
        ... )
        >>> stump.scores(np.array([[0.5], [0.6], [nan]])).ravel()
        array([-0.75,  1.25,  1.25])

    Reference: Breiman et al. (1984), Classification and Regression Trees.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_go_left: np.ndarray
    values: np.ndarray
    roots: np.ndarray
    outputs: np.ndarray
    baseline: np.ndarray

    def __post_init__(self) -> None:
        num_nodes = len(self.feature)
        for name in ("threshold", "left", "right", "missing_go_left"):
            if getattr(self, name).shape != (num_nodes,):
                raise invalid(name, f"have shape ({num_nodes},), one entry per node", getattr(self, name).shape)
        if self.values.ndim != 2 or len(self.values) != num_nodes:
            raise invalid("values", f"have shape ({num_nodes}, width), one row per node", self.values.shape)
        if self.outputs.shape != self.roots.shape:
            raise invalid("outputs", f"have shape {self.roots.shape}, one entry per tree", self.outputs.shape)
        last = len(self.baseline) - self.values.shape[1]
        for name, upper in (
            ("left", num_nodes - 1),
            ("right", num_nodes - 1),
            ("roots", num_nodes - 1),
            ("outputs", last),
        ):
            entries = getattr(self, name)
            if len(entries) and not 0 <= entries.min() <= entries.max() <= upper:
                raise invalid(name, f"be between 0 and {upper}", f"{entries.min()} to {entries.max()}")

    def scores(self, inputs: np.ndarray) -> np.ndarray:
        """The baseline plus what the leaf of each tree adds, ``(rows, num_scores)``.

        Args:
            inputs: Values ``(rows, num_features)``; ``nan`` is missing.
        """
        num_trees, width = len(self.roots), self.values.shape[1]
        found = np.tile(self.baseline.astype(np.float64), (len(inputs), 1))
        if not num_trees:
            return found
        size = max(1, _PAIRS // num_trees)
        search = self._search(inputs.shape[1])
        for start in range(0, len(inputs), size):
            leaves = search(np.asarray(inputs[start : start + size], dtype=np.float64))
            for j in range(width):
                added = self.values[:, j][leaves]
                for first in np.unique(self.outputs):
                    found[start : start + size, first + j] += added[:, self.outputs == first].sum(axis=1)
        return found

    def _search(self, num_features: int) -> BitVectors | Walk:
        return self._bit_vectors if self._bit_vectors is not None else Walk(self, num_features)

    @cached_property
    def _bit_vectors(self) -> BitVectors | None:
        return BitVectors(self) if BitVectors.suit(self) else None
