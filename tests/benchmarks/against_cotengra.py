"""Does cotengra find better orders in the same time?

python -m tests.benchmarks.against_cotengra [--seconds 5] [GRAPH ...]

Both search for the same process CPU time, one thread: ours varies its greedy orders; cotengra (HyperOptimizer, fewest
operations) tries its default methods, graph partitioning among them, and its random greedy method alone. Compared are
"states", the joint states of all cliques of the order, which all marginals take, as powers of two; and "products", the
multiplications of the cheapest pairwise contraction that each found for the partition alone, counted by cotengra, where
our order contracts all that reads a variable in the best way. Graphs are networks, or grids of two states, as grid16.
Needs: pip install 'graphfuse[bench]'.
"""

import argparse
import time
import warnings
from math import log2, prod
from types import SimpleNamespace

from graphfuse.graph import elimination
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.training_step import grid

GRAPHS = ("pigs", "munin1", "munin", "link", "grid10", "grid16")


def main() -> None:
    import cotengra
    from cotengra.hyperoptimizers import hyper

    warnings.simplefilter("ignore")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("graphs", nargs="*", default=GRAPHS)
    arguments.add_argument("--seconds", type=float, default=5.0)
    given = arguments.parse_args()
    elimination.monotonic = time.process_time
    hyper.time = SimpleNamespace(time=time.process_time, sleep=time.sleep)
    print("            ------------- states -------------   ------------ products ------------")
    print("   graph    plan  searched  default  greedy      plan  searched  default  greedy")
    for name in given.graphs:
        sizes, scopes = read(name)
        symbols = {variable: cotengra.get_symbol(i) for i, variable in enumerate(sizes)}
        inputs = [tuple(symbols[variable] for variable in scope) for scope in scopes if scope]
        sizes = {symbols[variable]: size for variable, size in sizes.items()}
        around, trees, orders = elimination.interaction(sizes, inputs), [], []
        for seconds in (0.0, given.seconds):
            order = [around.names[v] for v in elimination.best_order(around, seconds).order]
            orders.append(order)
            trees.append(cotengra.ContractionTree.from_path(inputs, (), sizes, edge_path=order))
        for methods in ({}, {"methods": ["random-greedy"]}):
            search = cotengra.HyperOptimizer(
                **methods, parallel=False, max_time=given.seconds, max_repeats=10**6, minimize="flops", progbar=False
            )
            trees.append(search.search(inputs, (), sizes))
            orders.append(order_of(trees[-1], sizes))
        states = [f"{log2(joint_states(order, sizes, inputs)):8.2f}" for order in orders]
        products = [f"{log2(tree.contraction_cost()):8.2f}" for tree in trees]
        print(f"{name:>8}", *states, "  ", *products, flush=True)


def read(name: str) -> tuple[dict[str, int], list[tuple[str, ...]]]:
    """Variables with their numbers of states, and scopes."""
    if name.startswith("grid"):
        side = int(name.removeprefix("grid"))
        scopes = [(f"v{a}", f"v{b}") for a, b in grid(side, side)]
        return {f"v{i}": 2 for i in range(side * side)}, scopes
    graph = example_network(name).graph
    return graph.num_states, [factor.scope for factor in graph.factors]


def order_of(tree, sizes: dict[str, int]) -> list[str]:
    """Variables in the order in which the contractions of a tree sum them out; first those that one factor reads."""
    order: dict[str, None] = {}
    for parent, left, right in tree.traverse():
        below = (*tree.get_legs(left), *tree.get_legs(right))
        order |= dict.fromkeys(variable for variable in below if variable not in tree.get_legs(parent))
    return [*(variable for variable in sizes if variable not in order), *order]


def joint_states(order: list[str], sizes: dict[str, int], scopes: list[tuple[str, ...]]) -> int:
    """Of the cliques of an order, those left out that another holds."""
    near: dict[str, set[str]] = {variable: set() for variable in sizes}
    for scope in scopes:
        for variable in scope:
            near[variable] |= set(scope) - {variable}
    cliques = []
    for variable in order:
        around = near.pop(variable)
        cliques.append(around | {variable})
        for other in around:
            near[other] |= around - {other}
            near[other].discard(variable)
    largest = sorted(cliques, key=len, reverse=True)
    kept: list[set[str]] = []
    holders: dict[str, set[int]] = {variable: set() for variable in sizes}
    for clique in largest:
        if not set.intersection(*(holders[variable] for variable in clique)):
            for variable in clique:
                holders[variable].add(len(kept))
            kept.append(clique)
    return sum(prod(sizes[variable] for variable in clique) for clique in kept)


if __name__ == "__main__":
    main()
