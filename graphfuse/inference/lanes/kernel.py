"""Sum-product on one clique tree for many rows side by side: every multiply-add runs over all rows at hand.

Tables are probabilities up to a constant, not logarithms; a message is divided by its largest entry, row by row. The
joint states of a clique are nested loops, one a dimension: a table is multiplied in the loop of its last dimension, and
sums are taken inside out, so that only the tables of the innermost dimension are read for every joint state. On the way
back the same loops carry the weight of a prefix of the states inwards, and leave with every table how often each of its
entries is met. Where messages are so divided, no product is lost if the least positive entries of all that a clique
multiplies do not vanish together; a row in which they may is weak.

The compiled loops are kept on disk: after a change here, remove the folder ``__pycache__``.

Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures; Darwiche
(2003), A differential approach to inference in Bayesian networks.
"""

from math import exp, inf
from typing import Any

from numba import njit

from ..rows.status import LEAST
from .program import OWN, SHARED

_TURNED = 8  # rows that are turned into lines together: as many numbers as a cache line holds

_SETTINGS: Any = {
    **{"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True},
    "_nrt": False,  # the caller owns all arrays
    "fastmath": {"contract", "reassoc", "nsz"},
}
_INNER: Any = {**_SETTINGS, "no_cpython_wrapper": True}  # compiled sooner, and not to be called from Python
whole = njit(**_SETTINGS)
inner = njit(**_INNER)
part = njit(**{**_INNER, "inline": "always"})


@whole
def load_shared(ends, logs, entries, log_scale, least):
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


@inner
def _scale(lines, start, stop, log_scale, least, deepest, peak, lowest):
    """Subtract from a table its largest entry, row by row."""
    for r in range(len(peak)):
        peak[r] = -inf
        lowest[r] = 0.0
    for e in range(start, stop):
        line = lines[e]
        for r in range(len(peak)):
            peak[r] = max(peak[r], line[r])
    for r in range(len(peak)):
        log_scale[r] += peak[r]
        peak[r] = peak[r] if peak[r] > -inf else 0.0
    for e in range(start, stop):
        line = lines[e]
        for r in range(len(peak)):
            x = line[r] - peak[r]
            line[r] = x
            lowest[r] = min(lowest[r], x if x > -inf else 0.0)
    for r in range(len(peak)):
        least[r] += lowest[r]
        deepest[r] = min(deepest[r], lowest[r])


@whole
def load_own(ends, logs, lines, room, log_scale, least, deepest):
    """Tables of rows as lines of logarithms at most zero.

    Args:
        ends: Where each table starts, and the last one ends.
        logs: ``(rows, num_entries)``.
        lines: Filled ``(blocks, num_entries, width)``; zeros where rows are at an end.
        room: Overwritten, ``(2, width)``.
        log_scale: ``(blocks, width)``, what tables were divided by is added.
        least: ``(blocks, width)``, the logarithms of the least positive entries of all tables are added.
        deepest: ``(blocks, width)``, the lowest of them.
    """
    _, num_entries, width = lines.shape
    for block in range(len(lines)):
        first = block * width
        num = min(width, len(logs) - first)
        for r in range(0, num - num % _TURNED, _TURNED):
            for e in range(num_entries):
                for k in range(r, r + _TURNED):
                    lines[block, e, k] = logs[first + k, e]
        for e in range(num_entries):
            for r in range(num - num % _TURNED, num):
                lines[block, e, r] = logs[first + r, e]
            for r in range(num, width):
                lines[block, e, r] = 0.0
        for t in range(len(ends) - 1):
            _scale(lines[block], ends[t], ends[t + 1], log_scale[block], least[block], deepest[block], room[0], room[1])


@whole
def observe(program, states, lines):
    """Evidence as lines of ones and zeros.

    Args:
        program: What belongs where.
        states: int ``(num_seen, rows)``, -1 if hidden.
        lines: ``(blocks, num_lines, width)``, those of evidence are filled; ones where rows are at an end.
    """
    width = lines.shape[2]
    for block in range(len(lines)):
        first = block * width
        num = min(width, states.shape[1] - first)
        for i in range(len(program.seen_ptr) - 1):
            start = program.seen_ptr[i]
            for e in range(start, program.seen_ptr[i + 1]):
                for r in range(num):
                    state = states[i, first + r]
                    lines[block, e, r] = 1.0 if state < 0 or state == e - start else 0.0
                for r in range(num, width):
                    lines[block, e, r] = 1.0


@inner
def _entry(program, t, turn, num_dims):
    """The entry of a table where the loops stand."""
    at = program.start[t]
    for d in range(num_dims):
        at += program.steps[t, d] * turn[d]
    return at


@inner
def _fill(out, number):
    for r in range(len(out)):
        out[r] = number


@inner
def _multiply(program, start, stop, turn, num_dims, fixed, own, sent, out):
    """The product of tables where the loops stand; those that rows share come first."""
    number, first = 1.0, True
    for t in range(start, stop):
        at = _entry(program, t, turn, num_dims)
        if program.place[t] == SHARED:
            number *= fixed[at]
            continue
        line = own[at] if program.place[t] == OWN else sent[at]
        if first:
            for r in range(len(out)):
                out[r] = number * line[r]
        else:
            for r in range(len(out)):
                out[r] *= line[r]
        first = False
    if first:
        _fill(out, number)


@inner
def _add_product(program, start, stop, turn, num_dims, fixed, own, sent, product, out):
    """Add the product of tables where the loops stand."""
    number, num = 1.0, 0
    x = y = product
    for t in range(start, stop):
        at = _entry(program, t, turn, num_dims)
        if program.place[t] == SHARED:
            number *= fixed[at]
            continue
        num += 1
        z = own[at] if program.place[t] == OWN else sent[at]
        if num == 1:
            x = z
        elif num == 2:
            y = z
    if num == 1:
        for r in range(len(out)):
            out[r] += number * x[r]
    elif num == 2:
        for r in range(len(out)):
            out[r] += number * x[r] * y[r]
    else:
        _multiply(program, start, stop, turn, num_dims, fixed, own, sent, product)
        for r in range(len(out)):
            out[r] += product[r]


@inner
def _times(out, x, y):
    for r in range(len(out)):
        out[r] = x[r] * y[r]


@inner
def _plus_times(out, x, y, first):
    """Add a product, or set it if it is the first."""
    if first:
        for r in range(len(out)):
            out[r] = x[r] * y[r]
    else:
        for r in range(len(out)):
            out[r] += x[r] * y[r]


@inner
def _divide(lines, start, stop, peak):
    """Lines divided by the largest of them."""
    for r in range(len(peak)):
        peak[r] = 0.0
    for s in range(start, stop):
        x = lines[s]
        for r in range(len(peak)):
            peak[r] = max(peak[r], x[r])
    for s in range(start, stop):
        x = lines[s]
        for r in range(len(peak)):
            x[r] = x[r] / peak[r] if peak[r] > 0.0 else 0.0


@inner
def _return(outer, sent, peak, out):
    """What a message came back with, for everything that it was the sum of."""
    for r in range(len(out)):
        back = sent[r] * peak[r]
        out[r] *= outer[r] / back if back > 0.0 else 0.0


@inner
def _count(program, start, stop, turn, num_dims, fixed_counts, own_counts, sent_counts, met):
    """Tables are met where the loops stand."""
    for t in range(start, stop):
        if program.counted[t]:
            at = _entry(program, t, turn, num_dims)
            if program.place[t] == SHARED:
                total = 0.0
                for r in range(len(met)):
                    total += met[r]
                fixed_counts[at] += total
            else:
                out = own_counts[at] if program.place[t] == OWN else sent_counts[at]
                for r in range(len(met)):
                    out[r] += met[r]


@inner
def _joint_states(program, node, start, stop):
    size = 1
    for d in range(start, stop):
        size *= program.num_states[node, d]
    return size


@inner
def _next(program, node, turn, num_dims):
    """The next of the joint states of the first dimensions."""
    for d in range(num_dims - 1, -1, -1):
        turn[d] += 1
        if turn[d] < program.num_states[node, d]:
            break
        turn[d] = 0


@part
def _collect(program, fixed, own, sent, sums, product, turn):
    """Messages to the roots."""
    levels, sizes = program.levels, program.num_states
    for n in range(len(program.num_dims)):
        num_dims, kept, start = program.num_dims[n], program.num_kept[n], program.messages[n]
        inner, num_sent = num_dims - 1, _joint_states(program, n, 0, kept)
        for d in range(num_dims):
            turn[d] = 0
        for s in range(start, start + num_sent):
            _multiply(program, levels[n, 0], levels[n, kept + 1], turn, kept, fixed, own, sent, sent[s])
            if num_dims > kept:
                for _ in range(_joint_states(program, n, kept, inner)):
                    _fill(sums[inner], 0.0)
                    for x in range(sizes[n, inner]):
                        turn[inner] = x
                        _add_product(
                            program, levels[n, num_dims], levels[n, num_dims + 1],
                            turn, num_dims, fixed, own, sent, product, sums[inner],
                        )  # fmt: skip
                    turn[inner] = 0
                    for d in range(inner - 1, kept - 1, -1):
                        _multiply(program, levels[n, d + 1], levels[n, d + 2], turn, d + 1, fixed, own, sent, product)
                        _plus_times(sums[d], product, sums[d + 1], turn[d] == 0)
                        turn[d] += 1
                        if turn[d] < sizes[n, d]:
                            break
                        turn[d] = 0
                _times(sent[s], sent[s], sums[kept])
            _next(program, n, turn, kept)
        _divide(sent, start, start + num_sent, sent[program.scales[n]])


@part
def _distribute(program, fixed, own, sent, own_counts, sent_counts, fixed_counts, sums, products, prefixes, turn):
    """From how often the entries of the messages of the roots are met, how often those of all tables are."""
    levels, sizes = program.levels, program.num_states
    for n in range(len(program.num_dims) - 1, -1, -1):
        num_dims, kept, start = program.num_dims[n], program.num_kept[n], program.messages[n]
        inner = num_dims - 1
        for d in range(num_dims):
            turn[d] = 0
        for s in range(start, start + _joint_states(program, n, 0, kept)):
            _count(
                program,
                levels[n, 0],
                levels[n, kept + 1],
                turn,
                kept,
                fixed_counts,
                own_counts,
                sent_counts,
                sent_counts[s],
            )
            if num_dims > kept:
                _multiply(program, levels[n, 0], levels[n, kept + 1], turn, kept, fixed, own, sent, prefixes[kept])
                _return(sent_counts[s], sent[s], sent[program.scales[n]], prefixes[kept])
                outermost = kept
                for _ in range(_joint_states(program, n, kept, inner)):
                    for d in range(outermost, inner):
                        _multiply(
                            program, levels[n, d + 1], levels[n, d + 2], turn, d + 1, fixed, own, sent, products[d]
                        )
                        _times(prefixes[d + 1], prefixes[d], products[d])
                    for x in range(sizes[n, inner]):
                        turn[inner] = x
                        lo, hi = levels[n, num_dims], levels[n, num_dims + 1]
                        _multiply(program, lo, hi, turn, num_dims, fixed, own, sent, products[inner])
                        _times(prefixes[num_dims], prefixes[inner], products[inner])
                        _count(
                            program, lo, hi, turn, num_dims, fixed_counts, own_counts, sent_counts, prefixes[num_dims]
                        )
                        if inner > kept:
                            _sum(sums[inner], products[inner], x == 0)
                    turn[inner] = 0
                    for d in range(inner - 1, kept - 1, -1):
                        _times(prefixes[d + 1], prefixes[d + 1], sums[d + 1])
                        lo, hi = levels[n, d + 1], levels[n, d + 2]
                        _count(program, lo, hi, turn, d + 1, fixed_counts, own_counts, sent_counts, prefixes[d + 1])
                        if d > kept:
                            _plus_times(sums[d], products[d], sums[d + 1], turn[d] == 0)
                        turn[d] += 1
                        outermost = d
                        if turn[d] < sizes[n, d]:
                            break
                        turn[d] = 0
            _next(program, n, turn, kept)


@inner
def _sum(out, x, first):
    """Add a line, or set it if it is the first."""
    if first:
        for r in range(len(out)):
            out[r] = x[r]
    else:
        for r in range(len(out)):
            out[r] += x[r]


@inner
def _find_weak(program, fixed, own, sent, floor, lowest, weak):
    """Rows in which the least positive entries of what a node multiplies vanish together."""
    for n in range(len(program.num_dims)):
        for r in range(len(floor)):
            floor[r] = 1.0
        for t in range(program.levels[n, 0], program.levels[n, program.num_dims[n] + 1]):
            for r in range(len(lowest)):
                lowest[r] = 1.0
            for e in range(program.start[t], program.start[t] + program.size[t]):
                if program.place[t] == SHARED:
                    for r in range(len(lowest)):
                        lowest[r] = min(lowest[r], fixed[e] if fixed[e] > 0.0 else 1.0)
                else:
                    line = own[e] if program.place[t] == OWN else sent[e]
                    for r in range(len(lowest)):
                        lowest[r] = min(lowest[r], line[r] if line[r] > 0.0 else 1.0)
            for r in range(len(floor)):
                floor[r] *= lowest[r]
        for r in range(len(weak)):
            if floor[r] < LEAST:
                weak[r] = True


@whole
def collect(program, fixed, own, sent, room, turn, safe, weak):
    """Messages to the roots, of rows in several blocks.

    Args:
        program: What belongs where.
        fixed: Entries of the tables that rows share.
        own: Lines of the tables that they do not, ``(blocks, num_entries, width)``.
        sent: ``(blocks, num_lines, width)``; evidence is read, messages and their scales are filled.
        room: Overwritten, ``(3, dimensions + 1, width)``.
        turn: Overwritten, one for every dimension.
        safe: Whether no product can vanish in any row.
        weak: ``(blocks, width)``, set where one may.
    """
    for block in range(len(sent)):
        _collect(program, fixed, own[block], sent[block], room[0], room[1, 0], turn)
        if not safe:
            _find_weak(program, fixed, own[block], sent[block], room[0, 0], room[1, 0], weak[block])


@whole
def distribute(program, fixed, own, sent, room, turn, own_counts, sent_counts, weights, fixed_counts):
    """Add up how often the entries of all tables are met, expected of rows of some weight.

    Args:
        program: What belongs where.
        fixed: Entries of the tables that rows share.
        own: Lines of the tables that they do not, ``(num_entries, width)`` of one block.
        sent: ``(num_lines, width)``, as ``collect`` left them.
        room: Overwritten, ``(3, dimensions + 1, width)``.
        turn: Overwritten, one for every dimension.
        own_counts: Filled, as ``own``.
        sent_counts: Overwritten, as ``sent``.
        weights: ``(rows, num_asked)``: how much the logarithm of each entry of the last message counts.
        fixed_counts: Added to, as ``fixed``.
    """
    last = program.messages[-1]
    for e in range(len(own_counts)):
        _fill(own_counts[e], 0.0)
    for e in range(len(sent_counts)):
        _fill(sent_counts[e], 0.0)
    for r in range(len(weights)):
        total = 0.0
        for k in range(weights.shape[1]):
            sent_counts[last + k, r] = weights[r, k]
            total += weights[r, k]
        for i in range(len(program.roots) - 1):
            sent_counts[program.messages[program.roots[i]], r] = total
    _distribute(program, fixed, own, sent, own_counts, sent_counts, fixed_counts, room[0], room[1], room[2], turn)


@whole
def unload(counts, rows):
    """Lines back to rows ``(rows, num_entries)``, which are filled."""
    num, num_entries = rows.shape
    for r in range(0, num - num % _TURNED, _TURNED):
        for e in range(num_entries):
            for k in range(r, r + _TURNED):
                rows[k, e] = counts[e, k]
    for r in range(num - num % _TURNED, num):
        for e in range(num_entries):
            rows[r, e] = counts[e, r]
