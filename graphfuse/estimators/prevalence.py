"""How often classes are somewhere else than in the training rows, as the user says it."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np

from ..checks import check_known, invalid, listed

_TOLERANCE = 1e-6  # of a sum of one


def checked_prevalence(argument: str, prevalence: Any, classes: np.ndarray) -> np.ndarray:
    """The probability of every class ``(num_classes,)``, in the order of the classes.

    Args:
        argument: What errors call it.
        prevalence: A mapping from labels, such as a Series; or an array ``(num_classes,)`` in the order of the classes.
        classes: Labels, sorted.

    Raises:
        TypeError: If it is neither, or a probability is no number.
        ValueError: If a class is unknown or left out, a probability is not above zero, or their sum is not one.

    Example:
        >>> checked_prevalence("prevalence", {"well": 0.9, "ill": 0.1}, np.array(["ill", "well"]))
        array([0.1, 0.9])
    """
    labels = classes.tolist()
    must = f"be a mapping from classes, or an array ({len(labels)},) in the order of classes_"
    if hasattr(prevalence, "to_dict"):  # a Series has an order of its own
        prevalence = prevalence.to_dict()
    if isinstance(prevalence, Mapping):
        for label in prevalence:
            check_known(f"each class in {argument}", label, labels)
        absent = [label for label in labels if label not in prevalence]
        if absent:
            raise invalid(argument, "hold every class", f"none for {listed(absent)}")
        shares = [prevalence[label] for label in labels]
        where = [f"{argument}[{label!r}]" for label in labels]
    else:
        if isinstance(prevalence, str) or not hasattr(prevalence, "__len__"):
            raise invalid(argument, must, repr(prevalence), TypeError)
        if np.shape(prevalence) != (len(labels),):
            raise invalid(argument, must, f"shape {np.shape(prevalence)}")
        shares = np.asarray(prevalence).tolist()
        where = [f"{argument}[{i}]" for i in range(len(labels))]
    for name, share in zip(where, shares, strict=True):
        if not isinstance(share, Real):
            raise invalid(name, "be a number", repr(share), TypeError)
        if not float(share) > 0:
            raise invalid(name, "be above 0", share)
    found = np.array(shares, dtype=np.float64)
    if not abs(found.sum() - 1) <= _TOLERANCE:
        raise invalid(argument, "sum to 1", f"a sum of {found.sum():.9g}")
    return found / found.sum()
