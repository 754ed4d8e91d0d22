"""Rows to choose by, held out of the training rows."""

from __future__ import annotations

import numpy as np
import torch

from ...data import Dataset

_EVERY = 5  # one row in so many is held out


def held_out(train: Dataset, generator: torch.Generator) -> np.ndarray:
    """Which rows are held out, bool ``(num_rows,)``: about a fifth, so that rows are left to fit; none of few.

    Without groups the fifth is stratified, and a class keeps a row to fit. Groups stay together: in random order, those
    that fit into a fifth are held out, else the smallest; a single group is no group.
    """
    held = np.zeros(len(train), dtype=bool)
    if train.groups is not None and len(set(train.groups)) > 1:
        _, groups, sizes = np.unique(train.groups, return_inverse=True, return_counts=True)
        room, chosen = len(train) / _EVERY, []
        for group in torch.randperm(len(sizes), generator=generator).tolist():
            if sizes[group] <= room:
                chosen.append(group)
                room -= sizes[group]
        return np.isin(groups, chosen or [int(sizes.argmin())])
    states = train.batch.targets[train.target.name].numpy()
    order = torch.randperm(len(train), generator=generator).numpy()
    by_class = order[np.argsort(states[order], kind="stable")]
    held[by_class[_EVERY - 1 :: _EVERY]] = True
    return held & np.isin(states, states[~held])
