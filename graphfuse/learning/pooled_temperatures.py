"""A temperature for every set of modalities, where sets that differ in few modalities borrow from each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np

from ..checks import check_type, invalid

_MOST_MASKS = 500  # that are learned from, the ones of most rows: the cost grows with their cube
_LEAST = -700.0  # of a log-probability, so that zero is a number
_MOST_STEPS = 100
_CLOSE = 1e-10  # change of the objective in nats at which steps end
_NEGLIGIBLE = 1e-3  # weight of a prior that is left out of the average


@dataclass(frozen=True)
class PooledTemperatures:
    """How to learn a temperature for every set of modalities, a mask, from held-out answers.

    With inverse temperature b, the answer for a row of mask S is ``log prior + b(S) * (log_probs - log prior)``,
    normalized: b below one for a model that is too sure, and no modality leaves the prior. Over masks, log b is a
    Gaussian process of mean zero,

        cov(log b(S), log b(R)) = common_spread ** 2 + spread ** 2 * likeness ** (number of modalities they differ in),

    that is a common value, effects of who is present, and of pairs, triples and so on, each order less than the one
    before. So a mask of few rows follows masks near to it, and one of many rows its own. The posterior is that of
    Laplace's approximation; pairs of spread and likeness are averaged by their marginal likelihood, every spread being
    as plausible as another before. The temperature that serves is the posterior mean of 1 / b, the warmer the less is
    known of a mask: one that was never seen borrows from its neighbours and is widened by what these leave open.

    Args:
        spreads: Standard deviations, at least 0, of what is not common to all masks; ``(0,)`` learns one temperature.
        likenesses: From 0, where masks share the common value only, to below 1.
        common_spread: Standard deviation of the common value, at least 0.

    Raises:
        ValueError: If a number is out of its range, or there is no spread or no likeness.

    Example:
        >>> sure = np.log([[0.99, 0.01]] * 40)
        >>> masks = np.array([[True, True]] * 20 + [[True, False]] * 20)
        >>> right_in_three_of_four = np.arange(40) % 4 < 1
        >>> found = PooledTemperatures().fit(sure, masks, right_in_three_of_four.astype(int))
        >>> found.calibrated(sure[:1], masks[:1])[0, 0] < np.log(0.9)
        np.True_
        >>> found.temperatures(np.array([[True, True], [False, True]])).round(1)  # the second was never seen
        array([3.4, 3.2])

    Reference: Guo et al. (2017), On calibration of modern neural networks; Rasmussen and Williams (2006), Gaussian
    Processes for Machine Learning, sections 3.4 and 5.4; Gelman and Hill (2006), Data Analysis Using Regression and
    Multilevel/Hierarchical Models, chapter 12, on partial pooling.
    """

    spreads: tuple[float, ...] = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
    likenesses: tuple[float, ...] = (0.3, 0.6, 0.9)
    common_spread: float = 0.5

    def __post_init__(self) -> None:
        for name in ("spreads", "likenesses"):
            numbers = getattr(self, name)
            check_type(name, numbers, tuple, "be a tuple of numbers")
            if not numbers:
                raise invalid(name, "hold at least one number", "none")
        for name, spread in [("common_spread", self.common_spread), *(("each of spreads", s) for s in self.spreads)]:
            if not 0.0 <= spread < np.inf:
                raise invalid(name, "be at least 0 and finite", spread)
        for likeness in self.likenesses:
            if not 0.0 <= likeness < 1.0:
                raise invalid("each of likenesses", "be at least 0 and below 1", likeness)

    def fit(
        self,
        log_probs: np.ndarray,
        masks: np.ndarray,
        states: np.ndarray,
        log_prior: np.ndarray | None = None,
        stray_share: float = 0.0,
        sample_weight: np.ndarray | None = None,
    ) -> MaskTemperatures:
        """Temperatures from answers for rows that were held out of what answers.

        Args:
            log_probs: The answers, ``(rows, num_classes)`` in nats.
            masks: Which modalities each row showed, bool ``(rows, num_modalities)``.
            states: True classes, integers ``(rows,)``.
            log_prior: What an answer becomes as its temperature grows, ``(num_classes,)`` in nats; uniform if None.
            stray_share: The share of rows taken to be unlike all others, from 0 to below 1: the rows are seen as a
                mixture of tempered answer and prior, so that one wrong row does not set a temperature.
            sample_weight: For how many rows each one counts, at least 0 ``(rows,)``; one each if None. Copies of a row
                under several masks are to share its weight.

        Returns:
            The temperature of any mask. Of more than 500 masks, those of most rows were learned from.

        Raises:
            ValueError: If shapes do not fit each other, a state is no class, a log-probability or the prior is ``nan``
                or above 0, or a weight is negative or not finite.
        """
        log_probs, masks, states, log_prior, weights = _checked(log_probs, masks, states, log_prior, sample_weight)
        if not 0.0 <= stray_share < 1.0:
            raise invalid("stray_share", "be at least 0 and below 1", stray_share)
        log_probs, masks, states, weights = (each[weights > 0] for each in (log_probs, masks, states, weights))
        different, which = np.unique(masks, axis=0, return_inverse=True)
        which = which.reshape(-1)
        kept = np.argsort(-np.bincount(which, weights, len(different)), kind="stable")[:_MOST_MASKS]
        place = np.full(len(different), -1)
        place[kept] = np.arange(len(kept))
        rows = place[which] >= 0
        answers = _Answers(
            log_prior, _said(log_probs[rows], log_prior), states[rows], place[which[rows]], weights[rows], stray_share
        )
        found, start = [], np.zeros(len(kept))
        for spread, likeness in self._priors():
            prior = _Prior(self.common_spread, spread, likeness)
            posterior = _posterior(prior, different[kept], answers, start)
            start = posterior.pull
            found.append(posterior)
        log_shares = [-np.log(1 if each.prior.spread == 0 else len(self.likenesses)) for each in found]
        evidence = np.array([each.evidence for each in found]) + log_shares
        shares = np.exp(evidence - evidence.max())
        shares /= shares.sum()
        shares[shares < min(_NEGLIGIBLE, shares.max())] = 0.0
        parts = tuple((float(s / shares.sum()), each) for s, each in zip(shares, found, strict=True) if s)
        return MaskTemperatures(different[kept], log_prior, parts)

    def _priors(self) -> list[tuple[float, float]]:
        """Pairs of spread and likeness, which says nothing where the spread is zero."""
        same = [(0.0, 0.0)] if 0.0 in self.spreads else []
        return same + [pair for pair in product(self.spreads, self.likenesses) if pair[0] > 0]


@dataclass(frozen=True, eq=False)
class MaskTemperatures:
    """Temperatures of all sets of modalities, as ``PooledTemperatures`` learned them.

    Args:
        masks: Those that were learned from, bool ``(num_masks, num_modalities)``, most rows first.
        log_prior: What no modality leaves ``(num_classes,)``, in nats.
        posteriors: Each with its share of the average.
    """

    masks: np.ndarray
    log_prior: np.ndarray
    posteriors: tuple[tuple[float, Posterior], ...]

    def temperatures(self, masks: np.ndarray) -> np.ndarray:
        """The temperature ``(rows,)`` of each mask, bool ``(rows, num_modalities)``; above one is wider.

        Raises:
            ValueError: If there is another number of modalities.
        """
        different, which = np.unique(_as_masks(masks, self.masks.shape[1]), axis=0, return_inverse=True)
        found = np.zeros(len(different))
        for share, posterior in self.posteriors:
            mean, variance = posterior.at(different, self.masks)
            found += share * np.exp(variance / 2 - mean)
        return found[which.reshape(-1)]

    def seen(self, masks: np.ndarray) -> np.ndarray:
        """Which masks ``(rows, num_modalities)`` were learned from, bool ``(rows,)``; the others borrow all."""
        known = {each.tobytes() for each in self.masks}
        return np.array([each.tobytes() in known for each in _as_masks(masks, self.masks.shape[1])], dtype=bool)

    def calibrated(self, log_probs: np.ndarray, masks: np.ndarray) -> np.ndarray:
        """Answers ``(rows, num_classes)`` in nats at the temperature of their masks, normalized.

        Raises:
            ValueError: As for ``PooledTemperatures.fit``.
        """
        log_probs, masks, *_ = _checked(log_probs, masks, np.zeros(len(log_probs), dtype=int), self.log_prior, None)
        inverse = 1 / self.temperatures(masks)[:, None]
        return _normalized(self.log_prior + inverse * _said(log_probs, self.log_prior))


@dataclass(frozen=True)
class _Prior:
    """Of the log inverse temperatures, a Gaussian process over masks."""

    common_spread: float
    spread: float
    likeness: float

    def covariance(self, masks: np.ndarray, others: np.ndarray) -> np.ndarray:
        """``(num_masks, num_others)``."""
        these, those = masks.astype(np.float64), others.astype(np.float64)
        differ = these @ (1 - those).T + (1 - these) @ those.T
        return self.common_spread**2 + self.spread**2 * self.likeness**differ


@dataclass(frozen=True, eq=False)
class Posterior:
    """Of the log inverse temperatures under one prior, by Laplace's approximation.

    Args:
        prior: The Gaussian process.
        evidence: Log marginal likelihood of the answers, in nats.
        pull: What the covariance carries to the mode, ``(num_masks,)``.
        root: Of the information that the rows of a mask hold, ``(num_masks,)``.
        factor: Cholesky factor of one plus the covariance between these roots, ``(num_masks, num_masks)``.
    """

    prior: _Prior
    evidence: float
    pull: np.ndarray
    root: np.ndarray
    factor: np.ndarray

    def at(self, masks: np.ndarray, learned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance ``(num_masks,)`` of the log inverse temperature of masks."""
        from scipy.linalg import solve_triangular

        shared = self.prior.covariance(masks, learned)
        explained = solve_triangular(self.factor, self.root[:, None] * shared.T, lower=True)
        whole = self.prior.common_spread**2 + self.prior.spread**2
        return shared @ self.pull, np.maximum(whole - np.square(explained).sum(0), 0.0)


@dataclass(frozen=True, eq=False)
class _Answers:
    """Held-out answers, as a likelihood of the log inverse temperatures of their masks."""

    log_prior: np.ndarray
    said: np.ndarray  # beyond the prior
    states: np.ndarray
    which: np.ndarray  # of the masks
    weights: np.ndarray
    stray_share: float

    def log_likelihood(self, log_inverse: np.ndarray) -> float:
        return float(self.weights @ self._mixed(self._tempered(log_inverse)))

    def derivatives(self, log_inverse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By mask the slope of the log-likelihood, and its expected curvature, at least 0."""
        tempered = self._tempered(log_inverse)
        probs, rows, inverse = np.exp(tempered), np.arange(len(self.states)), np.exp(log_inverse)
        mean = (probs * self.said).sum(1)
        variance = (probs * np.square(self.said - mean[:, None])).sum(1)
        known = self.weights * (1 - self.stray_share) * np.exp(tempered[rows, self.states] - self._mixed(tempered))
        slopes = np.bincount(self.which, known * (self.said[rows, self.states] - mean), len(inverse))
        return inverse * slopes, inverse**2 * np.bincount(self.which, known * variance, len(inverse))

    def _tempered(self, log_inverse: np.ndarray) -> np.ndarray:
        return _normalized(self.log_prior + np.exp(log_inverse)[self.which][:, None] * self.said)

    def _mixed(self, tempered: np.ndarray) -> np.ndarray:
        """Of the true classes, log-probabilities ``(rows,)`` where some rows are strays."""
        found = tempered[np.arange(len(self.states)), self.states]
        if not self.stray_share:
            return found
        stray = np.log(self.stray_share) + self.log_prior[self.states]
        return np.logaddexp(np.log1p(-self.stray_share) + found, stray)


def _posterior(prior: _Prior, masks: np.ndarray, answers: _Answers, start: np.ndarray) -> Posterior:
    """Newton steps to the mode, with the expected curvature; a step that does not lead up is halved."""
    covariance = prior.covariance(masks, masks)
    pull, log_inverse = start, covariance @ start
    value = answers.log_likelihood(log_inverse) - 0.5 * pull @ log_inverse
    for _ in range(_MOST_STEPS):
        slopes, curvature = answers.derivatives(log_inverse)
        root, factor = _factor(covariance, curvature)
        wanted = curvature * log_inverse + slopes
        away = wanted - root * _solve(factor, root * (covariance @ wanted)) - pull
        gain, size = 0.0, 1.0
        while size > _NEGLIGIBLE:
            next_pull = pull + size * away
            next_inverse = covariance @ next_pull
            with np.errstate(over="ignore", invalid="ignore"):
                gain = answers.log_likelihood(next_inverse) - 0.5 * next_pull @ next_inverse - value
            if gain >= 0:  # nan, after a step beyond all numbers, compares as false
                pull, log_inverse, value = next_pull, next_inverse, value + gain
                break
            size /= 2
        if not gain > _CLOSE:
            break
    root, factor = _factor(covariance, answers.derivatives(log_inverse)[1])
    return Posterior(prior, float(value - np.log(np.diag(factor)).sum()), pull, root, factor)


def _factor(covariance: np.ndarray, curvature: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    root = np.sqrt(curvature)
    return root, np.linalg.cholesky(np.eye(len(root)) + root[:, None] * covariance * root)


def _solve(factor: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.linalg import cho_solve

    return cho_solve((factor, True), values)


def _said(log_probs: np.ndarray, log_prior: np.ndarray) -> np.ndarray:
    """What answers say beyond the prior; nothing of a class that the prior rules out."""
    possible = np.isfinite(log_prior)
    return np.where(possible, np.maximum(log_probs, _LEAST) - np.where(possible, log_prior, 0.0), 0.0)


def _normalized(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True, initial=-np.inf, where=np.isfinite(scores))
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def _as_masks(masks: np.ndarray, num_modalities: int | None = None) -> np.ndarray:
    found = np.asarray(masks)
    if found.dtype != bool:
        raise invalid("masks", "be bool", f"dtype {found.dtype}", TypeError)
    if found.ndim != 2 or num_modalities not in (None, found.shape[1]):
        columns = "num_modalities" if num_modalities is None else num_modalities
        raise invalid("masks", f"have shape (rows, {columns})", found.shape)
    return np.ascontiguousarray(found)


def _checked(
    log_probs: np.ndarray,
    masks: np.ndarray,
    states: np.ndarray,
    log_prior: np.ndarray | None,
    sample_weight: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    log_probs = np.asarray(log_probs, dtype=np.float64)
    if log_probs.ndim != 2 or log_probs.shape[1] < 2:
        raise invalid("log_probs", "have shape (rows, num_classes), two classes or more", log_probs.shape)
    num_rows, num_classes = log_probs.shape
    if not (log_probs <= 1e-6).all():  # nan compares as false
        raise invalid("log_probs", "be logarithms of probabilities", "nan or a number above 0")
    masks, states = _as_masks(masks), np.asarray(states)
    prior = np.full(num_classes, -np.log(num_classes)) if log_prior is None else np.asarray(log_prior, dtype=float)
    weights = np.ones(num_rows) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    for name, found in {"masks": masks, "states": states, "sample_weight": weights}.items():
        if len(found) != num_rows:
            raise invalid(name, f"have one entry per row of log_probs, {num_rows}", len(found))
    if states.ndim != 1 or states.dtype.kind not in "iu" or not ((states >= 0) & (states < num_classes)).all():
        raise invalid("states", f"be integers from 0 to {num_classes - 1}, one a row", np.unique(states).tolist()[:9])
    if prior.shape != (num_classes,) or not abs(np.exp(prior).sum() - 1) <= 1e-6:
        raise invalid("log_prior", f"be log-probabilities ({num_classes},) that sum to one", prior.tolist())
    if not np.isfinite(prior[states]).all():
        raise invalid("log_prior", "be finite for every class that a row has", prior.tolist())
    if weights.ndim != 1 or not ((weights >= 0) & (weights < np.inf)).all():
        raise invalid("sample_weight", "be finite and not negative, one a row", weights.tolist()[:9])
    return log_probs, masks, states, prior, weights
