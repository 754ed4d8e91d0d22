"""Scores of a scikit-learn classifier on rows that it was not fitted on, and the ensemble that scores new rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from warnings import warn

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, invalid, listed
from .folds import stratified_folds
from .sample_weights import class_frequencies, weight_arguments, weights_of_rows

_FLOOR = 1e-4  # the share of the prior in every probability, so that no encoder alone can rule a class out


@dataclass(frozen=True, eq=False)
class EncoderEnsemble:
    """Classifiers of one modality, averaged; ``prior`` (num_states,) are the class frequencies of their rows."""

    members: tuple[Any, ...]
    prior: np.ndarray

    def probabilities(self, inputs: Any) -> np.ndarray:
        """Mean probabilities ``(rows, num_states)``; the prior if there is no member."""
        if not self.members:
            return np.tile(self.prior, (len(inputs), 1))
        return np.mean([_probabilities(member, inputs, len(self.prior)) for member in self.members], axis=0)

    def log_probabilities(self, inputs: Any) -> np.ndarray:
        """Log of the mean probabilities, floored, ``(rows, num_states)`` in nats."""
        return np.log((1 - _FLOOR) * self.probabilities(inputs) + _FLOOR / len(self.prior))

    def scores(self, inputs: Any) -> np.ndarray:
        """Log density ratios log p(y | x) - log p(y), ``(rows, num_states)`` in nats; zero for a class never seen."""
        return log_density_ratio(self.probabilities(inputs), self.prior)


def log_density_ratio(probabilities: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Log of probabilities ``(rows, num_states)`` over a prior, floored; zero where the prior is zero.

    Example:
        >>> log_density_ratio(np.array([[0.5, 0.5, 0.0]]), np.array([0.25, 0.75, 0.0])).round(2)
        array([[ 0.69, -0.41,  0.  ]])
    """
    seen = prior > 0
    ratio = np.divide(probabilities, prior, out=np.ones_like(probabilities), where=seen)
    return np.log((1 - _FLOOR) * ratio + _FLOOR)


def log_density_ratio_along(probabilities: Tensor, prior: Tensor) -> Tensor:
    """As ``log_density_ratio``, differentiable.

    Example:
        >>> log_density_ratio_along(torch.tensor([[0.5, 0.5, 0.0]]), torch.tensor([0.25, 0.75, 0.0]))
        tensor([[ 0.6931, -0.4054,  0.0000]])
    """
    ratio = torch.where(prior > 0, probabilities / torch.where(prior > 0, prior, 1.0), 1.0)
    return ((1 - _FLOOR) * ratio + _FLOOR).log()


def cross_fit(
    encoder: Any,
    inputs: Any,
    target: np.ndarray,
    present: np.ndarray,
    num_states: int,
    num_folds: int,
    generator: torch.Generator,
    name: str = "inputs",
    sample_weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> tuple[Tensor, EncoderEnsemble]:
    """Out-of-fold scores of every row, and the ensemble over the folds.

    Each row is scored by a clone of the encoder that was fitted without it, so whatever learns from the scores sees
    them as honest as they will be on new rows. The folds are stratified. A row that is alone in its class, or whose
    group is, serves every clone and is scored by none: zero. Where that leaves no folds, one clone is fitted to all
    rows and scores them too, with a warning; with fewer than two classes the modality is given no say, with a warning.

    Args:
        encoder: Unfitted scikit-learn classifier; only clones are fitted.
        inputs: Array or DataFrame, one row per row; rows that are not present are never shown to an encoder.
        target: Integer states ``(rows,)``.
        present: Bool ``(rows,)``.
        num_states: States of the target.
        num_folds: Folds at most.
        generator: Source of the folds.
        name: What warnings call the inputs.
        sample_weight: How much each row counts in the encoders and in the class frequencies, positive ``(rows,)``.
        groups: What each row belongs to ``(rows,)``, such as a person; a row is scored by clones that saw none of it.

    Returns:
        Log density ratios ``(rows, num_states)`` in nats, float64, zero where not present; the ensemble.

    Raises:
        TypeError: If there are weights, and the ``fit`` of the encoder does not take ``sample_weight``.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> inputs, target = np.arange(20.0)[:, None], np.arange(20) // 10
        >>> everyone, generator = np.ones(20, dtype=bool), torch.Generator().manual_seed(0)
        >>> scores, ensemble = cross_fit(LogisticRegression(), inputs, target, everyone, 2, 5, generator)
        >>> scores.shape, len(ensemble.members)
        (torch.Size([20, 2]), 5)

    Reference: Chernozhukov et al. (2018), Double/debiased machine learning; Wolpert (1992), Stacked generalization.
    """
    check_count("num_folds", num_folds, minimum=2)
    seed = int(torch.randint(2**31 - 1, (), generator=generator, device=generator.device))
    scores = np.zeros((len(target), num_states))
    rows = np.flatnonzero(present)
    counts = np.bincount(target[rows], minlength=num_states)
    fold = np.full(len(rows), -1)
    if (counts > 0).sum() > 1:
        fold = _folds(target[rows], num_folds, seed, None if groups is None else groups[rows])
    if fold.max(initial=-1) < 1:
        ensemble = fit_encoder(encoder, inputs, target, present, num_states, name, sample_weight)
        if ensemble.members:
            warn(
                f"modality {name!r} is fitted without folds: too few rows, or groups, of two classes have it. Its "
                "scores of the training rows are too confident.",
                stacklevel=2,
            )
            scores[rows] = ensemble.scores(take_rows(inputs, rows))
        return torch.from_numpy(scores), ensemble
    shown = take_rows(inputs, rows)
    members = fit_folds(encoder, shown, target[rows], fold, name, weights_of_rows(sample_weight, rows))
    for k, member in enumerate(members):
        held = np.flatnonzero(fold == k)
        alone = EncoderEnsemble((member,), class_frequencies(target, num_states, sample_weight, rows[fold != k]))
        scores[rows[held]] = alone.scores(take_rows(shown, held))
    prior = class_frequencies(target, num_states, sample_weight, rows)
    return torch.from_numpy(scores), EncoderEnsemble(tuple(members), prior)


def _folds(states: np.ndarray, num_folds: int, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """The fold of every row; -1 if it is held out by none."""
    from sklearn.model_selection import StratifiedKFold

    counts = np.bincount(states)
    if groups is not None or counts[counts > 0].min() < num_folds:
        return stratified_folds(states, num_folds, seed, groups)
    fold = np.empty(len(states), dtype=np.int64)
    splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    for k, (_, held) in enumerate(splitter.split(states, states)):
        fold[held] = k
    return fold


def fit_folds(
    encoder: Any,
    inputs: Any,
    target: np.ndarray,
    fold: np.ndarray,
    name: str = "inputs",
    sample_weight: np.ndarray | None = None,
) -> list[Any]:
    """By fold a clone of the encoder that is fitted to the other rows.

    An encoder with a ``fit_folds(inputs, target, fold)`` of its own, as those of tables have, says itself how: it may
    choose what it needs to choose once, by the rows that all folds hold out. It takes ``sample_weight`` where its
    ``fit`` does.

    Args:
        encoder: Unfitted scikit-learn classifier.
        inputs: Array or DataFrame, one row per row.
        target: Labels ``(rows,)``; the others of every fold show every class.
        fold: Of every row ``(rows,)``, from 0 on; -1 if it is held out by none.
        name: What errors call the inputs.
        sample_weight: How much each row counts, positive ``(rows,)``.

    Raises:
        TypeError: If there are weights, and the ``fit`` of the encoder does not take ``sample_weight``.
    """
    from sklearn.base import clone

    takes = weight_arguments(f"the encoder of modality {name!r}", encoder, sample_weight)
    try:
        if hasattr(encoder, "fit_folds"):
            return list(clone(encoder).fit_folds(inputs, target, fold, **takes))
        others = [np.flatnonzero(fold != k) for k in range(fold.max() + 1)]
        return [
            clone(encoder).fit(
                take_rows(inputs, rows), target[rows], **{each: weights[rows] for each, weights in takes.items()}
            )
            for rows in others
        ]
    except Exception as error:
        error.add_note(f"Raised while the encoder of modality {name!r}, {encoder!r}, was fitted.")
        raise


def fit_encoder(
    encoder: Any,
    inputs: Any,
    target: np.ndarray,
    present: np.ndarray,
    num_states: int,
    name: str = "inputs",
    sample_weight: np.ndarray | None = None,
) -> EncoderEnsemble:
    """A clone of the encoder fitted to the present rows, as an ensemble of one; the arguments of ``cross_fit``.

    With fewer than two classes among these rows there is nothing to learn: the ensemble has no member, and a warning
    says so.
    """
    from sklearn.base import clone

    rows = np.flatnonzero(present)
    counts = np.bincount(target[rows], minlength=num_states)
    if (counts > 0).sum() < 2:
        told = f"modality {name!r} says nothing: its {len(rows)} rows show fewer than two classes. "
        warn(told + "Leave it out, or fit to rows of other classes that have it.", stacklevel=2)
        return EncoderEnsemble((), np.full(num_states, 1 / num_states))
    takes = weight_arguments(f"the encoder of modality {name!r}", encoder, weights_of_rows(sample_weight, rows))
    try:
        member = clone(encoder).fit(take_rows(inputs, rows), target[rows], **takes)
    except Exception as error:
        error.add_note(f"Raised while the encoder of modality {name!r}, {encoder!r}, was fitted.")
        raise
    return EncoderEnsemble((member,), class_frequencies(target, num_states, sample_weight, rows))


def take_rows(inputs: Any, rows: np.ndarray) -> Any:
    """The rows of an array or a DataFrame."""
    return inputs.iloc[rows] if hasattr(inputs, "iloc") else inputs[rows]


def _probabilities(member: Any, inputs: Any, num_states: int) -> np.ndarray:
    found = np.asarray(member.predict_proba(inputs), dtype=np.float64)
    classes, argument = np.asarray(member.classes_), f"the probabilities of encoder {type(member).__name__}"
    if not np.isin(classes, np.arange(num_states)).all():
        must = f"be among the integer labels that it was fitted to, 0 to {num_states - 1}"
        raise invalid(f"classes_ of encoder {type(member).__name__}", must, listed(classes.tolist()))
    if found.shape != (len(inputs), len(classes)):
        raise invalid(argument, f"have shape ({len(inputs)}, {len(classes)}), one column per class", found.shape)
    if not np.isfinite(found).all():
        raise invalid(argument, "be finite", "nan or infinity")
    if len(found) and (found.min() < 0 or np.abs(found.sum(1) - 1).max() > 1e-3):
        odd = found[((found < 0).any(1) | (np.abs(found.sum(1) - 1) > 1e-3)).argmax()]
        raise invalid(argument, "be at least 0 and sum to 1 in every row", odd.tolist())
    probabilities = np.zeros((len(found), num_states))
    probabilities[:, classes] = found
    return probabilities
