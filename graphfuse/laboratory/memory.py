"""How much memory a piece of work takes at its peak."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
_RESET_THE_PEAK = "5"


class PeakMemory:
    """The growth of the resident memory of this process since the start, at its peak, in MiB; None where unknown.

    The peak is read from the kernel, and is known on Linux alone.

    Example:
        >>> watch = PeakMemory()
        >>> block = bytearray(64 * 2**20)
        >>> watch.mib() is None or 50 < watch.mib() < 500
        True

    Reference: proc(5), the Linux manual, on VmHWM and clear_refs.
    """

    def __init__(self) -> None:
        with suppress(OSError):
            _CLEAR.write_text(_RESET_THE_PEAK)
        self.start = _mib("VmRSS")

    def mib(self) -> float | None:
        peak = _mib("VmHWM")
        return None if peak is None or self.start is None else max(0.0, round(peak - self.start, 1))


def _mib(field: str) -> float | None:
    with suppress(OSError):
        for line in _STATUS.read_text().splitlines():
            name, _, value = line.partition(":")
            if name == field:
                return float(value.split()[0]) / 1024
    return None
