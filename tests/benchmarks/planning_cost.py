"""What does it cost to plan exact inference, and what does more time buy?

python -m tests.benchmarks.planning_cost [--seconds 5] [NETWORK ...]
python -m tests.benchmarks.planning_cost --rows 1000
python -m tests.benchmarks.planning_cost --refused 300

Process CPU time, least of five: one order by each greedy rule, and the best of all three, which is the plan; then the
min-fill order by counting anew, after every elimination, what others would add, once. Then the joint states of all
cliques, of the best greedy order, and of the best that random variations found in the seconds.

With rows: a grid of 40 by 40 variables of two states, of which every row hides six in ten, its own; all marginals and
the partition within 1 GiB, which the tables of the whole graph exceed by far.

With refused: random graphs of so many variables of two states, each with thirty neighbours on average, which no memory
holds; seconds until the refusal of the partition and all marginals, of one marginal, and of the partition alone.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial
from itertools import combinations
from math import log
from time import process_time

import torch

from graphfuse import Evidence, Variable, VariableElimination, infer, markov_network
from graphfuse.graph.elimination import RULES, best_order, eliminate, interaction
from graphfuse.graph.factor_graph import FactorGraph
from graphfuse.problems.example_networks import example_network

NETWORKS = ("alarm", "hepar2", "insurance", "barley", "andes", "pigs", "munin1", "link", "munin")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("networks", nargs="*", default=NETWORKS)
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument("--rows", type=int, default=0)
    arguments.add_argument("--refused", type=int, default=0)
    given = arguments.parse_args()
    if given.rows:
        return patterns(given.rows)
    if given.refused:
        return refusals(given.refused)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; milliseconds")
    names = [rule.__name__ for rule in RULES]
    print(
        f"{'network':>10} {'variables':>9} {names[0]:>9} {names[1]:>18} {names[2]:>11} {'plan':>7} {'anew':>7}", end=""
    )
    print(f" {'joint states':>13} {'searched':>13} {'fewer':>6}")
    for name in given.networks:
        graph = example_network(name).graph
        around = interaction(graph.num_states, [factor.scope for factor in graph.factors])
        costs = [least(partial(eliminate, around, rule(around.num_states)), 5) for rule in RULES]
        plan = least(partial(best_order, around), 5)
        anew = least(partial(by_counting_anew, graph), 1)
        greedy, searched = best_order(around).num_entries, best_order(around, given.seconds).num_entries
        print(f"{name:>10} {len(graph.variables):9d} {costs[0]:9.1f} {costs[1]:18.1f} {costs[2]:11.1f} ", end="")
        print(f"{plan:7.1f} {anew:7.1f} {greedy:13,d} {searched:13,d} {greedy / searched:5.2f}x", flush=True)


def patterns(num_rows: int, size: int = 40) -> None:
    torch.set_num_threads(1)
    names = [[f"x{i:02}{j:02}" for j in range(size)] for i in range(size)]
    ties = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(size - 1)]
    ties += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(size)]
    graph = markov_network([Variable(name, 2) for row in names for name in row], ties)
    generator, method = torch.Generator().manual_seed(0), VariableElimination(memory_budget=2**30)
    tables = {name: torch.randn(graph.shape(scope), generator=generator) for name, scope in graph.scopes.items()}
    for count in (2, num_rows):  # of the first, compiled loops are loaded and the graph is planned
        states = torch.randint(0, 2, (size**2, count), generator=generator)
        states[torch.rand(states.shape, generator=generator) < 0.6] = -1
        evidence = Evidence(dict(zip(graph.variable_names, states, strict=True)))
        start = process_time()
        _ = infer(graph, tables, evidence, method=method).log_partition
        print(f"{count:5d} rows, each with its own pattern: {process_time() - start:6.2f} s")


def refusals(size: int) -> None:
    torch.set_num_threads(1)
    generator, names = torch.Generator().manual_seed(0), [f"v{i:03}" for i in range(size)]
    for number in range(4):  # of the first, compiled loops are loaded
        drawn = torch.rand(size, size, generator=generator) < 30 / size
        ties = [(names[i], names[j]) for i in range(size) for j in range(i) if drawn[i, j]]
        graph = markov_network([Variable(name, 2) for name in names], ties)
        tables = {factor.name: torch.zeros(graph.shape(factor.scope)) for factor in graph.factors}
        found = []
        for targets in (None, [names[0]], []):
            start = process_time()
            try:
                _ = infer(graph, tables, targets=targets).log_partition
            except MemoryError:
                found.append(f"{process_time() - start:5.2f}")
        print(f"graph {number + 1}, {len(ties)} pairs: refused after {' '.join(found)} s")


def least(run: Callable[[], object], times: int) -> float:
    """The least process CPU time of some runs, in milliseconds."""
    found = []
    for _ in range(times):
        start = process_time()
        run()
        found.append(1e3 * (process_time() - start))
    return min(found)


def by_counting_anew(graph: FactorGraph) -> list[str]:
    """The min-fill order found by counting, after every elimination, the missing edges around all that it touched."""
    near = {name: set() for name in graph.variable_names}
    for factor in graph.factors:
        for a, b in combinations(factor.scope, 2):
            near[a].add(b)
            near[b].add(a)

    def cost(name: str) -> tuple[int, float, str]:
        missing = sum(b not in near[a] for a, b in combinations(near[name], 2))
        return missing, sum(log(graph.num_states[other]) for other in (name, *near[name])), name

    costs, order = {name: cost(name) for name in near}, []
    while costs:
        name = min(costs.values())[-1]
        order.append(name)
        del costs[name]
        around = near.pop(name)
        touched = set(around)
        for other in around:
            near[other].discard(name)
            touched |= near[other]
            near[other] |= around - {other}
        costs |= {other: cost(other) for other in touched}
    return order


if __name__ == "__main__":
    main()
