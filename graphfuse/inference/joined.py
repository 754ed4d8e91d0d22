"""The answer of all rows of a query, from those of its parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..graph import FactorGraph
from .log_parts import Part
from .posterior import Posterior


def in_order(found: Sequence[Tensor], back: Tensor | None, batch: torch.Size, dim: int = 0) -> Tensor:
    """What was found of parts, ``(*lead, rows, *own)``, as ``(*lead, *batch, *own)``.

    Args:
        found: By part; of a single one that was not taken from the batch, in the shape of the batch.
        back: Where every row went, None if all are in one part as they are.
        batch: The shape of all rows.
        dim: That of the rows.
    """
    if back is None:
        return found[0]
    table = torch.cat(list(found), dim).index_select(dim, back.to(found[0].device))
    return table.reshape((*table.shape[:dim], *batch, *table.shape[dim + 1 :]))


@dataclass(frozen=True, eq=False)
class Joined:
    """A query whose parts are answered one after the other.

    Args:
        graph: The factorization.
        batch: The shape of all rows.
        parts: The rows.
        answer: Marginals of targets, for a part.
        held: Whether the answers of parts are kept, with all their tables, as their gradient is wanted.
    """

    graph: FactorGraph
    batch: torch.Size
    parts: Sequence[Part]
    answer: Callable[[Part, Sequence[str]], Posterior]
    held: bool

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, and the rest on demand, which computes anew what was not held."""
        kept: list[Posterior] = []

        def sums(part: Part) -> tuple[Tensor, ...]:
            found = self.answer(part, targets)  # which holds on to its tables
            if self.held:
                kept.append(found)
            return (found.log_partition, *(found.log_marginals[name] for name in targets))

        log_partitions, *tables = zip(*map(sums, self.parts), strict=True)
        log_partition = self._all(log_partitions)

        def each(ask: Callable[[Posterior], Tensor]) -> Tensor:
            return self._all([ask(found) for found in kept] or [ask(self.answer(part, ())) for part in self.parts])

        return Posterior(
            log_marginals={name: self._all(part) for name, part in zip(targets, tables, strict=True)},
            converged=torch.ones_like(log_partition, dtype=torch.bool),
            _log_partition=lambda: log_partition,
            _log_joint=lambda names: each(lambda found: found._log_joint(names)),
            _variables=self.graph.variable_names,
            _entropy=lambda: each(lambda found: found.entropy),
        )

    def _all(self, found: Sequence[Tensor]) -> Tensor:
        rows = [part.rows for part in self.parts if part.rows is not None]
        return in_order(found, torch.argsort(torch.cat(rows)) if rows else None, self.batch)
