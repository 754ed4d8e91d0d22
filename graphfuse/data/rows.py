"""Rows of inputs: which are asked for, those alone, and rows of several batches stacked."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import invalid
from .checked_inputs import Input, tensor_of

_COLUMN_TYPES = "graphfuse_column_types"


def row_index(key: Any, num_rows: int) -> Any:
    """An index of rows as an int, a slice of positive step, or an int64 or bool tensor."""
    if isinstance(key, slice):
        return key if key.step is None or key.step > 0 else torch.arange(num_rows)[np.arange(num_rows)[key].copy()]
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key)
    if not isinstance(key, Tensor):
        array = np.asarray(key)
        key = tensor_of(array if array.size else array.astype(np.int64)) if array.dtype.kind in "biuf" else key
    if not isinstance(key, Tensor) or key.is_floating_point() or (key.dtype == torch.bool and not key.ndim):
        must = "be integers, a slice, or an array of integers or booleans"
        raise invalid("the index of a ModalityBatch", must, key, TypeError)
    if not key.ndim:
        return int(key)
    return key if key.dtype == torch.bool else key.long()


def take(value: Input, key: Any) -> Input:
    """The rows of an input at an index by ``row_index``."""
    if isinstance(value, Tensor):
        return value[key.to(value.device) if isinstance(key, Tensor) else key]
    found = value.iloc[key.cpu().numpy() if isinstance(key, Tensor) else key]
    if found.ndim < value.ndim:
        found.attrs[_COLUMN_TYPES] = value.dtypes.to_dict()  # a row of mixed columns cannot hold them itself
    return found


def stacked(values: list[Input]) -> Input:
    """Rows of one modality, each a row of another batch, along a new first dimension."""
    if isinstance(values[0], Tensor):
        return torch.stack(values)
    return type(values[0].to_frame())(values).astype(values[0].attrs[_COLUMN_TYPES])
