"""Many rows answered in threads, with what they have in common kept from one query of the same tables to the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from importlib import import_module
from threading import Lock
from typing import Any

import numpy as np

from ...threads import spans
from .layout import Layout
from .memo import BYTES, Memo, fits, make_memo
from .tables import RowTables

FEW = 128  # rows, below which one by one is as fast
MOST_ENTRIES = 2**16  # joint states of all cliques, above which products of factors seldom come again
_FIRST, _LAST = 2**18, 2**20  # entries of a memo
_BY_CLIQUE = 128  # entries of a memo at least
_SPARES = 4  # memos kept at most


class Spares:
    """Memos that nobody uses, the latest last, each for the very layout and tables it was filled with."""

    def __init__(self) -> None:
        self.kept: list[tuple[Layout, np.ndarray, Memo]] = []
        self._lock = Lock()

    def take(self, layout: Layout, fixed: np.ndarray, size: int) -> Memo:
        """One that is no larger than a size, empty unless there is one."""
        with self._lock:
            for i, (other, tables, memo) in enumerate(self.kept):
                if other is layout and tables is fixed and len(memo.steps) <= size:
                    del self.kept[i]
                    return memo
        return make_memo(layout, min(size, _FIRST))

    def give(self, layout: Layout, fixed: np.ndarray, memo: Memo) -> None:
        """Keep a memo for later."""
        with self._lock:
            self.kept.append((layout, fixed, memo))
            del self.kept[:-_SPARES]


_SPARE = Spares()


def answer_batch(
    layout: Layout,
    tables: RowTables,
    states: np.ndarray,
    target: int,
    memory_budget: int,
    marginals: np.ndarray,
    log_partition: np.ndarray,
    status: np.ndarray,
) -> bool:
    """Answer rows as ``memoized`` does; whether it could be done in the memory."""
    parts = spans(0, len(states))
    size = min(2 ** max(0, (memory_budget // (BYTES * len(parts))).bit_length() - 1), _LAST)
    if size < _BY_CLIQUE * (len(layout.parents) + 2):
        return False

    def answer(start: int, stop: int) -> bool:
        memo, rows, first, fresh = _SPARE.take(layout, tables.fixed, size), slice(start, stop), 0, False
        while True:
            before = first
            first = _compiled().answer_memoized(
                layout,
                memo,
                states[rows],
                tables.fixed,
                target,
                first,
                marginals[rows],
                log_partition[rows],
                status[rows],
            )
            if first == stop - start:
                _SPARE.give(layout, tables.fixed, memo)
                return True
            if fresh and first == before and len(memo.steps) == size:
                return False
            memo, fresh = make_memo(layout, min(4 * len(memo.steps), size)), True

    if len(parts) == 1:
        return answer(*parts[0])
    with ThreadPoolExecutor(len(parts)) as pool:
        return all(list(pool.map(lambda part: answer(*part), parts)))


def serves_batch(layout: Layout, tables: RowTables, num_entries: int, num_rows: int) -> bool:
    """Whether rows are many and alike: safe, with tables in common, on small cliques."""
    if num_rows < FEW or num_entries > MOST_ENTRIES:
        return False
    return not layout.varies.any() and bool(tables.safe.all()) and fits(layout)


@lru_cache(maxsize=1)
def _compiled() -> Any:
    """The compiled loops; numba is loaded when they are first needed."""
    return import_module(".memoized", __package__)
