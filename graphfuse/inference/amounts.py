"""Counts and bytes as a person reads them."""

from math import log2


def in_words(number: int) -> str:
    """A count as a person reads it, whatever its size."""
    return f"{number:,}" if number < 10**15 else f"about 2^{log2(number):.0f}"


def bytes_in_words(number: int) -> str:
    """Bytes as a person reads them."""
    for power, unit in enumerate(("bytes", "KiB", "MiB", "GiB", "TiB")):
        if number < 1024 ** (power + 1):
            return f"{number / 1024**power:,.{0 if not power else 1}f} {unit}"
    return f"about 2^{log2(number) - 40:.0f} TiB"


def gibibytes(number: int) -> str:
    """Bytes for a refusal, in gibibytes unless there are few."""
    if number < 2**20:
        return bytes_in_words(number)
    return f"{number / 2**30:,.3f} GiB" if number < 2**80 else f"about 2^{log2(number) - 30:.0f} GiB"
