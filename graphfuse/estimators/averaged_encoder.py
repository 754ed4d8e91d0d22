"""An average of encoders of several kinds, each weighed by what it says of rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..checks import check_count, check_type, invalid
from ..learning.cross_fit import fit_folds, take_rows
from ..learning.folds import stratified_folds
from ..learning.sample_weights import weight_arguments, weights_of_rows
from .counted_rows import counted
from .experts import default_experts
from .table_encoder import TableEncoder, TunedEncoder

_FLOOR = 1e-6  # of a probability that is weighed
_PRIOR_ROWS = 20.0  # that the equal weights count for
_SMALLEST = 0.05  # weight, below which a member is left out
_FEW_ROWS, _MANY_FOLDS = 1000, 3  # from as many rows on, as many folds serve


class AveragedEncoder(TableEncoder):
    """Averages the probabilities of a linear model, a kernel model and boosted trees; no setting needs a choice.

    Every member says what it thinks of rows that it was not fitted on, in inner folds that also choose its strength;
    the weights of the average make these rows most likely, drawn towards equal weights as if by twenty more rows. A
    member of little weight is left out, which saves its time, and so is one that cannot be fitted.

    Args:
        members: By name, unfitted classifiers; None for a ``TabularEncoder``, a ``KernelEncoder`` and, for tables of
            at most 64 columns and two classes, a ``BoostedEncoder``.
        num_folds: Inner folds, three at most from 1000 rows on; a row alone in its class is held out by none, and
            the weights are equal if all are.
        random_state: Of the folds, and of members without one of their own.

    Attributes:
        members_: By name, the fitted members of the average.
        weights_: By name, their weights, which sum to one.
        classes_: The labels, sorted.

    Raises:
        ValueError: If y has one class, or no member can be fitted.
        TypeError: If ``members`` is no mapping, a member no classifier with ``predict_proba``, or if the ``fit`` of a
            member takes no ``sample_weight`` where there are weights.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> encoder = AveragedEncoder(random_state=0).fit(X, X[:, 0] * X[:, 1] > 0)
        >>> encoder.weights_["kernel"] > encoder.weights_["linear"]
        True

    Reference: Breiman (1996), Stacked regressions; van der Laan, Polley and Hubbard (2007), Super learner.
    """

    def __init__(self, members: Mapping[str, Any] | None = None, num_folds: int = 5, random_state: Any = None) -> None:
        self.members = members
        self.num_folds = num_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> AveragedEncoder:
        """Fit the members and their weights to an array or DataFrame ``(rows, columns)`` and its labels.

        A ``sample_weight`` says for how many rows one counts; one of weight zero is as if it were absent.
        """
        check_count("num_folds", self.num_folds, minimum=2)
        X, y, sample_weight = counted(X, y, sample_weight)
        classes, states = self._classes(X, y)
        num_folds = self.num_folds if len(states) < _FEW_ROWS else min(self.num_folds, _MANY_FOLDS)
        seed = self._seed()
        fold = stratified_folds(states, num_folds, seed)
        members = self._unfitted(X, len(classes), seed, sample_weight)
        held = _accepted(members, lambda member: _fit_held_out(member, X, np.asarray(y), fold, sample_weight))
        weights = _weights(held, states, sample_weight)
        return self._keep(classes, weights, {name: members[name] for name in weights})

    def fit_folds(
        self, X: Any, y: Any, fold: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> list[AveragedEncoder]:
        """As ``TunedEncoder.fit_folds``: by fold an average fitted to the other rows, all with the same weights."""
        classes, states = self._classes(X, y)
        parts = _accepted(
            self._unfitted(X, len(classes), self._seed(), sample_weight),
            lambda member: fit_folds(member, X, np.asarray(y), fold, sample_weight=sample_weight),
        )
        held = {name: _held_out(members, X, fold, len(classes)) for name, members in parts.items()}
        weights = _weights(held, states, sample_weight)
        return [
            clone(self)._keep(classes, weights, {name: parts[name][k] for name in weights})
            for k in range(fold.max() + 1)
        ]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        parts = [weight * self.members_[name].predict_proba(X) for name, weight in self.weights_.items()]
        return np.sum(parts, axis=0)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def _keep(self, classes: np.ndarray, weights: dict[str, float], members: dict[str, Any]) -> AveragedEncoder:
        self.classes_, self.weights_, self.members_ = classes, weights, members
        return self

    def _unfitted(self, X: Any, num_classes: int, seed: int, sample_weight: np.ndarray | None) -> dict[str, Any]:
        """Clones of the members, with a seed where they have none of their own; each takes weights if there are any."""
        members = default_experts(np.shape(X)[1:], len(X), num_classes) if self.members is None else self.members
        check_type("members", members, Mapping, "be a mapping from names to classifiers, or None")
        if not members:
            raise invalid("members", "hold at least one classifier", "none")
        found = {}
        for name, member in members.items():
            if isinstance(member, type) or not all(hasattr(member, verb) for verb in ("fit", "predict_proba")):
                raise invalid(
                    f"members[{name!r}]", "be a classifier with predict_proba, unfitted", repr(member), TypeError
                )
            weight_arguments(f"members[{name!r}]", member, sample_weight)
            found[name] = clone(member)
            unset = [key for key, value in found[name].get_params().items() if value is None]
            found[name].set_params(**{key: seed for key in unset if key.split("__")[-1] == "random_state"})
        return found


def mixture_weights(likelihoods: np.ndarray, prior_rows: float, sample_weight: np.ndarray | None = None) -> np.ndarray:
    """Convex weights of members under which rows are most likely, drawn towards equal weights.

    Expectation and maximization under a Dirichlet prior, whose mode is the equal weights: a concave problem.

    Args:
        likelihoods: Probability that each member gives to the label of each row, ``(rows, members)``.
        prior_rows: Rows that the prior counts for.
        sample_weight: Rows that each row counts for ``(rows,)``; one if None.

    Example:
        >>> mixture_weights(np.array([[0.9, 0.1]] * 30), 10.0).round(2)
        array([0.86, 0.14])
        >>> mixture_weights(np.zeros((0, 2)), 10.0)
        array([0.5, 0.5])

    Reference: McLachlan and Peel (2000), Finite Mixture Models, section 2.8.
    """
    equal = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    weights, floored = equal, np.maximum(likelihoods, _FLOOR)
    counts_for = np.ones(len(floored)) if sample_weight is None else sample_weight
    num_rows = counts_for.sum()
    for _ in range(500):
        shares = floored * weights
        shares /= shares.sum(axis=1, keepdims=True) / counts_for[:, None]
        new = (shares.sum(axis=0) + prior_rows * equal) / (num_rows + prior_rows)
        if np.abs(new - weights).max() < 1e-6:
            return new
        weights = new
    return weights


def _accepted(members: Mapping[str, Any], fit: Callable[[Any], Any]) -> dict[str, Any]:
    """What comes of fitting each member; one that cannot be fitted is left out.

    Raises:
        ValueError: If none can be.
    """
    found, refusals = {}, []
    for name, member in members.items():
        try:
            found[name] = fit(member)
        except ValueError as error:
            refusals.append(error)
    if not found:
        raise refusals[0]
    return found


def _weights(held: Mapping[str, np.ndarray], states: np.ndarray, sample_weight: np.ndarray | None) -> dict[str, float]:
    """By member that is worth its time its weight; they are equal where no row was held out."""
    rows = ~np.isnan(next(iter(held.values()))[:, 0])
    known = np.array([found[rows, states[rows]] for found in held.values()])
    weights = mixture_weights(known.T, _PRIOR_ROWS, weights_of_rows(sample_weight, rows))
    kept = weights >= min(_SMALLEST, weights.max())
    return {name: float(w) for name, w in zip(held, weights * kept / weights[kept].sum(), strict=True) if w}


def _fit_held_out(member: Any, X: Any, y: np.ndarray, fold: np.ndarray, sample_weight: np.ndarray | None) -> np.ndarray:
    """Fit a member to all rows; what its like, fitted without each fold, says of the rows of the fold."""
    if isinstance(member, TunedEncoder):
        return member.fit_held_out(X, y, fold, sample_weight)
    held = _held_out(fit_folds(member, X, y, fold, sample_weight=sample_weight), X, fold, len(np.unique(y)))
    member.fit(X, y, **weight_arguments("each of members", member, sample_weight))
    return held


def _held_out(members: Sequence[Any], X: Any, fold: np.ndarray, num_classes: int) -> np.ndarray:
    """What the member of each fold says of its rows ``(rows, num_classes)``; ``nan`` for rows never held out."""
    held = np.full((len(fold), num_classes), np.nan)
    for k, member in enumerate(members):
        held[fold == k] = member.predict_proba(take_rows(X, np.flatnonzero(fold == k)))
    return held
