"""Tables and evidence turned into lines, one number for every row side by side, and back.

The compiled loops are kept on disk: after a change here, remove the folder ``__pycache__``.
"""

from math import exp, inf
from typing import Any

from numba import types
from numba.extending import intrinsic

from .compiled import exact, inner, whole

_LOG2_E, _SHIFT = 1.4426950408889634, 1.5 * 2.0**52  # a number so large that adding it rounds to integers
_LN_2, _LN_2_REST = 0.6931471803691238, 1.9082149292705877e-10  # of which any power times the first is exact
_LEAST_EXPONENT = -708.0  # whose exponential is normal
_TURNED = 8  # rows that are turned into lines together, so that what is read is still in the cache


@intrinsic
def _pointer(context: Any, address: Any, like: Any) -> Any:
    """Numbers at an address, of the kind of another array."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(like.dtype)(types.int64, like), generate


@intrinsic
def _bits(context: Any, number: Any) -> Any:
    """The bits of a number as an integer."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.int64))

    return types.int64(types.float64), generate


@intrinsic
def _number(context: Any, bits: Any) -> Any:
    """The number of some bits."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.float64))

    return types.float64(types.int64), generate


@exact
def _exp(x):
    """The exponential of a number at most zero, by steps that compilers run side by side; 0 below the least number.

    The series of the rest after powers of two, which are added to the bits of the exponent.
    """
    shifted = x * _LOG2_E + _SHIFT
    power = shifted - _SHIFT
    rest = (x - power * _LN_2) - power * _LN_2_REST
    series = 1.0 / 479001600.0
    series = series * rest + 1.0 / 39916800.0
    series = series * rest + 1.0 / 3628800.0
    series = series * rest + 1.0 / 362880.0
    series = series * rest + 1.0 / 40320.0
    series = series * rest + 1.0 / 5040.0
    series = series * rest + 1.0 / 720.0
    series = series * rest + 1.0 / 120.0
    series = series * rest + 1.0 / 24.0
    series = series * rest + 1.0 / 6.0
    series = series * rest + 0.5
    series = series * rest + 1.0
    series = series * rest + 1.0
    return _number(_bits(series) + (_bits(shifted) << 52)) if x > _LEAST_EXPONENT else 0.0


@whole
def gather(ends, addresses, steps, num_rows, lines):
    """Tables of rows as lines.

    Args:
        ends: Where each table starts, and the last one ends.
        addresses: By table, where its first row is; the entries of a row are one after the other.
        steps: By table, numbers from a row to the next.
        num_rows: Of every table.
        lines: Filled ``(blocks, num_entries, width)``; zeros where rows are at an end.
    """
    _, num_entries, width = lines.shape
    for block in range(len(lines)):
        first = block * width
        num = min(width, num_rows - first)
        for t in range(len(ends) - 1):
            start, size, step = ends[t], ends[t + 1] - ends[t], steps[t]
            rows = _pointer(addresses[t], lines)
            for r in range(0, num - num % _TURNED, _TURNED):
                for e in range(size):
                    for k in range(r, r + _TURNED):
                        lines[block, start + e, k] = rows[(first + k) * step + e]
            for e in range(start, start + size):
                for r in range(num - num % _TURNED, num):
                    lines[block, e, r] = rows[(first + r) * step + e - start]
        for e in range(num_entries):
            for r in range(num, width):
                lines[block, e, r] = 0.0


@whole
def equal(ends, addresses, steps, num_rows, lines):
    """Whether lines are what ``gather`` would fill them with."""
    width = lines.shape[2]
    for block in range(len(lines)):
        first = block * width
        num = min(width, num_rows - first)
        for t in range(len(ends) - 1):
            start, size, step = ends[t], ends[t + 1] - ends[t], steps[t]
            rows, same = _pointer(addresses[t], lines), True
            for r in range(0, num - num % _TURNED, _TURNED):
                for e in range(size):
                    for k in range(r, r + _TURNED):
                        same &= lines[block, start + e, k] == rows[(first + k) * step + e]
            for e in range(start, start + size):
                for r in range(num - num % _TURNED, num):
                    same &= lines[block, e, r] == rows[(first + r) * step + e - start]
            if not same:
                return False
    return True


@whole
def scatter(ends, lines, num_rows, tables):
    """Lines back to tables of rows, one after the other in ``tables``, which is filled."""
    width = lines.shape[2]
    for block in range(len(lines)):
        first = block * width
        num = min(width, num_rows - first)
        for t in range(len(ends) - 1):
            start, size = ends[t], ends[t + 1] - ends[t]
            begin = start * num_rows + first * size
            for r in range(0, num - num % _TURNED, _TURNED):
                for e in range(size):
                    for k in range(r, r + _TURNED):
                        tables[begin + k * size + e] = lines[block, start + e, k]
            for r in range(num - num % _TURNED, num):
                for e in range(size):
                    tables[begin + r * size + e] = lines[block, start + e, r]


@whole
def scale_shared(ends, logs, entries, log_scale, least):
    """Tables that rows share as probabilities, ``entries``; what they were divided by, and their least, in nats."""
    for f in range(len(ends) - 1):
        start, stop = ends[f], ends[f + 1]
        peak, lowest = -inf, 0.0
        for e in range(start, stop):
            peak = max(peak, logs[e])
        log_scale[f] = peak
        if peak == -inf:
            peak = 0.0
        for e in range(start, stop):
            entries[e] = exp(logs[e] - peak)
            if logs[e] > -inf:
                lowest = min(lowest, logs[e] - peak)
        least[f] = lowest


@exact
def _divide(logs, peak, out):
    for r in range(len(peak)):
        out[r] = _exp(logs[r] - peak[r])


@inner
def _larger(x, y):
    return x if x > y else y


@inner
def _smaller(x, y):
    return x if x < y else y


@inner
def _extremes(logs, start, stop, peak, lowest):
    """By row the largest entry of a table, and the least positive one divided by it; four lines at a time."""
    for r in range(len(peak)):
        peak[r] = lowest[r] = logs[start, r]
    several = start + 1 + (stop - start - 1) // 4 * 4
    for e in range(start + 1, several, 4):
        a, b, c, d = logs[e], logs[e + 1], logs[e + 2], logs[e + 3]
        for r in range(len(peak)):
            peak[r] = _larger(_larger(_larger(a[r], b[r]), _larger(c[r], d[r])), peak[r])
            lowest[r] = _smaller(_smaller(_smaller(a[r], b[r]), _smaller(c[r], d[r])), lowest[r])
    for e in range(several, stop):
        a = logs[e]
        for r in range(len(peak)):
            peak[r] = _larger(a[r], peak[r])
            lowest[r] = _smaller(a[r], lowest[r])
    for r in range(len(peak)):
        if lowest[r] == -inf:
            lowest[r] = peak[r]
            for e in range(start, stop):
                if logs[e, r] > -inf:
                    lowest[r] = _smaller(logs[e, r], lowest[r])
        lowest[r] = lowest[r] - peak[r] if peak[r] > -inf else 0.0


@whole
def scale_own(ends, logs, lines, room, log_scale, least, deepest):
    """Lines of logarithms as probabilities.

    Args:
        ends: Where each table starts, and the last one ends.
        logs: ``(blocks, num_entries, width)``.
        lines: Filled, as ``logs``.
        room: Overwritten, ``(2, width)``.
        log_scale: ``(blocks, width)``, what tables were divided by is added.
        least: ``(blocks, width)``, the logarithms of the least positive entries of all tables are added.
        deepest: ``(blocks, width)``, the lowest of them.
    """
    peak, lowest = room[0], room[1]
    for block in range(len(lines)):
        for t in range(len(ends) - 1):
            _extremes(logs[block], ends[t], ends[t + 1], peak, lowest)
            for r in range(len(peak)):
                log_scale[block, r] += peak[r]
                least[block, r] += lowest[r]
                deepest[block, r] = min(deepest[block, r], lowest[r])
                peak[r] = peak[r] if peak[r] > -inf else 0.0
            for e in range(ends[t], ends[t + 1]):
                _divide(logs[block, e], peak, lines[block, e])


@whole
def observe(seen_ptr, states, lines):
    """Evidence as lines of ones and zeros.

    Args:
        seen_ptr: Where the lines of each variable start, and those of the last one end.
        states: int ``(num_seen, rows)``, -1 if hidden.
        lines: ``(blocks, num_lines, width)``, those of evidence are filled; ones where rows are at an end.
    """
    width = lines.shape[2]
    for block in range(len(lines)):
        first = block * width
        num = min(width, states.shape[1] - first)
        for i in range(len(seen_ptr) - 1):
            start = seen_ptr[i]
            for e in range(start, seen_ptr[i + 1]):
                for r in range(num):
                    state = states[i, first + r]
                    lines[block, e, r] = 1.0 if state < 0 or state == e - start else 0.0
                for r in range(num, width):
                    lines[block, e, r] = 1.0
