"""Compiled loops over the factors of a graph: which of them bear on what is asked, row by row.

The compiled ``kernel`` that is kept on disk holds a copy: after a change here, remove the folder ``__pycache__``.

Reference: Shachter (1998), Bayes-ball: the rational pastime.
"""

from .loops import part


@part
def count_all(layout, work, state):
    """Every factor counts, but for those that sum to one over a hidden variable that nobody else reads."""
    clock, readers = work.clock[0], work.readers
    for v in range(len(readers)):
        readers[v] = layout.touch_ptr[v + 1] - layout.touch_ptr[v]
    for f in layout.closing:
        lo, hi = layout.scope_ptr[f], layout.scope_ptr[f + 1]
        v = layout.scope_vars[hi - 1]
        if readers[v] == 1 and state[v] < 0 and not work.wanted[v]:
            work.dropped[f] = work.above[v] = clock
            for j in range(lo, hi):
                readers[layout.scope_vars[j]] -= 1


@part
def add_factor(layout, work, f):
    """Let a factor count."""
    c = layout.places[f]
    work.counted[f] = work.clock[0]
    work.holder[f] = c
    if c >= 0:
        work.next_factor[f] = work.first_factor[c]
        work.first_factor[c] = f


@part
def find_connected(layout, work, state, asked):
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
                add_factor(layout, work, f)
                for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                    u = layout.scope_vars[j]
                    if state[u] < 0 and work.below[u] != clock:
                        work.below[u] = clock
                        work.stack[top] = u
                        top += 1


@part
def pass_ball(layout, work, state, asked):
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
            add_factor(layout, work, own)
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
