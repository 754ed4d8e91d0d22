"""What each input of a torch module adds to its log-odds, along the straight path from a baseline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checks import check_count, check_type, invalid

_FIRST_STEPS = 32
_ROWS = 2**12  # at a step, that are asked at once
_GAP = 1e-3  # nats of a row below which no more steps are taken


def integrated_gradients(
    module: nn.Module, inputs: Tensor, baseline: Tensor, state: int, max_steps: int = 1024
) -> tuple[Tensor, Tensor]:
    """Integrated gradients of the log-odds of a state, and by row what they miss of the whole difference.

    Rows are read independently of each other. Their steps along the path are doubled until none misses more than a
    thousandth of a nat, or ``max_steps`` are taken.
    A missing cell (``nan``) of a row is missing along its whole path, and earns 0.

    Args:
        module: From ``(rows, *features)`` to logits ``(rows, num_states)``; in evaluation mode if it has layers that
            draw.
        inputs: ``(rows, *features)``.
        baseline: ``(*features)``.
        state: Position of the state, against all others.
        max_steps: Steps at most.

    Returns:
        Attributions ``(rows, *features)`` and gaps ``(rows,)`` in nats: the sum of a row plus its gap is the log-odds
        at the inputs minus those at the baseline.

    Raises:
        ValueError: If the shapes disagree, or the module has no such state.

    Example:
        >>> linear = nn.Linear(2, 2, bias=False)
        >>> _ = linear.weight.data.copy_(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))
        >>> integrated_gradients(linear, torch.tensor([[3.0, 1.0]]), torch.tensor([1.0, 1.0]), state=1)[0]
        tensor([[2., -0.]])

    Reference: Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks.
    """
    check_type("module", module, nn.Module, "be a torch module")
    check_count("max_steps", max_steps)
    if baseline.shape != inputs.shape[1:]:
        raise invalid("baseline", f"have shape {tuple(inputs.shape[1:])}, that of a row", tuple(baseline.shape))
    missing = inputs.isnan() | baseline.isnan()
    start = torch.where(missing, inputs, baseline)
    change = torch.where(missing, torch.zeros_like(inputs), inputs - start)
    with torch.no_grad():
        whole = _log_odds(module, inputs, state) - _log_odds(module, start, state)
    found, gaps, left = torch.zeros_like(inputs), whole.clone(), torch.arange(len(inputs), device=inputs.device)
    num_steps = min(_FIRST_STEPS, max_steps)
    while len(left):
        slopes = _mean_slopes(module, start[left], change[left], state, num_steps)
        found[left] = torch.where(missing[left], torch.zeros_like(slopes), slopes * change[left])
        gaps[left] = whole[left] - found[left].flatten(1).sum(1)
        left = left[~(gaps[left].abs() <= _GAP)]
        if num_steps >= max_steps:
            break
        num_steps = min(2 * num_steps, max_steps)
    return found, gaps


def _mean_slopes(module: nn.Module, start: Tensor, change: Tensor, state: int, num_steps: int) -> Tensor:
    """Gradients of the log-odds, mean over the middles of the steps along the path ``(rows, *features)``."""
    total = torch.zeros_like(start)
    middles = (torch.arange(num_steps, dtype=start.dtype, device=start.device) + 0.5) / num_steps
    for some in middles.split(max(1, _ROWS // len(start))):
        at = start + some.reshape(-1, *[1] * start.ndim) * change
        at = at.flatten(0, 1).detach().requires_grad_()
        [slopes] = torch.autograd.grad(_log_odds(module, at, state).sum(), at)
        total += slopes.unflatten(0, (len(some), len(start))).sum(0)
    return total / num_steps


def _log_odds(module: nn.Module, inputs: Tensor, state: int) -> Tensor:
    logits = module(inputs)
    if logits.ndim != 2 or not 0 <= state < logits.shape[1]:
        raise invalid("state", "be a column of the logits (rows, num_states)", f"{state} of {tuple(logits.shape)}")
    others = torch.cat([logits[:, :state], logits[:, state + 1 :]], dim=1)
    return logits[:, state] - others.logsumexp(1)
