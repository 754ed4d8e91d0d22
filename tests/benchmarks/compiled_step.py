"""Would torch.compile pay for inference in logarithms?      python -m tests.benchmarks.compiled_step

The training step of tests.benchmarks.training_step, shared pairs, one thread, process CPU time, medians of fifteen in
turns. The step in logarithms is traced into one graph of tensor operations, labels and all, since compiling the Python
around them breaks into dozens of parts; that graph is compiled for its shapes. Beside both stand our compiled loops,
which are the default. The compilation counts the processes that it starts.
"""

import resource
import time
from statistics import median

import torch
from torch.fx.experimental.proxy_tensor import make_fx

from tests.benchmarks.training_step import ROWS, SHAPES, STATES, VARIABLES, Step, in_logs, ours, question

TURNS = 15


def main() -> None:
    torch.set_num_threads(1)
    print("graph  operations  compilation s  in logs ms  compiled ms  gain  default ms")
    for shape in ("chain", "grid"):
        compare(shape)


def compare(shape: str) -> None:
    graph, unary, binary, labels = question(SHAPES[shape], ROWS, STATES, VARIABLES, per_row=False)

    def in_logarithms(u: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return in_logs(graph, u, b, labels)

    def seconds(step: Step) -> float:
        u, b = unary.clone().requires_grad_(), binary.clone().requires_grad_()
        start = time.process_time()
        step(u, b).backward()
        return time.process_time() - start

    traced = make_fx(in_logarithms)(unary, binary)
    steps = {"logs": in_logarithms, "compiled": torch.compile(traced), "ours": lambda u, b: ours(graph, u, b, labels)}
    start = all_seconds()
    seconds(steps["compiled"])
    compilation = all_seconds() - start
    found: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(TURNS + 1):
        for name, step in steps.items():
            taken = seconds(step)
            if turn:  # the first one warms up
                found[name].append(1e3 * taken)
    logs, compiled, default = map(median, found.values())
    print(
        f"{shape:>5} {len(traced.graph.nodes):11} {compilation:14.1f} {logs:11.1f} {compiled:12.1f} "
        f"{logs / compiled:4.1f}x {default:11.1f}",
        flush=True,
    )


def all_seconds() -> float:
    """Process CPU time, that of finished children included."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    main()
