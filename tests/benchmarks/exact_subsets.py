"""What does the exact mean over all subsets cost beside plain training?      python -m tests.benchmarks.exact_subsets

Star with one MLP per modality (64 columns, 128 hidden units, 10 classes), batch of 256 rows, float32, forward and
backward, process CPU time, one thread, median of 15 interleaved steps. Read the ratio to plain training.
"""

import statistics
import time

import torch

from graphfuse import (
    GraphFusion,
    ModalityBatch,
    NeuralPotential,
    TablePotential,
    Variable,
    every_subset_nll,
    random_subset_nll,
    star,
    target_nll,
)
from graphfuse.encoders import MLP

OBJECTIVES = {"plain": target_nll, "random": random_subset_nll, "exact": every_subset_nll}


def main() -> None:
    torch.set_num_threads(1)
    print("modalities  subsets" + "".join(f"{name:>12s} ms" for name in OBJECTIVES) + "   exact / plain")
    for num_modalities in (2, 4, 6):
        times = step_times(num_modalities)
        cells = "".join(f"{1000 * times[name]:15.2f}" for name in OBJECTIVES)
        print(f"{num_modalities:10d} {2**num_modalities:8d}{cells} {times['exact'] / times['plain']:15.2f}")


def step_times(num_modalities: int) -> dict[str, float]:
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    names = [f"m{i}" for i in range(num_modalities)]
    potentials = {name: NeuralPotential(MLP(64, 10, (128,)), (10,), name) for name in names}
    graph = star(Variable("y", 10), names)
    model = GraphFusion(graph, {"prior": TablePotential(torch.zeros(10)), **potentials}, ["y"])
    inputs = {name: torch.randn(256, 64, generator=generator) for name in names}
    batch = ModalityBatch(inputs, targets={"y": torch.randint(0, 10, (256,), generator=generator)})
    times: dict[str, list[float]] = {name: [] for name in OBJECTIVES}
    for _ in range(17):
        for name, objective in OBJECTIVES.items():
            start = time.process_time()
            objective(model, batch, generator).backward()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(found[2:]) for name, found in times.items()}


if __name__ == "__main__":
    main()
