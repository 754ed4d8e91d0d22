"""What does one row cost, once others were asked?      python -m tests.benchmarks.single_row [NETWORK ...]

One row a call, each hiding its own half of the variables, from states in a dictionary to marginals, for one target and
for all hidden variables; 1000 calls of ours and 200 of pyAgrum (LazyPropagation, its evidence replaced), in turns, one
thread, process CPU time. On alarm 1 ms is asked for one target and 2 ms for all marginals. "best" is the least of all
calls: what the row takes if nothing runs beside.
"""

import sys
import time
from statistics import median

import numpy as np
import torch

from graphfuse import Evidence, Network
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import TARGETS, Peer, rows

CALLS, FEW = 1000, 200


def main() -> None:
    torch.set_num_threads(1)
    print("    network  asked  pyAgrum ms  ours ms  ours best   ratio    error")
    for name in sys.argv[1:] or ("alarm",):
        network = example_network(name)
        compare(name, network, [TARGETS[name]])
        compare(name, network, None)


def compare(name: str, network: Network, targets: list[str] | None) -> None:
    peer, table = Peer(network, targets), rows(network, targets or [], 0.5, CALLS)
    columns = {variable: states.tolist() for variable, states in table.hard.items()}
    cases = [
        {variable: column[row] for variable, column in columns.items() if column[row] >= 0} for row in range(CALLS)
    ]
    ask(network, cases[0], targets)
    ours, theirs, error = [], [], 0.0
    for row, seen in enumerate(cases):
        start = time.process_time()
        found = ask(network, seen, targets)
        ours.append(1e3 * (time.process_time() - start))
        if row % (CALLS // FEW) == 0:
            start = time.process_time()
            expected = ask_peer(peer, seen)
            theirs.append(1e3 * (time.process_time() - start))
            error = max(error, *(np.abs(found[each] - marginal).max() for each, marginal in expected.items()))
    asked = "one" if targets else "all"
    print(
        f"{name:>11} {asked:>6} {median(theirs):11.2f} {median(ours):8.2f} {min(ours):10.2f} "
        f"{median(theirs) / median(ours):7.2f} {error:8.1e}",
        flush=True,
    )


def ask(network: Network, seen: dict[str, int], targets: list[str] | None) -> dict[str, np.ndarray]:
    posterior = network.infer(Evidence({name: torch.tensor(state) for name, state in seen.items()}), targets)
    wanted = targets or [name for name in network.graph.variable_names if name not in seen]
    return {name: posterior.marginal(name).numpy() for name in wanted}


def ask_peer(peer: Peer, seen: dict[str, int]) -> dict[str, np.ndarray]:
    peer.engine.setEvidence(seen)
    peer.engine.makeInference()
    wanted = peer.targets or [name for name in peer.variables if name not in seen]
    return {name: peer.engine.posterior(name).toarray() for name in wanted}


if __name__ == "__main__":
    main()
