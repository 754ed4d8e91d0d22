"""What does a training step through exact inference cost?      python -m tests.benchmarks.training_step

Twelve variables of four states on a chain, a star, a tree and a grid of 3 by 4; 1024 rows, half of their labels
missing; the loss is log Z of the free graph minus log Z of the clamped one, forward and backward, float32, one thread,
process CPU time, medians of seven in turns. Beside it the same contraction in logarithms by autograd, and on the chain
torch-struct and pytorch-crf, if they are installed. Potentials per variable come from rows; those of pairs are shared,
or come from rows too. Graphs of small cliques are learned in logarithms by default, "row by row" is the other way.
Gradients are compared in the same run.
"""

import time
from collections.abc import Callable
from importlib.util import find_spec
from statistics import median

import torch
from torch import Tensor

from graphfuse import Evidence, Factor, FactorGraph, Variable, infer
from graphfuse.inference import VariableElimination
from graphfuse.inference.rows import query

ROWS, VARIABLES, STATES = 1024, 12, 4
SHAPES = {
    "chain": [(i, i + 1) for i in range(11)],
    "star": [(0, i) for i in range(1, 12)],
    "tree": [((i - 1) // 2, i) for i in range(1, 12)],
    "grid": [(4 * r + c, 4 * r + c + 1) for r in range(3) for c in range(3)]
    + [(4 * r + c, 4 * r + c + 4) for r in range(2) for c in range(4)],
}


def main() -> None:
    torch.set_num_threads(1)
    print(" graph    pairs  ours ms      row by row  torch-struct  pytorch-crf    error")
    for shape, pairs in SHAPES.items():
        for per_row in (False, True):
            compare(shape, pairs, per_row)


def compare(shape: str, pairs: list[tuple[int, int]], per_row: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    unary = torch.randn(ROWS, VARIABLES, STATES, generator=generator)
    binary = torch.randn(*([ROWS] if per_row else []), len(pairs), STATES, STATES, generator=generator)
    labels = torch.randint(STATES, (ROWS, VARIABLES), generator=generator)
    labels = labels.masked_fill(torch.rand(labels.shape, generator=generator) < 0.5, -1)
    scopes = [(f"v{i}",) for i in range(VARIABLES)] + [(f"v{i}", f"v{j}") for i, j in pairs]
    graph = FactorGraph([Variable(f"v{i}", STATES) for i in range(VARIABLES)], [Factor("-".join(s), s) for s in scopes])
    steps: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
        "ours": lambda u, b: ours(graph, u, b, labels),
        "rows": lambda u, b: row_by_row(graph, u, b, labels),
        "logs": lambda u, b: in_logs(graph, u, b, labels),
    }
    if shape == "chain" and find_spec("torch_struct"):
        steps["struct"] = lambda u, b: struct(u, b, labels, per_row)
    if shape == "chain" and not per_row and find_spec("torchcrf"):
        steps["crf"] = lambda u, b: crf(u, b, labels)
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    grads = {}
    for _ in range(7):
        for name, step in steps.items():
            u, b = unary.clone().requires_grad_(), binary.clone().requires_grad_()
            if name == "crf":
                b = binary[:1].clone().requires_grad_()
            start = time.process_time()
            step(u, b).backward()
            seconds[name].append(1e3 * (time.process_time() - start))
            grads[name] = u.grad
    error = max(float((grads[name] - grads["logs"]).abs().max()) for name in steps if name != "crf")
    found = {name: median(values) for name, values in seconds.items()}
    ratios = [f"{found[name] / found['ours']:.1f}x" if name in found else "-" for name in ("rows", "struct", "crf")]
    print(
        f"{shape:>6} {'per row' if per_row else 'shared':>8} {found['ours']:8.1f} {ratios[0]:>14} {ratios[1]:>13} "
        f"{ratios[2]:>12} {error:8.1e}",
        flush=True,
    )


def potentials(graph: FactorGraph, unary: Tensor, binary: Tensor) -> dict[str, Tensor]:
    tables = [*unary.unbind(1), *binary.unbind(-3)]
    return dict(zip(graph.scopes, tables, strict=True))


def row_by_row(graph: FactorGraph, unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    default = query._WIDE
    try:
        query._WIDE = 0
        return ours(graph, unary, binary, labels)
    finally:
        query._WIDE = default


def ours(graph: FactorGraph, unary: Tensor, binary: Tensor, labels: Tensor) -> Tensor:
    tables = potentials(graph, unary, binary)
    seen = Evidence({f"v{i}": column for i, column in enumerate(labels.unbind(1))})
    return (
        infer(graph, tables, targets=()).log_partition - infer(graph, tables, seen, targets=()).log_partition
    ).mean()


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
