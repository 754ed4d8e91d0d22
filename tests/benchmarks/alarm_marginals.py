"""What do all marginals of 1000 patients of the alarm network cost?      python -m tests.benchmarks.alarm_marginals

Float64, every row its own evidence pattern with half of the 37 variables hidden, plan included in the first call; wall
time of the first call and the median of five more. Typical on two shared cores: 0.13 s, and 0.06 s for one target
(2.3 times less); read the ratio, not the seconds. The answers of ten rows are compared with pgmpy's in the same run.
"""

import statistics
import time
from importlib.resources import files

import torch

from graphfuse import Evidence, read_network
from graphfuse.networks import to_pgmpy_bayesian_network

ROWS = 1000


def main() -> None:
    network = read_network(str(files("pgmpy") / "utils" / "example_models" / "alarm.bif.gz"))
    generator = torch.Generator().manual_seed(0)
    complete = network.sample(ROWS, generator)
    hidden = {name: torch.rand(ROWS, generator=generator) < 0.5 for name in complete}
    evidence = Evidence(hard={name: states.masked_fill(hidden[name], -1) for name, states in complete.items()})
    target = network.graph.variable_names[0]
    print(f"all marginals, first call {timed(lambda: network.infer(evidence)):6.3f} s")
    every = statistics.median(timed(lambda: network.infer(evidence)) for _ in range(5))
    one = statistics.median(timed(lambda: network.infer(evidence, targets=[target])) for _ in range(5))
    print(f"all marginals             {every:6.3f} s")
    print(f"one target                {one:6.3f} s ({every / one:.1f} times less)")
    print(f"largest difference to pgmpy on ten rows {difference(network, evidence):.1e}")


def timed(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def difference(network, evidence: Evidence) -> float:
    from pgmpy.inference import VariableElimination

    engine = VariableElimination(to_pgmpy_bayesian_network(network))
    posterior, worst = network.infer(evidence), 0.0
    for row in range(10):
        seen = {
            name: network.graph.variable(name).states[int(states[row])]
            for name, states in evidence.hard.items()
            if states[row] >= 0
        }
        name = next(name for name, states in evidence.hard.items() if states[row] < 0)
        found = engine.query([name], evidence=seen, show_progress=False)
        order = [found.state_names[name].index(state) for state in network.graph.variable(name).states]
        expected = torch.as_tensor(found.values)[order]
        worst = max(worst, float((posterior.marginal(name)[row] - expected).abs().max()))
    return worst


if __name__ == "__main__":
    main()
