"""The gradient of all marginals at once: one more pass up and down the clique tree, row after row in compiled loops.

A weighted sum of the logarithms of marginals is, to first order, the mean of a number that an assignment gets: a sum
over variables of what their states weigh, divided by their probability. So its gradient in the logarithm of an entry of
a table is the covariance of that number with meeting the entry. Once the tables of cliques are probabilities, the mean
of the number given the state of a clique is found by messages that are added: up the tree, what is expected of all
below a separator, and back down what is expected of the rest.

The compiled loops are kept on disk: after a change here, or in ``kernel`` and ``loops``, of which they hold copies,
remove the folder ``__pycache__``.

Reference: Darwiche (2003), A differential approach to inference in Bayesian networks; Li and Eisner (2009), First- and
second-order expectation semirings.
"""

from numba import njit

from .kernel import collect, distribute, find_smallest, start_row
from .loops import INNER, STEP, add, extend, inner, multiply, open_clique, steps_of_factor, steps_of_message, whole
from .relevance import add_factor
from .status import FINE, WEAK


@inner
def _weigh(layout, work, state, asked, weights, top, taken):
    """To the numbers of the cliques, which begin where the tables end, add what states of variables weigh.

    Those of every variable have mean zero.
    """
    scratch, loop, room, at = work.scratch, work.loop, 2 * taken, 0
    for v in asked:
        c, size = work.best[v], layout.num_states[v]
        at += size
        if state[v] >= 0 or c < 0:
            continue
        _, _ = open_clique(layout, work, c)
        num_dims = work.num_dims[c]
        for d in range(num_dims):
            loop[STEP, d] = 0
        loop[STEP, work.place[v]] = 1
        for s in range(room, room + size):
            scratch[s] = 0.0
        add(scratch, room, num_dims, loop, scratch, work.start[c], 1.0)
        mean = 0.0
        for s in range(size):
            if scratch[room + s] > 0.0:
                weight = weights[at - size + s] / top
                mean += weight
                scratch[room + s] = weight / scratch[room + s]
        for s in range(room, room + size):
            scratch[s] -= mean
        extend(scratch, taken + work.start[c], num_dims, loop, scratch, room)
        work.weighs[c] = 1


@njit(**INNER, fastmath={"reassoc"})
def _expect(layout, work, taken, num_visited):
    """Messages to the roots: the numbers of a clique become the mean of all below it, given its state."""
    scratch = work.scratch
    for i in range(num_visited):
        c = work.visited[i]
        if not (work.weighs[c] and work.num_sent[c]):
            continue
        sent, rest = open_clique(layout, work, c)
        p = work.start[c]
        for s in range(work.sent[c], work.sent[c] + sent):
            table, numbers, total = scratch[p : p + rest], scratch[taken + p : taken + p + rest], 0.0
            for k in range(rest):
                total += table[k] * numbers[k]
            p += rest
            scratch[taken + s] = total / scratch[s] if scratch[s] > 0.0 else 0.0
        parent = work.receiver[c]
        work.weighs[parent] = 1
        _, _ = open_clique(layout, work, parent)
        num_dims = work.num_dims[parent]
        steps_of_message(layout, work, c, num_dims)
        extend(scratch, taken + work.start[parent], num_dims, work.loop, scratch, taken + work.sent[c])


@inner
def _return(layout, work, taken, num_visited):
    """Messages from the roots: the numbers of a clique become the mean of all, times the probability of its state."""
    scratch = work.scratch
    for i in range(num_visited - 1, -1, -1):
        c = work.visited[i]
        p, at = work.start[c], work.sent[c]
        sent, rest = open_clique(layout, work, c)
        if not work.num_sent[c]:
            table, numbers = scratch[p : p + rest], scratch[taken + p : taken + p + rest]
            for k in range(rest):
                numbers[k] *= table[k]
            continue
        parent = work.receiver[c]
        if not work.weighs[parent]:
            continue
        work.weighs[c] = 1
        for s in range(at, at + sent):
            scratch[taken + s] *= -scratch[s]
        _, _ = open_clique(layout, work, parent)
        num_dims = work.num_dims[parent]
        steps_of_message(layout, work, c, num_dims)
        add(scratch, taken + at, num_dims, work.loop, scratch, taken + work.start[parent], 1.0)
        for s in range(at, at + sent):
            shift = scratch[taken + s] / scratch[s] if scratch[s] > 0.0 else 0.0
            table, numbers = scratch[p : p + rest], scratch[taken + p : taken + p + rest]
            for k in range(rest):
                numbers[k] = (numbers[k] + shift) * table[k]
            p += rest


@inner
def _descend(layout, work, v, weights, top, taken, num_visited):
    """Messages from the root, which holds the only variable asked for: tables become what ``_return`` makes of numbers.

    Nothing has to be known of probabilities elsewhere, as what is expected below every separator is zero.
    """
    scratch, loop, root, size = work.scratch, work.loop, layout.homes[v], layout.num_states[v]
    _, _ = open_clique(layout, work, root)
    num_dims = work.num_dims[root]
    for d in range(num_dims):
        loop[STEP, d] = 0
    loop[STEP, work.place[v]] = 1
    room = scratch[taken : taken + size]
    for s in range(size):
        room[s] = 0.0
    add(scratch, taken, num_dims, loop, scratch, work.start[root], 1.0)
    mean, total = 0.0, 0.0
    for s in range(size):
        if room[s] > 0.0:
            weight = weights[s] / top
            mean += weight
            total += room[s]
            room[s] = weight / room[s]
    for s in range(size):
        room[s] -= mean / total
    multiply(scratch, work.start[root], num_dims, loop, scratch, taken, False)
    work.weighs[root] = 1
    for i in range(num_visited - 1, -1, -1):
        c = work.visited[i]
        if not (work.num_sent[c] and work.weighs[work.receiver[c]]):
            continue
        work.weighs[c] = 1
        sent, rest = open_clique(layout, work, c)
        parent, p = work.receiver[c], work.start[c]
        _, _ = open_clique(layout, work, parent)
        num_dims = work.num_dims[parent]
        steps_of_message(layout, work, c, num_dims)
        for s in range(taken, taken + sent):
            scratch[s] = 0.0
        add(scratch, taken, num_dims, loop, scratch, work.start[parent], 1.0)
        for s in range(sent):
            inward = scratch[work.sent[c] + s]
            ratio = scratch[taken + s] / inward * work.scale[c] if inward > 0.0 else 0.0
            block = scratch[p : p + rest]
            for k in range(rest):
                block[k] *= ratio
            p += rest


@whole
def covary_rows(
    layout,
    work,
    states,
    fixed,
    varying,
    fixed_least,
    varying_least,
    safe,
    asked,
    weights,
    first,
    fixed_counts,
    varying_counts,
    status,
):
    """Add up the gradient of weighted log-marginals in the log of every entry; as ``count_rows``.

    Args:
        layout: A tree on which no factor is taken to sum to one, rooted at the variable asked for if there is just one.
        work: Overwritten.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the constant tables.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        fixed_least: By constant table its least positive entry.
        varying_least: By table per row its least positive entry, ``(rows, num_tables)``.
        safe: Rows ``(rows,)`` in which no product can vanish.
        asked: Variables.
        weights: ``(rows, num_entries)``, of the states of every variable asked for, side by side; rows of which all are
            zero are not read.
        first: Row.
        fixed_counts: Added to, as ``fixed``, unless the row is weak.
        varying_counts: Added to, as ``varying``, unless the row is weak.
        status: Filled ``(rows,)`` where weights are not all zero.
    """
    widest = 0
    for v in asked:
        widest = max(widest, layout.num_states[v])
    for row in range(first, len(states)):
        state, top = states[row], 0.0
        for k in range(weights.shape[1]):
            top = max(top, abs(weights[row, k]))
        if top == 0.0:
            continue
        start_row(layout, work)
        for f in range(len(layout.offsets)):
            add_factor(layout, work, f)
        code, _, taken, num_visited = collect(
            layout, work, state, fixed, varying[row], fixed_least, varying_least[row], safe[row]
        )
        wanted = max(taken, 2 * taken + widest)
        if wanted > len(work.scratch):
            return row, wanted
        for i in range(num_visited):
            work.weighs[work.visited[i]] = 0
        at = 0
        if code == FINE and len(asked) == 1 and safe[row]:
            v = asked[0]
            if state[v] < 0 and layout.touch_ptr[v] < layout.touch_ptr[v + 1]:
                _descend(layout, work, v, weights[row], top, taken, num_visited)
        elif code == FINE:
            wanted = distribute(layout, work, taken, num_visited, safe[row])
            if wanted > 0:
                return row, max(wanted, 2 * taken + widest)
            if wanted < 0:
                code = WEAK
            else:
                at = taken
                numbers = work.scratch[taken : 2 * taken]
                for k in range(taken):
                    numbers[k] = 0.0
                find_smallest(layout, work, num_visited)
                _weigh(layout, work, state, asked, weights[row], top, taken)
                _expect(layout, work, taken, num_visited)
                _return(layout, work, taken, num_visited)
        status[row] = code
        if code != FINE:
            continue
        for f in range(len(layout.offsets)):
            c = work.holder[f]
            num_dims = work.num_dims[c] if c >= 0 else 0
            if not num_dims or not work.weighs[c]:
                continue
            _, _ = open_clique(layout, work, c)
            base, known = steps_of_factor(layout, work, state, f, num_dims)
            if not known:
                counts = varying_counts[row] if layout.varies[f] else fixed_counts
                add(counts, base, num_dims, work.loop, work.scratch, at + work.start[c], top)
    return len(states), 0
