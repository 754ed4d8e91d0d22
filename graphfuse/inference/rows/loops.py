"""Compiled loops over the joint states of a clique, and what a table looks like from there.

The compiled loops that are kept on disk hold copies: after a change here, remove the folder ``__pycache__``.
"""

from typing import Any

import numpy as np
from numba import njit

# rows of ``Work.loop``: states of each dimension of a block and the steps of a table along it; the same for dimensions
# that are joined, the innermost first; where a loop stands
SIZE, STEP, LENGTH, STRIDE, TURN = range(5)
_SHORT = 8  # states of a run, below which the loop over them is told apart
_MOST = 2**45  # joint states that a clique sends, or sums out, whatever the memory

_SETTINGS: Any = {
    **{"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True},
    "_nrt": False,  # the caller owns all arrays
}
INNER: Any = {**_SETTINGS, "no_cpython_wrapper": True}  # compiled sooner, and not to be called from Python
whole = njit(**_SETTINGS)
inner = njit(**INNER)
part = njit(**{**INNER, "forceinline": True})


@part
def _merge(num_dims, loop):
    """The dimensions of a block along which a table runs on, joined; how many are left, the innermost first."""
    num, length, stride = 0, loop[SIZE, num_dims - 1], loop[STEP, num_dims - 1]
    for d in range(num_dims - 2, -1, -1):
        if loop[STEP, d] == stride * length:
            length *= loop[SIZE, d]
        else:
            loop[LENGTH, num], loop[STRIDE, num] = length, stride
            num += 1
            length, stride = loop[SIZE, d], loop[STEP, d]
    loop[LENGTH, num], loop[STRIDE, num] = length, stride
    if num == 0:
        loop[LENGTH, 1], loop[STRIDE, 1] = 1, 0
        num = 1
    return num + 1


@njit("void(float64[::1], int64, int64, int64[:, ::1], float64[::1], int64, boolean)", **INNER)
def multiply(out, p, num_dims, loop, table, q, first):
    """Multiply a block by a table that is constant along dimensions of step zero; the block is set if it is first."""
    num = _merge(num_dims, loop)
    width, step, height, jump = loop[LENGTH, 0], loop[STRIDE, 0], loop[LENGTH, 1], loop[STRIDE, 1]
    outer = 1
    for d in range(2, num):
        loop[TURN, d] = 0
        outer *= loop[LENGTH, d]
    for _ in range(outer):
        r = q
        for _ in range(height):
            if width < _SHORT:
                for k in range(width):
                    at, x = np.uint64(p + k), table[np.uint64(r + k * step)]
                    out[at] = x if first else out[at] * x
                p += width
                r += jump
                continue
            block, run = out[p : p + width], table[r:]
            if first:
                for k in range(width):
                    block[k] = run[k * step]
            elif step == 0:
                x = run[0]
                for k in range(width):
                    block[k] *= x
            elif step == 1:
                for k in range(width):
                    block[k] *= run[k]
            else:
                for k in range(width):
                    block[k] *= run[k * step]
            p += width
            r += jump
        for d in range(2, num):
            loop[TURN, d] += 1
            q += loop[STRIDE, d]
            if loop[TURN, d] < loop[LENGTH, d]:
                break
            q -= loop[STRIDE, d] * loop[LENGTH, d]
            loop[TURN, d] = 0


@njit("void(float64[::1], int64, int64, int64[:, ::1], float64[::1], int64, float64)", **INNER)
def add(out, q, num_dims, loop, table, p, weight):
    """Add a block, times a weight, to a table; dimensions of step zero are summed."""
    num = _merge(num_dims, loop)
    width, step, height, jump = loop[LENGTH, 0], loop[STRIDE, 0], loop[LENGTH, 1], loop[STRIDE, 1]
    outer = 1
    for d in range(2, num):
        loop[TURN, d] = 0
        outer *= loop[LENGTH, d]
    for _ in range(outer):
        r = q
        for _ in range(height):
            if width < _SHORT:
                for k in range(width):
                    out[np.uint64(r + k * step)] += weight * table[np.uint64(p + k)]
                p += width
                r += jump
                continue
            block = table[p : p + width]
            if step == 0:
                total = 0.0
                for k in range(width):
                    total += block[k]
                out[r] += weight * total
            else:
                run = out[r:]
                for k in range(width):
                    run[k * step] += weight * block[k]
            p += width
            r += jump
        for d in range(2, num):
            loop[TURN, d] += 1
            q += loop[STRIDE, d]
            if loop[TURN, d] < loop[LENGTH, d]:
                break
            q -= loop[STRIDE, d] * loop[LENGTH, d]
            loop[TURN, d] = 0


@njit("void(float64[::1], int64, int64, int64[:, ::1], float64[::1], int64)", **INNER)
def extend(out, p, num_dims, loop, table, q):
    """Add a table that is constant along dimensions of step zero to a block."""
    num = _merge(num_dims, loop)
    width, step, height, jump = loop[LENGTH, 0], loop[STRIDE, 0], loop[LENGTH, 1], loop[STRIDE, 1]
    outer = 1
    for d in range(2, num):
        loop[TURN, d] = 0
        outer *= loop[LENGTH, d]
    for _ in range(outer):
        r = q
        for _ in range(height):
            if width < _SHORT:
                for k in range(width):
                    out[np.uint64(p + k)] += table[np.uint64(r + k * step)]
                p += width
                r += jump
                continue
            block, run = out[p : p + width], table[r:]
            if step == 0:
                x = run[0]
                for k in range(width):
                    block[k] += x
            else:
                for k in range(width):
                    block[k] += run[k * step]
            p += width
            r += jump
        for d in range(2, num):
            loop[TURN, d] += 1
            q += loop[STRIDE, d]
            if loop[TURN, d] < loop[LENGTH, d]:
                break
            q -= loop[STRIDE, d] * loop[LENGTH, d]
            loop[TURN, d] = 0


@part
def steps_of_factor(layout, work, state, f, num_dims):
    """Set the steps of a factor along the dimensions at hand; where its observed states put it; if none is hidden."""
    for d in range(num_dims):
        work.loop[STEP, d] = 0
    base, known = layout.offsets[f], True
    for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
        v = layout.scope_vars[j]
        if state[v] >= 0:
            base += state[v] * layout.strides[j]
        else:
            work.loop[STEP, work.place[v]] = layout.strides[j]
            known = False
    return base, known


@part
def steps_of_message(layout, work, c, num_dims):
    """Steps of the message of a clique along the dimensions of its parent, which is at hand."""
    for d in range(num_dims):
        work.loop[STEP, d] = 0
    step = 1
    lo = layout.clique_ptr[c]
    for k in range(work.num_sent[c] - 1, -1, -1):
        v = work.dims[lo + k]
        work.loop[STEP, work.place[v]] = step
        step *= layout.num_states[v]


@part
def open_clique(layout, work, c):
    """Put the dimensions of a clique at hand; the joint states that it sends on, and those of the others."""
    lo, sent, rest = layout.clique_ptr[c], 1, 1
    for d in range(work.num_dims[c]):
        v = work.dims[lo + d]
        work.place[v] = d
        work.loop[SIZE, d] = layout.num_states[v]
        if d < work.num_sent[c]:
            sent *= layout.num_states[v]
        else:
            rest *= layout.num_states[v]
        sent, rest = min(sent, _MOST), min(rest, _MOST)
    return sent, rest


@njit("float64(float64[::1], int64, int64)", **INNER)
def least_positive(scratch, start, stop):
    """The least positive entry, at most one."""
    least = 1.0
    for k in range(start, stop):
        if 0.0 < scratch[k] < least:
            least = scratch[k]
    return least


@njit("UniTuple(float64, 2)(float64[::1], int64, int64)", **INNER)
def spread(scratch, start, stop):
    """Divide entries by the largest, which is given back, with the least positive one then; zeros if all are."""
    peak = 0.0
    for k in range(start, stop):
        peak = max(peak, scratch[k])
    if peak == 0.0:
        return 0.0, 0.0
    scale = 1 / peak
    for k in range(start, stop):
        scratch[k] *= scale
    return peak, least_positive(scratch, start, stop)


@njit("void(float64[::1], int64, int64, int64, int32[::1], int64, int64, int64, int64, int64)", **INNER)
def multiply_pair(pool, start, left, right, steps, at, num, width, by_left, by_right):
    """A block as the product of two tables, all in one array: runs whose places in both tables are listed."""
    places = steps[at : at + 2 * num]
    if width == 1:
        out, one, other = pool[start : start + num], pool[left:], pool[right:]
        for i in range(num):
            out[i] = one[np.uint64(places[2 * i])] * other[np.uint64(places[2 * i + 1])]
        return
    for i in range(num):
        p, q = left + places[2 * i], right + places[2 * i + 1]
        out = pool[start : start + width]
        start += width
        if by_left == 1 and by_right == 0:
            one, x = pool[p : p + width], pool[q]
            for k in range(width):
                out[k] = one[k] * x
        elif by_left == 0 and by_right == 1:
            one, x = pool[q : q + width], pool[p]
            for k in range(width):
                out[k] = one[k] * x
        else:
            one, other = pool[p:], pool[q:]
            for k in range(width):
                out[k] = one[k * by_left] * other[k * by_right]


@njit("void(float64[::1], int64, int64, int64, int64)", **INNER, fastmath={"reassoc"})
def sum_out(pool, table, start, num, rest):
    """Sums of successive entries of a table, as many as there are others to sum, in the same array; it may overlap."""
    for s in range(num):
        part, total = pool[table : table + rest], 0.0
        for k in range(rest):
            total += part[k]
        pool[start + s] = total
        table += rest
