"""Compiled planning for rows that hide the same variables: what bears on them, an order of it, and what that takes.

It does what ``sliced`` does with names, in numbers, where every row of a large graph has a pattern of its own. Orders
are those of the same greedy rules, on weights that are rounded more coarsely.

Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 9.4.3.
"""

from typing import Any

import numpy as np
from numba import njit

_MOST_VARIABLES = 4096  # hidden variables, of which every pair is looked up in a table
_MOST_NEAR = 192  # neighbors of a variable
_ONE = 1024  # weights are whole numbers, so that sums do not depend on the order in which they are made

_compiled: Any = njit(cache=True, nogil=True, error_model="numpy")


@_compiled
def relevant_factors(layout, hidden, wanted, whole):
    """By factor whether it bears on the variables wanted, or on the sum over all assignments if the whole is."""
    readers = layout.touch_ptr[1:] - layout.touch_ptr[:-1]
    kept = np.ones(len(layout.offsets), dtype=np.uint8)
    for f in layout.closing:
        v = layout.scope_vars[layout.scope_ptr[f + 1] - 1]
        if readers[v] == 1 and hidden[v] and not wanted[v]:
            kept[f] = 0
            for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                readers[layout.scope_vars[j]] -= 1
    if whole:
        return kept
    reached, seen = np.zeros_like(kept), np.zeros(len(hidden), dtype=np.uint8)
    stack, top = np.empty(len(hidden), dtype=np.int64), 0
    for v in range(len(hidden)):
        if hidden[v] and wanted[v]:
            seen[v], stack[top] = 1, v
            top += 1
    while top:
        top -= 1
        v = stack[top]
        for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
            f = layout.touching[i]
            if kept[f] and not reached[f]:
                reached[f] = 1
                for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                    u = layout.scope_vars[j]
                    if hidden[u] and not seen[u]:
                        seen[u], stack[top] = 1, u
                        top += 1
    return reached


@_compiled
def table_sizes(layout, kept, hidden):
    """What rows work on along a layout, where some factors are kept.

    Entries of all tables and messages, the most at any time and at the end, and the largest message; by clique the
    joint states that it sends on, -1 if it has no table; and the hidden variables that it joins.
    """
    num_factors, num_cliques = len(layout.offsets), len(layout.parents)
    head, after = np.full(num_cliques, -1), np.full(num_factors + num_cliques, -1)
    for f in range(num_factors):
        c = layout.places[f]
        if kept[f] and c >= 0:
            after[f], head[c] = head[c], f
    mark = np.full(len(hidden), -1)
    joined_ptr, joined = np.zeros(num_cliques + 1, dtype=np.int64), np.empty(len(layout.clique_vars), dtype=np.int64)
    num_sent, sent_states = np.zeros(num_cliques, dtype=np.int64), np.full(num_cliques, -1.0)
    total, taken, most, widest = 0.0, 2.0, 0.0, 0.0
    for c in range(num_cliques):
        at = joined_ptr[c]
        part, num_parts, num, size, sent = head[c], 0, 0, 1.0, 1.0
        while part >= 0:
            num_parts += 1
            if part < num_factors:
                for j in range(layout.scope_ptr[part], layout.scope_ptr[part + 1]):
                    mark[layout.scope_vars[j]] = c
            else:
                d = part - num_factors
                for k in range(joined_ptr[d], joined_ptr[d] + num_sent[d]):
                    mark[joined[k]] = c
            part = after[part]
        lo = layout.clique_ptr[c]
        for k in range(lo, layout.clique_ptr[c + 1]):
            v = layout.clique_vars[k]
            if mark[v] == c and hidden[v]:
                joined[at + num] = v
                num += 1
                size *= layout.num_states[v]
                if k < lo + layout.num_shared[c]:
                    num_sent[c], sent = num, size
        joined_ptr[c + 1] = at + num
        if not num:
            continue
        if num_sent[c] < num or num_parts > 1:
            sent = sent if num_sent[c] else 0.0
            sent_states[c] = sent
            most = max(most, taken + size + max(sent, 1.0))
            taken += size + sent
            total += size + sent
            widest = max(widest, sent)
        if num_sent[c]:
            parent = layout.parents[c]
            after[num_factors + c], head[parent] = head[parent], num_factors + c
    return total, most, taken, widest, sent_states, joined_ptr, joined


@_compiled
def _link(adjacent, near, degree, a, b):
    """Make two variables neighbors; whether there was room."""
    if degree[a] >= near.shape[1] or degree[b] >= near.shape[1]:
        return False
    adjacent[a, b] = adjacent[b, a] = 1
    near[a, degree[a]], near[b, degree[b]] = b, a
    degree[a] += 1
    degree[b] += 1
    return True


@_compiled
def _eliminate(sizes, adjacent, near, degree, weights, weighed, limit, order):
    """A greedy order, in place; afterwards the neighbors of a variable are those it had when it went.

    Whether no clique has more joint states than the limit, nor a variable too many neighbors.
    """
    num = len(sizes)
    costs, joint = np.zeros(num, dtype=np.int64), sizes.copy()
    for u in range(num):
        for i in range(degree[u]):
            a = near[u, i]
            joint[u] *= sizes[a]
            if weighed:
                for k in range(i):
                    if not adjacent[a, near[u, k]]:
                        costs[u] += weights[a] * weights[near[u, k]]
    waiting = np.arange(num)
    for step in range(num):
        best = 0
        v = waiting[0]
        for i in range(1, num - step):
            u = waiting[i]
            if costs[u] > costs[v] or (costs[u] == costs[v] and joint[u] > joint[v]):
                continue
            if costs[u] < costs[v] or joint[u] < joint[v] or u < v:
                v, best = u, i
        waiting[best] = waiting[num - step - 1]
        if joint[v] > limit:
            return False
        order[step] = v
        for i in range(degree[v]):
            a = near[v, i]
            for k in range(degree[a]):
                if near[a, k] == v:
                    degree[a] -= 1
                    near[a, k] = near[a, degree[a]]
                    break
            joint[a] /= sizes[v]
            if weighed:
                for k in range(degree[a]):
                    if not adjacent[near[a, k], v]:
                        costs[a] -= weights[v] * weights[near[a, k]]
        for i in range(degree[v]):
            a = near[v, i]
            for j in range(i):
                b = near[v, j]
                if adjacent[a, b]:
                    continue
                if weighed:
                    edge = weights[a] * weights[b]
                    for k in range(degree[a]):
                        w = near[a, k]
                        if adjacent[w, b]:
                            costs[w] -= edge
                        else:
                            costs[a] += weights[b] * weights[w]
                    for k in range(degree[b]):
                        if not adjacent[near[b, k], a]:
                            costs[b] += weights[a] * weights[near[b, k]]
                if not _link(adjacent, near, degree, a, b):
                    return False
                joint[a] *= sizes[b]
                joint[b] *= sizes[a]
    return True


@_compiled
def _merge(sizes, near, degree, order):
    """By position its clique's own, or that of the earlier clique that holds it; the parent; joint states of all."""
    num = len(order)
    place = np.empty(num, dtype=np.int64)
    for i in range(num):
        place[order[i]] = i
    stands, heir, parents, total = np.empty(num, dtype=np.int64), np.full(num, -1), np.full(num, -1), 0.0
    for i in range(num):
        v, parent, size = order[i], num, sizes[order[i]]
        for k in range(degree[v]):
            parent = min(parent, place[near[v, k]])
            size *= sizes[near[v, k]]
        parent = parent if parent < num else -1
        stands[i] = heir[i] if heir[i] >= 0 else i
        parents[stands[i]] = parent
        total += size if heir[i] < 0 else 0.0
        if parent >= 0 and heir[parent] < 0 and degree[order[parent]] == degree[v] - 1:
            heir[parent] = stands[i]
    for i in range(num):
        parents[i] = stands[parents[i]] if stands[i] == i and parents[i] >= 0 else -1
    return place, stands, parents, total


@_compiled
def _children_first(stands, parents, root):
    """Positions that are cliques, every one before its parent, the root last of all if there is one."""
    num = len(stands)
    child, sibling = np.full(num, -1), np.full(num, -1)
    stack, found = np.empty(num, dtype=np.int64), np.empty(num, dtype=np.int64)
    top, count = 0, 0
    for i in range(num):
        if stands[i] == i and parents[i] >= 0:
            sibling[i], child[parents[i]] = child[parents[i]], i
        elif stands[i] == i and i != root:
            stack[top] = i
            top += 1
    if root >= 0:
        stack[top] = root
        top += 1
    while top:
        top -= 1
        i = stack[top]
        found[num - 1 - count] = i
        count += 1
        i = child[i]
        while i >= 0:
            stack[top] = i
            top += 1
            i = sibling[i]
    return found[num - count :]


@_compiled
def own_tree(layout, kept, hidden, target):
    """A tree of the hidden variables that factors which are kept read, as the arrays of a layout that depend on it.

    The first is whether one was made. The last clique holds the target, if there is one (else -1).
    """
    num_vars, num_factors = len(hidden), len(layout.offsets)
    local, names, num = np.full(num_vars, -1), np.empty(num_vars, dtype=np.int64), 0
    for f in range(num_factors):
        if kept[f]:
            for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                local[layout.scope_vars[j]] = 0
    if target >= 0:
        local[target] = 0
    for v in range(num_vars):
        if local[v] == 0 and hidden[v]:
            local[v], names[num] = num, v
            num += 1
        else:
            local[v] = -1
    none = np.empty(0, dtype=np.int64)
    if num == 0 or num > _MOST_VARIABLES:
        return False, none, none, none, none, none, none
    sizes = np.empty(num)
    weights = np.empty((3, num), dtype=np.int64)
    for i in range(num):
        sizes[i] = layout.num_states[names[i]]
        weights[0, i], weights[1, i], weights[2, i] = 0, round(np.log2(sizes[i]) * _ONE), 1
    adjacent = np.zeros((num, num), dtype=np.uint8)
    near, degree = np.empty((num, min(num, _MOST_NEAR)), dtype=np.int32), np.zeros(num, dtype=np.int64)
    for f in range(num_factors):
        if kept[f]:
            for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                a = local[layout.scope_vars[j]]
                for k in range(layout.scope_ptr[f], j):
                    b = local[layout.scope_vars[k]]
                    if a >= 0 and b >= 0 and not adjacent[a, b] and not _link(adjacent, near, degree, a, b):
                        return False, none, none, none, none, none, none
    order, best_near, best_degree, best = np.empty(num, dtype=np.int64), near, degree, np.inf
    place, stands, parents = none, none, none
    for rule in range(3):  # of equally good orders the last one is taken
        some_near, some_degree, some = near.copy(), degree.copy(), np.empty(num, dtype=np.int64)
        if _eliminate(sizes, adjacent.copy(), some_near, some_degree, weights[rule], rule > 0, best, some):
            its_place, its_stands, its_parents, total = _merge(sizes, some_near, some_degree, some)
            if total <= best:
                order, best_near, best_degree, best = some, some_near, some_degree, total
                place, stands, parents = its_place, its_stands, its_parents
    if best == np.inf:
        return False, none, none, none, none, none, none
    root = -1
    if target >= 0:
        t = local[target]
        for i in range(num):
            if stands[i] == i and (root < 0 or best_degree[order[i]] < best_degree[order[root]]):
                holds = order[i] == t
                for k in range(best_degree[order[i]]):
                    holds |= best_near[order[i], k] == t
                if holds:
                    root = i
        child, above = -1, root
        while above >= 0:
            parents[above], child, above = child, above, parents[above]
    ordered = _children_first(stands, parents, root)
    num_cliques = len(ordered)
    number, clique_ptr = np.full(num, -1), np.zeros(num_cliques + 1, dtype=np.int64)
    for c in range(num_cliques):
        number[ordered[c]] = c
        clique_ptr[c + 1] = clique_ptr[c] + best_degree[order[ordered[c]]] + 1
    clique_vars, num_shared = np.empty(clique_ptr[-1], dtype=np.int64), np.zeros(num_cliques, dtype=np.int64)
    up, homes = np.full(num_cliques, -1), np.full(num_vars, -1)
    mark, members = np.full(num, -1), np.empty(num, dtype=np.int64)
    for c in range(num_cliques - 1, -1, -1):
        i = ordered[c]
        v, size = order[i], best_degree[order[i]] + 1
        members[0] = v
        for k in range(size - 1):  # by the order in which they go
            u, m = best_near[v, k], k + 1
            while place[members[m - 1]] > place[u]:
                members[m] = members[m - 1]
                m -= 1
            members[m] = u
        for m in range(size):
            mark[members[m]] = c
        at = clique_ptr[c]
        if parents[i] >= 0:
            up[c] = number[parents[i]]
            for k in range(clique_ptr[up[c]], clique_ptr[up[c] + 1]):
                u = local[clique_vars[k]]
                if mark[u] == c:
                    mark[u] = -1
                    clique_vars[at] = names[u]
                    at += 1
                    num_shared[c] += 1
        for m in range(size):
            if mark[members[m]] == c:
                clique_vars[at] = names[members[m]]
                at += 1
    for c in range(num_cliques):
        for k in range(clique_ptr[c], clique_ptr[c + 1]):
            homes[clique_vars[k]] = c
    places = np.full(num_factors, -1)
    for f in range(num_factors):
        lo, hi = layout.scope_ptr[f], layout.scope_ptr[f + 1]
        first = num
        for j in range(lo, hi):
            u = local[layout.scope_vars[j]]
            first = min(first, place[u]) if u >= 0 else first
        if lo < hi:
            places[f] = number[stands[first]] if first < num else 0
        for j in range(lo, hi):
            u = local[layout.scope_vars[j]]
            if u >= 0 and place[u] != first:
                inside = False
                for k in range(best_degree[order[first]]):
                    inside |= best_near[order[first], k] == u
                if not inside:
                    places[f] = -1
    return True, clique_ptr, clique_vars, num_shared, up, places, homes
