"""What encoders of tables have in common, and those among them that choose a setting by rows held out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Protocol, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from threadpoolctl import threadpool_limits

from ..checks import invalid, listed
from ..learning.cross_fit import take_rows
from ..learning.sample_weights import weights_of_rows
from .held_out import mean_log_likelihood


class TableEncoder(ClassifierMixin, BaseEstimator, ABC):
    """A classifier of the rows of an array or DataFrame, with gaps."""

    classes_: np.ndarray

    @abstractmethod
    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def _classes(self, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
        """The classes, and the class of every row."""
        classes, states = np.unique(y, return_inverse=True)
        if len(classes) < 2:
            raise invalid("y", "have at least two classes", listed(classes.tolist()))
        if len(states) != np.shape(X)[0]:
            raise invalid("y", f"have one label per row of X, {np.shape(X)[0]}", f"{len(states)} labels")
        return classes, states

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class Path(Protocol):
    """What is fitted to some rows, for whichever setting."""

    def features(self, X: Any) -> Any:
        """Rows as it reads them."""

    def probabilities(self, setting: float, features: Any) -> np.ndarray:
        """What it says of rows ``(rows, num_classes)`` under a setting, fitted well enough to compare settings."""

    def keep(self, encoder: Any, setting: float) -> None:
        """Set what an encoder keeps once it is fitted."""


class TunedEncoder(TableEncoder):
    """An encoder with a setting that is chosen by the likelihood of rows that it is not fitted to."""

    @abstractmethod
    def _settings(self) -> Sequence[float]:
        """In the order in which they are compared, from the most held back to the least."""

    @abstractmethod
    def _path(self, X: Any, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None) -> Path:
        """What is fitted to rows of these classes, which count by their weights."""

    def fit_held_out(self, X: Any, y: Any, fold: np.ndarray, sample_weight: np.ndarray | None = None) -> np.ndarray:
        """Fit to all rows, with the setting chosen over given folds; what these say of the rows that they hold out.

        Args:
            X: Array or DataFrame ``(rows, columns)``.
            y: Labels ``(rows,)``.
            fold: Of every row ``(rows,)``; -1 if it is held out by none.
            sample_weight: For how many rows each one counts, fitted to or held out, positive ``(rows,)``.

        Returns:
            Probabilities ``(rows, num_classes)``; ``nan`` for rows never held out.
        """
        classes, states = self._classes(X, y)
        with threadpool_limits(1, "blas"):  # the products are small: handing them to threads costs more than it saves
            setting, held, _ = self._chosen(X, states, classes, fold, sample_weight)
            self._path(X, states, classes, sample_weight).keep(self, setting)
        return held

    def fit_folds(self, X: Any, y: Any, fold: np.ndarray, sample_weight: np.ndarray | None = None) -> list[Self]:
        """By fold a clone that is fitted to the other rows, all with the setting that suits the folds together best.

        Args:
            X: Array or DataFrame ``(rows, columns)``.
            y: Labels ``(rows,)``; the others of every fold show every class.
            fold: Of every row ``(rows,)``, from 0 on; -1 if it is held out by none.
            sample_weight: As for ``fit_held_out``.
        """
        classes, states = self._classes(X, y)
        members = [clone(self) for _ in range(fold.max() + 1)]
        with threadpool_limits(1, "blas"):
            setting, _, paths = self._chosen(X, states, classes, fold, sample_weight)
            for member, path in zip(members, paths, strict=True):
                path.keep(member, setting)
        return members

    def _chosen(
        self, X: Any, states: np.ndarray, classes: np.ndarray, fold: np.ndarray, sample_weight: np.ndarray | None
    ) -> tuple[float, np.ndarray, list[Path]]:
        """The best setting, what the folds say of the rows they hold out under it, and what is fitted without each.

        The search ends once the likelihood has fallen twice in a row.
        """
        parts = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(fold.max() + 1)]
        paths = [
            self._path(take_rows(X, inner), states[inner], classes, weights_of_rows(sample_weight, inner))
            for inner, _ in parts
        ]
        features = [path.features(take_rows(X, rows)) for path, (_, rows) in zip(paths, parts, strict=True)]
        held = np.full((len(states), len(classes)), np.nan)
        best, scores = self._unchosen(), list[float]()
        for setting in self._settings() if parts else ():
            found = np.full_like(held, np.nan)
            for path, read, (_, rows) in zip(paths, features, parts, strict=True):
                found[rows] = path.probabilities(setting, read)
            scores.append(mean_log_likelihood(found, states, sample_weight))
            if scores[-1] == max(scores):
                held, best = found, setting
            if len(scores) > 2 and scores[-1] < scores[-2] < scores[-3]:
                break
        return best, held, paths

    def _unchosen(self) -> float:
        """The setting where no row can be held out."""
        return 1.0
