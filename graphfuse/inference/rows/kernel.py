"""Sum-product on one clique tree, row after row in compiled loops: every row slices away what it observed.

Tables are probabilities up to a constant, not logarithms; a message is divided by its largest entry, whose logarithm
is added up. A row works on the joint states of its hidden variables only, and, where it may, only of those that bear on
what is asked. A floor bounds the positive entries of a product from below; where it sinks too low they are looked at,
and a row in which one is about to vanish is weak. Rows in which the least entries of all tables multiply to enough are
safe. So a zero is a zero.

Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures; Shachter
(1998), Bayes-ball: the rational pastime; Darwiche (2009), Modeling and Reasoning with Bayesian Networks, chapters 6
and 7.
"""

from math import inf, log

from .loops import (
    STEP,
    add,
    inner,
    least_positive,
    multiply,
    open_clique,
    part,
    spread,
    steps_of_factor,
    steps_of_message,
    sum_out,
    whole,
)
from .relevance import add_factor, count_all, find_connected, pass_ball
from .status import FINE, IMPOSSIBLE, LEAST, WEAK

_SMALL = 1e-40  # product of which the logarithm is taken, so that another factor of the least size fits in


@part
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


@part
def _send(layout, work, d, c):
    """Let the message of a clique reach the parent of another, which it is or which would only pass it on."""
    parent = layout.parents[c]
    work.receiver[d] = parent
    work.next_sender[d] = work.first_sender[parent]
    work.first_sender[parent] = d


@part
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


@inner
def collect(layout, work, state, fixed, varying, fixed_least, varying_least, safe):
    """Messages to the roots; the status, the log of the sum, how much scratch is taken or wanted, cliques visited."""
    scratch, loop = work.scratch, work.loop
    taken, product, log_total, num_visited = 0, 1.0, 0.0, 0
    for c in range(len(layout.parents)):
        if work.first_factor[c] < 0 and work.first_sender[c] < 0:
            continue
        num_dims = _meet(layout, work, state, c)
        if num_dims == work.num_sent[c] and _hand_on(layout, work, c):
            continue
        sent, rest = open_clique(layout, work, c)
        wanted = taken + float(sent) * (rest + 1)
        if wanted > len(scratch):
            return WEAK, 0.0, int(min(wanted, 2.0**62)), 0
        start, first, floor = taken, True, 1.0
        f = work.first_factor[c]
        while f >= 0:
            table = varying if layout.varies[f] else fixed
            base, known = steps_of_factor(layout, work, state, f, num_dims)
            if known:
                if table[base] == 0.0:
                    return IMPOSSIBLE, -inf, taken, num_visited
                product *= table[base]
                if product < _SMALL:
                    log_total += log(product)
                    product = 1.0
            else:
                if not safe:
                    least = varying_least[layout.ranks[f]] if layout.varies[f] else fixed_least[layout.ranks[f]]
                    if floor * least < LEAST:
                        if not first:
                            peak, floor = spread(scratch, start, start + sent * rest)
                            log_total += log(peak)
                        if floor * least < LEAST:
                            return WEAK, 0.0, taken, num_visited
                    floor *= least
                multiply(scratch, start, num_dims, loop, table, base, first)
                first = False
            f = work.next_factor[f]
        d = work.first_sender[c]
        while d >= 0:
            if not safe:
                least = work.least[d]
                if floor * least < LEAST:
                    if not first:
                        peak, floor = spread(scratch, start, start + sent * rest)
                        log_total += log(peak)
                    if floor * least < LEAST:
                        return WEAK, 0.0, taken, num_visited
                floor *= least
            steps_of_message(layout, work, d, num_dims)
            multiply(scratch, start, num_dims, loop, scratch, work.sent[d], first)
            first = False
            d = work.next_sender[d]
        if not first:
            work.visited[num_visited] = c
            num_visited += 1
            work.start[c] = start
            taken += sent * rest
            if work.num_sent[c]:
                work.sent[c] = taken
                sum_out(scratch, start, taken, sent, rest)
                peak, message = 0.0, scratch[taken : taken + sent]
                for s in range(sent):
                    peak = max(peak, message[s])
                if peak == 0.0:
                    return IMPOSSIBLE, -inf, taken, num_visited
                scale = 1 / peak
                for s in range(sent):
                    message[s] *= scale
                work.scale[c] = scale
                if not safe:
                    work.floor[c], work.least[c] = floor * scale, least_positive(scratch, taken, taken + sent)
                product *= peak
                taken += sent
                _send(layout, work, c, c)
            else:
                total = 0.0
                for k in range(start, start + rest):
                    total += scratch[k]
                if total == 0.0:
                    return IMPOSSIBLE, -inf, taken, num_visited
                product *= total
        if product < _SMALL or product > 1 / _SMALL:
            log_total += log(product)
            product = 1.0
    return FINE, log_total + log(product), taken, num_visited


@part
def find_smallest(layout, work, num_visited):
    """By variable the clique with the smallest table that it is a dimension of."""
    for v in range(len(work.best)):
        work.best[v] = -1
    for i in range(num_visited):
        c, size = work.visited[i], 1
        lo = layout.clique_ptr[c]
        for k in range(lo, lo + work.num_dims[c]):
            size *= layout.num_states[work.dims[k]]
        for k in range(lo, lo + work.num_dims[c]):
            v = work.dims[k]
            if work.best[v] < 0 or size < work.best_size[v]:
                work.best[v], work.best_size[v] = c, size


@inner
def distribute(layout, work, taken, num_visited, safe):
    """Messages from the roots: the table of every clique becomes the probability of its hidden states.

    The message that it sent becomes the probability of the states that this was about. What of scratch it wants if
    there was too little, or -1 if a probability is about to vanish.
    """
    scratch, loop = work.scratch, work.loop
    for i in range(num_visited - 1, -1, -1):
        c = work.visited[i]
        start = work.start[c]
        if not work.num_sent[c]:
            _, rest = open_clique(layout, work, c)
            table, total = scratch[start : start + rest], 0.0
            for k in range(rest):
                total += table[k]
            for k in range(rest):
                table[k] /= total
            continue
        sent, rest = open_clique(layout, work, c)
        parent = work.receiver[c]
        _, _ = open_clique(layout, work, parent)
        num_dims = work.num_dims[parent]
        steps_of_message(layout, work, c, num_dims)
        if taken + sent > len(scratch):
            return taken + sent
        for s in range(taken, taken + sent):
            scratch[s] = 0.0
        add(scratch, taken, num_dims, loop, scratch, work.start[parent], 1.0)
        low = not safe and least_positive(scratch, taken, taken + sent) * work.floor[c] < LEAST
        p, scale = start, work.scale[c]
        for s in range(sent):
            inward = scratch[work.sent[c] + s]
            ratio = scratch[taken + s] / inward * scale if inward > 0 else 0.0
            if low and ratio > 0:
                for k in range(p, p + rest):
                    if scratch[k] > 0 and scratch[k] * ratio < LEAST:
                        return -1
            block = scratch[p : p + rest]
            for k in range(rest):
                block[k] *= ratio
            p += rest
            scratch[work.sent[c] + s] = scratch[taken + s]
    return 0


@part
def _read(layout, work, state, v, c, out):
    """Probabilities of one variable from the clique that answers for it, -1 if nothing reads it."""
    for s in range(len(out)):
        out[s] = 0.0
    if state[v] >= 0:
        out[state[v]] = 1.0
        return
    if c < 0 or (work.first_factor[c] < 0 and work.first_sender[c] < 0):
        for s in range(len(out)):
            out[s] = 1 / len(out)
        return
    _, _ = open_clique(layout, work, c)
    num_dims = work.num_dims[c]
    for d in range(num_dims):
        work.loop[STEP, d] = 0
    work.loop[STEP, work.place[v]] = 1
    add(out, 0, num_dims, work.loop, work.scratch, work.start[c], 1.0)
    total = 0.0
    for s in range(len(out)):
        total += out[s]
    for s in range(len(out)):
        out[s] /= total


@part
def start_row(layout, work):
    work.clock[0] += 1
    for c in range(len(layout.parents)):
        work.first_factor[c] = work.first_sender[c] = -1


@whole
def run_rows(
    layout,
    work,
    states,
    fixed,
    varying,
    fixed_least,
    varying_least,
    safe,
    asked,
    whole,
    two_way,
    first,
    marginals,
    log_partition,
    status,
):
    """Answer rows from the first on; the next row, and what of scratch it wants if there was too little.

    Args:
        layout: The tree, the home of the only variable asked for last if messages go one way.
        work: Overwritten.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the constant tables.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        fixed_least: By constant table its least positive entry.
        varying_least: By table per row its least positive entry, ``(rows, num_tables)``.
        safe: Rows ``(rows,)`` in which no product can vanish.
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
        start_row(layout, work)
        clock = work.clock[0]
        if whole:
            count_all(layout, work, state)
            for f in range(len(layout.offsets)):
                if work.dropped[f] != clock:
                    add_factor(layout, work, f)
        elif len(layout.owners):
            pass_ball(layout, work, state, asked)
        else:
            count_all(layout, work, state)
            find_connected(layout, work, state, asked)
        code, log_total, taken, num_visited = collect(
            layout, work, state, fixed, varying[row], fixed_least, varying_least[row], safe[row]
        )
        if taken > len(work.scratch):
            return row, taken
        if two_way and code == FINE:
            find_smallest(layout, work, num_visited)
            wanted = distribute(layout, work, taken, num_visited, safe[row])
            if wanted > 0:
                return row, wanted
            if wanted < 0:
                code = WEAK
        if code != FINE:
            status[row], log_partition[row] = code, -inf
            for k in range(marginals.shape[1]):
                marginals[row, k] = 0.0
            continue
        at = 0
        for v in asked:
            c = work.best[v] if two_way else layout.homes[v] if layout.touch_ptr[v] < layout.touch_ptr[v + 1] else -1
            _read(layout, work, state, v, c, marginals[row, at : at + layout.num_states[v]])
            at += layout.num_states[v]
        if whole:
            for v in range(len(state)):
                if state[v] < 0 and not work.readers[v] and work.above[v] != clock:
                    log_total += log(layout.num_states[v])
        status[row], log_partition[row] = code, log_total
    return len(states), 0


@whole
def count_rows(
    layout,
    work,
    states,
    fixed,
    varying,
    fixed_least,
    varying_least,
    safe,
    weights,
    first,
    fixed_counts,
    varying_counts,
    status,
):
    """Add up how often every entry of every table is met, expected given what each row observed; as ``run_rows``.

    Args:
        layout: A tree on which no factor is taken to sum to one.
        work: Overwritten.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the constant tables.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        fixed_least: By constant table its least positive entry.
        varying_least: By table per row its least positive entry, ``(rows, num_tables)``.
        safe: Rows ``(rows,)`` in which no product can vanish.
        weights: Of the rows; those of weight zero are not read.
        first: Row.
        fixed_counts: Added to, as ``fixed``, unless the row is weak.
        varying_counts: Added to, as ``varying``, unless the row is weak.
        status: Filled ``(rows,)`` where weights are not zero.
    """
    for row in range(first, len(states)):
        state = states[row]
        if weights[row] == 0.0:
            continue
        start_row(layout, work)
        for f in range(len(layout.offsets)):
            add_factor(layout, work, f)
        code, _, taken, num_visited = collect(
            layout, work, state, fixed, varying[row], fixed_least, varying_least[row], safe[row]
        )
        if taken > len(work.scratch):
            return row, taken
        if code == FINE:
            wanted = distribute(layout, work, taken, num_visited, safe[row])
            if wanted > 0:
                return row, wanted
            if wanted < 0:
                code = WEAK
        status[row] = code
        if code != FINE:
            continue
        for f in range(len(layout.offsets)):
            counts = varying_counts[row] if layout.varies[f] else fixed_counts
            c = work.holder[f]
            num_dims = work.num_dims[c] if c >= 0 else 0
            if num_dims:
                _, _ = open_clique(layout, work, c)
            base, known = steps_of_factor(layout, work, state, f, num_dims)
            if known:
                counts[base] += weights[row]
            else:
                add(counts, base, num_dims, work.loop, work.scratch, work.start[c], weights[row])
    return len(states), 0
