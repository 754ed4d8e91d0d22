"""The log-partition of every row as a function of all tables, with an analytic gradient: the expected counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...graph import FactorGraph
from .engine import expected_counts
from .tables import RowTables, Terms


class RowLogPartition(torch.autograd.Function):
    """From log entries of the tables, flat, to log-partitions ``(rows,)`` that are known already.

    The gradient is a second pass of messages. A differentiable rule, told the tables and which rows, serves rows that
    probabilities cannot hold, and the gradient of the gradient.
    """

    @staticmethod
    def forward(
        ctx: Any,
        fixed: Tensor,
        varying: Tensor,
        found: Tensor,
        graph: FactorGraph,
        terms: Terms,
        tables: RowTables,
        states: np.ndarray,
        memory_budget: int,
        rule: Callable[[Tensor, Tensor, Tensor], Tensor],
    ) -> Tensor:
        ctx.save_for_backward(fixed, varying)
        ctx.query = graph, terms, tables, states
        ctx.memory_budget, ctx.rule = memory_budget, rule
        return found.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        fixed, varying = ctx.saved_tensors
        if torch.is_grad_enabled():  # the gradient shall itself be differentiable
            wanted = [each for each, needed in zip((fixed, varying), ctx.needs_input_grad, strict=False) if needed]
            sums = ctx.rule(fixed, varying, torch.arange(len(grad)))
            found = iter(torch.autograd.grad(sums, wanted, grad, create_graph=True))
            grads = [next(found) if needed else None for needed in ctx.needs_input_grad[:2]]
        else:
            graph, terms, tables, states = ctx.query
            weights = np.ascontiguousarray(grad.detach().double().numpy())
            *counts, weak = expected_counts(graph, terms, tables, states, weights, ctx.memory_budget)
            shared, own = (torch.from_numpy(each) for each in counts)
            if np.any(weak):
                rows = torch.from_numpy(np.flatnonzero(np.broadcast_to(weak, len(states))))
                with torch.enable_grad():
                    leaves = fixed.detach().requires_grad_(), varying.detach()[rows].requires_grad_()
                    more = torch.autograd.grad(ctx.rule(*leaves, rows), leaves, grad[rows], materialize_grads=True)
                shared += more[0]
                own[rows] += more[1]
            grads = [shared, own]
        return (*grads, *[None] * 7)
