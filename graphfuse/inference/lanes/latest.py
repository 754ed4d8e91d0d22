"""The latest tables, for another query of the same numbers; kept no longer than somebody needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import ref

import torch
from torch import Tensor

from ...graph import FactorGraph
from .engine import Tables, scaled
from .flat import Flattened, Scoped, layout, sources


@dataclass(frozen=True, eq=False)
class Loaded:
    """Tables that a query reads, and through which its answers are differentiated.

    Args:
        logs: Log entries as they are laid out, differentiable in the tables they are from.
        tables: The same as probabilities.
    """

    logs: tuple[Tensor, Tensor]
    tables: Tables

    def from_same(self, given: Sequence[Tensor]) -> bool:
        """Whether gradients go where those of other tables would go."""
        node = self.logs[1].grad_fn
        return node is not None and all(map(_leads_to, node.next_functions, given))


class Latest:
    """What was loaded last, as long as an answer needs it.

    Two queries of the same tables, one clamped and one free, so share what does not depend on the evidence, and a
    single gradient of the sum of both. Numbers are compared, so that it matters not how they changed. Threads may
    share it.

    Example:
        >>> from graphfuse import Variable, chain
        >>> pair, latest = chain([Variable("a", 2), Variable("b", 2)]), Latest()
        >>> scoped = [(scope, torch.zeros(pair.shape(scope), requires_grad=True)) for scope in pair.scopes.values()]
        >>> first = latest.load(pair, scoped, torch.Size([]))
        >>> latest.load(pair, scoped, torch.Size([])) is first
        True
        >>> scoped[0][1].data += 1.0
        >>> latest.load(pair, scoped, torch.Size([])) is first
        False
    """

    def __init__(self) -> None:
        self._kept: ref[Loaded] | None = None

    def load(self, graph: FactorGraph, scoped: Scoped, batch: torch.Size) -> Loaded:
        """The tables of a query, of which at least one is being learned."""
        place = layout(graph, tuple([(scope, table.shape) for scope, table in scoped]), batch)
        given = [table for _, table in scoped]
        read = sources(place, given)
        kept = None if self._kept is None else self._kept()
        if kept is not None and kept.tables.layout is place and kept.from_same(given) and read.equal(*kept.logs):
            return kept
        fixed, own = Flattened.apply(read, *given)
        found = Loaded((fixed, own), scaled(graph, place, fixed.detach().numpy(), own.detach().numpy()))
        self._kept = ref(found)
        return found


def _leads_to(edge: tuple[torch.autograd.graph.Node | None, int], table: Tensor) -> bool:
    """Whether an edge of the graph of gradients is that of a table."""
    node, output = edge
    if node is None or not table.requires_grad:
        return node is None and not table.requires_grad
    if table.is_leaf:
        return getattr(node, "variable", None) is table
    return node is table.grad_fn and output == table.output_nr
