"""Queries answered row after row, in threads; what probabilities cannot hold is told apart, for others to answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ...checks import invalid
from ...graph import FactorGraph
from ...graph.clique_tree import clique_tree, clique_tree_towards
from .layout import Layout, make_layout, make_work
from .status import WEAK
from .tables import RowTables, Terms

_ROWS_PER_THREAD = 512  # below which another thread costs more than it saves
_FIRST_SCRATCH = 4096  # entries


@dataclass(frozen=True, eq=False)
class RowAnswer:
    """What rows say.

    Args:
        marginals: By variable, probabilities ``(rows, num_states)``; zeros in impossible rows.
        log_partition: Of the rows, in nats, ``-inf`` in impossible ones; ``nan`` unless it was asked for.
        weak: Rows in which a number went beyond what probabilities hold, and nothing is to be relied on.
    """

    marginals: dict[str, np.ndarray]
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

    Raises:
        MemoryError: If the tables of one row exceed the budget.
    """
    target = asked[0] if len(asked) == 1 else None
    layout = layout_of(graph, terms, tables.closed, target)
    numbers = np.array([graph.variable_names.index(name) for name in asked], dtype=np.int64)
    ends = np.cumsum([0, *(graph.num_states[name] for name in asked)])
    marginals = np.empty((len(states), ends[-1]))
    log_partition, status = np.empty(len(states)), np.zeros(len(states), dtype=np.int64)

    def run(work: Any, rows: slice, first: int) -> tuple[int, int]:
        return kernel().run_rows(
            layout,
            work,
            states[rows],
            tables.fixed,
            tables.varying[rows],
            tables.fixed_least,
            tables.varying_least[rows],
            tables.safe[rows],
            numbers,
            whole,
            len(asked) > 1,
            first,
            marginals[rows],
            log_partition[rows],
            status[rows],
        )

    in_threads(layout, len(states), run, memory_budget)
    if whole:
        marginals[np.broadcast_to(tables.log_scale == -np.inf, status.shape)] = 0.0
    return RowAnswer(
        {name: marginals[:, a:b] for name, a, b in zip(asked, ends[:-1], ends[1:], strict=True)},
        log_partition + tables.log_scale if whole else np.full(len(states), np.nan),
        (status == WEAK) | tables.beyond,
    )


def expected_counts(
    graph: FactorGraph,
    terms: Terms,
    tables: RowTables,
    states: np.ndarray,
    weights: np.ndarray,
    memory_budget: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The gradient of the weighted sum of log-partitions in the log of every entry: of constant tables, and per row.

    Weights are ``(rows, 1)``. The third array tells weak rows, which are left out.
    """
    layout = layout_of(graph, terms, (False,) * len(terms), None)
    fixed, varying, status = (
        np.zeros_like(tables.fixed),
        np.zeros_like(tables.varying),
        np.zeros(len(states), dtype=np.int64),
    )
    weights = np.where((tables.log_scale == -np.inf) | tables.beyond, 0.0, weights.ravel())

    def run(work: Any, rows: slice, first: int) -> tuple[int, int]:
        return kernel().count_rows(
            layout,
            work,
            states[rows],
            tables.fixed,
            tables.varying[rows],
            tables.fixed_least,
            tables.varying_least[rows],
            tables.safe[rows],
            weights[rows],
            first,
            fixed,
            varying[rows],
            status[rows],
        )

    in_threads(layout, len(states), run, memory_budget, num_threads=1)  # all rows add to the same counts
    return fixed, varying, (status == WEAK) | tables.beyond


def in_threads(
    layout: Layout,
    num_rows: int,
    run: Callable[[Any, slice, int], tuple[int, int]],
    memory_budget: int,
    num_threads: int | None = None,
) -> None:
    """Run over slices of the rows, with more room and from where it stopped whenever there was too little."""
    num_threads = torch.get_num_threads() if num_threads is None else num_threads
    num_parts = max(1, min(num_threads, num_rows // _ROWS_PER_THREAD))
    ends = np.linspace(0, num_rows, num_parts + 1).astype(int).tolist()

    def part(start: int, stop: int) -> None:
        work, first = make_work(layout, np.empty(min(_FIRST_SCRATCH, memory_budget // (8 * num_parts)))), 0
        while first < stop - start:
            first, wanted = run(work, slice(start, stop), first)
            if wanted:
                size = 8 * num_parts * wanted
                if size > memory_budget:
                    raise invalid(
                        "the memory_budget of VariableElimination",
                        f"be at least {size / 2**30:,.3f} GiB, for the hidden joint states of row {start + first}",
                        f"{memory_budget / 2**30:,.3f} GiB",
                        MemoryError,
                    )
                work = work._replace(scratch=np.empty(min(2 * wanted, memory_budget // (8 * num_parts))))

    if num_parts == 1:
        part(0, num_rows)
        return
    with ThreadPoolExecutor(num_parts) as pool:
        for done in [pool.submit(part, *span) for span in pairwise(ends)]:
            done.result()


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled loops; numba is loaded when rows are first asked for."""
    return import_module(".kernel", __package__)


@lru_cache(maxsize=256)
def layout_of(graph: FactorGraph, terms: Terms, closed: tuple[bool, ...], target: str | None) -> Layout:
    """The arrays of a graph, rooted at a target if there is one."""
    tree = clique_tree(graph) if target is None else clique_tree_towards(graph, target)
    return make_layout(tree, [scope for scope, _ in terms], [varies for _, varies in terms], closed)
