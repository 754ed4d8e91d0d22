"""What does a data frame of labels cost beside codes?      python -m tests.benchmarks.labels_cost [NETWORK ...]

One target, 10 000 rows, each hiding its own half of the variables. The same rows are asked for as integer codes, as a
data frame of text, and as one of categories; "more" is what the frame takes beyond the codes, as times their cost
(asked: at most once). Process CPU time, one thread, in turns, medians of seven. Every turn has other rows, which are
asked for once before, so that all three find the same products kept; a first turn warms up.
"""

import sys
import time
from statistics import median

import torch

from graphfuse import Network
from graphfuse.networks import decode_labels
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import MANY, TARGETS, rows

TURNS = 7


def main() -> None:
    torch.set_num_threads(1)
    print("    network  columns  codes us/row  text us/row   more  categories us/row   more")
    for name in sys.argv[1:] or ("alarm", "hepar2", "insurance", "win95pts", "hailfinder"):
        compare(name, example_network(name), TARGETS[name])


def compare(name: str, network: Network, target: str) -> None:
    times: dict[str, list[float]] = {"codes": [], "text": [], "categories": []}
    for turn in range(TURNS + 1):
        evidence = rows(network, [target], 0.5, MANY, turn)
        frame = decode_labels(network.graph, evidence.hard)
        asked = {"codes": evidence, "text": frame, "categories": frame.astype("category")}
        network.infer(evidence, [target])
        answers = {}
        for kind in times:
            start = time.process_time()
            answers[kind] = network.infer(asked[kind], [target]).marginal(target)
            times[kind].append(time.process_time() - start)
        assert torch.equal(answers["codes"], answers["text"]) and torch.equal(answers["codes"], answers["categories"])
    codes, text, categories = (1e6 * median(values[1:]) / MANY for values in times.values())
    print(
        f"{name:>11} {len(frame.columns):8} {codes:13.2f} {text:12.2f} {text / codes - 1:6.2f} {categories:18.2f} "
        f"{categories / codes - 1:6.2f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
