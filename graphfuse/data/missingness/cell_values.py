"""Cells of a modality, in a tensor or a DataFrame: which are observed, and how to hide some."""

from typing import Any

import torch
from torch import Tensor

from ..frames import is_frame


def observed_cells(value: Any) -> Tensor:
    """Bool, of the shape of the value: which cells are observed; all of them where nothing can be ``nan``."""
    if is_frame(value):
        return torch.from_numpy(value.notna().to_numpy().copy())
    return ~value.isnan()


def hide_cells(value: Any, hidden: Tensor) -> Any:
    """The value with cells missing where ``hidden``, of its shape."""
    if is_frame(value):
        return value.mask(hidden.cpu().numpy())
    return value.masked_fill(hidden, torch.nan)
