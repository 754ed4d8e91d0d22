"""Compiled loops over the factors of a graph: which of them bear on what is asked, in 64 rows at once.

The compiled ``memoized`` that is kept on disk holds a copy: after a change here, remove the folder ``__pycache__``.

Reference: Shachter (1998), Bayes-ball: the rational pastime.
"""

import numpy as np

from .loops import inner


@inner
def find_relevant(layout, memo, states, target):
    """Words of the factors that count and of the hidden variables that they read; all that count without a target."""
    hidden, reached, dropped, counted = memo.hidden, memo.reached, memo.dropped, memo.counted
    for v in range(len(hidden)):
        hidden[v] = reached[v] = 0
    for r in range(len(states)):
        for v in range(len(hidden)):
            hidden[v] |= np.int64(states[r, v] < 0) << r
    for f in range(len(counted)):
        counted[f] = dropped[f] = 0
    for f in layout.closing:
        v = layout.scope_vars[layout.scope_ptr[f + 1] - 1]
        if v != target:
            word = hidden[v]
            for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
                if layout.touching[i] != f:
                    word &= dropped[layout.touching[i]]
            dropped[f] = word
    if target < 0:
        for v in range(len(hidden)):
            reached[v] = hidden[v]
        for f in range(len(counted)):
            counted[f] = (np.int64(2) << (len(states) - 1)) - 1 & ~dropped[f]
        return
    reached[target] = hidden[target]
    memo.stack[0], top = target, 1
    while top:
        top -= 1
        v = memo.stack[top]
        memo.waits[v] = 0
        for i in range(layout.touch_ptr[v], layout.touch_ptr[v + 1]):
            f = layout.touching[i]
            fresh = reached[v] & ~dropped[f] & ~counted[f]
            if fresh:
                counted[f] |= fresh
                for j in range(layout.scope_ptr[f], layout.scope_ptr[f + 1]):
                    u = layout.scope_vars[j]
                    more = fresh & hidden[u] & ~reached[u]
                    if more:
                        reached[u] |= more
                        if not memo.waits[u]:
                            memo.waits[u] = 1
                            memo.stack[top] = u
                            top += 1
