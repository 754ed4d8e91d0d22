"""How fast are many rows beside pyAgrum?

python -m tests.benchmarks.against_pyagrum [NETWORK ...] [one] [all] [blocks]

Every row hides its own half of the variables; both sides answer the same rows, one thread each, in process CPU time,
in turns, medians of five for ours (three for all of a large network), every turn with other rows. pyAgrum
(LazyPropagation, one engine whose evidence is replaced) is asked for fewer rows, for it takes them one at a time.
"one" asks for one hidden variable, "all" for every hidden one, "blocks" too, and for the probability of what was
seen: there the variables lie in four blocks, and rows hide whole blocks, in sixteen ways. Needs: pip install
'graphfuse[bench]'.
"""

import sys
import time
from importlib.resources import files
from statistics import median

import numpy as np
import torch

from graphfuse import Evidence, Network, read_network

TARGETS = {
    "alarm": "LVFAILURE",
    "hepar2": "Cirrhosis",
    "insurance": "Accident",
    "win95pts": "Problem1",
    "hailfinder": "Scenario",
    "water": "CBODD_12_15",
    "andes": "NEED36",
    "link": "N21_d_m",
    "munin1": "DIFFN_PATHO",
}
LARGE = ("water", "mildew", "barley", "andes", "pathfinder")  # of which all marginals are asked
ALL = ("asia", "child", "alarm", "hailfinder", "win95pts", "hepar2", "insurance", *LARGE)
BLOCKS = ("alarm", "hepar2", "child", "hailfinder", "insurance")
ROWS, FEW, MANY, BLOCK_ROWS = 1000, 200, 10_000, 4096
SLOW = {"water": 60, "andes": 60, "link": 30, "munin1": 60}
KINDS = ("one", "all", "blocks")


def main() -> None:
    torch.set_num_threads(1)
    chosen = [word for word in sys.argv[1:] if word not in KINDS] or dict.fromkeys((*TARGETS, *ALL))
    kinds = [word for word in sys.argv[1:] if word in KINDS] or KINDS
    print("    network  asked hidden   rows  pyAgrum us/row  ours us/row   ratio    error")
    for name in chosen:
        network = read_network(str(files("pgmpy") / "utils" / "example_models" / f"{name}.bif.gz"))
        if name in TARGETS and "one" in kinds:
            for num_rows in (ROWS,) if name in SLOW else (ROWS, MANY):
                compare(name, "one", network, 0.5, num_rows, SLOW.get(name, FEW))
        if name in ALL and "all" in kinds:
            for share in (0.3, 0.7):
                compare(name, "all", network, share, ROWS, *((20, 4) if name in LARGE else ()))
        if name in BLOCKS and "blocks" in kinds:
            compare(name, "blocks", network, 0.5, BLOCK_ROWS)


def compare(
    name: str, asked: str, network: Network, share: float, num_rows: int, few: int = FEW, turns: int = 6
) -> None:
    targets = [TARGETS[name]] if asked == "one" else None
    peer = Peer(network, targets)
    ours, theirs = [], []
    for turn in range(turns):  # the first one warms up
        if asked == "blocks":
            evidence = blocks(network, num_rows, turn)
        else:
            evidence = rows(network, targets or [], share, num_rows, turn)
        start = time.process_time()
        found = network.infer(evidence, targets)
        sums = found.log_partition if asked == "blocks" else None
        ours.append((time.process_time() - start) / num_rows)
        if turn >= turns - 3:
            seconds, expected = peer.ask(evidence, few, sums is not None)
            theirs.append(seconds / few)
    ours = ours[1:]
    error = max(
        np.abs(found.marginal(variable)[row].numpy() - marginal).max()
        for row, answers in enumerate(expected)
        for variable, marginal in answers.items()
    )
    print(
        f"{name:>11} {asked:>6} {share:6.0%} {num_rows:6} {1e6 * median(theirs):15.1f} "
        f"{1e6 * median(ours):12.2f} {median(theirs) / median(ours):7.1f} {error:8.1e}",
        flush=True,
    )


def rows(network: Network, kept_hidden: list[str], share: float, num_rows: int, seed: int = 0) -> Evidence:
    generator = torch.Generator().manual_seed(seed)
    complete = forward_samples(network, num_rows, np.random.default_rng(seed))
    hidden = {name: torch.rand(num_rows, generator=generator) < share for name in complete}
    seen = {name: torch.from_numpy(states) for name, states in complete.items() if name not in kept_hidden}
    return Evidence({name: states.masked_fill(hidden[name], -1) for name, states in seen.items()})


def blocks(network: Network, num_rows: int, seed: int = 0) -> Evidence:
    """Variables in four blocks, of which every row hides some."""
    generator = torch.Generator().manual_seed(seed)
    complete = forward_samples(network, num_rows, np.random.default_rng(seed))
    hidden = torch.rand(4, num_rows, generator=generator) < 0.5
    block = torch.randint(4, (len(complete),), generator=torch.Generator().manual_seed(0)).tolist()
    return Evidence(
        {
            name: torch.from_numpy(states).masked_fill(hidden[b], -1)
            for (name, states), b in zip(complete.items(), block, strict=True)
        }
    )


def forward_samples(network: Network, num_rows: int, draws: np.random.Generator) -> dict[str, np.ndarray]:
    """Cases drawn along the arrows."""
    drawn: dict[str, np.ndarray] = {}
    waiting = dict(network.graph.scopes)
    while waiting:
        for factor, (*parents, child) in list(waiting.items()):
            if all(parent in drawn for parent in parents):
                table = network.log_tables[factor].exp().numpy()[tuple(drawn[parent] for parent in parents)]
                below = table.cumsum(-1)
                drawn[child] = (draws.random((num_rows, 1)) * below[..., -1:] >= below).sum(-1).reshape(num_rows)
                del waiting[factor]
    return drawn


class Peer:
    """A LazyPropagation over the same tables."""

    def __init__(self, network: Network, targets: list[str] | None) -> None:
        import pyagrum

        self.net = pyagrum.BayesNet()
        for variable in network.graph.variables:
            self.net.add(pyagrum.LabelizedVariable(variable.name, variable.name, variable.num_states))
        for *parents, child in network.graph.scopes.values():
            for parent in parents:
                self.net.addArc(parent, child)
        for factor, scope in network.graph.scopes.items():
            table = network.log_tables[factor].exp()
            table = table / table.sum(-1, keepdim=True)
            cpt = self.net.cpt(scope[-1])
            order = [scope.index(name) for name in reversed(cpt.names)]
            cpt[:] = np.ascontiguousarray(table.permute(order).numpy())
        self.engine = pyagrum.LazyPropagation(self.net)
        self.engine.setNumberOfThreads(1)
        self.targets = targets
        for target in targets or ():
            self.engine.addTarget(target)
        self.variables = network.graph.variable_names

    def ask(
        self, evidence: Evidence, num_rows: int, with_sum: bool = False
    ) -> tuple[float, list[dict[str, np.ndarray]]]:
        """Process seconds, and the marginals of the hidden variables asked for."""
        states = {name: column.tolist() for name, column in evidence.hard.items()}
        answers, start = [], time.process_time()
        for row in range(num_rows):
            seen = {name: column[row] for name, column in states.items() if column[row] >= 0}
            self.engine.setEvidence(seen)
            self.engine.makeInference()
            if with_sum:
                self.engine.evidenceProbability()
            asked = self.targets or [name for name in self.variables if name not in seen]
            answers.append({name: self.engine.posterior(name).toarray() for name in asked})
        return time.process_time() - start, answers


if __name__ == "__main__":
    main()
