"""Answers of rows as a function of all tables, with an analytic gradient: how often every entry is met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Count = Callable[[Tensor], tuple[list[Tensor], Tensor]]
Rule = Callable[[Sequence[Tensor], Tensor | None], Tensor]


class Answered(torch.autograd.Function):
    """From tables to answers ``(rows, ...)`` that are known already.

    The gradient is a second pass of messages, ``count``: from weights of the answers to the gradient of every table,
    and which rows are weak. A differentiable rule, told the tables and which rows, serves rows that probabilities
    cannot hold, and the gradient of the gradient.
    """

    @staticmethod
    def forward(ctx: Any, found: Tensor, count: Count, rule: Rule, *tables: Tensor) -> Tensor:
        ctx.save_for_backward(*tables)
        ctx.count, ctx.rule = count, rule
        return found

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        tables, needed = ctx.saved_tensors, ctx.needs_input_grad[3:]
        if torch.is_grad_enabled():  # the gradient shall itself be differentiable
            wanted = [table for table, need in zip(tables, needed, strict=True) if need]
            found = iter(_differentiated(ctx.rule(tables, None), wanted, grad, create_graph=True))
            return (None, None, None, *(next(found) if need else None for need in needed))
        grads, weak = ctx.count(grad)
        rows = weak.nonzero().flatten()
        if len(rows):
            with torch.enable_grad():
                leaves = [table.detach().requires_grad_() for table in tables]
                more = _differentiated(ctx.rule(leaves, rows), leaves, grad[rows])
            grads = [mine + theirs for mine, theirs in zip(grads, more, strict=True)]
        return (None, None, None, *(each if need else None for each, need in zip(grads, needed, strict=True)))


def _differentiated(answers: Tensor, tables: Sequence[Tensor], grad: Tensor, **options: bool) -> Sequence[Tensor]:
    """The gradient of answers that may depend on none of the tables."""
    if not answers.requires_grad:
        return [torch.zeros_like(table) for table in tables]
    return torch.autograd.grad(answers, tables, grad, materialize_grads=True, **options)
