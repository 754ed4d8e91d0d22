"""Rows shared out among threads."""

from __future__ import annotations

from itertools import pairwise

import torch

_ROWS_PER_THREAD = 512  # below which another thread costs more than it saves


def spans(start: int, stop: int, num_threads: int | None = None) -> list[tuple[int, int]]:
    """Successive rows for each thread; of as many threads as torch may use, unless it is said."""
    num_threads = torch.get_num_threads() if num_threads is None else num_threads
    num_parts = max(1, min(num_threads, (stop - start) // _ROWS_PER_THREAD))
    return list(pairwise([start + (stop - start) * part // num_parts for part in range(num_parts + 1)]))
