"""Refusals of tensors: what is no table of log-values, does not fit its scope, or does not fit its module."""

from collections.abc import Sequence
from math import inf

import numpy as np
import torch
from torch import Tensor, nn

from .checks import check_type, invalid

INTEGERS = (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8)


def check_tensor(argument: str, value: object) -> None:
    """Refuse anything but a tensor."""
    check_type(argument, value, Tensor, "be a tensor")


def check_log_values(argument: str, table: object) -> None:
    """Refuse anything but a floating-point tensor free of ``nan`` and ``+inf``."""
    check_tensor(argument, table)
    assert isinstance(table, Tensor)
    if not table.is_floating_point():
        raise invalid(argument, "be a floating-point tensor", table.dtype, TypeError)
    if not bool((table.detach() < inf).all()):  # nan compares as false
        found = "nan" if bool(table.isnan().any()) else "+inf"
        raise invalid(argument, "be free of nan and +inf", found)


def below_infinity(tables: Sequence[Tensor]) -> bool:
    """Whether floating-point tables are free of ``nan`` and ``+inf``, seen quickly; a no calls for a look at each.

    Tables that are the parts of one tensor are looked at as that.
    """
    alone: list[Tensor] = []
    parts: dict[int, list[Tensor]] = {}
    for table in tables:
        base = table._base
        if base is None:
            alone.append(table)
        else:
            parts.setdefault(id(base), []).append(table)
    for views in parts.values():
        base = views[0]._base
        assert base is not None
        start, stop = base.data_ptr(), base.data_ptr() + base.nbytes
        within = all([view.dtype == base.dtype and start <= view.data_ptr() < stop for view in views])
        alone += [base] if within and base.numel() <= sum([view.numel() for view in views]) else views
    largest = [table.detach().max() for table in alone if table.numel()]
    return not largest or bool((torch.stack(largest) < inf).all())  # nan compares as false


def check_trailing(argument: str, found: torch.Size, shape: tuple[int, ...], scope: tuple[str, ...]) -> None:
    """Refuse the shape of a table whose trailing dimensions are not those of its scope."""
    if tuple(found[len(found) - len(shape) :]) != shape or len(found) < len(shape):
        expected = ", ".join(["*batch", *map(str, shape)])
        raise invalid(f"{argument} over {scope}", f"have shape ({expected})", tuple(found))


def check_module_input(argument: str, values: Tensor, module: nn.Module) -> None:
    """Refuse values of another floating-point dtype, or on another device, than the parameters that read them."""
    parameter = next((each for each in module.parameters() if each.is_floating_point()), None)
    if parameter is None:
        return
    if values.device != parameter.device:
        must = f"be on the device of its encoder, {parameter.device} (move a batch by batch.to(device))"
        raise invalid(argument, must, values.device)
    if values.is_floating_point() and values.dtype != parameter.dtype:
        must = f"be of the dtype of its encoder, {parameter.dtype} (convert a batch by batch.to(dtype=...))"
        raise invalid(argument, must, values.dtype, TypeError)


def broadcast_shapes(*shapes: torch.Size) -> torch.Size:
    """The shape that all broadcast to, without what torch's own function loads and takes.

    Raises:
        ValueError: If there is none.

    Example:
        >>> broadcast_shapes(torch.Size([3, 1]), torch.Size([4]))
        torch.Size([3, 4])
    """
    return torch.Size(np.broadcast_shapes(*shapes))


def broadcast(shapes: list[tuple[str, torch.Size]]) -> torch.Size:
    """The common batch shape of named tables; the two that do not broadcast are named."""
    common, first = torch.Size(()), "nothing"
    distinct: dict[torch.Size, str] = {}
    for argument, shape in shapes:
        distinct.setdefault(shape, argument)
    for shape, argument in distinct.items():
        try:
            common = broadcast_shapes(common, shape)
        except ValueError:
            raise invalid(
                f"the batch shape of {argument}", f"broadcast with {tuple(common)} of {first}", tuple(shape)
            ) from None
        if shape:
            first = argument
    return common
