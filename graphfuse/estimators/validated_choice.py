"""The choice among classifiers by rows that they were not fitted to, as those came and with modalities missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import log
from typing import Any
from warnings import warn

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter
from torch import Tensor

from ..checks import check_count, check_name, check_type, invalid, listed
from ..data import ModalityBatch, random_subsets
from ..fusion import FusionModel
from ..graph import Variable
from ..learning.folds import stratified_folds
from ..learning.sample_weights import weight_arguments
from .base import FusionEstimator, draw_seed
from .end_to_end_classifier import EndToEndClassifier
from .fusion_classifier import FusionClassifier
from .held_out import HeldOutLoss
from .inputs import Modalities

_PARTS = 5  # of which one is held out where there is one split
_SUBSETS_PER_ROW = 4  # random ones, beside the row as it came
_LEAST = log(np.finfo(np.float64).tiny)  # log-likelihood of a row, so that a loss stays finite


class ValidatedChoice(FusionEstimator):
    """A classifier that is picked among several by the likelihood of held-out training rows, then fitted to all.

    Every candidate is fitted without the held-out rows, and scored by the mean negative log-likelihood of these: half
    of it that of the rows as they came, half that under random subsets of their modalities, the same for all. The first
    candidate is the default. Another one replaces it only if its loss is lower by more than one standard error of the
    paired difference; of those that are, the one of least loss. So where they are about level the first stays, and a
    candidate that is truly better is found once there are rows enough to tell.

    Args:
        candidates: By name unfitted classifiers with ``predict_proba`` that take a ModalityBatch, at least one; the
            first is the default. Only clones are fitted. If None, ``FusionClassifier()`` as ``"cross-fitted"``, then
            ``EndToEndClassifier()`` as ``"end to end"``.
        modalities: As for ``FusionClassifier``; candidates get the modalities ready.
        num_folds: Every row is held out once, in so many folds; None holds out about a fifth of the rows, once.
        random_state: Seed of the rows held out, of subsets, and of candidates that draw and have no seed of their own.

    Attributes:
        classes_: The labels.
        modalities_: Names of the modalities.
        losses_: By candidate the mean negative log-likelihood of held-out rows, in nats; ``nan`` where none could be
            held out.
        improvements_: By candidate beyond the first, how far its loss is lower than that of the first, and the standard
            error of that, in nats.
        chosen_: The name of the candidate that was picked.
        best_: The classifier that was picked, fitted to all rows.
        prior_: The class frequencies, by the weights of rows.

    Example:
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from graphfuse import LateFusionClassifier
        >>> y = np.arange(200) % 2
        >>> ecg = y[:, None] + np.random.default_rng(0).normal(size=(200, 2))
        >>> pools = {pool: LateFusionClassifier(encoders=GaussianNB(), pool=pool) for pool in ("mean", "logarithmic")}
        >>> choice = ValidatedChoice(pools, random_state=0).fit({"ecg": ecg, "again": ecg}, y)
        >>> choice.chosen_, sorted(choice.losses_)
        ('mean', ['logarithmic', 'mean'])

    Reference: Hastie, Tibshirani and Friedman (2009), The Elements of Statistical Learning, section 7.10; Breiman et
    al. (1984), Classification and Regression Trees, section 3.4.3, on one standard error.
    """

    def __init__(
        self,
        candidates: Mapping[str, Any] | None = None,
        modalities: Modalities = None,
        num_folds: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.candidates = candidates
        self.modalities = modalities
        self.num_folds = num_folds
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> ValidatedChoice:
        """Compare the candidates, and fit the one that is picked to all rows.

        Args:
            X: As for ``FusionClassifier``.
            y: One label per row, of at least two classes.
            sample_weight: How much each row counts, in the candidates and in their losses, at least 0 ``(rows,)``; only
                ratios matter. Rows of weight zero are left out.
            groups: What each row belongs to ``(rows,)``, such as a person with several visits. No group is both fitted
                to and held out, and standard errors are of groups. Candidates get them where their ``fit`` takes them.

        Returns:
            The estimator itself.

        Raises:
            ValueError: As for ``FusionClassifier``; or if there is no candidate, or ``num_folds`` is below 2.
            TypeError: If a candidate is no classifier with ``predict_proba``, or weights differ and its ``fit`` does
                not take ``sample_weight``.
        """
        return self._fit(X, y, sample_weight, groups)

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> FusionModel:
        if self.num_folds is not None:
            check_count("num_folds", self.num_folds, minimum=2)
        candidates = _checked(self.candidates, draw_seed(generator))
        rows = _Rows(batch, states, self.classes_, sample_weight, groups)
        for name, candidate in candidates.items():
            weight_arguments(f"candidates[{name!r}]", candidate, sample_weight)
        fold = stratified_folds(states, self.num_folds or _PARTS, draw_seed(generator), groups)
        if fold.max() < 1:
            warn(
                "too few rows, or groups, of two classes to hold some out: the first candidate is taken.", stacklevel=4
            )
            fold[:] = -1
        elif self.num_folds is None:
            fold[fold > 0] = -1
        losses = _held_out_losses(candidates, rows, fold, generator)
        self.chosen_ = self._picked({name: rows.loss(each, np.flatnonzero(fold >= 0)) for name, each in losses.items()})
        self.best_ = rows.fitted(self.chosen_, candidates[self.chosen_])
        return ClassifierModel(self.best_, self._target())

    def _picked(self, losses: dict[str, HeldOutLoss]) -> str:
        """The name of the best candidate that is better than the first beyond chance, or of the first."""
        first, *others = losses
        self.losses_ = {name: each.mean for name, each in losses.items()}
        self.improvements_ = {name: losses[name].improvement_on(losses[first]) for name in others}
        better = [name for name in others if losses[name].improves_on(losses[first])]
        return min(better, key=self.losses_.__getitem__, default=first)

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        return batch


class ClassifierModel(FusionModel):
    """A fitted classifier of modalities as a fusion model.

    Args:
        classifier: Fitted; takes a ModalityBatch.
        target: What it predicts, a state for each of its classes.
    """

    def __init__(self, classifier: Any, target: Variable) -> None:
        super().__init__([target])
        self.classifier = classifier

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        [name] = self.targets
        return {name: torch.from_numpy(_log_probs(self.classifier, batch))}


@dataclass(frozen=True, eq=False)
class _Rows:
    """The training rows, with all that goes to a candidate beside them."""

    batch: ModalityBatch
    states: np.ndarray
    classes: np.ndarray
    sample_weight: np.ndarray | None
    groups: np.ndarray | None

    def loss(self, values: np.ndarray, held: np.ndarray) -> HeldOutLoss:
        """What the rows that were held out lost, of values ``(held,)`` in nats."""
        weights = np.ones(len(held)) if self.sample_weight is None else self.sample_weight[held]
        return HeldOutLoss(values, weights, held if self.groups is None else self.groups[held])

    def fitted(self, name: str, candidate: Any, rows: Any = slice(None)) -> Any:
        """A clone of the candidate, fitted to some of the rows."""
        weights = None if self.sample_weight is None else self.sample_weight[rows]
        takes = weight_arguments(f"candidates[{name!r}]", candidate, weights)
        if self.groups is not None and has_fit_parameter(candidate, "groups"):
            takes["groups"] = self.groups[rows]
        try:
            found = clone(candidate).fit(self.batch[rows], self.classes[self.states[rows]], **takes)
        except Exception as error:
            error.add_note(f"Raised while candidate {name!r}, {candidate!r}, was fitted.")
            raise
        if not np.array_equal(found.classes_, self.classes):
            must = f"have the classes {listed(self.classes.tolist())} once it is fitted"
            raise invalid(f"candidates[{name!r}]", must, listed(np.asarray(found.classes_).tolist()))
        return found


def _held_out_losses(
    candidates: Mapping[str, Any], rows: _Rows, fold: np.ndarray, generator: torch.Generator
) -> dict[str, np.ndarray]:
    """By candidate the loss of every row held out, in order of the rows, in nats."""
    names = sorted(rows.batch.modalities)  # subsets are drawn in an order that does not depend on that of X
    subsets = [random_subsets(rows.batch.select(names), generator).present for _ in range(_SUBSETS_PER_ROW)]
    found = {name: np.full(len(fold), np.nan) for name in candidates}
    for k in range(fold.max() + 1):
        inner, held = np.flatnonzero(fold != k), np.flatnonzero(fold == k)
        shown = rows.batch[held]
        hidden = [shown.keep({name: mask[held] for name, mask in each.items()}) for each in subsets]
        for name, candidate in candidates.items():
            fitted = rows.fitted(name, candidate, inner)
            answers = (_log_probs(fitted, each) for each in (shown, *hidden))
            losses = [-np.maximum(each[np.arange(len(held)), rows.states[held]], _LEAST) for each in answers]
            found[name][held] = (losses[0] + np.mean(losses[1:], axis=0)) / 2
    return {name: losses[fold >= 0] for name, losses in found.items()}


def _checked(candidates: Any, seed: int) -> dict[str, Any]:
    """Clones of the candidates, with the seed where they draw and have none of their own."""
    if candidates is None:
        candidates = {"cross-fitted": FusionClassifier(), "end to end": EndToEndClassifier()}
    check_type("candidates", candidates, Mapping, "be a mapping from names to classifiers, or None")
    if not candidates:
        raise invalid("candidates", "hold at least one classifier", "none")
    found = {}
    for name, candidate in candidates.items():
        check_name("each name in candidates", name)
        methods = ("fit", "predict_proba", "get_params")
        if isinstance(candidate, type) or not all(hasattr(candidate, method) for method in methods):
            must = "be a classifier with predict_proba that takes a ModalityBatch"
            raise invalid(f"candidates[{name!r}]", must, repr(candidate), TypeError)
        found[name] = clone(candidate)
        settings = found[name].get_params().items()
        unset = [each for each, value in settings if each.split("__")[-1] == "random_state" and value is None]
        found[name].set_params(**dict.fromkeys(unset, seed))
    return found


def _log_probs(classifier: Any, batch: ModalityBatch) -> np.ndarray:
    """Log-probabilities ``(rows, num_classes)`` in nats."""
    if isinstance(classifier, FusionEstimator):
        return classifier.predict_log_proba(batch)
    return np.log(np.maximum(np.asarray(classifier.predict_proba(batch)), np.finfo(np.float64).tiny))
