"""How much memory a query may take where nobody says."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

_SHARE = 0.5  # of what is free
_UNKNOWN = 8 * 2**30  # where the system does not tell
_SECONDS = 1.0  # for which an answer holds
_LIMITS = (  # of a container: what it may take and what it takes, as the two versions of control groups say it
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)


class Refused(MemoryError):
    """A refusal that no other way of answering mends."""


def budget_of(tables: Iterable[Tensor]) -> int:
    """Half of the bytes that are free where the tables lie."""
    device = next((table.device for table in tables), torch.device("cpu"))
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(_SHARE * (free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)))
    return int(_SHARE * _free(int(time.monotonic() / _SECONDS)))


@lru_cache(maxsize=1)
def _free(moment: int) -> int:
    """Bytes that this process may still take, by the system and by its container."""
    known = [_available(), *(_left(*map(Path, files)) for files in _LIMITS)]
    return min((each for each in known if each is not None), default=_UNKNOWN)


def _available() -> int | None:
    try:
        with open("/proc/meminfo") as file:
            [line] = [line for line in file if line.startswith("MemAvailable:")]
        return 1024 * int(line.split()[1])
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _left(limit: Path, usage: Path) -> int | None:
    try:
        return max(0, int(limit.read_text()) - int(usage.read_text()))
    except (OSError, ValueError):  # "max" where there is no limit
        return None
