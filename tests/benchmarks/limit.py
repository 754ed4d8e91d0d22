"""How far is exact inference from what the machine does?      python -m tests.benchmarks.limit [NETWORK ...]

One thread, process CPU time, half of the variables hidden, every row its own half; one row with a tenth observed on the
large networks; the least of five turns. Multiplications and additions of a row are counted on its own tables, by its
plan: one an entry for every factor and message that a clique multiplies, one for what it sums, and the same on the way
back. Beside them, in the same run, what a compiled loop does with arrays of 256 entries, which stay in the
nearest cache, and with arrays of 2**22, which do not: products of two arrays, entry by entry, which move 24 bytes each.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from numba import njit

from graphfuse import Evidence, Network
from graphfuse.inference.rows.sliced import Scope, relevant_scopes, sliced
from tests.benchmarks.against_pyagrum import TARGETS, rows
from tests.benchmarks.single_query import cases, read

SMALL, LARGE = ("alarm", "hepar2", "insurance", "win95pts", "hailfinder"), ("diabetes", "mildew", "munin", "munin1")
COUNTED, ROWS = 100, 2000


@njit(cache=True, error_model="numpy")
def multiply(out, table, times):
    for _ in range(times):
        for k in range(len(out)):
            out[k] *= table[k]


def main() -> None:
    torch.set_num_threads(1)
    near, far = speed(256, 40_000), speed(2**22, 4)
    print(f"machine: {near:.2f} G/s near, {far:.2f} G/s far ({24 * near:.0f} and {24 * far:.0f} GB/s)")
    print("   network asked   rows  tables  entries  operations    us/row   G/s  of near  of far")
    for name in sys.argv[1:] or (*SMALL, *LARGE):
        network = read(name)
        if name in LARGE:
            (seen,) = cases(network, 1)
            report(name, "all", network, Evidence({v: torch.tensor([state]) for v, state in seen.items()}), near, far)
            continue
        for asked in ("one", "all"):
            targets = [TARGETS[name]] if asked == "one" else []
            report(name, asked, network, rows(network, targets, 0.5, ROWS), near, far)


def speed(size: int, times: int) -> float:
    """Billions of products a second."""
    out, table = np.ones(size), np.ones(size)
    multiply(out, table, 1)
    return size * times / least(lambda: multiply(out, table, times)) / 1e9


def least(run: Callable[[], object]) -> float:
    found = []
    for _ in range(5):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def report(name: str, asked: str, network: Network, evidence: Evidence, near: float, far: float) -> None:
    targets = [TARGETS[name]] if asked == "one" else None
    network.infer(evidence, targets)
    (num_rows,) = evidence.batch_shape
    seconds = least(lambda: network.infer(evidence, targets)) / num_rows
    counted = [work(network, evidence, row, targets) for row in range(min(COUNTED, num_rows))]
    tables, entries, operations = np.mean(counted, axis=0)
    rate = operations / seconds / 1e9
    print(
        f"{name:>10} {asked:>5} {num_rows:6} {tables:7.1f} {entries:8.0f} {operations:11.0f} {1e6 * seconds:9.1f} "
        f"{rate:5.2f} {rate / near:8.1%} {rate / far:7.1%}",
        flush=True,
    )


def work(network: Network, evidence: Evidence, row: int, targets: list[str] | None) -> tuple[int, int, int]:
    """Of a row its tables, their entries, and the products and sums that its plan takes."""
    graph = network.graph
    asked, whole = targets or graph.variable_names, targets is None
    hidden = frozenset(name for name in graph.variable_names if int(evidence.hard.get(name, _HIDDEN)[row]) < 0)
    scopes = [factor.scope for factor in graph.factors]
    closed = range(len(scopes))  # of a Bayesian network, every table sums to one
    tree, _ = sliced(graph, scopes, closed, hidden, asked, whole)
    met: list[list[Scope]] = [[] for _ in tree.cliques]
    for f in relevant_scopes(scopes, closed, hidden, asked, whole):
        part = tuple(name for name in scopes[f] if name in hidden)
        if part:
            met[tree.home(part)].append(part)
    num_tables = entries = operations = 0
    sizes: list[int] = []
    for parent, separator, parts in zip(tree.parents, tree.separators, met, strict=True):
        joined = set().union(*parts)
        sent = tuple(name for name in joined if name in separator)
        sizes.append(graph.size(joined) if joined else 0)
        if joined and not (len(sent) == len(joined) and len(parts) == 1):
            num_tables += 1
            entries += sizes[-1]
            operations += sizes[-1] * (len(parts) + 1)
        if sent:
            met[parent].append(sent)
    if whole:  # messages return: a parent is summed, a clique multiplied, and every variable read from a table
        below = [(parent, size) for parent, size in zip(tree.parents, sizes, strict=True) if parent >= 0]
        operations += sum(sizes[parent] + size for parent, size in below) + sum(sizes)
    return num_tables, entries, operations


_HIDDEN = torch.full((ROWS,), -1)

if __name__ == "__main__":
    main()
