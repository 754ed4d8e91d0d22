"""Is every row of random evidence answered?      python -m tests.benchmarks.random_rows [NETWORK ...]

The 24 networks that come with pgmpy, 8000 rows each, 800 of the large ones: cases drawn along the arrows, three in ten
of the cells hidden; in every second row one cell in a hundred is replaced by any state, which makes many of them
impossible. Asked are three variables or four, and the probability of what was seen, a hundred rows at a time, with the
default memory budget. "broken" counts rows with nan, a probability of evidence above one, or a marginal that does not
sum to one. One thread, process CPU time, the plan included.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch

from graphfuse import Evidence, Network, Posterior, read_network
from tests.benchmarks.against_pyagrum import forward_samples

MODELS = Path(str(files("pgmpy") / "utils" / "example_models"))
NAMES = sorted(path.name.split(".")[0] for path in MODELS.glob("*.bif.gz"))
LARGE = {
    *("andes", "barley", "diabetes", "link", "mildew", "munin", "munin1", "munin2", "munin3", "munin4"),
    *("pathfinder", "pigs"),
}
ROWS = {True: 800, False: 8000}  # by whether a network is large: 105,600 in all
SHARE, AT_ONCE = 0.3, 100


@dataclass
class Counts:
    """What became of rows."""

    rows: int = 0
    refused: int = 0
    broken: int = 0
    impossible: int = 0
    in_logs: int = 0

    def add(self, found: Posterior | None, num_rows: int) -> None:
        """Count the answer to some rows, None if it was refused."""
        self.rows += num_rows
        if found is None:
            self.refused += num_rows
            return
        sums = found.log_partition
        wrong = sums.isnan() | (sums > 1e-6)
        for table in found.log_marginals.values():
            total = table.exp().sum(-1)
            wrong |= table.isnan().any(-1) | (((total - 1).abs() > 1e-9) & (total != 0))
        self.broken += int(wrong.sum())
        self.impossible += int(found.impossible.sum())
        self.in_logs += found.num_in_logs


def main() -> None:
    torch.set_num_threads(1)
    print("    network    rows  refused  broken  impossible  in logarithms   us/row")
    read("cancer").infer({"Smoker": "True"})  # compiled loops are loaded
    total = Counts()
    for name in sys.argv[1:] or NAMES:
        counts, seconds = Counts(), 0.0
        network = read(name)
        for rows, found, taken in answers(network, ROWS[name in LARGE]):
            counts.add(found, rows.batch_shape[0])
            seconds += taken
        report(name, counts, f"{1e6 * seconds / counts.rows:9.1f}")
        for each in vars(total):
            setattr(total, each, getattr(total, each) + getattr(counts, each))
    report("all", total, "")


def report(name: str, counts: Counts, cost: str) -> None:
    print(
        f"{name:>11} {counts.rows:7} {counts.refused:8} {counts.broken:7} {counts.impossible:11} {counts.in_logs:14} "
        f"{cost}",
        flush=True,
    )


def read(name: str) -> Network:
    return read_network(str(MODELS / f"{name}.bif.gz"))


def targets_of(network: Network) -> list[str]:
    names = network.graph.variable_names
    return list(names[:: max(1, len(names) // 3)])


def answers(network: Network, num_rows: int) -> Iterator[tuple[Evidence, Posterior | None, float]]:
    """Some rows at a time, what was found, None if it was refused, and the process seconds it took."""
    evidence = random_rows(network, num_rows)
    for start in range(0, num_rows, AT_ONCE):
        rows = Evidence({name: states[start : start + AT_ONCE] for name, states in evidence.hard.items()})
        began, found = time.process_time(), None
        try:
            found = network.infer(rows, targets_of(network))
            _ = found.log_partition
        except MemoryError:
            found = None
        yield rows, found, time.process_time() - began


def random_rows(network: Network, num_rows: int) -> Evidence:
    generator = torch.Generator().manual_seed(0)
    hard = {}
    for name, drawn in forward_samples(network, num_rows, np.random.default_rng(0)).items():
        anything = torch.randint(0, network.graph.num_states[name], (num_rows,), generator=generator)
        replaced, hidden = torch.rand(num_rows, generator=generator) < 0.01, torch.rand(num_rows, generator=generator)
        replaced[::2] = False
        hard[name] = torch.where(replaced, anything, torch.from_numpy(drawn)).masked_fill(hidden < SHARE, -1)
    return Evidence(hard)


if __name__ == "__main__":
    main()
