"""What users give of a batch, checked: inputs, masks of who is present, states of targets and names of columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import invalid
from .frames import as_column, check_finite_frame, is_frame, observed_rows

Input = Any  # a Tensor (*batch, *features), or a DataFrame of mixed columns, one row per row of the batch


def as_input(argument: str, value: Any) -> Input:
    """A tensor or DataFrame without infinities; a DataFrame of one column of numbers is a tensor.

    Raises:
        TypeError: If it is no tensor, array of real numbers or DataFrame.
        ValueError: If a number is infinite.
    """
    if is_frame(value):
        value = as_column(value)
    if is_frame(value):
        check_finite_frame(argument, value)
        return value
    if not isinstance(value, Tensor):
        must = "be a tensor, an array of numbers or a DataFrame"
        try:
            array = np.asarray(value)
            array = array.astype(np.float64) if array.dtype == object else array
        except (TypeError, ValueError) as error:
            raise invalid(argument, must, error, TypeError) from None
        if array.dtype.kind not in "biufc":
            raise invalid(argument, must, f"dtype {array.dtype}", TypeError)
        value = tensor_of(array)
    if value.is_complex():
        raise invalid(argument, "be real", value.dtype, TypeError)
    if value.is_floating_point() and bool(value.isinf().any()):
        raise invalid(argument, "be finite, or nan where a cell is missing", "infinity")
    return value


def mask_of(name: str, value: Input, given: Any | None) -> Tensor:
    """Which rows ``(*batch,)`` have a modality: those with an observed value, and if a mask is given among these."""
    if is_frame(value):
        observed = torch.from_numpy(observed_rows(value).copy())
    elif given is None and not value.ndim:
        raise invalid(f"inputs[{name!r}]", "have a batch dimension, or a mask in present", "a scalar")
    else:
        num_batch = 1 if given is None else np.ndim(given)
        observed = torch.ones(value.shape[:num_batch], dtype=torch.bool, device=value.device)
        if value.is_floating_point():
            observed = ~value.isnan().reshape(*observed.shape, -1).all(-1) if value.numel() else observed
    if given is None:
        return observed
    mask = given if isinstance(given, Tensor) else _array(f"present[{name!r}]", given, "be boolean")
    if mask.dtype != torch.bool:
        raise invalid(f"present[{name!r}]", "be boolean", mask.dtype, TypeError)
    if mask.shape != observed.shape:
        raise invalid(f"present[{name!r}]", f"have shape {tuple(observed.shape)}", tuple(mask.shape))
    return mask.to(observed.device) & observed


def states_of(argument: str, value: Any) -> Tensor:
    """States of a target as int64, -1 where unknown."""
    states = value if isinstance(value, Tensor) else _array(argument, value, "be integers, -1 where unknown")
    if states.is_floating_point() or states.dtype == torch.bool:
        raise invalid(argument, "be integers, -1 where unknown", states.dtype, TypeError)
    if states.numel() and int(states.min()) < -1:
        raise invalid(argument, "be at least -1 (unknown)", int(states.min()))
    return states.long()


def names_of(argument: str, group: Any) -> tuple[str, ...]:
    """Names of columns, as text."""
    if isinstance(group, str):
        raise invalid(argument, "be a sequence of names", repr(group), TypeError)
    return tuple(map(str, group))


def _array(argument: str, value: Any, must: str) -> Tensor:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise invalid(argument, must, f"dtype {array.dtype}", TypeError)
    return tensor_of(array)


def tensor_of(array: np.ndarray) -> Tensor:
    """An array as a tensor, copied where torch cannot share it: read-only, reversed, or in the other byte order."""
    shared = array.flags.writeable and array.dtype.isnative and all(stride >= 0 for stride in array.strides)
    return torch.as_tensor(array if shared else np.array(array, dtype=array.dtype.newbyteorder("=")))
