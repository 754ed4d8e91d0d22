"""Logistic regression on what a row has in common with landmarks: smooth non-linear scores by two matrix products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ..checks import check_count, invalid
from ..encoders.logistic import logistic_probabilities
from ..learning.folds import stratified_folds
from ..threads import share_out
from .columns import ScaledRows, learn_columns, scaled
from .counted_rows import counted
from .logistic_fit import FAIR, ROUGH, Regression
from .table_encoder import TunedEncoder

_STRENGTHS = (0.1, 1.0, 10.0, 100.0, 1000.0)
_NARROWNESS = 0.5  # gamma by default, times the median squared distance
_SMALLEST = 1e-7  # eigenvalues, as a share of the largest, below which a direction of the landmarks is rounding
_AT_ONCE = 30_000  # kernel values that stay in a processor's cache, and that torch gives to one thread


class KernelEncoder(TunedEncoder):
    """Fits a logistic regression to the radial kernel between the columns, as ``TabularEncoder`` scales them, and rows.

    The kernel ``exp(-gamma * squared distance)`` is approximated from a sample of the training rows, the landmarks
    (Nystroem); with as many landmarks as rows it is exact. The strength of the regularization is chosen by inner
    cross-validation of the log-likelihood. A row far from every landmark gets about the class frequencies. What is
    learned is kept as plain arrays: ``columns_``, ``used_`` (the scaled columns that vary), ``landmarks_``,
    ``gamma_``, ``coef_`` (num_scores, num_landmarks), ``intercept_``, ``classes_``, and the strength ``C_``.

    Args:
        num_landmarks: Rows that are drawn, in proportion to their weights; those that repeat count once.
        gamma: Narrowness of the kernel; one half over the median squared distance of landmarks if None.
        num_folds: Inner folds; fewer when all classes have fewer rows, and the strength is 1 when all have one.
        random_state: Of the landmarks and folds.

    Raises:
        ValueError: If gamma is not positive, a count is too small, or y has one class.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(200, 2))
        >>> y = X[:, 0] * X[:, 1] > 0  # which no linear model can tell
        >>> KernelEncoder(random_state=0).fit(X[:150], y[:150]).score(X[150:], y[150:]) > 0.9
        True

    Reference: Williams and Seeger (2001), Using the Nyström method to speed up kernel machines.
    """

    def __init__(
        self, num_landmarks: int = 300, gamma: float | None = None, num_folds: int = 5, random_state: Any = None
    ) -> None:
        self.num_landmarks = num_landmarks
        self.gamma = gamma
        self.num_folds = num_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> KernelEncoder:
        """Draw landmarks, then fit the regression, from an array or DataFrame ``(rows, columns)`` and its labels.

        A weight says for how many rows one counts; one of weight zero is as if it were absent.
        """
        check_count("num_folds", self.num_folds, minimum=2)
        X, y, sample_weight = counted(X, y, sample_weight)
        seed = check_random_state(self.random_state).randint(2**31 - 1)
        fold = stratified_folds(np.unique(y, return_inverse=True)[1], self.num_folds, seed)
        self.fit_held_out(X, y, fold, sample_weight)
        return self

    def _settings(self) -> Sequence[float]:
        return _STRENGTHS

    def _path(self, X: Any, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None) -> _Path:
        check_count("num_landmarks", self.num_landmarks, minimum=1)
        if self.gamma is not None and not 0 < self.gamma < np.inf:
            raise invalid("gamma", "be positive and finite, or None", self.gamma)
        draw = check_random_state(self.random_state)
        if sample_weight is None or len(states) <= self.num_landmarks:
            drawn = draw.permutation(len(states))[: self.num_landmarks]
        else:
            shares = sample_weight / sample_weight.sum()
            drawn = draw.choice(len(states), self.num_landmarks, replace=False, p=shares)
        return _Path(X, states, classes, drawn, self.gamma, sample_weight)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        check_is_fitted(self)
        rows, coef = ScaledRows(self.columns_, X), self.coef_.T
        scores, kernel = np.empty((len(rows), len(self.intercept_))), _Kernel(self.landmarks_, self.gamma_)

        def score(start: int, stop: int) -> None:
            room, features = kernel.room(), None if self.used_.all() else np.empty((kernel.num_rows, rows.width))
            for first in range(start, stop, kernel.num_rows):
                some = room.some(stop - first)
                if features is None:
                    rows.write(first, some)
                else:
                    rows.write(first, features[: len(some)])
                    some[:] = features[: len(some), self.used_]
                np.matmul(kernel.values(room, len(some)), coef, out=scores[first : first + len(some)])

        share_out(score, len(rows))
        return logistic_probabilities(scores + self.intercept_)


class _Path:
    """A regression over the kernel values of some rows, for whichever strength."""

    def __init__(
        self,
        X: Any,
        states: np.ndarray,
        classes: np.ndarray,
        drawn: np.ndarray,
        gamma: float | None,
        sample_weight: np.ndarray | None,
    ) -> None:
        self.columns = learn_columns(X, sample_weight)
        features = scaled(self.columns, X)
        self.used = features.max(axis=0) - features.min(axis=0) > 0
        features = _varying(features, self.used)
        self.landmarks = np.unique(features[drawn], axis=0) if self.used.any() else features[:1]
        distances = _squared_distances(self.landmarks)
        apart = distances[np.triu_indices(len(distances), 1)]
        self.gamma = float(gamma or (_NARROWNESS / np.median(apart) if len(apart) else 1.0))
        self.kernel = _Kernel(self.landmarks, self.gamma)
        values, vectors = np.linalg.eigh(
            np.concatenate([each.copy() for _, each in self.kernel.blocks(self.landmarks)])
        )
        kept = values > _SMALLEST * values[-1]
        self.whiten = vectors[:, kept] / np.sqrt(values[kept])
        self.regression = Regression(self._whitened(features), states, classes, sample_weight)

    def features(self, X: Any) -> np.ndarray:
        return self._whitened(_varying(scaled(self.columns, X), self.used))

    def probabilities(self, setting: float, features: np.ndarray) -> np.ndarray:
        return self.regression.solve(setting, ROUGH).probabilities(features)

    def keep(self, encoder: KernelEncoder, setting: float) -> None:
        fitted = self.regression.solve(setting, FAIR)
        encoder.columns_, encoder.used_, encoder.landmarks_ = self.columns, self.used, self.landmarks
        encoder.gamma_, encoder.coef_, encoder.intercept_ = self.gamma, fitted.coef @ self.whiten.T, fitted.intercept
        encoder.classes_, encoder.C_ = fitted.classes, fitted.C

    def _whitened(self, features: np.ndarray) -> np.ndarray:
        found = np.empty((len(features), self.whiten.shape[1]))
        for rows, values in self.kernel.blocks(features):
            np.matmul(values, self.whiten, out=found[rows])
        return found


@dataclass(frozen=True, eq=False)
class _Room:
    """Room for a few rows, which the next ones overwrite.

    Args:
        features: What a row is, its squared length and one ``(rows, num_features + 2)``.
        values: Kernel values ``(rows, landmarks)``.
    """

    features: np.ndarray
    values: np.ndarray

    def some(self, num_rows: int) -> np.ndarray:
        """Where the features of so many rows go, if there are so many."""
        return self.features[:num_rows, :-2]


class _Kernel:
    """The radial kernel between rows and landmarks, a few rows at a time."""

    def __init__(self, landmarks: np.ndarray, gamma: float) -> None:
        beside = np.ones((len(landmarks), 1)), np.square(landmarks).sum(axis=1)[:, None]
        self.toward = -gamma * np.concatenate([-2 * landmarks, *beside], axis=1).T
        self.num_rows = max(1, _AT_ONCE // len(landmarks))

    def room(self) -> _Room:
        num_features, num_landmarks = self.toward.shape
        return _Room(np.ones((self.num_rows, num_features)), np.empty((self.num_rows, num_landmarks)))

    def values(self, room: _Room, num_rows: int) -> np.ndarray:
        """Kernel values of the rows whose features are in the room."""
        some = room.some(num_rows)
        np.einsum("ij,ij->i", some, some, out=room.features[:num_rows, -2])  # so that products are squared distances
        found = np.matmul(room.features[:num_rows], self.toward, out=room.values[:num_rows])
        torch.from_numpy(found).exp_()  # which takes half of the time that it takes NumPy
        return found

    def blocks(self, features: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
        """A few rows after the other, and their kernel values ``(rows, landmarks)``."""
        room = self.room()
        for start in range(0, len(features), self.num_rows):
            part = features[start : start + self.num_rows]
            room.some(len(part))[:] = part
            yield slice(start, start + len(part)), self.values(room, len(part))


def _varying(features: np.ndarray, used: np.ndarray) -> np.ndarray:
    return features if used.all() else features[:, used]


def _squared_distances(rows: np.ndarray) -> np.ndarray:
    """``(rows, rows)``."""
    squares = np.square(rows).sum(axis=1)
    return np.maximum(rows @ (-2.0 * rows.T) + squares[:, None] + squares, 0.0)
