"""Logistic regression whose strength is chosen by inner cross-validation, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from ..checks import invalid, listed
from ..encoders.logistic import logistic_probabilities
from ..learning.sample_weights import class_frequencies, weights_of_rows

STRENGTHS = np.logspace(-4, 1, 6)
ROUGH, TIGHT = 1e-3, 1e-8  # gradients at which a fit stops, while strengths are compared and for the one chosen
FAIR = 1e-5  # for one of several that are averaged


@dataclass(frozen=True, eq=False)
class LogisticFit:
    """A fitted regression: ``coef`` (num_scores, num_features), ``intercept`` (num_scores,), ``classes``, ``C``.

    Two classes have one score, the log-odds of the second.
    """

    coef: np.ndarray
    intercept: np.ndarray
    classes: np.ndarray
    C: float

    def probabilities(self, features: np.ndarray) -> np.ndarray:
        """Probabilities ``(rows, num_classes)`` of features ``(rows, num_features)``."""
        return logistic_probabilities(features @ self.coef.T + self.intercept)


def fit_logistic(features: np.ndarray, y: Any, num_folds: int, sample_weight: np.ndarray | None = None) -> LogisticFit:
    """Minimize C times the sum of the cross-entropies plus half the squared coefficients; the intercept is free.

    C runs through powers of ten from 1e-4 to 10, and the best mean log-likelihood of the held-out rows wins; the
    search ends early once it has fallen twice in a row. C is 1 where a class has one row, which leaves no folds.

    Args:
        features: ``(rows, num_features)``, finite and of similar scale.
        y: Labels ``(rows,)``.
        num_folds: Folds, stratified, not shuffled; fewer when a class has fewer rows.
        sample_weight: For how many rows each one counts in the sum and in what is held out, positive ``(rows,)``.

    Raises:
        ValueError: If the labels are all the same.

    Example:
        >>> features = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> fit_logistic(features, ["no", "no", "yes", "yes"], 2).probabilities(features).shape
        (4, 2)

    Reference: Böhning (1992), Multinomial logistic regression algorithm; Nocedal and Wright (2006), Numerical
    Optimization, section 7.2.
    """
    classes, states, counts = np.unique(y, return_inverse=True, return_counts=True)
    if len(classes) < 2:
        raise invalid("y", "have at least two classes", listed(classes.tolist()))
    num_folds = min(num_folds, int(counts.min()))
    if num_folds < 2:
        fitted = LogisticRegression(max_iter=1000).fit(features, states, sample_weight)
        return LogisticFit(fitted.coef_, fitted.intercept_, classes, 1.0)
    with threadpool_limits(1, "blas"):  # the products are small: handing them to threads costs more than it saves
        counts_for = np.ones(len(states)) if sample_weight is None else sample_weight
        folds = [
            (
                Regression(features[rows], states[rows], classes, weights_of_rows(sample_weight, rows)),
                features[held],
                states[held],
                counts_for[held],
            )
            for rows, held in StratifiedKFold(num_folds).split(features, states)
        ]
        scores: list[float] = []
        for C in STRENGTHS:
            scores.append(float(np.mean([_held_out(fold.solve(C, ROUGH), *held) for fold, *held in folds])))
            if len(scores) > 2 and scores[-1] < scores[-2] < scores[-3]:
                break
        best = float(STRENGTHS[int(np.argmax(scores))])
        return Regression(features, states, classes, sample_weight).solve(best, TIGHT)


def _held_out(fitted: LogisticFit, features: np.ndarray, states: np.ndarray, counts_for: np.ndarray) -> float:
    """The log-likelihood of rows by what each counts for, per row."""
    probabilities = fitted.probabilities(features)[np.arange(len(states)), states]
    return float((counts_for * np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))).mean())


class Regression:
    """One regression, solved for one strength after the other, each from the last, or from its own last solution.

    The features are rotated to their principal axes, which the penalty does not notice, and each axis is scaled by
    its own curvature there, so that L-BFGS needs few steps. Rows count as often as their weights say.
    """

    def __init__(
        self, features: np.ndarray, states: np.ndarray, classes: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> None:
        self.states, self.classes = states, classes
        self.counts_for = np.ones(len(states)) if sample_weight is None else sample_weight
        self.mean, root = np.average(features, axis=0, weights=self.counts_for), np.sqrt(self.counts_for)[:, None]
        left, self.singular, self.axes = np.linalg.svd((features - self.mean) * root, full_matrices=False)
        self.rotated = left * self.singular
        if sample_weight is not None:
            self.rotated = (features - self.mean) @ self.axes.T  # exact also where a weight is tiny
        frequencies = class_frequencies(states, len(classes), self.counts_for)
        self.last = np.zeros((len(classes), len(self.singular))), np.log(frequencies)
        self.solved: dict[float, tuple[np.ndarray, np.ndarray]] = {}

    def solve(self, C: float, tolerance: float) -> LogisticFit:
        num_rows, num_classes = float(self.counts_for.sum()), len(self.classes)
        # two opposite scores share what is one score of two classes: half the coefficient, so half the strength
        penalty = 1 / ((C if num_classes > 2 else C / 2) * num_rows)
        scale = 1 / np.sqrt(self.singular**2 / (num_rows * num_classes) + penalty)
        penalties, root = penalty * scale**2, num_classes**0.5
        precision = np.float32 if tolerance >= ROUGH else np.float64  # single resolves a rough gradient
        scaled, rows = (self.rotated * scale).astype(precision, copy=False), np.arange(len(self.states))
        shares = self.counts_for / num_rows
        with np.errstate(over="ignore"):  # of a weight next to nothing, beside which all rows are infinitely many
            rows_of = num_rows / self.counts_for

        def objective(point: np.ndarray) -> tuple[float, np.ndarray]:
            weights = point.reshape(num_classes, -1)
            scores = (weights[:, :-1].astype(precision, copy=False) @ scaled.T).astype(np.float64, copy=False)
            scores += root * weights[:, -1:]
            scores -= scores.max(axis=0)
            log_likelihood = (self.counts_for * scores[self.states, rows]).sum()
            np.exp(scores, out=scores)
            totals = scores.sum(axis=0)
            shrinkage = weights[:, :-1] * penalties
            surprise = ((self.counts_for * np.log(totals)).sum() - log_likelihood) / num_rows
            value = surprise + 0.5 * np.vdot(shrinkage, weights[:, :-1])
            scores /= totals * rows_of
            scores[self.states, rows] -= shares
            gradient = np.empty_like(weights)
            gradient[:, :-1] = scores.astype(precision, copy=False) @ scaled + shrinkage
            gradient[:, -1] = root * scores.sum(axis=1)
            return float(value), gradient.ravel()

        coef, intercept = self.solved.get(C, self.last)
        start = np.column_stack([coef / scale, intercept / root]).ravel()
        options = {"maxiter": 1000, "maxcor": 20, "gtol": tolerance, "ftol": 0.0}
        found = minimize(objective, start, jac=True, method="L-BFGS-B", options=options).x.reshape(num_classes, -1)
        self.last = self.solved[C] = found[:, :-1] * scale, found[:, -1] * root
        coef = self.last[0] @ self.axes
        intercept = self.last[1] - coef @ self.mean
        if num_classes == 2:
            coef, intercept = coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        return LogisticFit(coef, intercept, self.classes, C)
