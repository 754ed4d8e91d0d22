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

from ..rows.status import LEAST
from .compiled import inner, part, whole
from .program import OWN, SHARED

_INVERTIBLE = 1e-300  # far below the largest entry of any message of a row that is not weak


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
def _shared(program, start, stop, turn, num_dims, fixed):
    """The product of the tables that rows share where the loops stand."""
    number = 1.0
    for t in range(start, stop):
        if program.place[t] == SHARED:
            number *= fixed[_entry(program, t, turn, num_dims)]
    return number


@inner
def _first_line(program, start, stop):
    """The first table that rows do not share; those that they do come before it."""
    for t in range(start, stop):
        if program.place[t] != SHARED:
            return t
    return stop


@inner
def _sum_lines(x, at, step, size, numbers, out):
    """The sum of lines times a number each, four lines at a time."""
    whole = size - size % 4
    for s in range(0, whole, 4):
        i, j, k, m = numbers[s], numbers[s + 1], numbers[s + 2], numbers[s + 3]
        a, b, c, d = x[at], x[at + step], x[at + 2 * step], x[at + 3 * step]
        at += 4 * step
        if s == 0:
            for r in range(len(out)):
                out[r] = (i * a[r] + j * b[r]) + (k * c[r] + m * d[r])
        else:
            for r in range(len(out)):
                out[r] += (i * a[r] + j * b[r]) + (k * c[r] + m * d[r])
    for s in range(whole, size):
        a, i = x[at], numbers[s]
        at += step
        if s == 0:
            for r in range(len(out)):
                out[r] = i * a[r]
        else:
            for r in range(len(out)):
                out[r] += i * a[r]


@inner
def _sum_products(x, at, x_step, y, there, y_step, size, numbers, out):
    """The sum of products of two lines and a number each, two at a time."""
    whole = size - size % 2
    for s in range(0, whole, 2):
        i, j = numbers[s], numbers[s + 1]
        a, b, c, d = x[at], x[at + x_step], y[there], y[there + y_step]
        at += 2 * x_step
        there += 2 * y_step
        if s == 0:
            for r in range(len(out)):
                out[r] = i * a[r] * c[r] + j * b[r] * d[r]
        else:
            for r in range(len(out)):
                out[r] += i * a[r] * c[r] + j * b[r] * d[r]
    for s in range(whole, size):
        a, c, i = x[at], y[there], numbers[s]
        at += x_step
        there += y_step
        if s == 0:
            for r in range(len(out)):
                out[r] = i * a[r] * c[r]
        else:
            for r in range(len(out)):
                out[r] += i * a[r] * c[r]


@inner
def _sum_states(program, start, stop, turn, num_dims, size, fixed, own, sent, numbers, product, out):
    """The sum of products of tables over the states of the innermost dimension."""
    inner, t = num_dims - 1, _first_line(program, start, stop)
    if 1 <= stop - t <= 2:
        for s in range(size):
            turn[inner] = s
            numbers[s] = _shared(program, start, t, turn, num_dims, fixed)
        turn[inner] = 0
        at, step = _entry(program, t, turn, num_dims), program.steps[t, inner]
        x = own if program.place[t] == OWN else sent
        if stop - t == 1:
            _sum_lines(x, at, step, size, numbers, out)
        else:
            y = own if program.place[t + 1] == OWN else sent
            there, y_step = _entry(program, t + 1, turn, num_dims), program.steps[t + 1, inner]
            _sum_products(x, at, step, y, there, y_step, size, numbers, out)
        return
    for s in range(size):
        turn[inner] = s
        _multiply(program, start, stop, turn, num_dims, fixed, own, sent, product)
        _sum(out, product, s == 0)
    turn[inner] = 0


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
def _divide(lines, start, stop, peak, inverse):
    """Lines divided by the largest of them."""
    for s in range(start, stop):
        x = lines[s]
        if s == start:
            for r in range(len(peak)):
                peak[r] = x[r]
        else:
            for r in range(len(peak)):
                peak[r] = x[r] if x[r] > peak[r] else peak[r]
    for r in range(len(peak)):
        inverse[r] = 1.0 / peak[r] if peak[r] > _INVERTIBLE else 0.0
    for s in range(start, stop):
        x = lines[s]
        for r in range(len(peak)):
            x[r] *= inverse[r]


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
def _meet_line(prefix, number, x, out, counted):
    """Add how often an entry of a line is met; over all rows, how often it is."""
    total = 0.0
    if counted:
        for r in range(len(out)):
            met = number * prefix[r] * x[r]
            out[r] += met
            total += met
    else:
        for r in range(len(out)):
            total += number * prefix[r] * x[r]
    return total


@inner
def _meet_lines(prefix, number, x, y, x_out, y_out, x_counted, y_counted):
    """Add how often an entry of two lines is met; over all rows, how often it is."""
    total = 0.0
    if x_counted and y_counted:
        for r in range(len(x_out)):
            met = number * prefix[r] * x[r] * y[r]
            x_out[r] += met
            y_out[r] += met
            total += met
    else:
        for r in range(len(prefix)):
            met = number * prefix[r] * x[r] * y[r]
            total += met
            if x_counted:
                x_out[r] += met
            if y_counted:
                y_out[r] += met
    return total


@inner
def _meet(
    program, start, stop, turn, num_dims, fixed, own, sent, own_counts, sent_counts, fixed_counts, prefix, product, met
):
    """Tables of the innermost dimension are met where the loops stand, with the weight of a prefix."""
    t = _first_line(program, start, stop)
    if not 1 <= stop - t <= 2:
        _multiply(program, start, stop, turn, num_dims, fixed, own, sent, product)
        _times(met, prefix, product)
        _count(program, start, stop, turn, num_dims, fixed_counts, own_counts, sent_counts, met)
        return
    number, at = _shared(program, start, t, turn, num_dims, fixed), _entry(program, t, turn, num_dims)
    is_own, counted = program.place[t] == OWN, program.counted[t]
    x, out = (own[at], own_counts[at]) if is_own else (sent[at], sent_counts[at])
    if stop - t == 1:
        total = _meet_line(prefix, number, x, out, counted)
    else:
        there = _entry(program, t + 1, turn, num_dims)
        y, y_out = (own[there], own_counts[there]) if program.place[t + 1] == OWN else (sent[there], sent_counts[there])
        total = _meet_lines(prefix, number, x, y, out, y_out, counted, program.counted[t + 1])
    for f in range(start, t):
        if program.counted[f]:
            fixed_counts[_entry(program, f, turn, num_dims)] += total


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
def _collect(program, fixed, own, sent, sums, product, numbers, turn):
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
                    _sum_states(
                        program, levels[n, num_dims], levels[n, num_dims + 1], turn, num_dims, sizes[n, inner],
                        fixed, own, sent, numbers, product, sums[inner],
                    )  # fmt: skip
                    for d in range(inner - 1, kept - 1, -1):
                        _multiply(program, levels[n, d + 1], levels[n, d + 2], turn, d + 1, fixed, own, sent, product)
                        _plus_times(sums[d], product, sums[d + 1], turn[d] == 0)
                        turn[d] += 1
                        if turn[d] < sizes[n, d]:
                            break
                        turn[d] = 0
                _times(sent[s], sent[s], sums[kept])
            _next(program, n, turn, kept)
        _divide(sent, start, start + num_sent, sent[program.scales[n]], product)


@part
def _distribute(
    program, fixed, own, sent, own_counts, sent_counts, fixed_counts, sums, products, prefixes, numbers, turn
):
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
                        _meet(
                            program, lo, hi, turn, num_dims, fixed, own, sent, own_counts, sent_counts, fixed_counts,
                            prefixes[inner], products[inner], prefixes[num_dims],
                        )  # fmt: skip
                    turn[inner] = 0
                    if inner > kept:
                        _sum_states(
                            program, levels[n, num_dims], levels[n, num_dims + 1], turn, num_dims, sizes[n, inner],
                            fixed, own, sent, numbers, products[inner], sums[inner],
                        )  # fmt: skip
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
def collect(program, fixed, own, sent, room, numbers, turn, safe, weak):
    """Messages to the roots, of rows in several blocks.

    Args:
        program: What belongs where.
        fixed: Entries of the tables that rows share.
        own: Lines of the tables that they do not, ``(blocks, num_entries, width)``.
        sent: ``(blocks, num_lines, width)``; evidence is read, messages and their scales are filled.
        room: Overwritten, ``(3, dimensions + 1, width)``.
        numbers: Overwritten, one for every state of a dimension.
        turn: Overwritten, one for every dimension.
        safe: Whether no product can vanish in any row.
        weak: ``(blocks, width)``, set where one may.
    """
    for block in range(len(sent)):
        _collect(program, fixed, own[block], sent[block], room[0], room[1, 0], numbers, turn)
        if not safe:
            _find_weak(program, fixed, own[block], sent[block], room[0, 0], room[1, 0], weak[block])


@whole
def distribute(program, fixed, own, sent, room, numbers, turn, own_counts, sent_counts, weights, fixed_counts):
    """Add up how often the entries of all tables are met, expected of rows of some weight.

    Args:
        program: What belongs where.
        fixed: Entries of the tables that rows share.
        own: Lines of the tables that they do not, ``(num_entries, width)`` of one block.
        sent: ``(num_lines, width)``, as ``collect`` left them.
        room: Overwritten, ``(3, dimensions + 1, width)``.
        numbers: Overwritten, one for every state of a dimension.
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
    _distribute(
        program, fixed, own, sent, own_counts, sent_counts, fixed_counts, room[0], room[1], room[2], numbers, turn
    )
