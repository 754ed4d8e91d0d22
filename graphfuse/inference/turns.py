"""Rows that take turns, where the tables of all of them would not fit into memory together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..graph import FactorGraph
from .method import Terms, batch_shape, is_learned
from .posterior import Posterior


@dataclass(frozen=True, eq=False)
class Turns:
    """What multiplies, a part of the rows after the other.

    Args:
        parts: The terms of some rows each; together all rows, in order.
        axis: The dimension of the batch that they are parts of, counted from its end.
    """

    parts: Sequence[Terms]
    axis: int = -1

    def joined(self, found: Sequence[Tensor], num_own: int = 0) -> Tensor:
        """What was found by turn, ``(*batch, *own)``, of all rows."""
        return found[0] if len(found) == 1 else torch.cat(list(found), self.axis - num_own)

    def assignments(self, found: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        """States by variable, of all rows."""
        return {name: self.joined([states[name] for states in found]) for name in found[0]}

    def posterior(
        self, graph: FactorGraph, answer: Callable[[Terms, Sequence[str]], Posterior], targets: Sequence[str]
    ) -> Posterior:
        """The answer of all rows; what is asked of it later takes turns again.

        Args:
            graph: The factorization.
            answer: Marginals of targets, given what multiplies.
            targets: Variables.
        """
        if len(self.parts) == 1:
            return answer(self.parts[0], targets)

        def sums(part: Terms) -> tuple[Tensor, ...]:
            found = answer(part, targets)  # which holds on to its tables, and ends with this function
            return (found.log_partition, *(found.log_marginals[name] for name in targets))

        log_partitions, *tables = zip(*map(sums, self.parts), strict=True)
        log_partition = self.joined(log_partitions)

        def log_joint(names: tuple[str, ...]) -> Tensor:
            return self.joined([answer(part, ()).log_joint(names) for part in self.parts], len(names))

        return Posterior(
            log_marginals={name: self.joined(each, 1) for name, each in zip(targets, tables, strict=True)},
            converged=torch.ones_like(log_partition, dtype=torch.bool),
            _log_partition=lambda: log_partition,
            _log_joint=log_joint,
            _variables=graph.variable_names,
            _entropy=lambda: self.joined([answer(part, ()).entropy for part in self.parts]),
        )


def in_turns(terms: Terms, most_rows: int) -> Turns:
    """As many rows at a time as fit, along the longest dimension of the batch.

    All rows are one part where they fit, and where a gradient is wanted, for which the tables of all are kept anyway.

    Args:
        terms: What multiplies, as (scope, table).
        most_rows: Rows that fit.

    Example:
        >>> turns = in_turns([(("a",), torch.zeros(5, 2)), (("a",), torch.ones(2))], most_rows=2)
        >>> [[tuple(table.shape) for _, table in part] for part in turns.parts]
        [[(2, 2), (2,)], [(2, 2), (2,)], [(1, 2), (2,)]]
    """
    batch = batch_shape(terms)
    wanted = is_learned([table for _, table in terms])
    length = max(batch, default=1)
    step = max(1, most_rows * length // max(1, batch.numel()))
    if wanted or step >= length:
        return Turns([terms])
    axis = batch.index(length) - len(batch)
    return Turns([_slice(terms, axis, start, step) for start in range(0, length, step)], axis)


def _slice(terms: Terms, axis: int, start: int, step: int) -> Terms:
    part = []
    for scope, table in terms:
        dim = table.ndim - len(scope) + axis
        if dim >= 0 and table.shape[dim] > 1:
            table = table.narrow(dim, start, min(step, table.shape[dim] - start))
        part.append((scope, table))
    return part
