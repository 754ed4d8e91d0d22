"""Sum-product on one clique tree, row after row in compiled loops: every row slices away what it observed.

Tables are probabilities up to a constant, not logarithms; a message is divided by its largest entry, whose logarithm
is added up. A row works on the joint states of its hidden variables only, and, where it may, only of those that bear on
what is asked.

Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures; Shachter
(1998), Bayes-ball: the rational pastime; Darwiche (2009), Modeling and Reasoning with Bayesian Networks, chapters 6
and 7.
"""

from math import inf, log
from typing import NamedTuple

import numpy as np
from numba import njit

FINE, WEAK, IMPOSSIBLE = 0, 1, 2  # of a row: answered; beyond what these numbers hold; of probability zero
_MOST = 2**28  # joint states that a clique sends, or sums out, whatever the memory
_WEAKEST = 1e-150  # largest entry of a message, before it is divided by it

# rows of ``Work.loop``: states of each dimension of a block and the steps of a table along it; the same for dimensions
# that are joined, the innermost first; where a loop stands
SIZE, STEP, LENGTH, STRIDE, TURN = range(5)


class Layout(NamedTuple):
    """A clique tree and its factors as arrays; ``x_ptr[i]`` to ``x_ptr[i + 1]`` is what belongs to ``i``.

    Cliques stand before their parents; the variables of a clique are those of its separator first. Tables are entries
    of one array, the constant ones, or of one array per row.
    """

    num_states: np.ndarray
    clique_ptr: np.ndarray
    clique_vars: np.ndarray
    num_shared: np.ndarray  # variables in the separator of a clique
    parents: np.ndarray
    places: np.ndarray  # by factor the clique that multiplies it, -1 if it reads no variable
    scope_ptr: np.ndarray
    scope_vars: np.ndarray
    strides: np.ndarray
    offsets: np.ndarray
    varies: np.ndarray  # whether a factor has a table per row
    touch_ptr: np.ndarray
    touching: np.ndarray  # factors that read a variable
    closing: np.ndarray  # factors that sum to one over their last variable, none before one that reads that variable
    owners: np.ndarray  # by variable the factor that sums to one over it; empty unless all factors are such
    homes: np.ndarray  # by variable the clique that answers for it if messages go one way


class Work(NamedTuple):
    """What one row leaves behind, overwritten by the next."""

    clock: np.ndarray  # one number, which grows; what is marked with another is not marked
    wanted: np.ndarray  # variables asked for
    count: np.ndarray  # by variable, factors that read it and count
    above: np.ndarray  # by variable, when evidence was passed on to its parents
    below: np.ndarray  # by variable, when evidence was passed on to its children
    stack: np.ndarray
    dropped: np.ndarray  # by factor, when it was summed to one
    counted: np.ndarray  # by factor, when it was found to count
    first_factor: np.ndarray  # by clique, a factor that it multiplies, or -1
    next_factor: np.ndarray  # by factor, another one there
    holder: np.ndarray  # by factor, the clique that multiplies it
    first_sender: np.ndarray  # by clique, one below that sends it a message
    next_sender: np.ndarray
    receiver: np.ndarray  # by clique, the one that its message reaches
    mark: np.ndarray  # by variable, when a clique met it
    place: np.ndarray  # by variable, its dimension in that clique
    best: np.ndarray  # by variable, the clique with the smallest table that it is a dimension of
    best_size: np.ndarray
    dims: np.ndarray  # at clique_ptr: the hidden variables of a clique
    num_dims: np.ndarray
    num_sent: np.ndarray  # dimensions of the message of a clique, which come first
    start: np.ndarray  # of the table of a clique in the scratch
    sent: np.ndarray  # of its message
    visited: np.ndarray  # cliques with a table
    loop: np.ndarray  # along the dimensions at hand: see SIZE to TURN
    scratch: np.ndarray


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
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


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def _multiply(out, p, num_dims, loop, table, q, first):
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
            if first:
                for k in range(width):
                    out[p + k] = table[r + k * step]
            elif step == 0:
                x = table[r]
                for k in range(width):
                    out[p + k] *= x
            elif step == 1:
                for k in range(width):
                    out[p + k] *= table[r + k]
            else:
                for k in range(width):
                    out[p + k] *= table[r + k * step]
            p += width
            r += jump
        for d in range(2, num):
            loop[TURN, d] += 1
            q += loop[STRIDE, d]
            if loop[TURN, d] < loop[LENGTH, d]:
                break
            q -= loop[STRIDE, d] * loop[LENGTH, d]
            loop[TURN, d] = 0


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def _add(out, q, num_dims, loop, table, p, weight):
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
            if step == 0:
                total = 0.0
                for k in range(p, p + width):
                    total += table[k]
                out[r] += weight * total
            else:
                for k in range(width):
                    out[r + k * step] += weight * table[p + k]
            p += width
            r += jump
        for d in range(2, num):
            loop[TURN, d] += 1
            q += loop[STRIDE, d]
            if loop[TURN, d] < loop[LENGTH, d]:
                break
            q -= loop[STRIDE, d] * loop[LENGTH, d]
            loop[TURN, d] = 0


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _count_all(layout, work, state):
    """Every factor counts, but for those that sum to one over a hidden variable that nobody else reads."""
    clock, count = work.clock[0], work.count
    for v in range(len(count)):
        count[v] = layout.touch_ptr[v + 1] - layout.touch_ptr[v]
    for f in layout.closing:
        lo, hi = layout.scope_ptr[f], layout.scope_ptr[f + 1]
        v = layout.scope_vars[hi - 1]
        if count[v] == 1 and state[v] < 0 and not work.wanted[v]:
            work.dropped[f] = work.above[v] = clock
            for j in range(lo, hi):
                count[layout.scope_vars[j]] -= 1


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _add_factor(layout, work, f):
    """Let a factor count."""
    c = layout.places[f]
    work.counted[f] = work.clock[0]
    work.holder[f] = c
    if c >= 0:
        work.next_factor[f] = work.first_factor[c]
        work.first_factor[c] = f


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _find_connected(layout, work, state, asked):
    """The factors that hidden variables connect with those asked for."""
    clock, top = work.clock[0], 0
    for v in asked:
        if state[v] < 0:
            work.below[v] = clock
            work.stack[top] = v
            top += 1
    while top:
        top -= 1
        v = work.stack[top]
        for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
            f = layout.touching[i]
            if work.counted[f] != clock and work.dropped[f] != clock:
                _add_factor(layout, work, f)
                for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                    u = layout.scope_vars[j]
                    if state[u] < 0 and work.below[u] != clock:
                        work.below[u] = clock
                        work.stack[top] = u
                        top += 1


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _pass_ball(layout, work, state, asked):
    """The factors that bear on the variables asked for, where every variable has one that sums to one over it.

    A visit from below is coded ``v``, one from above ``-v - 1``. The factor of a variable counts if evidence is passed
    on to its parents. Only what the ball reaches is looked at.
    """
    clock, top = work.clock[0], 0
    for v in asked:
        if state[v] < 0:
            work.stack[top] = v
            top += 1
    while top:
        top -= 1
        visit = work.stack[top]
        v = visit if visit >= 0 else -visit - 1
        own = layout.owners[v]
        if work.above[v] != clock and (visit >= 0) == (state[v] < 0):  # from below if hidden, from above if observed
            work.above[v] = clock
            _add_factor(layout, work, own)
            for j in range(layout.scope_ptr[own], layout.scope_ptr[own + 1] - 1):
                u = layout.scope_vars[j]
                if state[u] < 0 and work.above[u] != clock:
                    work.stack[top] = u
                    top += 1
        if work.below[v] != clock and state[v] < 0:
            work.below[v] = clock
            for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
                f = layout.touching[i]
                if f != own:
                    u = layout.scope_vars[layout.scope_ptr[f + 1] - 1]
                    if (work.below[u] != clock) if state[u] < 0 else (work.above[u] != clock):
                        work.stack[top] = -u - 1
                        top += 1


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _steps_of_factor(layout, work, state, f, num_dims):
    """Steps of a factor along the dimensions of the clique at hand; where its observed states put it; if none is hidden."""
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


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _steps_of_message(layout, work, c, num_dims):
    """Steps of the message of a clique along the dimensions of its parent, which is at hand."""
    for d in range(num_dims):
        work.loop[STEP, d] = 0
    step = 1
    lo = layout.clique_ptr[c]
    for k in range(work.num_sent[c] - 1, -1, -1):
        v = work.dims[lo + k]
        work.loop[STEP, work.place[v]] = step
        step *= layout.num_states[v]


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _open(layout, work, c):
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


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _meet(layout, work, state, c):
    """The hidden variables that the factors and messages of a clique read become its dimensions."""
    work.clock[1] += 1
    stamp = work.clock[1]
    f = work.first_factor[c]
    while f >= 0:
        for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
            work.mark[layout.scope_vars[j]] = stamp
        f = work.next_factor[f]
    d = work.first_sender[c]
    while d >= 0:
        lo = layout.clique_ptr[d]
        for k in range(lo, lo + work.num_sent[d]):
            work.mark[work.dims[k]] = stamp
        d = work.next_sender[d]
    lo, num_dims, num_sent = layout.clique_ptr[c], 0, 0
    for k in range(lo, layout.clique_ptr[c + 1]):
        v = layout.clique_vars[k]
        if work.mark[v] == stamp and state[v] < 0:
            work.dims[lo + num_dims] = v
            num_dims += 1
            if k < lo + layout.num_shared[c]:
                num_sent = num_dims
    work.num_dims[c], work.num_sent[c] = num_dims, num_sent
    return num_dims


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _send(layout, work, d, c):
    """Let the message of a clique reach the parent of another, which it is or which would only pass it on."""
    parent = layout.parents[c]
    work.receiver[d] = parent
    work.next_sender[d] = work.first_sender[parent]
    work.first_sender[parent] = d


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _hand_on(layout, work, c):
    """Hand a single factor or message on, where a clique has no other and sums nothing out; whether it was so."""
    f, d = work.first_factor[c], work.first_sender[c]
    if f >= 0 and d < 0 and work.next_factor[f] < 0 and work.num_sent[c]:
        parent = layout.parents[c]
        work.next_factor[f] = work.first_factor[parent]
        work.first_factor[parent] = f
        work.holder[f] = parent
        work.num_dims[c] = work.num_sent[c] = 0
        return True
    if d >= 0 and f < 0 and work.next_sender[d] < 0 and work.num_sent[c]:
        _send(layout, work, d, c)
        work.num_dims[c] = work.num_sent[c] = 0
        return True
    return False


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _collect(layout, work, state, fixed, varying, two_way):
    """Messages towards the roots; the status, the log of the sum, how much of the scratch is taken or wanted, tables."""
    scratch = work.scratch
    taken, product, log_total, status, num_visited = 0, 1.0, 0.0, FINE, 0
    for c in range(len(layout.parents)):
        if work.first_factor[c] < 0 and work.first_sender[c] < 0:
            continue
        num_dims = _meet(layout, work, state, c)
        if num_dims == work.num_sent[c] and _hand_on(layout, work, c):
            continue
        sent, rest = _open(layout, work, c)
        if taken + sent * (rest + 1) > len(scratch):
            return WEAK, 0.0, taken + sent * (rest + 1), 0
        start, first = taken, True
        f = work.first_factor[c]
        while f >= 0:
            table = varying if layout.varies[f] else fixed
            base, known = _steps_of_factor(layout, work, state, f, num_dims)
            if known:
                product *= table[base]
            else:
                _multiply(scratch, start, num_dims, work.loop, table, base, first)
                first = False
            f = work.next_factor[f]
        d = work.first_sender[c]
        while d >= 0:
            _steps_of_message(layout, work, d, num_dims)
            _multiply(
                scratch,
                start,
                num_dims,
                work.loop,
                scratch,
                work.sent[d],
                first,
            )
            first = False
            d = work.next_sender[d]
        if not first:
            work.visited[num_visited] = c
            num_visited += 1
            work.start[c] = start
            taken += sent * rest
            if two_way:
                for k in range(layout.clique_ptr[c], layout.clique_ptr[c] + num_dims):
                    v = work.dims[k]
                    if work.best[v] < 0 or sent * rest < work.best_size[v]:
                        work.best[v], work.best_size[v] = c, sent * rest
            if work.num_sent[c]:
                work.sent[c] = taken
                peak, p = 0.0, start
                for s in range(sent):
                    total = 0.0
                    for k in range(p, p + rest):
                        total += scratch[k]
                    p += rest
                    scratch[taken + s] = total
                    peak = max(peak, total)
                if peak < _WEAKEST:
                    if peak == 0.0:
                        return IMPOSSIBLE, -inf, taken, num_visited
                    status = WEAK
                scale = 1 / peak
                for s in range(taken, taken + sent):
                    scratch[s] *= scale
                product *= peak
                taken += sent
                _send(layout, work, c, c)
            else:
                total = 0.0
                for k in range(start, start + rest):
                    total += scratch[k]
                product *= total
        if product < _WEAKEST or product > 1 / _WEAKEST:
            if product == 0.0:
                return IMPOSSIBLE, -inf, taken, num_visited
            log_total += log(product)
            product = 1.0
    return status, log_total + log(product), taken, num_visited


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _distribute(layout, work, taken, num_visited):
    """Messages from the roots: the table of every clique becomes the probability of its hidden states."""
    scratch = work.scratch
    for i in range(num_visited - 1, -1, -1):
        c = work.visited[i]
        start = work.start[c]
        if not work.num_sent[c]:
            _, rest = _open(layout, work, c)
            total = 0.0
            for k in range(start, start + rest):
                total += scratch[k]
            for k in range(start, start + rest):
                scratch[k] /= total
            continue
        sent, rest = _open(layout, work, c)
        parent = work.receiver[c]
        _, _ = _open(layout, work, parent)
        num_dims = work.num_dims[parent]
        _steps_of_message(layout, work, c, num_dims)
        if taken + sent > len(scratch):
            return taken + sent
        for s in range(taken, taken + sent):
            scratch[s] = 0.0
        _add(
            scratch,
            taken,
            num_dims,
            work.loop,
            scratch,
            work.start[parent],
            1.0,
        )
        p = start
        for s in range(sent):
            inward = scratch[work.sent[c] + s]
            ratio = scratch[taken + s] / inward if inward > 0 else 0.0
            for k in range(p, p + rest):
                scratch[k] *= ratio
            p += rest
    return 0


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _read(layout, work, state, v, c, out, at):
    """Probabilities of one variable from the clique that answers for it, -1 if nothing reads it."""
    for s in range(at, at + layout.num_states[v]):
        out[s] = 0.0
    if state[v] >= 0:
        out[at + state[v]] = 1.0
        return
    if c < 0:
        for s in range(at, at + layout.num_states[v]):
            out[s] = 1 / layout.num_states[v]
        return
    _, _ = _open(layout, work, c)
    num_dims = work.num_dims[c]
    for d in range(num_dims):
        work.loop[STEP, d] = 0
    work.loop[STEP, work.place[v]] = 1
    _add(out, at, num_dims, work.loop, work.scratch, work.start[c], 1.0)
    total = 0.0
    for s in range(at, at + layout.num_states[v]):
        total += out[s]
    for s in range(at, at + layout.num_states[v]):
        out[s] /= total


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy", inline="always")
def _start_row(layout, work):
    work.clock[0] += 1
    for c in range(len(layout.parents)):
        work.first_factor[c] = work.first_sender[c] = -1


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def run_rows(layout, work, states, fixed, varying, asked, whole, two_way, first, marginals, log_partition, status):
    """Answer rows from the first on; the next row, and what of scratch it wants if there was too little.

    Args:
        layout: The tree, the home of the only variable asked for last if messages go one way.
        work: Overwritten.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the constant tables.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        asked: Variables.
        whole: Whether the log of the sum over all assignments is wanted, so that no part of the graph is left out.
        two_way: Whether messages are distributed.
        first: Row.
        marginals: Filled, ``(rows, num_entries)``: the states of every variable asked for, side by side.
        log_partition: Filled ``(rows,)``, in nats, up to the scale of the tables.
        status: Filled ``(rows,)``.
    """
    for v in range(len(work.wanted)):
        work.wanted[v] = 0
    for v in asked:
        work.wanted[v] = 1
    for row in range(first, len(states)):
        state = states[row]
        _start_row(layout, work)
        clock = work.clock[0]
        if whole:
            _count_all(layout, work, state)
            for f in range(len(layout.offsets)):
                if work.dropped[f] != clock:
                    _add_factor(layout, work, f)
        elif len(layout.owners):
            _pass_ball(layout, work, state, asked)
        else:
            _count_all(layout, work, state)
            _find_connected(layout, work, state, asked)
        if two_way:
            for v in range(len(state)):
                work.best[v] = -1
        code, log_total, taken, num_visited = _collect(layout, work, state, fixed, varying[row], two_way)
        if taken > len(work.scratch):
            return row, taken
        if code == IMPOSSIBLE:
            status[row], log_partition[row] = code, -inf
            for k in range(marginals.shape[1]):
                marginals[row, k] = 0.0
            continue
        if two_way:
            wanted = _distribute(layout, work, taken, num_visited)
            if wanted:
                return row, wanted
        at = 0
        for v in asked:
            c = work.best[v] if two_way else layout.homes[v] if layout.touch_ptr[v] < layout.touch_ptr[v + 1] else -1
            _read(layout, work, state, v, c, marginals[row], at)
            at += layout.num_states[v]
        if whole:
            for v in range(len(state)):
                if state[v] < 0 and not work.count[v] and work.above[v] != clock:
                    log_total += log(layout.num_states[v])
        status[row], log_partition[row] = code, log_total
    return len(states), 0


@njit(cache=True, nogil=True, _nrt=False, error_model="numpy")
def count_rows(layout, work, states, fixed, varying, weights, first, fixed_counts, varying_counts):
    """Add up how often every entry of every table is met, expected given what each row observed; as ``run_rows``.

    Args:
        layout: A tree on which no factor is taken to sum to one.
        work: Overwritten.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the constant tables.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        weights: Of the rows; those of weight zero are not read.
        first: Row.
        fixed_counts: Added to, as ``fixed``.
        varying_counts: Added to, as ``varying``.
    """
    for row in range(first, len(states)):
        state = states[row]
        if weights[row] == 0.0:
            continue
        _start_row(layout, work)
        for f in range(len(layout.offsets)):
            _add_factor(layout, work, f)
        code, _, taken, num_visited = _collect(layout, work, state, fixed, varying[row], False)
        if taken > len(work.scratch):
            return row, taken
        if code == IMPOSSIBLE:
            continue
        wanted = _distribute(layout, work, taken, num_visited)
        if wanted:
            return row, wanted
        for f in range(len(layout.offsets)):
            counts = varying_counts[row] if layout.varies[f] else fixed_counts
            c = work.holder[f]
            num_dims = work.num_dims[c] if c >= 0 else 0
            if num_dims:
                _, _ = _open(layout, work, c)
            base, known = _steps_of_factor(layout, work, state, f, num_dims)
            if known:
                counts[base] += weights[row]
            else:
                _add(counts, base, num_dims, work.loop, work.scratch, work.start[c], weights[row])
    return len(states), 0
