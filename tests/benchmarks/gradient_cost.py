"""What do the gradients of answers cost?      python -m tests.benchmarks.gradient_cost [CASE ...]

Twelve variables of four states on a chain, a star and a grid of 3 by 4, potentials of variables from rows and of pairs
shared, 1024 rows with half of the labels missing; the networks child, alarm and insurance, whose tables are shared and
learned, 1000 rows, each with its own half hidden; one label of which ten linear encoders speak, 1024 rows. Asked are
log-partitions, the log-likelihood of every second variable that was seen given the other ones, a weighted sum of the
marginals of one variable, or of all, and the score of the best assignment. The tables are new in every turn, and all
kinds of pass take turns; process CPU time, one thread, medians. Memory is the peak of a fork beyond what it held, at
four times the rows, of a forward pass that records and of both passes. Last, both passes of all marginals beside those
of the same contraction in logarithms by autograd, float64.
"""

import ctypes
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from graphfuse import (
    Evidence,
    Factor,
    FactorGraph,
    Posterior,
    Variable,
    VariableElimination,
    decode,
    infer,
    log_score,
    star,
)
from tests.benchmarks.random_rows import read
from tests.benchmarks.training_step import SHAPES, STATES

TURNS, LONG = 9, 2.0  # turns, fewer where all passes of one take longer than that many seconds
NETWORKS = ("child", "alarm", "insurance")
CASES = ("chain", "star", "grid", *NETWORKS, "encoders")


@dataclass
class Case:
    """A graph, what is learned, and what was seen.

    Args:
        graph: The factorization.
        learned: Tensors that are learned.
        potentials: Tables from these.
        evidence: What was seen.
        given: What of it the log-likelihood is conditioned on.
    """

    graph: FactorGraph
    learned: Sequence[Tensor]
    potentials: Callable[[Sequence[Tensor]], dict[str, Tensor]]
    evidence: Evidence
    given: Evidence


Query = Callable[[Case, dict[str, Tensor]], Tensor]


def log_partition(case: Case, tables: dict[str, Tensor]) -> Tensor:
    return infer(case.graph, tables, case.evidence, targets=()).log_partition.sum()


def log_likelihood(case: Case, tables: dict[str, Tensor]) -> Tensor:
    free = infer(case.graph, tables, case.given, targets=()).log_partition
    return (infer(case.graph, tables, case.evidence, targets=()).log_partition - free).sum()


def weighted(posterior: Posterior) -> Tensor:
    """A sum of all marginals that were asked for."""
    found = [posterior.marginal(name) for name in posterior.log_marginals]
    weights = torch.linspace(-1.0, 2.0, 997, dtype=found[0].dtype)
    return torch.stack([(each * weights[i : i + each.shape[-1]]).sum() for i, each in enumerate(found)]).sum()


def one_marginal(case: Case, tables: dict[str, Tensor]) -> Tensor:
    return weighted(infer(case.graph, tables, case.given, case.graph.variable_names[:1]))


def all_marginals(case: Case, tables: dict[str, Tensor]) -> Tensor:
    return weighted(infer(case.graph, tables, case.evidence))


def in_logs(case: Case, tables: dict[str, Tensor]) -> Tensor:
    names = case.graph.variable_names
    return weighted(VariableElimination()._in_logs(case.graph, tables, case.evidence, names))


def best_score(case: Case, tables: dict[str, Tensor]) -> Tensor:
    return log_score(case.graph, tables, decode(case.graph, tables, case.evidence)).sum()


QUERIES: dict[str, Query] = {
    "log-partition": log_partition,
    "log-likelihood": log_likelihood,
    "one marginal": one_marginal,
    "all marginals": all_marginals,
    "best score": best_score,
}


def main() -> None:
    torch.set_num_threads(1)
    print("                                   -------- ms --------  --- both over ---  ------ MB ------  both")
    print("     case           query   dtype    plain forward   both     plain forward   forward   both  over")
    for name in sys.argv[1:] or CASES:
        for dtype in (torch.float64, torch.float32):
            for query in QUERIES:
                report(name, query, dtype)
    print("\n     case   all marginals ms  in logs     MB  in logs")
    for name in sys.argv[1:] or CASES:
        compare(name)


def report(name: str, query: str, dtype: torch.dtype) -> None:
    case, large = make_case(name, 1, dtype), make_case(name, 4, dtype)
    ask = QUERIES[query]
    plain, forward, both = timed(case, ask)
    held = [peak(case, large, ask, kind) for kind in ("forward", "both")]
    print(
        f"{name:>9} {query:>15} {str(dtype).removeprefix('torch.')} {plain:8.2f} {forward:7.2f} {both:7.2f} "
        f"{both / plain:8.1f}x {both / forward:6.1f}x {held[0]:9.1f} {held[1]:6.1f} {held[1] / held[0]:4.1f}x",
        flush=True,
    )


def compare(name: str) -> None:
    case, large = (make_case(name, times, torch.float64) for times in (1, 4))
    ours, theirs = (timed(case, ask)[2] for ask in (all_marginals, in_logs))
    held = [peak(case, large, ask, "both") for ask in (all_marginals, in_logs)]
    print(f"{name:>9} {ours:18.2f} {theirs / ours:7.1f}x {held[0]:6.1f} {held[1]:8.1f}", flush=True)


def make_case(name: str, times: int, dtype: torch.dtype) -> Case:
    if name in NETWORKS:
        return of_network(name, 1000 * times, dtype)
    return of_encoders(1024 * times, dtype) if name == "encoders" else of_shape(name, 1024 * times, dtype)


def of_network(name: str, num_rows: int, dtype: torch.dtype) -> Case:
    network, generator = read(name), torch.Generator().manual_seed(0)
    drawn = network.sample(num_rows, generator)
    tables = {factor: table.clamp_min(-30.0).to(dtype) for factor, table in network.log_tables.items()}
    return Case(
        network.graph,
        list(tables.values()),
        lambda learned: dict(zip(tables, learned, strict=True)),
        *half_seen(drawn, generator),
    )


def of_shape(name: str, num_rows: int, dtype: torch.dtype) -> Case:
    generator, pairs = torch.Generator().manual_seed(0), SHAPES[name]
    unary = torch.randn(num_rows, 12, STATES, generator=generator, dtype=dtype)
    binary = torch.randn(len(pairs), STATES, STATES, generator=generator, dtype=dtype)
    scopes = [(f"v{i}",) for i in range(12)] + [(f"v{i}", f"v{j}") for i, j in pairs]
    graph = FactorGraph([Variable(f"v{i}", STATES) for i in range(12)], [Factor("-".join(s), s) for s in scopes])
    drawn = {f"v{i}": torch.randint(STATES, (num_rows,), generator=generator) for i in range(12)}
    return Case(
        graph,
        [unary, binary],
        lambda learned: dict(zip(graph.scopes, [*learned[0].unbind(1), *learned[1].unbind(0)], strict=True)),
        *half_seen(drawn, generator),
    )


def of_encoders(num_rows: int, dtype: torch.dtype) -> Case:
    generator, names = torch.Generator().manual_seed(0), [f"s{i}" for i in range(10)]
    graph = star(Variable("label", STATES), sources=names)
    inputs = torch.randn(10, num_rows, 16, generator=generator, dtype=dtype)
    weights = torch.randn(10, 16, STATES, generator=generator, dtype=dtype)

    def potentials(learned: Sequence[Tensor]) -> dict[str, Tensor]:
        told = [each @ weight for each, weight in zip(inputs, learned[0], strict=True)]
        return {"prior": learned[1], **dict(zip(names, told, strict=True))}

    drawn = {"label": torch.randint(STATES, (num_rows,), generator=generator)}
    seen, _ = half_seen(drawn, generator)
    return Case(graph, [weights, torch.zeros(STATES, dtype=dtype)], potentials, seen, Evidence())


def half_seen(drawn: dict[str, Tensor], generator: torch.Generator) -> tuple[Evidence, Evidence]:
    """Evidence that hides half of the cells, and what of it is not of every second variable."""
    hidden = {name: torch.rand(len(states), generator=generator) < 0.5 for name, states in drawn.items()}
    seen = {name: states.masked_fill(hidden[name], -1) for name, states in drawn.items()}
    return Evidence(seen), Evidence({name: seen[name] for name in list(seen)[1::2]})


def passes(case: Case, ask: Query, kind: str) -> tuple[float, float]:
    """Seconds of the forward pass, and of all, of tables that nobody has met before."""
    learned = [(table + 0.0).requires_grad_(kind != "plain") for table in case.learned]
    start = time.process_time()
    with torch.set_grad_enabled(kind != "plain"):
        loss = ask(case, case.potentials(learned))
    middle = time.process_time()
    if kind == "both":
        loss.backward()
    return middle - start, time.process_time() - start


def timed(case: Case, ask: Query) -> tuple[float, float, float]:
    """Milliseconds of a forward pass without and with a record, and of both passes."""
    found: list[tuple[float, float, float]] = []
    spent = sum(passes(case, ask, kind)[1] for kind in ("plain", "both"))  # warms up
    turns = TURNS if spent < LONG else 3
    for _ in range(turns):
        plain, (forward, both) = passes(case, ask, "plain")[1], passes(case, ask, "both")
        found.append((plain, forward, both))
    plain, forward, both = (1e3 * median(each) for each in zip(*found, strict=True))
    return plain, forward, both


def peak(few: Case, many: Case, ask: Query, kind: str) -> float:
    """Megabytes that a fork of this process takes at most for many rows, beyond what it holds after few."""
    reader, writer = os.pipe()
    if not os.fork():
        passes(few, ask, kind)
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak begins anew
        before = held("VmRSS")
        passes(many, ask, kind)
        os.write(writer, f"{held('VmHWM') - before}".encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        megabytes = float(file.read())
    os.wait()
    return megabytes


def held(what: str) -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(what)) / 1024


if __name__ == "__main__":
    main()
