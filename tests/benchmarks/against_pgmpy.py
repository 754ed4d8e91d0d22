"""How fast are many rows beside pgmpy?      python -m tests.benchmarks.against_pgmpy [NETWORK ...]

One target, half of the variables hidden, every row its own half. pgmpy (VariableElimination, its default order, a query
a row) is asked for a few of the 10 000 rows that ours answers, for it takes them one at a time. Both sides in one run
and in turns, one thread, process CPU time, every turn with other rows, medians of five; our first turn warms up.
"""

import sys
import time
from statistics import median

import numpy as np
import torch

from graphfuse import Evidence, Network
from graphfuse.networks import to_pgmpy_bayesian_network
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import MANY, TARGETS, rows

FEW, TURNS = 12, 5


def main() -> None:
    torch.set_num_threads(1)
    print("    network   rows  pgmpy us/row  ours us/row   ratio    error")
    for name in sys.argv[1:] or ("alarm", "hepar2"):
        compare(name, example_network(name), TARGETS[name])


def compare(name: str, network: Network, target: str) -> None:
    from pgmpy.inference import VariableElimination

    engine = VariableElimination(to_pgmpy_bayesian_network(network))
    ours, theirs, error = [], [], 0.0
    for turn in range(TURNS + 1):
        evidence = rows(network, [target], 0.5, MANY, turn)
        start = time.process_time()
        found = network.infer(evidence, [target]).marginal(target)
        ours.append((time.process_time() - start) / MANY)
        seen = [labels(network, evidence, row) for row in range(FEW)]
        start = time.process_time()
        answers = [engine.query([target], evidence=each, show_progress=False) for each in seen]
        theirs.append((time.process_time() - start) / FEW)
        for row, answer in enumerate(answers):
            order = [answer.state_names[target].index(state) for state in network.graph.variable(target).states]
            error = max(error, np.abs(found[row].numpy() - np.asarray(answer.values)[order]).max())
    peer, own = (1e6 * median(times[1:]) for times in (theirs, ours))
    print(f"{name:>11} {MANY:6} {peer:13.0f} {own:12.2f} {peer / own:7.0f} {error:8.1e}", flush=True)


def labels(network: Network, evidence: Evidence, row: int) -> dict[str, str]:
    """What a row has seen, in the names of states that pgmpy asks for."""
    states = {name: int(column[row]) for name, column in evidence.hard.items()}
    return {name: network.graph.variable(name).states[state] for name, state in states.items() if state >= 0}


if __name__ == "__main__":
    main()
