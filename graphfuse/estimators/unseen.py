"""Modalities that no training row had together: how far they say the same was never learned."""

from __future__ import annotations

import numpy as np


def seen_together(present: np.ndarray) -> np.ndarray:
    """Which two modalities some row has both of, bool ``(num_modalities, num_modalities)``, from ``(rows, ...)``.

    Example:
        >>> seen_together(np.array([[True, True, False], [False, False, True]]))
        array([[ True,  True, False],
               [ True,  True, False],
               [False, False,  True]])
    """
    counts = present.astype(np.float64)
    return (counts.T @ counts > 0) | np.eye(present.shape[1], dtype=bool)


def seen_parts(mask: np.ndarray, seen: np.ndarray) -> list[np.ndarray]:
    """Parts of a set of modalities in which any two were seen together, so that every modality is in one.

    Each part begins with a modality and takes on those that fit, the ones that were seen with most others first.

    Args:
        mask: The modalities of a row, bool ``(num_modalities,)``.
        seen: As ``seen_together`` gives it.

    Example:
        >>> seen = seen_together(np.array([[True, True, False], [True, False, True]]))
        >>> [part.nonzero()[0].tolist() for part in seen_parts(np.array([True, True, True]), seen)]
        [[0, 1], [0, 2]]
    """
    order = sorted(np.flatnonzero(mask), key=lambda i: (-int(seen[i].sum()), int(i)))
    parts: dict[tuple[int, ...], np.ndarray] = {}
    for first in order:
        part = np.zeros(len(mask), dtype=bool)
        part[first] = True
        for other in order:
            part[other] |= bool(seen[other][part].all())
        parts[tuple(np.flatnonzero(part))] = part
    return list(parts.values())
