"""What do rows save by what they have in common?      python -m tests.benchmarks.rows_in_common [NETWORK ...]

One target, half of the variables hidden, every row its own half; microseconds a row within the engine, without the
checks and the answers around it. "one by one" shares nothing; "anew" shares within the batch, and keeps nothing from
before; "kept" has met as many other rows of the same tables. One thread, process CPU time, in turns, every turn with
other rows, medians of eight; a first turn warms up.
"""

import sys
import time
from statistics import median

import torch

from graphfuse import Evidence, Network
from graphfuse.inference.rows import batches, query
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import MANY, ROWS, TARGETS, rows

TURNS = 8


def main() -> None:
    torch.set_num_threads(1)
    print("   network   rows  one by one   anew   kept  anew gains  kept gains")
    for name in sys.argv[1:] or ("alarm", "hepar2", "insurance", "win95pts", "hailfinder"):
        for num_rows in (ROWS, MANY):
            compare(name, example_network(name), num_rows)


def compare(name: str, network: Network, num_rows: int) -> None:
    target = TARGETS[name]
    alone, anew, kept = [], [], []
    for turn in range(TURNS + 1):
        evidence, others = (rows(network, [target], 0.5, num_rows, seed) for seed in (turn, turn + 100))
        alone.append(one_by_one(network, evidence, target))
        batches._SPARE.kept.clear()
        anew.append(seconds(network, evidence, target))
        batches._SPARE.kept.clear()
        seconds(network, others, target)
        kept.append(seconds(network, evidence, target))
    found = [1e6 * median(times[1:]) / num_rows for times in (alone, anew, kept)]
    print(
        f"{name:>10} {num_rows:6} {found[0]:11.2f} {found[1]:6.2f} {found[2]:6.2f} {found[0] / found[1]:10.1f}x "
        f"{found[0] / found[2]:10.1f}x",
        flush=True,
    )


def one_by_one(network: Network, evidence: Evidence, target: str) -> float:
    default = batches.MOST_ENTRIES
    try:
        batches.MOST_ENTRIES = -1
        return seconds(network, evidence, target)
    finally:
        batches.MOST_ENTRIES = default


def seconds(network: Network, evidence: Evidence, target: str) -> float:
    """What the engine takes of a query."""
    answer_rows, taken = query.answer_rows, []

    def timed(*args):
        start = time.process_time()
        answer = answer_rows(*args)
        taken.append(time.process_time() - start)
        return answer

    try:
        query.answer_rows = timed
        network.infer(evidence, [target])
    finally:
        query.answer_rows = answer_rows
    return sum(taken)


if __name__ == "__main__":
    main()
