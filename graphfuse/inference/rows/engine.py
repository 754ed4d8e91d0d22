"""Queries answered row after row, in threads; what probabilities cannot hold is told apart, for others to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
import torch

from ...checks import invalid
from ...graph import FactorGraph
from ...threads import spans
from ..amounts import gibibytes
from .batches import answer_batch, serves_batch
from .layout import Layout, make_layout, make_work
from .own_layout import plan_pattern
from .sliced import WORTH, joint_states, log_sizes, tree_of
from .status import WEAK
from .tables import RowTables, Terms

_FIRST_SCRATCH = 4096  # entries
_GROWTH = 8  # times what was wanted, so that a row is seldom begun anew; memory is taken as it is written
_LARGE = 2**24  # entries
_PATIENCE = 16  # plans that were made in vain, the dearest rows first, before no more are made


@dataclass(frozen=True, eq=False)
class RowAnswer:
    """What rows say.

    Args:
        marginals: Probabilities ``(rows, num_entries)``, the states of every variable asked for side by side; zeros in
            impossible rows.
        log_partition: Of the rows, in nats, ``-inf`` in impossible ones; ``nan`` unless it was asked for.
        weak: Rows in which a number went beyond what probabilities hold, and nothing is to be relied on.
    """

    marginals: np.ndarray
    log_partition: np.ndarray
    weak: np.ndarray


def answer_rows(
    graph: FactorGraph,
    terms: Terms,
    tables: RowTables,
    states: np.ndarray,
    asked: Sequence[str],
    whole: bool,
    memory_budget: int,
    planning_seconds: float = 0.0,
) -> RowAnswer:
    """Marginals of variables, and the log of the sum over all assignments if the whole is wanted.

    Args:
        graph: Which variables there are.
        terms: What multiplies.
        tables: Its numbers.
        states: Observed states ``(rows, num_variables)``, -1 where hidden.
        asked: Variables to answer for. Unless the whole is wanted, what does not bear on them is left out.
        whole: Whether the log-partition is wanted.
        memory_budget: Bytes that the tables of the rows at work may take.
        planning_seconds: Time to look for an order of elimination.

    Raises:
        MemoryError: If the tables of one row exceed the budget.
    """
    question = Question(graph, terms, tables.closed, tuple(asked), whole, planning_seconds)
    marginals = np.empty((len(states), sum(graph.num_states[name] for name in asked)))
    log_partition, status = np.empty(len(states)), np.zeros(len(states), dtype=np.int64)
    if not _as_batch(question, tables, states, memory_budget, marginals, log_partition, status):
        marginals, log_partition, status = _one_by_one(
            question, tables, states, memory_budget, marginals, log_partition, status
        )
    if whole:
        marginals[np.broadcast_to(tables.log_scale == -np.inf, status.shape)] = 0.0
    return RowAnswer(
        marginals,
        log_partition + tables.log_scale if whole else np.full(len(states), np.nan),
        (status == WEAK) | tables.beyond,
    )


def _as_batch(
    question: Question,
    tables: RowTables,
    states: np.ndarray,
    memory_budget: int,
    marginals: np.ndarray,
    log_partition: np.ndarray,
    status: np.ndarray,
) -> bool:
    """Answer rows with what they have in common, where messages go one way and it pays; whether it was so."""
    asked = question.asked
    if len(asked) + question.whole != 1:
        return False
    layout = common_layout(question)
    num_entries = tree_of(question.graph, asked, question.planning_seconds).num_entries
    if not serves_batch(layout, tables, num_entries, len(states)):
        return False
    target = question.graph.variable_names.index(asked[0]) if asked else -1
    return answer_batch(layout, tables, states, target, memory_budget, marginals, log_partition, status)


def _one_by_one(
    question: Question,
    tables: RowTables,
    states: np.ndarray,
    memory_budget: int,
    marginals: np.ndarray,
    log_partition: np.ndarray,
    status: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Answer rows, each by itself, in the room for them."""
    shares, order = share_out(question, states)
    place = {name: v for v, name in enumerate(question.graph.variable_names)}
    numbers = np.array([place[name] for name in question.asked], dtype=np.int64)
    seen, varying, least, safe = (_taken(each, order) for each in _by_row(tables, states))

    def run(layout: Layout, work: Any, rows: slice, first: int) -> tuple[int, int]:
        return kernel().run_rows(
            layout,
            work,
            seen[rows],
            tables.fixed,
            varying[rows],
            tables.fixed_least,
            least[rows],
            safe[rows],
            numbers,
            question.whole,
            len(question.asked) > 1,
            first,
            marginals[rows],
            log_partition[rows],
            status[rows],
        )

    in_threads(shares, run, memory_budget, order)
    return _put_back(marginals, order), _put_back(log_partition, order), _put_back(status, order)


def expected_counts(
    graph: FactorGraph,
    terms: Terms,
    tables: RowTables,
    states: np.ndarray,
    weights: np.ndarray,
    asked: Sequence[str],
    memory_budget: int,
    planning_seconds: float = 0.0,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradient of a weighted sum of answers in the log of every entry: of constant tables, and per row.

    Weights are ``(rows, 1)`` of the log-partitions if no variable is asked for, else ``(rows, num_entries)`` of the
    log-marginals side by side, for which the tables of a row are held twice. The third array tells weak rows, which are
    left out.
    """
    root = tuple(asked) if len(asked) == 1 else ()
    question = Question(graph, terms, (False,) * len(terms), root, True, planning_seconds)
    shares, order = share_out(question, states)
    fixed, counts, status = (
        np.zeros_like(tables.fixed),
        np.zeros_like(tables.varying),
        np.zeros(len(states), dtype=np.int64),
    )
    left_out = np.broadcast_to((tables.log_scale == -np.inf) | tables.beyond, len(states))
    weights = _taken(np.where(left_out[:, None], 0.0, weights), order)
    seen, varying, least, safe = (_taken(each, order) for each in _by_row(tables, states))
    place = {name: v for v, name in enumerate(graph.variable_names)}
    numbers = np.array([place[name] for name in asked], dtype=np.int64)

    def run(layout: Layout, work: Any, rows: slice, first: int) -> tuple[int, int]:
        numbered = layout, work, seen[rows], tables.fixed, varying[rows], tables.fixed_least, least[rows], safe[rows]
        found = first, fixed, counts[rows], status[rows]
        if asked:
            return covariance().covary_rows(*numbered, numbers, weights[rows], *found)
        return kernel().count_rows(*numbered, weights[rows, 0], *found)

    budget = memory_budget + 8 * max(graph.num_states.values()) if asked else memory_budget
    in_threads(shares, run, budget, order, num_threads=1)  # all rows add to the same counts
    return fixed, _put_back(counts, order), (_put_back(status, order) == WEAK) | tables.beyond


@dataclass(frozen=True)
class Question:
    """What all rows of a query have in common.

    Args:
        graph: Which variables there are.
        terms: What multiplies.
        closed: By term, whether it sums to one over its last variable.
        asked: Variables asked for.
        whole: Whether the sum over all assignments is wanted.
        planning_seconds: Time to look for an order of elimination.
    """

    graph: FactorGraph
    terms: Terms
    closed: tuple[bool, ...]
    asked: tuple[str, ...]
    whole: bool
    planning_seconds: float


Share = tuple[Layout, int, int]  # the arrays to go by, and from which row to which


def share_out(question: Question, states: np.ndarray) -> tuple[list[Share], np.ndarray | None]:
    """Rows with a plan each, and an order that puts those of the same plan side by side, None if that of the rows.

    Rows that hide the same variables have a plan of their own where it pays, on graphs of large cliques.
    """
    tree = tree_of(question.graph, question.asked, question.planning_seconds)
    common = common_layout(question)
    worth = WORTH * len(question.graph.variables) // 2  # what a clique sends comes on top of its states
    if tree.num_entries < worth or not len(states):
        return [(common, 0, len(states))], None
    shown = np.packbits(states >= 0, axis=1)
    patterns, first, member, count = np.unique(
        shown, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    bits = log_sizes(question.graph, question.asked[:2], question.planning_seconds)
    most = joint_states(bits, states[first] < 0) * count
    dear = np.argsort(-most, kind="stable")[: np.count_nonzero(most >= worth)]
    own: list[tuple[Layout, int]] = []
    in_vain = 0
    for pattern in dear.tolist():
        hidden = (states[first[pattern]] < 0).tobytes()
        layout = own_layout_of(question, hidden, 2 ** (int(count[pattern]).bit_length() - 1))
        if layout is not None:
            own.append((layout, pattern))
        else:
            in_vain += 1
            if in_vain == _PATIENCE:
                break
    if not own:
        return [(common, 0, len(states))], None
    rank = np.zeros(len(patterns), dtype=np.int64)
    rank[[pattern for _, pattern in own]] = np.arange(1, len(own) + 1)
    ranks = rank[member.ravel()]
    ends = np.cumsum(np.bincount(ranks, minlength=len(own) + 1)).tolist()
    layouts = [common, *(layout for layout, _ in own)]
    shares = [(layout, start, stop) for layout, start, stop in zip(layouts, [0, *ends], ends, strict=False)]
    return [share for share in shares if share[1] < share[2]], np.argsort(ranks, kind="stable")


def _by_row(tables: RowTables, states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return states, tables.varying, tables.varying_least, tables.safe


def _taken(rows: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    return rows if order is None else rows[order]


def _put_back(rows: np.ndarray, order: np.ndarray | None) -> np.ndarray:
    if order is None:
        return rows
    found = np.empty_like(rows)
    found[order] = rows
    return found


def in_threads(
    shares: Sequence[Share],
    run: Callable[[Layout, Any, slice, int], tuple[int, int]],
    memory_budget: int,
    order: np.ndarray | None = None,
    num_threads: int | None = None,
) -> None:
    """Run over slices of the rows, with more room and from where it stopped whenever there was too little."""
    parts = [(layout, *span) for layout, start, stop in shares for span in spans(start, stop, num_threads)]

    def answer(part: Share, budget: int) -> None:
        layout, start, stop = part
        work, first = make_work(layout, np.empty(min(_FIRST_SCRATCH, budget // 8))), 0
        while first < stop - start:
            first, wanted = run(layout, work, slice(start, stop), first)
            if wanted:
                if 8 * wanted > budget:
                    row = start + first if order is None else int(order[start + first])
                    raise invalid(
                        "the memory_budget of VariableElimination",
                        f"be at least {gibibytes(8 * wanted)}, for the hidden joint states of row {row}",
                        gibibytes(budget),
                        MemoryError,
                    )
                more = _GROWTH if wanted < _LARGE else 2
                work = work._replace(scratch=np.empty(min(more * wanted, budget // 8)))

    num_workers = min(num_threads or torch.get_num_threads(), len(parts))
    if num_workers > 1:
        with ThreadPoolExecutor(num_workers) as pool:
            found = [(part, pool.submit(answer, part, memory_budget // num_workers)) for part in parts]
        parts = [part for part, done in found if isinstance(done.exception(), MemoryError)]
        for _, done in found:
            if not isinstance(done.exception(), MemoryError):
                done.result()
    for part in parts:  # alone, with all the memory
        answer(part, memory_budget)


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled loops; numba is loaded when rows are first asked for."""
    return import_module(".kernel", __package__)


@lru_cache(maxsize=1)
def covariance() -> Any:
    """The compiled loops that differentiate marginals."""
    return import_module(".covariance", __package__)


@lru_cache(maxsize=256)
def layout_of(graph: FactorGraph, terms: Terms, closed: tuple[bool, ...], target: str | None, seconds: float) -> Layout:
    """The arrays of a graph, rooted at a target if there is one."""
    tree = tree_of(graph, () if target is None else (target,), seconds)
    return make_layout(tree, [scope for scope, _ in terms], [varies for _, varies in terms], closed, target)


@lru_cache(maxsize=256)
def own_layout_of(question: Question, hidden: bytes, num_rows: int) -> Layout | None:
    """The arrays for rows that hide the same variables, a byte each; None if those of the graph do as well."""
    scopes = [scope for scope, _ in question.terms]
    mask = np.frombuffer(hidden, dtype=np.uint8).copy()
    common, asked = common_layout(question), question.asked
    plan = plan_pattern(question.graph, common, scopes, mask, asked, question.whole, num_rows)
    return plan.layout if plan.own else None


def common_layout(question: Question) -> Layout:
    """The arrays for all rows that have none of their own."""
    target = question.asked[0] if len(question.asked) == 1 else None
    return layout_of(question.graph, question.terms, question.closed, target, question.planning_seconds)
