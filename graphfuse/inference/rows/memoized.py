"""Sum-product on one clique tree for many rows in compiled loops: what a clique did before is looked up.

A clique is at work for 64 rows, one after the other. Of a row it reads which of its variables are hidden and which of
its factors count, its pattern. For every pattern the product of these factors is kept by the states that were observed,
and so is the message of a clique that gets none. For every set of dimensions the steps are kept that take a table times
a message. So what is left for a row is to look these up and to multiply. Numbers are not scaled: the rows are safe.

Reference: Lauritzen and Spiegelhalter (1988), Local computations with probabilities on graphical structures; Darwiche
(2009), Modeling and Reasoning with Bayesian Networks, chapters 6 and 7.
"""

from math import inf, log

import numpy as np
from numba import njit

from .loops import INNER, SIZE, inner, multiply, multiply_pair, part, steps_of_factor, sum_out, whole
from .memo import ENTRIES, MOST_BITS, NODES, SLOTS, STEPS, WORD
from .status import FINE, IMPOSSIBLE
from .words import find_relevant

# what is looked up: by clique and bits; by clique and dimensions; by pattern and observed states, twice; by shape and
# the dimensions of a message
_PATTERN, _SHAPE, _MESSAGE, _PRODUCT, _STEP = range(5)
_KINDS = 8
# of a shape: dimensions; entries of the table, of its message, by entry of that; dimensions of that at the parent
_DIMS, _LENGTH, _SENT, _REST, _UP = range(5)
# of a pattern or a step: where its steps are and how many; the shape it leads to; the innermost run of both tables
_AT, _NUM, _INTO, _WIDTH, _LEFT, _RIGHT = range(6)
_WIDE = 8  # entries of a run, from which on it is a loop of its own


@njit("int64(int64[:, ::1], int64, int64, int64)", **INNER)
def _find(slots, kind, one, other):
    """The slot of two numbers, or the free one where they belong."""
    first, last = _KINDS * one + kind, len(slots) - 1
    mixed = first * 0x1E3779B97F4A7C15 + other * 0x42B2AE3D27D4EB4F
    mixed = (mixed ^ mixed >> 29) * 0x3F58476D1CE4E5B9
    i = (mixed ^ mixed >> 32) & last
    while slots[i, 0] >= 0 and (slots[i, 0] != first or slots[i, 1] != other):
        i = (i + 1) & last
    return i


@part
def _keep(memo, kind, one, other, found):
    i = _find(memo.slots, kind, one, other)
    memo.slots[i, 0], memo.slots[i, 1], memo.slots[i, 2] = _KINDS * one + kind, other, found
    memo.used[SLOTS] += 1


@part
def _new_node(memo):
    memo.used[NODES] += 1
    return memo.used[NODES] - 1


@inner
def _shape(layout, memo, c, dims, target):
    """The node of a table over dimensions of a clique; those that it sends on come first."""
    slot = _find(memo.slots, _SHAPE, c, dims)
    if memo.slots[slot, 0] >= 0:
        return memo.slots[slot, 2]
    lo, parent, node = layout.clique_ptr[c], layout.parents[c], _new_node(memo)
    sent, rest, up = 1, 1, 0
    for j in range(layout.clique_ptr[c + 1] - lo):
        if dims >> j & 1:
            v = layout.clique_vars[lo + j]
            if j < layout.num_shared[c]:
                sent *= layout.num_states[v]
                above = layout.clique_ptr[parent]
                for i in range(layout.clique_ptr[parent + 1] - above):
                    up |= np.int64(layout.clique_vars[above + i] == v) << i
            elif parent < 0 and v == target:
                sent *= layout.num_states[v]
                up = 1
            else:
                rest *= layout.num_states[v]
    of = memo.nodes[node]
    of[_DIMS], of[_LENGTH], of[_SENT], of[_REST], of[_UP] = dims, sent * rest, sent, rest, up
    _keep(memo, _SHAPE, c, dims, node)
    return node


@inner
def _pattern(layout, memo, c, bits, target):
    """The node of what a clique reads by itself: how its observed states are numbered, and the shape of the product."""
    lo, num_vars, read = layout.clique_ptr[c], layout.clique_ptr[c + 1] - layout.clique_ptr[c], 0
    for i in range(memo.held_ptr[c], memo.held_ptr[c + 1]):
        if bits >> (num_vars + i - memo.held_ptr[c]) & 1:
            f = memo.held[i]
            for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                for k in range(num_vars):
                    read |= np.int64(layout.clique_vars[lo + k] == layout.scope_vars[j]) << k
    at, num, stride = memo.used[STEPS], 0, 1
    for k in range(num_vars):
        if (read & ~bits) >> k & 1:
            v = layout.clique_vars[lo + k]
            memo.steps[at + 2 * num], memo.steps[at + 2 * num + 1] = v, stride
            stride *= layout.num_states[v]
            num += 1
    memo.used[STEPS] += 2 * num
    shape, node = _shape(layout, memo, c, read & bits, target), _new_node(memo)
    of = memo.nodes[node]
    of[_AT], of[_NUM], of[_INTO] = at, num, shape
    _keep(memo, _PATTERN, c, bits, node)
    return node


@inner
def _step(layout, memo, c, shape, right, target):
    """The node of a table times one over some of the dimensions of the clique; -1 if there is no room for it."""
    lo, num_vars = layout.clique_ptr[c], layout.clique_ptr[c + 1] - layout.clique_ptr[c]
    nodes, steps, left = memo.nodes, memo.steps, memo.nodes[shape, _DIMS]
    dims = left | right
    width, run_left, run_right, num_left, num_right, last = 1, 0, 0, 1, 1, num_vars
    for j in range(num_vars - 1, -1, -1):
        if dims >> j & 1:
            size = layout.num_states[layout.clique_vars[lo + j]]
            by_left, by_right = num_left * (left >> j & 1), num_right * (right >> j & 1)
            if width == 1:
                run_left, run_right, width, last = by_left, by_right, size, j
            elif by_left == run_left * width and by_right == run_right * width:
                width, last = width * size, j
            else:
                break
            num_left, num_right = num_left * (size if by_left else 1), num_right * (size if by_right else 1)
    if width < _WIDE:
        width, run_left, run_right, last = 1, 0, 0, num_vars
    into, at, num = _shape(layout, memo, c, dims, target), memo.used[STEPS], 1
    if at + 2 * (nodes[into, _LENGTH] // width) > len(steps):
        return -1
    num_left = num_right = 1
    for j in range(num_vars):
        size = layout.num_states[layout.clique_vars[lo + j]]
        num_left, num_right = num_left * (size if left >> j & 1 else 1), num_right * (size if right >> j & 1 else 1)
    steps[at] = steps[at + 1] = 0
    for j in range(last):
        if dims >> j & 1:
            size, by_left, by_right = layout.num_states[layout.clique_vars[lo + j]], 0, 0
            if left >> j & 1:
                num_left = by_left = num_left // size
            if right >> j & 1:
                num_right = by_right = num_right // size
            for i in range(num - 1, -1, -1):
                for s in range(size - 1, -1, -1):
                    steps[at + 2 * (i * size + s)] = steps[at + 2 * i] + s * by_left
                    steps[at + 2 * (i * size + s) + 1] = steps[at + 2 * i + 1] + s * by_right
            num *= size
    memo.used[STEPS] += 2 * num
    node = _new_node(memo)
    of = nodes[node]
    of[_AT], of[_NUM], of[_INTO], of[_WIDTH], of[_LEFT], of[_RIGHT] = at, num, into, width, run_left, run_right
    _keep(memo, _STEP, shape, right, node)
    return node


@inner
def _fill(layout, memo, c, bits, shape, state, fixed, start):
    """The product of the factors of a clique that count."""
    lo, num_vars, num_dims = layout.clique_ptr[c], layout.clique_ptr[c + 1] - layout.clique_ptr[c], 0
    memo.loop[SIZE, 0] = 1
    for j in range(num_vars):
        if memo.nodes[shape, _DIMS] >> j & 1:
            v = layout.clique_vars[lo + j]
            memo.place[v], memo.loop[SIZE, num_dims] = num_dims, layout.num_states[v]
            num_dims += 1
    num_dims, first = max(num_dims, 1), True
    for i in range(memo.held_ptr[c], memo.held_ptr[c + 1]):
        if bits >> (num_vars + i - memo.held_ptr[c]) & 1:
            base, _ = steps_of_factor(layout, memo, state, memo.held[i], num_dims)
            multiply(memo.pool, start, num_dims, memo.loop, fixed, base, first)
            first = False


@part
def _kept(layout, memo, c, bits, pattern, seen, state, fixed, taken, summed):
    """Where the product of the factors of a clique, or its sum, is in the pool; -1 if there is no room for it."""
    kind = _MESSAGE if summed else _PRODUCT
    slot = _find(memo.slots, kind, pattern, seen)
    if memo.slots[slot, 0] >= 0:
        return memo.slots[slot, 2]
    shape, start = memo.nodes[pattern, _INTO], memo.used[ENTRIES]
    sent, rest = memo.nodes[shape, _SENT], memo.nodes[shape, _REST]
    num = sent if summed else sent * rest
    if start + num > len(memo.pool) // 2:
        return -1
    _fill(layout, memo, c, bits, shape, state, fixed, taken if summed else start)
    if summed:
        sum_out(memo.pool, taken, start, sent, rest)
    memo.used[ENTRIES] += num
    _keep(memo, kind, pattern, seen, start)
    return start


@part
def _visit(layout, memo, c, r, bits, state, fixed, target, taken):
    """What a clique sends for a row, in the pool, its shape, and how much of that is taken; -1 if there is no room."""
    nodes, slots, pool = memo.nodes, memo.slots, memo.pool
    d, none = memo.first_child[c], np.int64(-1)
    while d >= 0 and not memo.sends[d] >> r & 1:
        d = memo.next_child[d]
    table, shape, top = none, none, taken
    right, read = none, np.int64(0)
    if bits >= 0:
        seen = np.int64(0)
        slot = _find(slots, _PATTERN, c, bits)
        if slots[slot, 0] >= 0:
            pattern = slots[slot, 2]
        elif memo.used[STEPS] + 2 * MOST_BITS > len(memo.steps):
            return none, shape, taken
        else:
            pattern = _pattern(layout, memo, c, bits, target)
        for i in range(nodes[pattern, _AT], nodes[pattern, _AT] + 2 * nodes[pattern, _NUM], 2):
            seen += state[memo.steps[i]] * memo.steps[i + 1]
        shape = nodes[pattern, _INTO]
        if taken + nodes[shape, _LENGTH] > len(pool):
            return none, shape, taken
        right, read = _kept(layout, memo, c, bits, pattern, seen, state, fixed, taken, d < 0), nodes[shape, _DIMS]
        if d < 0 or right < 0:
            return right, shape, taken
    while True:
        if d >= 0:
            factor, dims = memo.sent[d, r], nodes[memo.sent_shape[d, r], _UP]
            d = memo.next_child[d]
            while d >= 0 and not memo.sends[d] >> r & 1:
                d = memo.next_child[d]
        elif right >= 0:
            factor, dims, right = right, read, none
        else:
            break
        if table < 0:
            slot = _find(slots, _SHAPE, c, dims)
            table, shape = factor, slots[slot, 2] if slots[slot, 0] >= 0 else _shape(layout, memo, c, dims, target)
            continue
        slot = _find(slots, _STEP, shape, dims)
        step = slots[slot, 2] if slots[slot, 0] >= 0 else _step(layout, memo, c, shape, dims, target)
        if step < 0:
            return none, shape, taken
        shape = nodes[step, _INTO]
        if top + nodes[shape, _LENGTH] > len(pool):
            return none, shape, taken
        of = nodes[step]
        multiply_pair(pool, top, table, factor, memo.steps, of[_AT], of[_NUM], of[_WIDTH], of[_LEFT], of[_RIGHT])
        table = top
        top += nodes[shape, _LENGTH]
    sent, rest = nodes[shape, _SENT], nodes[shape, _REST]
    if rest == 1:
        return table, shape, top
    if taken + sent > len(pool):
        return none, shape, taken
    sum_out(pool, table, taken, sent, rest)
    return taken, shape, taken + sent


@part
def _set_bits(layout, memo, c, local):
    """By row at hand which variables of a clique are hidden and which of its factors count, -1 if none does."""
    lo, num_vars = layout.clique_ptr[c], layout.clique_ptr[c + 1] - layout.clique_ptr[c]
    for r in range(WORD):
        memo.bits[r] = (local >> r & 1) - 1
    for j in range(num_vars):
        word = memo.reached[layout.clique_vars[lo + j]]
        for r in range(WORD):
            memo.bits[r] |= (word >> r & 1) << j
    for i in range(memo.held_ptr[c], memo.held_ptr[c + 1]):
        word = memo.counted[memo.held[i]]
        for r in range(WORD):
            memo.bits[r] |= (word >> r & 1) << (num_vars + i - memo.held_ptr[c])


@part
def _start(layout, memo, states, target, marginals):
    """What is known of the target before anything is read: its state, or nothing."""
    for r in range(len(states)):
        memo.totals[r] = 1.0
        if target >= 0:
            state, num = states[r, target], layout.num_states[target]
            for s in range(num):
                marginals[r, s] = 1 / num if state < 0 else 1.0 if s == state else 0.0
    if target < 0:
        for v in range(len(memo.hidden)):
            free = memo.hidden[v]
            for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
                f = layout.touching[i]
                last = layout.scope_vars[layout.scope_ptr[f + 1] - 1] == v
                free &= ~memo.counted[f] & ~(memo.dropped[f] if last else 0)
            if free:
                for r in range(len(states)):
                    if free >> r & 1:
                        memo.totals[r] *= layout.num_states[v]


@whole
def answer_memoized(layout, memo, states, fixed, target, first, marginals, log_partition, status):
    """Answer rows from the first on, all of them safe; the row before which the memo was too small, if it was.

    Args:
        layout: The tree, its last clique the home of the target, which is its first variable.
        memo: Filled.
        states: int ``(rows, num_variables)``, -1 if hidden.
        fixed: Entries of the tables, all constant.
        target: Variable, or -1 if the log of the sum over all assignments is wanted.
        first: Row.
        marginals: Filled ``(rows, num_states)`` if there is a target.
        log_partition: Filled ``(rows,)``, in nats, up to the scale of the tables; of no use if there is a target.
        status: Filled ``(rows,)``.
    """
    pool, nodes = memo.pool, memo.nodes
    while first < len(states):
        stop = min(first + WORD, len(states))
        at_hand, taken = states[first:stop], len(pool) // 2
        find_relevant(layout, memo, at_hand, target)
        _start(layout, memo, at_hand, target, marginals[first:stop])
        for c in range(len(layout.parents)):
            local, sends = np.int64(0), np.int64(0)
            for i in range(memo.held_ptr[c], memo.held_ptr[c + 1]):
                local |= memo.counted[memo.held[i]]
            some, d = local, memo.first_child[c]
            while d >= 0:
                some |= memo.sends[d]
                d = memo.next_child[d]
            if not some:
                memo.sends[c] = 0
                continue
            _set_bits(layout, memo, c, local)
            for r in range(stop - first):
                if not some >> r & 1:
                    continue
                # a visit keeps a pattern, a product, and by message a step, each with a shape
                if 2 * memo.used[SLOTS] > len(memo.slots) or 2 * memo.used[NODES] > len(nodes):
                    return first
                at, shape, taken = _visit(layout, memo, c, r, memo.bits[r], at_hand[r], fixed, target, taken)
                if at < 0:
                    return first
                if not nodes[shape, _UP]:
                    memo.totals[r] *= pool[at]
                elif layout.parents[c] >= 0:
                    memo.sent[c, r], memo.sent_shape[c, r] = at, shape
                    sends |= np.int64(1) << r
                else:
                    total = 0.0
                    for s in range(at, at + nodes[shape, _SENT]):
                        total += pool[s]
                    memo.totals[r] *= total
                    for s in range(nodes[shape, _SENT]):
                        marginals[first + r, s] = pool[at + s] / total
            memo.sends[c] = sends
        for r in range(first, stop):
            total = memo.totals[r - first]
            status[r] = FINE if total > 0.0 else IMPOSSIBLE
            log_partition[r] = log(total) if total > 0.0 else -inf
            if total == 0.0:
                for s in range(marginals.shape[1]):
                    marginals[r, s] = 0.0
        first = stop
    return first
