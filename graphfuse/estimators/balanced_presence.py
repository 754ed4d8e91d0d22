"""Training rows in which all classes have each modality about alike, so that who is missing does not tell the class."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_CLASS_ROWS = 20.0  # that the presence of a modality among all rows counts for, beside that in a class


def balanced_subsets(
    kept: list[dict[str, Tensor]],
    states: np.ndarray,
    num_states: int,
    generator: torch.Generator,
    sample_weight: np.ndarray | None,
) -> list[dict[str, Tensor]]:
    """The subsets, less what classes have more often than others: who is missing must not tell of the class."""
    names = sorted(kept[0])
    masks = torch.stack([torch.stack([each[name] for name in names], -1) for each in kept], 1).numpy()
    level = torch.from_numpy(balanced(masks, states, num_states, generator, sample_weight))
    return [{name: level[:, i, j] for j, name in enumerate(names)} for i in range(len(kept))]


def balanced(
    masks: np.ndarray,
    states: np.ndarray,
    num_states: int,
    generator: torch.Generator,
    sample_weight: np.ndarray | None = None,
) -> np.ndarray:
    """Masks ``(rows, num_subsets, num_modalities)`` that lose entries until every class has each modality alike."""
    counts_for = np.ones(len(states)) if sample_weight is None else sample_weight
    counts, had = np.bincount(states, counts_for, num_states), masks.sum(axis=1)
    of_class = np.stack([counts_for[states == k] @ had[states == k] for k in range(num_states)]) / masks.shape[1]
    whole = (counts_for @ had) / (counts.sum() * masks.shape[1])
    rates = (of_class + _CLASS_ROWS * whole) / (counts[:, None] + _CLASS_ROWS)
    lowest = rates[counts > 0].min(axis=0)
    kept = np.divide(lowest, rates, out=np.ones_like(rates), where=rates > 0)
    draws = torch.rand(masks.shape, generator=generator).numpy()
    return masks & (draws < kept[states][:, None])
