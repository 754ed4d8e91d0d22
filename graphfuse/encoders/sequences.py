"""What encoders of sequences and sets share: which rows of a sequence are there at all."""

import torch
from torch import Tensor, nn

from ..checks import invalid
from ..tensor_checks import check_tensor


def rows_and_gaps(inputs: Tensor, num_features: int) -> tuple[Tensor, Tensor]:
    """A sequence as one batch dimension, and which of its rows are missing.

    A row whose features are all ``nan`` is missing. A sequence of no rows is read as one missing row.

    Args:
        inputs: ``(*batch, steps, num_features)``.
        num_features: Expected size of the last dimension.

    Returns:
        Values ``(rows, steps, num_features)`` and bool ``(rows, steps)``, true where missing.

    Example:
        >>> rows_and_gaps(torch.tensor([[0.5, nan], [nan, nan]]), 2)[1]
        tensor([[False,  True]])
    """
    check_tensor("inputs", inputs)
    if not inputs.is_floating_point() or inputs.ndim < 2 or inputs.shape[-1] != num_features:
        got = f"{tuple(inputs.shape)} of {inputs.dtype}"
        raise invalid("inputs", f"be floating-point of shape (*batch, steps, {num_features})", got)
    values = inputs.reshape(inputs.shape[:-2].numel(), *inputs.shape[-2:])
    if not values.shape[1]:
        values = nn.functional.pad(values, (0, 0, 0, 1), value=torch.nan)
    return values, values.isnan().all(-1)
