"""Which leaf of each tree a row reaches: by walking down, or by bit vectors where trees are small."""

from __future__ import annotations

from typing import Protocol

import numpy as np

_MAX_LEAVES, _MAX_COLUMNS = 64, 64  # bits in a vector; beyond as many columns a walk reads less
_TREES = 128  # whose tables fit a processor's cache


class Trees(Protocol):
    """What a search reads of binary trees: the arrays of their nodes, as in ``TreeEnsemble``."""

    @property
    def feature(self) -> np.ndarray:
        """Column that a node reads, ``(num_nodes,)``; -1 at a leaf."""

    @property
    def threshold(self) -> np.ndarray:
        """``(num_nodes,)``; a row goes left where its value is at most this."""

    @property
    def left(self) -> np.ndarray:
        """Left child, ``(num_nodes,)``."""

    @property
    def right(self) -> np.ndarray:
        """Right child, ``(num_nodes,)``."""

    @property
    def missing_go_left(self) -> np.ndarray:
        """Where ``nan`` goes, bool ``(num_nodes,)``."""

    @property
    def roots(self) -> np.ndarray:
        """First node of each tree, ``(num_trees,)``."""


class BitVectors:
    """Every column rules out leaves by one look at a table, and the first leaf of a tree that is left is the answer.

    Leaves are numbered from left to right. Where a row goes right, the leaves on the left are ruled out; over the
    nodes of one column, this depends only on how many thresholds the value exceeds.

    Reference: Lucchese et al. (2015), QuickScorer.
    """

    def __init__(self, trees: Trees) -> None:
        inner, tree, first, size = _leaves_below(trees)
        num_leaves = size[trees.roots]
        self.word = np.uint32 if num_leaves.max(initial=0) <= 32 else np.uint64
        one = self.word(1)
        left = trees.left[inner]
        ruled_out = ((one << (size[left] - 1).astype(self.word)) * self.word(2) - one) << first[left].astype(self.word)
        leaf = np.flatnonzero(trees.feature < 0)
        self.leaves = leaf[np.lexsort((first[leaf], tree[leaf]))].astype(np.int32)
        self.first = np.cumsum(num_leaves) - num_leaves
        self.num_trees = len(trees.roots)
        self.tables = [
            (slice(start, start + _TREES), self._tables(trees, start, inner, tree[inner], ~ruled_out))
            for start in range(0, self.num_trees, _TREES)
        ]

    @staticmethod
    def suit(trees: Trees) -> bool:
        """Whether the trees have few enough leaves, and read few enough columns."""
        *_, size = _leaves_below(trees)
        return bool(size[trees.roots].max(initial=0) <= _MAX_LEAVES) and len(np.unique(trees.feature)) <= _MAX_COLUMNS

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Leaves ``(rows, num_trees)`` as indices of nodes."""
        found = np.empty((len(inputs), self.num_trees), dtype=np.int32)
        for trees, tables in self.tables:
            shape = len(inputs), len(self.first[trees])
            left, kept = np.full(shape, np.iinfo(self.word).max, dtype=self.word), np.empty(shape, dtype=self.word)
            for column, thresholds, table in tables:
                values = inputs[:, column]
                position = np.searchsorted(thresholds, values)
                position[np.isnan(values)] = len(thresholds) + 1
                np.take(table, position, axis=0, out=kept)
                np.bitwise_and(left, kept, out=left)
            number = np.bitwise_count((left & (~left + self.word(1))) - self.word(1))  # zeros before the first one
            found[:, trees] = self.leaves[self.first[trees] + number]
        return found

    def _tables(
        self, trees: Trees, start: int, inner: np.ndarray, tree: np.ndarray, kept: np.ndarray
    ) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """By column, its thresholds, and what is left of each tree by the number of them that a value exceeds."""
        own = (tree >= start) & (tree < start + _TREES)
        inner, tree, kept = inner[own], tree[own] - start, kept[own]
        num_trees = min(_TREES, self.num_trees - start)
        tables = []
        for column in np.unique(trees.feature[inner]):
            of = trees.feature[inner] == column
            thresholds, place = np.unique(trees.threshold[inner[of]], return_inverse=True)
            table = np.full((len(thresholds) + 2, num_trees), np.iinfo(self.word).max, dtype=self.word)
            np.bitwise_and.at(table, (place + 1, tree[of]), kept[of])
            np.bitwise_and.accumulate(table[:-1], axis=0, out=table[:-1])
            goes_right = ~trees.missing_go_left[inner[of]].astype(bool)
            np.bitwise_and.at(table[-1], tree[of][goes_right], kept[of][goes_right])
            tables.append((int(column), thresholds.astype(np.float64), table))
        return tables


class Walk:
    """Down from the root, one node a step.

    Every column is held twice, once with ``nan`` and once with ``-inf`` for what is missing, so that one comparison
    sends a gap right or left.
    """

    def __init__(self, trees: Trees, num_features: int) -> None:
        self.is_leaf = trees.feature < 0
        self.column = np.where(self.is_leaf, 0, trees.feature + num_features * trees.missing_go_left).astype(np.int32)
        self.threshold = trees.threshold.astype(np.float64)
        self.children = np.stack([trees.right, trees.left], axis=1).astype(np.int32).ravel()
        self.roots = trees.roots.astype(np.int32)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Leaves ``(rows, num_trees)`` as indices of nodes."""
        both = np.concatenate([inputs, np.where(np.isnan(inputs), -np.inf, inputs)], axis=1)
        width, flat = both.shape[1], both.ravel()
        leaves = np.tile(self.roots, len(inputs))
        offset = np.repeat(np.arange(len(inputs), dtype=np.int32) * width, len(self.roots))
        walking = np.flatnonzero(~self.is_leaf[leaves])
        node, offset = leaves[walking], offset[walking]
        while len(walking):
            goes_left = flat[offset + self.column[node]] <= self.threshold[node]
            node = self.children[2 * node + goes_left]
            leaves[walking] = node
            goes_on = ~self.is_leaf[node]
            walking, node, offset = walking[goes_on], node[goes_on], offset[goes_on]
        return leaves.reshape(len(inputs), len(self.roots))


def _leaves_below(trees: Trees) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The inner nodes; of every node its tree, its first leaf counted from the left of the tree, and its leaves."""
    tree, first = np.zeros(len(trees.feature), dtype=np.int64), np.zeros(len(trees.feature), dtype=np.int64)
    size = np.ones(len(trees.feature), dtype=np.int64)
    tree[trees.roots] = np.arange(len(trees.roots))
    levels, level = [], trees.roots[trees.feature[trees.roots] >= 0]
    while len(level):
        levels.append(level)
        for children in (trees.left[level], trees.right[level]):
            tree[children] = tree[level]
        level = np.concatenate([trees.left[level], trees.right[level]])
        level = level[trees.feature[level] >= 0]
    for level in reversed(levels):
        size[level] = size[trees.left[level]] + size[trees.right[level]]
    for level in levels:
        first[trees.left[level]] = first[level]
        first[trees.right[level]] = first[level] + size[trees.left[level]]
    return np.concatenate([trees.roots[:0], *levels]), tree, first, size
