"""Queries answered in logarithms: on any device, within any range, differentiable twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import torch
from torch import Tensor

from ..evidence import Evidence
from ..graph import FactorGraph
from .contraction import Contraction, bytes_of_choice
from .joined import Joined, in_order
from .log_parts import Division, Part, joined_part
from .log_slice import answer_slice
from .method import Terms, batch_shape, choose_at_random, common_shape, is_learned, terms
from .posterior import Posterior
from .semiring import LogSemiring, MaxSemiring, Semiring
from .slices import Query, Slice
from .turns import in_turns

_CHUNK = 2**27  # bytes of tables beyond which a processor waits for memory more than more rows at once save

Wide = Callable[[Query, Tensor, Sequence[str]], Posterior]


@dataclass(frozen=True, eq=False)
class LogQuery:
    """A query whose rows are answered together, or those together that observed the same variables.

    Args:
        graph: The factorization.
        log_potentials: By factor name, ``(*batch, *scope)`` in nats.
        evidence: What was observed.
        memory_budget: Bytes that the tables may take.
        planning_seconds: Time to look for an order of elimination.
        numbers: Of the rows, as a refusal is to name them; their positions if None.
        wide: Answers rows that do not fit, told with their numbers; refused if None.
    """

    graph: FactorGraph
    log_potentials: Mapping[str, Tensor]
    evidence: Evidence
    memory_budget: int
    planning_seconds: float = 0.0
    numbers: Tensor | None = None
    wide: Wide | None = None

    def posterior(self, targets: Sequence[str]) -> Posterior:
        """Marginals of the targets, and the rest on demand.

        Raises:
            MemoryError: If rows do not fit, or together do not and their gradient is wanted.
        """
        parts = self._division(strict=self.wide is None or self._learned).parts()
        if len(parts) == 1 and parts[0].rows is None and parts[0].bytes_row <= self.memory_budget:
            [part] = parts
            if not part.known:
                return self._dense(part, targets)
            if self._learned or part.num_rows * part.bytes_row <= self.memory_budget:
                return self._answer(part, targets)
        fitting = [part for part in parts if part.bytes_row <= self.memory_budget]
        wide = [part for part in parts if part.bytes_row > self.memory_budget]
        turns = [turn for part in fitting for turn in ([part] if self._learned else part.turns(self._most_rows(part)))]
        turns += [joined_part(wide)] if wide else []
        return Joined(self.graph, self._query.batch, turns, self._answer, self._learned).posterior(targets)

    @torch.no_grad()
    def decode(self) -> dict[str, Tensor]:
        """A most probable assignment of every row."""
        return self._assignments(MaxSemiring(), lambda log_weights: log_weights.argmax(-1), ())

    @torch.no_grad()
    def sample(self, num_samples: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Independent assignments of every row, ``(num_samples, *batch)``."""
        return self._assignments(LogSemiring(), partial(choose_at_random, generator=generator), (num_samples,))

    def _division(self, strict: bool = True) -> Division:
        settings = self.memory_budget, self.planning_seconds, self._learned, strict, self.numbers
        return Division(self._query, *settings)

    def _most_rows(self, part: Part) -> int:
        return self.memory_budget // max(1, part.bytes_row)

    @property
    def _learned(self) -> bool:
        return is_learned([*self.log_potentials.values(), *self.evidence.soft.values()])

    @cached_property
    def _query(self) -> Query:
        shapes = [self.log_potentials[name].shape[: -len(scope) or None] for name, scope in self.graph.scopes.items()]
        batch = common_shape([*shapes, self.evidence.batch_shape])
        return Query(self.graph, self.log_potentials, self.evidence, batch)

    def _dense(self, part: Part, targets: Sequence[str]) -> Posterior:
        """All rows with all their tables, in turns where they do not fit together."""
        all_terms = terms(self.graph, self.log_potentials, self.evidence)
        turns = in_turns(all_terms, self._most_rows(part))

        def answer(some: Terms, names: Sequence[str]) -> Posterior:
            return self._sliced(Slice(some, {}, batch_shape(some)), part, names)

        return turns.posterior(self.graph, answer, targets)

    def _answer(self, part: Part, targets: Sequence[str]) -> Posterior:
        query = self._query if part.rows is None else self._query.taken(part.rows)
        if part.bytes_row > self.memory_budget and self.wide is not None:
            rows = torch.arange(part.num_rows) if part.rows is None else part.rows
            return self.wide(self._query.taken(rows), rows if self.numbers is None else self.numbers[rows], targets)
        return self._sliced(query.sliced(part.known, part.unseen), part, targets)

    def _sliced(self, found: Slice, part: Part, targets: Sequence[str]) -> Posterior:
        return answer_slice(self.graph, found, part.tree, targets, self.memory_budget, self.planning_seconds)

    def _assignments(
        self, semiring: Semiring, choose: Callable[[Tensor], Tensor], lead: tuple[int, ...]
    ) -> dict[str, Tensor]:
        """Assignments of all rows, chosen from the roots of a clique tree."""
        here = all(table.device.type == "cpu" for table in self.log_potentials.values())
        most_bytes = min(self.memory_budget, _CHUNK) if here else self.memory_budget

        def most_rows(part: Part) -> int:
            return most_bytes // max(1, part.bytes_row + bytes_of_choice(part.tree, sum(lead)))

        parts = self._division().parts()
        if len(parts) == 1 and parts[0].rows is None and not parts[0].known:
            turns = in_turns(terms(self.graph, self.log_potentials, self.evidence), most_rows(parts[0]))
            slices = [Slice(some, {}, batch_shape(some)) for some in turns.parts]
            chosen = turns.assignments([_descended(each, parts[0], semiring, choose, lead) for each in slices])
            return {name: chosen[name] for name in self.graph.variable_names}
        found, some = [], [turn for part in parts for turn in part.turns(most_rows(part))]
        for part in some:
            query = self._query if part.rows is None else self._query.taken(part.rows)
            found.append(_descended(query.sliced(part.known, part.unseen), part, semiring, choose, lead))
        rows = [part.rows for part in some if part.rows is not None]
        back = torch.argsort(torch.cat(rows)) if rows else None
        return {
            name: in_order([each[name] for each in found], back, self._query.batch, len(lead))
            for name in self.graph.variable_names
        }


def _descended(
    rows: Slice, part: Part, semiring: Semiring, choose: Callable[[Tensor], Tensor], lead: tuple[int, ...]
) -> dict[str, Tensor]:
    contraction = Contraction(part.tree, rows.terms, semiring)
    shape = (*lead, *rows.batch)
    found = {name: states.expand(shape) for name, states in contraction.descend(choose, lead).items()}
    impossible = contraction.log_partition == -torch.inf
    return found | {name: states.masked_fill(impossible, -1).expand(shape) for name, states in rows.known.items()}
