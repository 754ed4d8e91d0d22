"""What do queries cost on another device?          python -m tests.benchmarks.on_device [DEVICE [PART ...]]

Wall-clock time in absolute numbers, medians of five after two that warm up, every turn with other rows, the device
waited for. Beside it one thread of the same machine's processor, where rows go through compiled loops, and the largest
difference of a probability (of a gradient, relative to the largest one, in the second table) from that answer in double
precision. "GB" is what the device holds at most. The questions are those of ``against_pyagrum``, ``training_step`` and
``single_query``, asked through the same public functions; parts are rows, large and steps. Networks come with pgmpy,
which is not imported.
"""

import sys
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from graphfuse import Evidence, Network, infer
from graphfuse.problems.example_networks import example_network
from tests.benchmarks.against_pyagrum import TARGETS, blocks, rows
from tests.benchmarks.training_step import SHAPES, potentials, question

NETWORKS = ("alarm", "hepar2", "child", "insurance", "win95pts", "hailfinder")
LARGE = ("water", "andes", "munin1")
TURNS, WARM = 5, 2
QUERIES = "    network  asked    rows  us/row float32  float64   GB  processor us/row    float32    float64"


def main() -> None:
    chosen, parts = sys.argv[1:2], sys.argv[2:] or list(PARTS)
    device = torch.device(chosen[0] if chosen else "cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
    print(f"{name}, torch {torch.__version__}")
    for part in parts:
        PARTS[part](device)


def many_rows(device: torch.device) -> None:
    print(f"\n{QUERIES}")
    for name in NETWORKS:
        network = example_network(name)
        if name in TARGETS:
            for num_rows in (1000, 10_000, 100_000):
                query(name, network, "one", num_rows, device)
        query(name, network, "all", 10_000, device)
        query(name, network, "blocks", 4096, device)
    for asked in ("one", "all"):
        query("alarm", example_network("alarm"), asked, 1, device)


def large_networks(device: torch.device) -> None:
    print(f"\n{QUERIES}")
    for name in LARGE:
        query(name, example_network(name), "one", 1000, device)


def training_steps(device: torch.device) -> None:
    print("\n graph    pairs   rows  ms a step float32  float64   GB  processor ms  error float32    float64")
    for shape in SHAPES:
        for per_row in (False, True):
            for num_rows in (1024, 16_384):
                step(shape, per_row, num_rows, device)


PARTS = {"rows": many_rows, "large": large_networks, "steps": training_steps}


def query(name: str, network: Network, asked: str, num_rows: int, device: torch.device) -> None:
    targets = [TARGETS[name]] if asked == "one" else None
    turns = [
        blocks(network, num_rows, turn) if asked == "blocks" else rows(network, targets or [], 0.5, num_rows, turn)
        for turn in range(WARM + TURNS)
    ]
    seconds, expected = timed(lambda turn: ask(network, turns[turn], targets), torch.device("cpu"))
    found: list[str] = []
    errors: list[str] = []
    held = 0.0
    for dtype in (torch.float32, torch.float64):
        there = network.to(device, dtype)
        moved = [Evidence({name: states.to(device) for name, states in turn.hard.items()}) for turn in turns]
        try:
            taken, answer = timed(lambda turn, there=there, moved=moved: ask(there, moved[turn], targets), device)
        except MemoryError as refused:
            found.append("refused")
            errors.append(str(refused)[:60])
            continue
        found.append(f"{1e6 * taken / num_rows:.2f}")
        errors.append(f"{max(apart(answer[name], table) for name, table in expected.items()):.1e}")
        held = max(held, gigabytes(device))
    print(
        f"{name:>11} {asked:>6} {num_rows:7} {found[0]:>15} {found[1]:>8} {held:4.1f} "
        f"{1e6 * seconds / num_rows:17.2f} {errors[0]:>10} {errors[1]:>10}",
        flush=True,
    )


def ask(network: Network, evidence: Evidence, targets: list[str] | None) -> dict[str, Tensor]:
    """Marginals, and log-partitions where all are asked for."""
    posterior = network.infer(evidence, targets)
    if targets is None:
        _ = posterior.log_partition
    return dict(posterior.log_marginals)


def apart(found: Tensor, expected: Tensor) -> float:
    return float((found.cpu().double().exp() - expected.exp()).abs().max())


def timed(work: Callable[[int], dict[str, Tensor]], device: torch.device) -> tuple[float, dict[str, Tensor]]:
    """Median seconds, and the last answer."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    seconds, answer = [], {}
    for turn in range(WARM + TURNS):
        answer.clear()
        wait(device)
        start = time.perf_counter()
        answer = work(turn)
        wait(device)
        seconds.append(time.perf_counter() - start)
    return median(seconds[WARM:]), answer


def gigabytes(device: torch.device) -> float:
    """What the device held at most since the last ``timed`` began."""
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else 0.0


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def step(shape: str, per_row: bool, num_rows: int, device: torch.device) -> None:
    graph, unary, binary, labels = question(SHAPES[shape], num_rows, 4, 12, per_row)

    def work(u: Tensor, b: Tensor, seen: Tensor) -> dict[str, Tensor]:
        u, b = u.detach().requires_grad_(), b.detach().requires_grad_()
        tables = potentials(graph, u, b)
        clamped = Evidence({f"v{i}": column for i, column in enumerate(seen.unbind(1))})
        free = infer(graph, tables, targets=()).log_partition
        (free - infer(graph, tables, clamped, targets=()).log_partition).mean().backward()
        return {"unary": u.grad, "binary": b.grad}

    seconds, _ = timed(lambda _: work(unary, binary, labels), torch.device("cpu"))
    expected = work(unary.double(), binary.double(), labels)
    found, errors, held = [], [], 0.0
    for dtype in (torch.float32, torch.float64):
        there = unary.to(device, dtype), binary.to(device, dtype), labels.to(device)
        taken, grads = timed(lambda _, there=there: work(*there), device)
        found.append(f"{1e3 * taken:.2f}")
        held = max(held, gigabytes(device))
        errors.append(f"{max(unlike(grads[name], grad) for name, grad in expected.items()):.1e}")
    print(
        f"{shape:>6} {'per row' if per_row else 'shared':>8} {num_rows:6} {found[0]:>18} {found[1]:>8} "
        f"{held:4.1f} {1e3 * seconds:13.2f} {errors[0]:>14} {errors[1]:>10}",
        flush=True,
    )


def unlike(found: Tensor, expected: Tensor) -> float:
    return float((found.cpu().double() - expected).abs().max() / expected.abs().max())


if __name__ == "__main__":
    main()
