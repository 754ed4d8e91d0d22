"""What does a training step through exact inference cost?      python -m tests.benchmarks.training_step

Twelve variables of four states on a chain, a star, a tree and a grid of 3 by 4; 1024 rows, half of their labels
missing; the loss is log Z of the free graph minus log Z of the clamped one, forward and backward, float32, one thread,
process CPU time, medians of 31 in turns. Beside it the same contraction in logarithms by autograd, rows one by one in
compiled loops, and on the chain torch-struct and pytorch-crf, if they are installed. Potentials per variable come from
rows; those of pairs are shared, or come from rows too. Gradients are compared in the same run. Then the growth with
rows, states and width, the time of both passes over that of the forward one, and memory: what the process holds at most
beyond what it held before, looked at all the while in a fresh process. Last, the first step of a process, its compiled
loops kept on disk.
"""

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median
from threading import Event, Thread

import torch
from torch import Tensor

from graphfuse import Evidence, Factor, FactorGraph, Variable, infer
from graphfuse.inference import VariableElimination
from graphfuse.inference.rows import query

ROWS, VARIABLES, STATES = 1024, 12, 4
Step = Callable[[Tensor, Tensor], Tensor]
Pairs = list[tuple[int, int]]


def grid(height: int, width: int) -> Pairs:
    beside = [(width * r + c, width * r + c + 1) for r in range(height) for c in range(width - 1)]
    return beside + [(width * r + c, width * r + c + width) for r in range(height - 1) for c in range(width)]


SHAPES = {
    "chain": [(i, i + 1) for i in range(11)],
    "star": [(0, i) for i in range(1, 12)],
    "tree": [((i - 1) // 2, i) for i in range(1, 12)],
    "grid": grid(3, 4),
}


def main() -> None:
    torch.set_num_threads(1)
    print(" graph    pairs  ours ms      in logs  one by one  torch-struct  pytorch-crf    error")
    for shape, pairs in SHAPES.items():
        for per_row in (False, True):
            compare(shape, pairs, per_row)
    print("\n graph    rows  states  ours ms  in logs  both passes over forward  MB forward  MB both  MB both in logs")
    for num_rows in (256, 1024, 4096, 16384):
        grow("chain", num_rows, STATES, VARIABLES)
    for num_states in (2, 8, 16):
        grow("chain", ROWS, num_states, VARIABLES)
    for shape, num_variables in (("grid 2x6", 12), ("grid 3x4", 12), ("grid 4x4", 16)):
        grow(shape, ROWS, 3, num_variables)
    print(f"\nfirst step of a process: {first_step():.1f} s")


def question(pairs: Pairs, num_rows: int, num_states: int, num_variables: int, per_row: bool):
    """A graph, potentials of variables and of pairs, and labels of which half are missing."""
    generator = torch.Generator().manual_seed(0)
    unary = torch.randn(num_rows, num_variables, num_states, generator=generator)
    binary = torch.randn(*([num_rows] if per_row else []), len(pairs), num_states, num_states, generator=generator)
    labels = torch.randint(num_states, (num_rows, num_variables), generator=generator)
    labels = labels.masked_fill(torch.rand(labels.shape, generator=generator) < 0.5, -1)
    scopes = [(f"v{i}",) for i in range(num_variables)] + [(f"v{i}", f"v{j}") for i, j in pairs]
    variables = [Variable(f"v{i}", num_states) for i in range(num_variables)]
    return FactorGraph(variables, [Factor("-".join(s), s) for s in scopes]), unary, binary, labels


def compare(shape: str, pairs: Pairs, per_row: bool) -> None:
    graph, unary, binary, labels = question(pairs, ROWS, STATES, VARIABLES, per_row)
    steps: dict[str, Step] = {
        "ours": lambda u, b: ours(graph, u, b, labels),
        "logs": lambda u, b: in_logs(graph, u, b, labels),
        "rows": lambda u, b: one_by_one(graph, u, b, labels),
    }
    if shape == "chain" and find_spec("torch_struct"):
        steps["struct"] = lambda u, b: struct(u, b, labels, per_row)
    if shape == "chain" and not per_row and find_spec("torchcrf"):
        steps["crf"] = lambda u, b: crf(u, b[:1], labels)
    (found, _), grads = measure(steps, unary, binary)
    error = max(float((grads[name] - grads["logs"]).abs().max()) for name in steps if name != "crf")
    names = ("logs", "rows", "struct", "crf")
    ratios = [f"{found[name] / found['ours']:.1f}x" if name in found else "-" for name in names]
    print(
        f"{shape:>6} {'per row' if per_row else 'shared':>8} {found['ours']:8.1f} {ratios[0]:>12} {ratios[1]:>11} "
        f"{ratios[2]:>13} {ratios[3]:>12} {error:8.1e}",
        flush=True,
    )


def measure(
    steps: dict[str, Step], unary: Tensor, binary: Tensor, repeats: int = 31
) -> tuple[tuple[dict[str, float], dict[str, float]], dict[str, Tensor]]:
    """Milliseconds of both passes and of the forward one, by step, and gradients."""
    both: dict[str, list[float]] = {name: [] for name in steps}
    forward: dict[str, list[float]] = {name: [] for name in steps}
    grads = {}
    for turn in range(repeats + 1):
        for name, step in steps.items():
            u, b = unary.clone().requires_grad_(), binary.clone().requires_grad_()
            start = time.process_time()
            loss = step(u, b)
            middle = time.process_time()
            loss.backward()
            if turn:  # the first one warms up
                forward[name].append(1e3 * (middle - start))
                both[name].append(1e3 * (time.process_time() - start))
            grads[name] = u.grad
    return tuple({name: median(values) for name, values in each.items()} for each in (both, forward)), grads


def grow(shape: str, num_rows: int, num_states: int, num_variables: int) -> None:
    height, width = (1, num_variables) if shape == "chain" else map(int, shape.removeprefix("grid ").split("x"))
    graph, unary, binary, labels = question(grid(height, width), num_rows, num_states, num_variables, False)
    steps: dict[str, Step] = {
        "ours": lambda u, b: ours(graph, u, b, labels),
        "logs": lambda u, b: in_logs(graph, u, b, labels),
    }
    (both, forward), _ = measure(steps, unary, binary, 5)
    size = (height, width, num_rows, num_states)
    held = [memory("ours", True, *size), memory("ours", False, *size), memory("in_logs", False, *size)]
    print(
        f"{shape:>9} {num_rows:5} {num_states:6} {both['ours']:9.1f} {both['logs'] / both['ours']:7.1f}x "
        f"{both['ours'] / forward['ours']:18.1f}x {held[0]:11.1f} {held[1]:8.1f} {held[2]:16.1f}",
        flush=True,
    )


def memory(step: str, forward_only: bool, *size: int) -> float:
    """Megabytes that a step takes at most, beyond what the process held before, after a step of few rows."""
    code = f"from tests.benchmarks.training_step import *; taken({step}, {forward_only}, *{size})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def taken(step: Callable[..., Tensor], forward_only: bool, height: int, width: int, num_rows: int, num_states: int):
    torch.set_num_threads(1)
    for rows in (8, num_rows):
        graph, unary, binary, labels = question(grid(height, width), rows, num_states, height * width, False)
        unary.requires_grad_()
        binary.requires_grad_()
        with Watch() as watch:
            loss = step(graph, unary, binary, labels)
            if not forward_only:
                loss.backward()
    print(watch.most - watch.before)


class Watch:
    """What the process holds at most, looked at all the while, in megabytes."""

    def __enter__(self):
        self.before = self.most = resident()
        self.done = Event()
        self.thread = Thread(target=self.look)
        self.thread.start()
        return self

    def look(self) -> None:
        while not self.done.is_set():
            self.most = max(self.most, resident())
            time.sleep(1e-4)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


def resident() -> float:
    """Megabytes that the process holds."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


def first_step() -> float:
    code = "from tests.benchmarks.training_step import *; taken(ours, False, 1, 12, 64, 4)"
    seconds = []
    for program in ("import torch, graphfuse", code):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
        seconds.append(time.perf_counter() - start)
    return seconds[1] - seconds[0]


def potentials(graph: FactorGraph, unary: Tensor, binary: Tensor) -> dict[str, Tensor]:
    tables = [*unary.unbind(1), *binary.unbind(-3)]
    return dict(zip(graph.scopes, tables, strict=True))


def one_by_one(graph: FactorGraph, unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    default = query.WIDE
    try:
        query.WIDE = 0
        return ours(graph, unary, binary, labels)
    finally:
        query.WIDE = default


def ours(graph: FactorGraph, unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    tables = potentials(graph, unary, binary)
    seen = Evidence({f"v{i}": column for i, column in enumerate(labels.unbind(1))})
    free = infer(graph, tables, targets=()).log_partition
    return (free - infer(graph, tables, seen, targets=()).log_partition).mean()


def in_logs(graph: FactorGraph, unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    tables, method = potentials(graph, unary, binary), VariableElimination()
    seen = Evidence({f"v{i}": column for i, column in enumerate(labels.unbind(1))})
    free = method._in_logs(graph, tables, Evidence(), ()).log_partition
    return (free - method._in_logs(graph, tables, seen, ()).log_partition).mean()


def struct(unary: Tensor, binary: Tensor, labels: Tensor, per_row: bool) -> Tensor:
    import torch_struct

    edges = (binary if per_row else binary.expand(ROWS, *binary.shape)).transpose(-1, -2)
    potential = edges + unary[:, 1:, :, None]
    potential = torch.cat([potential[:, :1] + unary[:, :1, None, :], potential[:, 1:]], dim=1)
    seen = torch.where(labels[..., None] < 0, 0.0, torch.where(labels[..., None] == torch.arange(STATES), 0.0, -1e9))
    clamped = potential + seen[:, 1:, :, None]
    clamped = torch.cat([clamped[:, :1] + seen[:, :1, None, :], clamped[:, 1:]], dim=1)
    free = torch_struct.LinearChainCRF(potential).partition
    return (free - torch_struct.LinearChainCRF(clamped).partition).mean()


def crf(unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    """Two forward algorithms of pytorch-crf, which knows one transition for all places."""
    import torchcrf

    layer = torchcrf.CRF(STATES, batch_first=False)
    del layer.transitions
    layer.transitions = binary[0]
    emissions, mask = unary.transpose(0, 1), torch.ones(VARIABLES, ROWS, dtype=torch.bool)
    seen = torch.where(labels[..., None] < 0, 0.0, torch.where(labels[..., None] == torch.arange(STATES), 0.0, -1e9))
    clamped = emissions + seen.transpose(0, 1)
    return (layer._compute_normalizer(emissions, mask) - layer._compute_normalizer(clamped, mask)).mean()


if __name__ == "__main__":
    main()
