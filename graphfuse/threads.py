"""Rows shared out among threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from typing import Any

import torch

_ROWS_PER_THREAD = 512  # below which another thread costs more than it saves


def spans(start: int, stop: int, num_threads: int | None = None) -> list[tuple[int, int]]:
    """Successive rows for each thread; of as many threads as torch may use, unless it is said."""
    num_threads = torch.get_num_threads() if num_threads is None else num_threads
    num_parts = max(1, min(num_threads, (stop - start) // _ROWS_PER_THREAD))
    return list(pairwise([start + (stop - start) * part // num_parts for part in range(num_parts + 1)]))


def share_out(work: Callable[[int, int], None], num_rows: int) -> None:
    """Do the work on all rows, of which each thread gets a span; inside, products of matrices take one thread.

    Args:
        work: What to do with the rows from one to before another.
        num_rows: Rows from 0 on.

    Example:
        >>> found = np.empty(3)
        >>> share_out(lambda start, stop: found[start:stop].fill(stop - start), len(found))
        >>> found
        array([3., 3., 3.])
    """
    parts = spans(0, num_rows)
    with _blas().limit(limits=1, user_api="blas"):  # whose threads would wait for each other's
        if len(parts) == 1:
            work(*parts[0])
            return
        with ThreadPoolExecutor(len(parts)) as pool:
            for _ in pool.map(lambda part: work(*part), parts):
                pass


@lru_cache(maxsize=1)
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
