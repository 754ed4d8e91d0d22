"""The tables of a query laid out for loops over rows side by side: one differentiable step for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from importlib import import_module
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...graph import FactorGraph
from .program import Terms, table_ends

Scoped = Sequence[tuple[tuple[str, ...], Tensor]]

_WIDTH = 512  # rows side by side, so that the lines of a small graph stay in the cache


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the entries of tables are: those that rows share in one line, the others with rows side by side.

    Args:
        terms: Scopes, and whether rows have tables of their own.
        shapes: Of the tables as they were given.
        whole_shapes: Of the tables where those of rows are expanded to the batch.
        batch: Of all rows.
        num_rows: Of the batch; what is left of the last block is of no matter.
        fixed_ends: Where each table that rows share starts, and the last one ends.
        own_ends: Likewise of the others.
        num_blocks: Of rows.
        width: Rows of a block.
    """

    terms: Terms
    shapes: tuple[torch.Size, ...]
    whole_shapes: tuple[torch.Size, ...]
    batch: torch.Size
    num_rows: int
    fixed_ends: np.ndarray
    own_ends: np.ndarray
    num_blocks: int
    width: int

    @cached_property
    def fixed_sizes(self) -> list[int]:
        """Entries of each table that rows share."""
        return [int(size) for size in np.diff(self.fixed_ends)]

    @cached_property
    def own_sizes(self) -> list[int]:
        """Entries of a row of each other table."""
        return [int(size) for size in np.diff(self.own_ends)]

    @cached_property
    def strides(self) -> list[tuple[int, ...] | None]:
        """By table the strides of a row, if it can be read where it is; none if it has to be expanded or flattened."""
        return [
            tuple(prod(given[d + 1 :]) for d in range(1, len(given)))
            if per_row and given == whole and len(given) == 1 + len(scope)
            else None
            for (scope, per_row), given, whole in zip(self.terms, self.shapes, self.whole_shapes, strict=True)
        ]

    def tables(self, fixed: Tensor, own: Tensor) -> list[Tensor]:
        """By table its part ``(*batch, *scope)`` of what was laid out, by differentiable steps."""
        rows = own.transpose(1, 2).flatten(0, 1)[: self.num_rows]
        return self._parts(fixed, rows.split(self.own_sizes, dim=1))

    def gradients(self, fixed: Tensor, own: Tensor) -> list[Tensor]:
        """By table the sum of its part over rows that have it in common."""
        if torch.is_grad_enabled():  # they shall themselves be differentiable
            found = self.tables(fixed, own)
        else:
            flat = own.new_empty(self.num_rows * own.shape[1])
            lines().scatter(self.own_ends, own.contiguous().numpy(), self.num_rows, flat.numpy())
            found = self._parts(fixed, flat.split([self.num_rows * size for size in self.own_sizes]))
        return [
            part if whole == shape else part.sum_to_size(shape)
            for part, shape, whole in zip(found, self.shapes, self.whole_shapes, strict=True)
        ]

    def _parts(self, fixed: Tensor, own: Sequence[Tensor]) -> list[Tensor]:
        parts = iter(fixed.split(self.fixed_sizes)), iter(own)
        shapes = zip(self.terms, self.whole_shapes, strict=True)
        return [next(parts[per_row]).reshape(shape) for (_, per_row), shape in shapes]


@lru_cache(maxsize=256)
def layout(graph: FactorGraph, given: tuple[tuple[tuple[str, ...], torch.Size], ...], batch: torch.Size) -> Layout:
    """The layout of tables by scope and shape, the same object for the same question."""
    terms = tuple((scope, len(shape) > len(scope)) for scope, shape in given)
    whole_shapes = tuple(torch.Size((*(batch if own else ()), *graph.shape(scope))) for scope, own in terms)
    num_rows = prod(batch)
    width = min(_WIDTH, max(8, num_rows + -num_rows % 8))
    shapes, ends = tuple(shape for _, shape in given), table_ends(graph, terms)
    return Layout(terms, shapes, whole_shapes, batch, num_rows, *ends, -(-num_rows // width), width)


@dataclass(frozen=True, eq=False)
class Sources:
    """Where the numbers of tables are.

    Args:
        layout: Of these tables.
        dtype: That they are read in.
        fixed: By table that rows share, its address.
        own: By other table, the address of its first row.
        steps: By other table, numbers from a row to the next.
        held: What must not go before it was read.
    """

    layout: Layout
    dtype: torch.dtype
    fixed: np.ndarray
    own: np.ndarray
    steps: np.ndarray
    held: Sequence[Tensor]

    def gather(self) -> tuple[Tensor, Tensor]:
        """Entries of the tables that rows share, and lines ``(blocks, num_entries, width)`` of the others."""
        place = self.layout
        fixed = torch.empty(int(place.fixed_ends[-1]), dtype=self.dtype)
        own = torch.empty(place.num_blocks, int(place.own_ends[-1]), place.width, dtype=self.dtype)
        lines().gather(*self._fixed, fixed.numpy().reshape(1, -1, 1))
        lines().gather(*self._own, own.numpy())
        return fixed, own

    def equal(self, fixed: Tensor, own: Tensor) -> bool:
        """Whether these are the numbers of the tables."""
        if own.dtype != self.dtype or not lines().equal(*self._fixed, fixed.detach().numpy().reshape(1, -1, 1)):
            return False
        return bool(lines().equal(*self._own, own.detach().numpy()))

    @property
    def _fixed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        return self.layout.fixed_ends, self.fixed, np.zeros_like(self.fixed), 1

    @property
    def _own(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        return self.layout.own_ends, self.own, self.steps, self.layout.num_rows


@torch.no_grad()
def sources(place: Layout, tables: Sequence[Tensor]) -> Sources:
    """Tables of several precisions are read in the one that holds them all."""
    dtypes = {table.dtype for table in tables}
    dtype = reduce(torch.promote_types, dtypes)
    held = [table if table.dtype == dtype else table.to(dtype) for table in tables] if len(dtypes) > 1 else [*tables]
    fixed, own, steps = [], [], []
    for i, (_, per_row) in enumerate(place.terms):
        table = held[i]
        if not per_row:
            held[i] = table if table.is_contiguous() else table.contiguous()
            fixed.append(held[i].data_ptr())
            continue
        strides = table.stride()
        if strides[1:] != place.strides[i]:
            whole = place.whole_shapes[i]
            held[i] = table.expand(whole).reshape(place.num_rows, -1 if place.num_rows else 1).contiguous()
            strides = held[i].stride()
        own.append(held[i].data_ptr())
        steps.append(strides[0])
    addresses = np.array(fixed, dtype=np.int64), np.array(own, dtype=np.int64), np.array(steps, dtype=np.int64)
    return Sources(place, dtype, *addresses, held)


class Flattened(torch.autograd.Function):
    """From tables to their numbers in a layout."""

    @staticmethod
    def forward(ctx: Any, read: Sources, *tables: Tensor) -> tuple[Tensor, Tensor]:
        ctx.layout, ctx.dtypes = read.layout, [table.dtype for table in tables]
        return read.gather()

    @staticmethod
    def backward(ctx: Any, fixed: Tensor, own: Tensor) -> tuple[Tensor | None, ...]:
        found = zip(ctx.layout.gradients(fixed, own), ctx.needs_input_grad[1:], ctx.dtypes, strict=True)
        return (None, *[part.to(dtype) if need else None for part, need, dtype in found])


@lru_cache(maxsize=1)
def lines() -> Any:
    """The compiled loops; numba is loaded when rows are first asked for."""
    return import_module(".lines", __package__)
