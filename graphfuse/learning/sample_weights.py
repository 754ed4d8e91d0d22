"""Weights of rows: how they reach the encoders, and how often states are once rows count by them."""

from __future__ import annotations

from inspect import Parameter, signature
from typing import Any

import numpy as np

from ..checks import invalid


def weights_of_rows(sample_weight: np.ndarray | None, rows: np.ndarray) -> np.ndarray | None:
    """The weights of some rows; None where all rows count alike."""
    return None if sample_weight is None else sample_weight[rows]


def class_frequencies(
    target: np.ndarray, num_states: int, sample_weight: np.ndarray | None = None, rows: Any = slice(None)
) -> np.ndarray:
    """The share of every state ``(num_states,)`` among some rows, which count by their weights.

    Args:
        target: Integer states ``(rows,)``.
        num_states: States.
        sample_weight: Positive ``(rows,)``; alike if None.
        rows: Which rows, by index or by mask; all of them by default.

    Example:
        >>> class_frequencies(np.array([0, 1, 1]), 3, np.array([6.0, 1.0, 1.0]))
        array([0.75, 0.25, 0.  ])
    """
    shown = None if sample_weight is None else sample_weight[rows]
    counts = np.bincount(target[rows], shown, num_states)
    return counts / counts.sum()


def weight_arguments(argument: str, encoder: Any, sample_weight: np.ndarray | None) -> dict[str, np.ndarray]:
    """By keyword, what to give to the ``fit`` of an encoder so that rows count by their weights.

    Of a scikit-learn pipeline every step that takes weights gets them, and the last one must take them.

    Args:
        argument: What the error calls the encoder.
        encoder: A scikit-learn classifier.
        sample_weight: Positive ``(rows,)``; None where all rows count alike, for which nothing is to be given.

    Raises:
        TypeError: If there are weights, and ``fit`` takes none.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from sklearn.pipeline import make_pipeline
        >>> from sklearn.preprocessing import StandardScaler
        >>> encoder = make_pipeline(StandardScaler(), LogisticRegression())
        >>> sorted(weight_arguments("encoder", encoder, np.array([1.0, 2.0])))
        ['logisticregression__sample_weight', 'standardscaler__sample_weight']
    """
    if sample_weight is None:
        return {}
    keywords = _keywords(encoder, "fit")
    if not keywords:
        must = "take sample_weight in fit, where the weights of rows differ"
        while hasattr(encoder, "steps"):  # the classifier at the end of a pipeline
            encoder = encoder.steps[-1][1]
        raise invalid(argument, must, repr(encoder), TypeError)
    return dict.fromkeys(keywords, sample_weight)


def _keywords(encoder: Any, verb: str) -> list[str]:
    """Under which keywords the verb of an encoder, or of a step of one, takes weights; none if it does not."""
    from sklearn.pipeline import Pipeline

    if isinstance(encoder, Pipeline):
        *first, (last, classifier) = encoder.steps
        found = [f"{last}__{keyword}" for keyword in _keywords(classifier, verb)]
        inner = [f"{step}__{keyword}" for step, part in first for keyword in _keywords(part, "fit_transform")]
        return inner + found if found else []
    if not hasattr(encoder, "fit"):  # a step that passes its input on
        return []
    known, asked = (signature(each).parameters for each in (encoder.fit, getattr(encoder, verb, encoder.fit)))
    passes_on = "sample_weight" in asked or any(each.kind is Parameter.VAR_KEYWORD for each in asked.values())
    return ["sample_weight"] if "sample_weight" in known and passes_on else []
