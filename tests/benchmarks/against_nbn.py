"""How fast are blocks of gaps beside nbn, which answers many rows of one pattern at once?
                                                              python -m tests.benchmarks.against_nbn [NETWORK ...]

4096 rows whose variables lie in four blocks, of which every row hides some, in sixteen ways; all hidden variables are
asked for. nbn (exact variable elimination in torch) is asked pattern by pattern and target by target, its plans kept;
ours answers everything at once, with the probability of what was seen. Both sides in one run and in turns, one thread,
process CPU time, every turn with other rows, medians. Needs: pip install 'graphfuse[bench]'.
"""

import sys
import time
from statistics import median

import numpy as np
import torch

from graphfuse import Evidence, Network
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import BLOCK_ROWS, BLOCKS, blocks

TURNS = 3
CASES = 1e9  # a table's probabilities are given to nbn as counts of so many cases


def main() -> None:
    torch.set_num_threads(1)
    print("    network  nbn us/row  ours us/row   ratio    error")
    for name in sys.argv[1:] or BLOCKS:
        compare(name, example_network(name))


def compare(name: str, network: Network) -> None:
    peer = Peer(network)
    ours, theirs, error = [], [], 0.0
    for turn in range(TURNS + 1):  # the first one warms up
        evidence = blocks(network, BLOCK_ROWS, turn)
        start = time.process_time()
        found = network.infer(evidence)
        _ = found.log_partition
        ours.append(time.process_time() - start)
        start = time.process_time()
        expected = peer.ask(evidence)
        theirs.append(time.process_time() - start)
        for variable, (rows, marginals) in expected:
            error = max(error, float((found.marginal(variable)[rows] - marginals).abs().max()))
    peer_row, own_row = (1e6 * median(times[1:]) / BLOCK_ROWS for times in (theirs, ours))
    print(f"{name:>11} {peer_row:11.1f} {own_row:12.2f} {peer_row / own_row:7.1f} {error:8.1e}", flush=True)


class Peer:
    """The same tables in nbn."""

    def __init__(self, network: Network) -> None:
        from nbn import NeuralBayesianNetwork
        from nbn.mechanisms.parametric.categorical_table import CategoricalTableMechanism

        scopes = network.graph.scopes.items()
        edges = [(parent, child) for _, (*parents, child) in scopes for parent in parents]
        sizes = network.graph.num_states
        self.model = NeuralBayesianNetwork(
            edges, variables={name: ("discrete", size) for name, size in sizes.items()}, device="cpu"
        )
        for factor, (*parents, child) in scopes:
            order = list(self.model.dag.parents(child))
            table = network.log_tables[factor].exp()
            table = (table / table.sum(-1, keepdim=True)).permute([*(parents.index(name) for name in order), -1])
            mechanism = CategoricalTableMechanism()
            counts = CASES * table.reshape(-1, sizes[child])
            mechanism.fit_from_counts(counts, [sizes[name] for name in order])
            self.model.set_mechanism(child, mechanism)
        self.variables = network.graph.variable_names

    def ask(self, evidence: Evidence) -> list[tuple[str, tuple[torch.Tensor, torch.Tensor]]]:
        """By hidden variable and pattern, the rows and their marginals."""
        states = torch.stack([evidence.hard[name] for name in self.variables], 1)
        hidden = (states < 0).numpy()
        patterns, which = np.unique(hidden, axis=0, return_inverse=True)
        answers = []
        for p, pattern in enumerate(patterns):
            rows = torch.from_numpy(np.flatnonzero(which == p))
            part = states[rows]
            seen = {name: part[:, i] for i, name in enumerate(self.variables) if not pattern[i]}
            for i in np.flatnonzero(pattern):
                target = self.variables[i]
                if seen:
                    marginals = self.model.query_batch([target], seen)
                else:
                    marginals = torch.as_tensor(self.model.query([target])).expand(len(rows), -1)
                answers.append((target, (rows, marginals.detach())))
        return answers


if __name__ == "__main__":
    main()
