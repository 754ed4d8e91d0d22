"""What exact inference would do, and what it would take, before anything is computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..checks import check_known, check_names, check_type
from ..graph import FactorGraph
from ..graph.clique_tree import CliqueTree, clique_tree
from .amounts import bytes_in_words, in_words
from .contraction import bytes_of_row
from .method import is_learned
from .rows.batches import FEW, MOST_ENTRIES
from .rows.own_layout import layout_towards, mask_of, plan_pattern
from .rows.query import MOST_ALONE, WIDE
from .rows.sliced import relevant_scopes
from .slices import bytes_of_slice

_BYTES = 8  # of an entry of a row's tables, in double precision
_NAMED = 4  # variables that are named before a list is cut
_SUMS_TO_ONE = 1e-12
_AT_ONCE = 256  # tables


@dataclass(frozen=True)
class Plan:
    """What a query takes; printed, it explains itself.

    Args:
        targets: Variables asked for.
        observed: Variables observed, whatever their states.
        order: Variables as they are eliminated.
        width: Variables in the largest clique, less one.
        cliques: Variables of every clique.
        num_entries: Joint states of all cliques, nothing observed.
        num_sliced: Joint states of all cliques over hidden variables.
        num_row: Entries of all tables of a row, messages included: hidden variables that bear on the targets, in an
            order of their own where that pays.
        num_largest: Joint states of the largest of these tables.
        pruned: Hidden variables that do not bear on the targets: what they would add sums to one, or is cut off.
        bytes_row: What these tables take in double precision, one row at a time; twice that where marginals are
            learned, whose gradient holds them twice.
        bytes_dense: What a row takes where all tables are kept, in logarithms.
        bytes_logs: What a row takes in logarithms once the observed variables are cut out.
        memory_budget: Bytes that may be taken.
        executor: ``"rows"``, one by one in compiled loops; ``"lanes"``, many side by side in compiled loops; or
            ``"logarithms"``, all rows together with all tables.
        reason: Why this executor.
    """

    targets: tuple[str, ...]
    observed: tuple[str, ...]
    order: tuple[str, ...]
    width: int
    cliques: tuple[tuple[str, ...], ...]
    num_entries: int
    num_sliced: int
    num_row: int
    num_largest: int
    pruned: tuple[str, ...]
    bytes_row: int
    bytes_dense: int
    bytes_logs: int
    memory_budget: int
    executor: str
    reason: str

    @property
    def fits(self) -> bool:
        """Whether one row stays within the memory budget."""
        return self._needed <= self.memory_budget

    @property
    def _needed(self) -> int:
        return self.bytes_row if self.executor == "rows" else min(self.bytes_dense, self.bytes_logs)

    @property
    def _executor(self) -> str:
        small = self.executor == "rows" and len(self.targets) <= 1 and self.num_entries <= MOST_ENTRIES
        batch = f"a compiled loop over the hidden variables of each; {FEW} rows or more share work"
        return f"{self.executor}: {batch if small else self.reason}"

    def __str__(self) -> str:
        num_variables = len(self.order)
        asked = "every variable" if len(self.targets) == num_variables else _some(self.targets)
        room = f"into {bytes_in_words(self.memory_budget)}"
        verdict = f"fits {room}" if self.fits else f"does not fit {room}"
        if self.executor == "rows" and not self.fits:
            verdict += ": some hidden variables are fixed at each of their states in turn (cutset)"
        if self.executor == "logarithms" and self.fits:
            verdict += "; rows that do not fit together take turns, unless their gradient is wanted"
        lines = {
            "graph": f"{num_variables} variables, {len(self.cliques)} cliques, width {self.width}",
            "eliminated first": _some(self.order),
            "asked for": asked,
            "observed": _some(self.observed),
            "dense": f"{in_words(self.num_entries)} joint states in all cliques",
            "sliced": f"{in_words(self.num_sliced)} joint states once the observed variables are cut out",
            "pruned": _some(self.pruned) + (" (these do not bear on what is asked)" if self.pruned else ""),
            "left for a row": f"{in_words(self.num_row)} entries in all tables, messages included",
            "largest table": f"{in_words(self.num_largest)} joint states, {bytes_in_words(_BYTES * self.num_largest)}",
            "executor": self._executor,
            "memory": f"{bytes_in_words(self._needed)} a row, {verdict}",
        }
        if self.executor == "rows":
            needed = bytes_in_words(min(self.bytes_dense, self.bytes_logs))
            lines["in logarithms"] = f"{needed} a row that reaches below double precision, or whose entropy is asked"
        return "\n".join(f"{name:<16} {text}" for name, text in lines.items())


def make_plan(
    graph: FactorGraph,
    observed: Sequence[str],
    targets: Sequence[str] | None,
    log_potentials: Mapping[str, Tensor] | None,
    memory_budget: int,
    seconds: float = 0.0,
) -> Plan:
    """The plan of a query; arguments are those of ``VariableElimination.plan``."""
    check_type("graph", graph, FactorGraph, "be a FactorGraph")
    names = graph.variable_names if targets is None else check_names("targets", targets)
    seen = check_names("evidence_names", observed)
    for argument, each in (("each of targets", names), ("each of evidence_names", seen)):
        for name in each:
            check_known(argument, name, graph.num_states)
    potentials = {} if log_potentials is None else log_potentials
    for name in potentials:
        check_known("each factor in log_potentials", name, graph.scopes)
    tree = clique_tree(graph, seconds=seconds)
    hidden = set(graph.variable_names).difference(seen)
    scopes = [factor.scope for factor in graph.factors]
    learned = is_learned(potentials.values())
    everything = learned or len(names) == len(graph.variables)
    closed = set() if learned else summing_to_one(graph, potentials)  # a gradient leaves nothing out
    target = names[0] if len(names) == 1 else None
    common = layout_towards(graph, tuple(scopes), frozenset(closed), target, seconds)
    row = plan_pattern(graph, common, scopes, mask_of(graph, hidden), names, everything)
    sizes, entries = [graph.size(dims) for dims, _ in row.tables()], row.num_entries
    read = set().union(*(scopes[f] for f in relevant_scopes(scopes, closed, hidden, names, everything)))
    executor, reason = _executor(tree, potentials, len(names))
    itemsize = max((table.dtype.itemsize for table in potentials.values()), default=_BYTES)
    return Plan(
        targets=tuple(names),
        observed=tuple(seen),
        order=tuple(_eliminated(tree)),
        width=max(map(len, tree.cliques), default=1) - 1,
        cliques=tree.cliques,
        num_entries=tree.num_entries,
        num_sliced=sum(graph.size(hidden.intersection(clique)) for clique in tree.cliques),
        num_row=entries,
        num_largest=max(sizes, default=0),
        pruned=tuple(name for name in graph.variable_names if name in hidden and name not in read),
        bytes_row=_BYTES * entries * (2 if learned and names else 1),
        bytes_dense=bytes_of_row(tree, itemsize),
        bytes_logs=bytes_of_slice(graph, frozenset(seen), itemsize, seconds),
        memory_budget=memory_budget,
        executor=executor,
        reason=reason,
    )


def summing_to_one(graph: FactorGraph, log_potentials: Mapping[str, Tensor]) -> set[int]:
    """Positions of the factors whose table, the same in every row, sums to one over its last variable."""
    alike: dict[tuple[torch.Size, torch.dtype, torch.device], list[tuple[int, Tensor]]] = {}
    for f, (name, scope) in enumerate(graph.scopes.items()):
        table = log_potentials.get(name)
        if table is not None and scope and table.ndim == len(scope):
            alike.setdefault((table.shape, table.dtype, table.device), []).append((f, table.detach()))
    found = set()
    for group in alike.values():  # small tables of one shape go together
        for start in range(0, len(group), _AT_ONCE):
            part = group[start : start + _AT_ONCE]
            sums = torch.stack([table for _, table in part]).double().exp().sum(-1)
            fits = (
                ((sums - 1).abs() < _SUMS_TO_ONE).flatten(1).all(1)
                if sums.ndim > 1
                else (sums - 1).abs() < _SUMS_TO_ONE
            )
            found |= {f for (f, _), fit in zip(part, fits.tolist(), strict=True) if fit}
    return found


def _eliminated(tree: CliqueTree) -> list[str]:
    order = []
    for clique, separator in zip(tree.cliques, tree.separators, strict=True):
        order += [name for name in clique if name not in set(separator)]
    return order


def _executor(tree: CliqueTree, log_potentials: Mapping[str, Tensor], num_targets: int) -> tuple[str, str]:
    tables = log_potentials.values()
    if len(tree.cliques) == 1:
        return "logarithms", "one clique, nothing to send"
    if any(table.device.type != "cpu" for table in tables):
        return "logarithms", "tables lie on another device than the processor"
    if any(table.dtype not in (torch.float32, torch.float64) for table in tables):
        return "logarithms", "tables are neither in single nor in double precision"
    if is_learned(tables) and tree.num_entries < WIDE and num_targets <= MOST_ALONE:
        return "lanes", "tables are being learned, so many rows are answered side by side"
    if is_learned(tables):
        return "rows", "tables are being learned, so each row has a compiled loop, and its gradient another"
    return "rows", "several cliques, so each row is answered by a compiled loop over its own hidden variables"


def _some(names: Sequence[str]) -> str:
    more = ", …" if len(names) > _NAMED else ""
    return f"{len(names)}: {', '.join(names[:_NAMED])}{more}" if names else "none"
