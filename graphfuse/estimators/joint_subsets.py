"""A joint expert under every subset of the modalities of a row, by parts that tell few subsets apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ..encoders.tree_ensemble import TreeEnsemble
from ..learning.cross_fit import log_density_ratio
from .averaged_encoder import AveragedEncoder
from .columns import scaled
from .joint_expert import JointExpert
from .tabular_encoder import TabularEncoder
from .tree_encoder import TreeEncoder

Term = tuple[tuple[int, ...], np.ndarray]  # the modalities that it reads; values (2 ** num_read, rows) by who is shown
Effects = dict[tuple[int, ...], np.ndarray]  # by set of modalities, what they add (rows,) once all of them are shown
_WIDEST = 4  # modalities that one term may read
_MANY = 8  # share of all subsets, one in so many, from which on all of them are summed at once


class JointSubsets:
    """Scores of some rows under any subset.

    The log-odds of a linear model are a sum of terms of one modality each, and those of small trees one of terms of
    few: each term is asked once per subset of its own modalities, whatever the number of subsets of all, which are then
    summed over the lattice of subsets. Other classifiers are asked once per subset.

    Args:
        expert: The fitted joint expert.
        cells: By modality, its columns of all rows, as from ``Tables.numbers``.

    Reference: Kennes (1992), Computational aspects of the Möbius transformation of graphs.
    """

    def __init__(self, expert: JointExpert, cells: Mapping[str, np.ndarray]) -> None:
        self.expert, self.cells = expert, list(cells.values())
        self.blank = []
        for values, columns in zip(self.cells, expert.tables.columns.values(), strict=True):
            widths = [len(column.categories) if column.categories else 1 for column in columns]
            says_nothing = np.repeat([column.is_empty for column in columns], widths)
            self.blank.append(np.where(says_nothing, values, np.nan))
        self.owners = np.repeat(np.arange(len(self.cells)), [values.shape[1] for values in self.cells])
        self.parts = self._additive_parts()

    def scores(self, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Log density ratios ``(num_subsets, num_rows, num_states)`` in nats.

        Args:
            rows: Positions ``(num_rows,)``.
            kept: Bool ``(num_subsets, num_modalities)``.
        """
        shape = (len(kept), len(rows), len(self.expert.ensemble.prior))
        if self.parts is None:
            columns = np.concatenate([self._columns(each, rows) for each in kept])
            return self.expert.ensemble.scores(columns).reshape(shape)
        second = np.zeros(shape[:2])
        for weight, terms in self.parts:
            odds = self._sums(terms, rows, kept)
            torch.from_numpy(odds).sigmoid_()
            odds *= weight
            second += odds
        probabilities = np.stack([1 - second, second], axis=-1).reshape(-1, 2)
        return log_density_ratio(probabilities, self.expert.ensemble.prior).reshape(shape)

    def _columns(self, kept: np.ndarray, rows: Any = slice(None)) -> np.ndarray:
        pairs = zip(kept, self.cells, self.blank, strict=True)
        return np.concatenate([(values if shown else blank)[rows] for shown, values, blank in pairs], axis=1)

    def _additive_parts(self) -> list[tuple[float, Effects]] | None:
        """Of every classifier that is averaged, its weight and its effects; None if one of them has no terms."""
        found = []
        members = self.expert.ensemble.members
        whole, nothing = (self._columns(np.full(len(self.cells), shown)) for shown in (True, False))
        for member in members:
            inner = member.members_ if isinstance(member, AveragedEncoder) else {"": member}
            weights = member.weights_ if isinstance(member, AveragedEncoder) else {"": 1.0}
            for name, weight in weights.items():
                encoder = inner[name]
                if list(member.classes_) != [0, 1] or list(encoder.classes_) != [0, 1]:
                    return None
                terms = _terms(encoder, self.owners, whole, nothing)
                if terms is None:
                    return None
                found.append((weight / len(members), _effects(terms)))
        return found

    def _sums(self, terms: Effects, rows: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """Log-odds ``(num_subsets, num_rows)``: the effects of all that is kept."""
        num_subsets = 2 ** kept.shape[1]
        if _MANY * len(kept) < num_subsets:
            total = np.zeros((len(kept), len(rows)))
            for read, effect in terms.items():
                total[kept[:, list(read)].all(1)] += effect[rows]
            return total
        total = np.zeros((num_subsets, len(rows)))
        for read, effect in terms.items():
            total[sum(2**i for i in read)] = effect[rows]
        for i in range(kept.shape[1]):  # what a subset has without a modality, it has with it
            halves = total.reshape(-1, 2, 2**i, len(rows))
            halves[:, 1] += halves[:, 0]
        asked = kept @ _codes(kept.shape[1])
        return total if np.array_equal(asked, np.arange(num_subsets)) else total[asked]


def _terms(encoder: Any, owners: np.ndarray, whole: np.ndarray, nothing: np.ndarray) -> list[Term] | None:
    """Terms that sum to the log-odds of an encoder; None where it has none that read few modalities.

    Args:
        encoder: Fitted.
        owners: Of every column, the modality.
        whole: Columns ``(rows, width)`` where every modality is shown.
        nothing: The same where none is.
    """
    if type(encoder) is TabularEncoder:
        return list(_linear_terms(encoder, owners, whole, nothing))
    if isinstance(encoder, TreeEncoder) and not encoder.is_forest_:
        return _tree_terms(encoder, owners, whole, nothing)
    return None


def _linear_terms(
    encoder: TabularEncoder, owners: np.ndarray, whole: np.ndarray, nothing: np.ndarray
) -> Iterator[Term]:
    widths = [2 if column.has_gaps else 1 for column in encoder.columns_]
    owner, coef = np.repeat(owners, widths), encoder.coef_[0]
    features = [scaled(encoder.columns_, columns) for columns in (nothing, whole)]
    yield (), np.full((1, len(whole)), float(encoder.intercept_[0]))
    for modality in np.unique(owners):
        mine = owner == modality
        yield (int(modality),), np.stack([each[:, mine] @ coef[mine] for each in features])


def _tree_terms(encoder: TreeEncoder, owners: np.ndarray, whole: np.ndarray, nothing: np.ndarray) -> list[Term] | None:
    """One term for all trees that read the same modalities."""
    trees, owner = encoder.trees_, owners[encoder.used_]
    ends = np.append(trees.roots[1:], len(trees.feature))
    read = []
    for first, last in zip(trees.roots, ends, strict=True):
        features = trees.feature[first:last]
        read.append(tuple(np.unique(owner[features[features >= 0]]).tolist()))
    if max(map(len, read), default=0) > _WIDEST:
        return None
    shown, blank = (encoder._features(columns) for columns in (whole, nothing))
    found: list[Term] = [((), np.full((1, len(whole)), float(trees.baseline[0])))]
    for modalities in dict.fromkeys(read):
        some, columns = _trees_at(trees, np.flatnonzero([each == modalities for each in read]), ends)
        values = []
        for code in range(2 ** len(modalities)):
            kept = [each for each, bit in zip(modalities, _bits(code, len(modalities)), strict=True) if bit]
            values.append(some.scores(np.where(np.isin(owner[columns], kept), shown[:, columns], blank[:, columns])))
        found.append((modalities, np.stack(values)[:, :, 0]))
    return found


def _trees_at(trees: TreeEnsemble, which: np.ndarray, ends: np.ndarray) -> tuple[TreeEnsemble, np.ndarray]:
    """Some of the trees, without the baseline, and the columns that they read, which are all that is left to them."""
    nodes = np.concatenate([np.arange(trees.roots[i], ends[i]) for i in which])
    place = np.zeros(len(trees.feature), dtype=trees.left.dtype)
    place[nodes] = np.arange(len(nodes))
    feature = trees.feature[nodes]
    columns = np.unique(feature[feature >= 0])
    cut = {name: getattr(trees, name)[nodes] for name in ("threshold", "missing_go_left", "values")}
    cut |= {name: place[getattr(trees, name)[nodes]] for name in ("left", "right")}
    cut["feature"] = np.where(feature < 0, -1, np.searchsorted(columns, feature)).astype(trees.feature.dtype)
    cut |= {"roots": place[trees.roots[which]], "outputs": trees.outputs[which], "baseline": 0 * trees.baseline}
    return replace(trees, **cut), columns


def _effects(terms: list[Term]) -> Effects:
    """What each set of modalities adds to what its subsets say: Möbius inversion, term by term."""
    found: Effects = {}
    for read, values in terms:
        left = values.copy()
        for i in range(len(read)):
            halves = left.reshape(-1, 2, 2**i, left.shape[1])
            halves[:, 1] -= halves[:, 0]
        for code, effect in enumerate(left):
            some = tuple(each for each, bit in zip(read, _bits(code, len(read)), strict=True) if bit)
            found[some] = found[some] + effect if some in found else effect
    return found


def _codes(num_read: int) -> np.ndarray:
    return 2 ** np.arange(num_read)


def _bits(code: int | np.ndarray, num_read: int) -> np.ndarray:
    return np.asarray(code)[..., None] >> np.arange(num_read) & 1
