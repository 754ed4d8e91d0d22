"""Which models of the UAI competition of 2014 are answered exactly, and what does it take?

GRAPHFUSE_DATA=... python -m tests.benchmarks.uai [MODEL ...]

Of the models in the folder uai_instances, 59 have reference solutions: all marginals and the partition function, with
evidence. Each is asked for both at once, within 16 GiB and ten minutes as predicted, by one thread and in a fresh
process, one after the other. Seconds are process CPU time, plan included. Memory is what one row is predicted to take,
and the peak of the process above what it held before; where some variables are fixed in turn, "times" says in how many
conditions. Errors are the largest difference of a marginal (asked: 1e-5) and of log10 of the partition (asked: 1e-3).
"""

import csv
import re
import subprocess
import sys
import time
from math import log
from pathlib import Path

import torch

from graphfuse import Evidence, Network, VariableElimination
from graphfuse.inference.cutset_choice import CutsetChoice
from graphfuse.inference.memory import budget_of
from graphfuse.inference.plan import Plan, summing_to_one
from graphfuse.inference.posterior import Posterior
from tests.benchmarks.single_query import forget, held
from tests.networks.test_uai import DATA, read_real, references

BUDGET = 16 * 2**30
TEN_MINUTES = 10 * 2**34  # entries of tables
METHOD = VariableElimination(BUDGET, TEN_MINUTES)
MARGINAL, LOG10_PARTITION = 1e-5, 1e-3  # errors allowed
COST = re.compile(r"must be at least [\d,.]+ GiB")  # in a refusal
SPARE = 2 * 2**30  # bytes that others may need meanwhile


def main() -> None:
    print("             model  variables  width  times  predicted GiB  peak GiB  seconds  marginals     log10  verdict")
    verdicts = []
    for name in sys.argv[1:] or models():
        code = f"from tests.benchmarks.uai import report; report({name!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        line = done.stdout.strip("\n") or f"{name:>18}  {done.stderr[-80:].strip()}: failed"
        print(line, flush=True)
        verdicts.append(line.split()[-1])
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts)))


def models() -> list[str]:
    """Models with reference solutions, as the folder lists them; none if it is absent."""
    if not DATA.is_dir():
        return []
    with (DATA / "instances.csv").open() as file:
        return [row["name"] for row in csv.DictReader(file) if row["folder"] == "PR_MAR"]


def planned(network: Network, evidence: Evidence) -> tuple[Plan, int, int]:
    """The plan, the bytes that one pass over the tables takes, and the number of passes; 0 if it is too costly."""
    graph = network.graph
    plan = METHOD.plan(graph, tuple(evidence.hard), None, network.log_tables)
    if plan.fits:
        return plan, plan.bytes_row, 1
    scopes, closed = [factor.scope for factor in graph.factors], summing_to_one(graph, network.log_tables)
    choice = CutsetChoice(graph, scopes, closed, BUDGET, TEN_MINUTES)
    cutset = choice.cutset(frozenset(graph.variable_names).difference(evidence.hard), graph.variable_names)
    affordable = cutset.fits and cutset.num_conditions * cutset.num_entries <= TEN_MINUTES
    return (plan, 8 * cutset.num_entries, cutset.num_conditions) if affordable else (plan, plan.bytes_row, 0)


def errors(name: str, posterior: Posterior) -> tuple[float, float]:
    """The largest error of a marginal, and that of log10 of the partition."""
    partition, marginals = references(name)
    worst = max(
        float((found.exp().double() - torch.tensor(expected, dtype=torch.float64)).abs().max())
        for found, expected in zip(posterior.log_marginals.values(), marginals, strict=True)
    )
    return worst, abs(float(posterior.log_partition) - partition) / log(10)


def report(name: str) -> None:
    torch.set_num_threads(1)
    small, seen = read_real("Promedus_24")
    small.infer(seen, method=METHOD)  # compiled loops are loaded
    network, evidence = read_real(name)
    plan, needed, times = planned(network, evidence)
    start = f"{name:>18} {len(network.graph.variables):10} {plan.width:6}"
    if times and needed + SPARE > 2 * budget_of([]):
        print(f"{start} {times:6} {needed / 2**30:14.3f}  needs more than is free: skipped")
        return
    forget()
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark is set to what is held now
    before, began = held("VmHWM"), time.process_time()
    try:
        posterior = network.infer(evidence, method=METHOD)
    except MemoryError as refusal:
        seconds = time.process_time() - began
        verdict = "refused" if COST.search(str(refusal)) else "unclear"
        print(f"{start} {'-':>6} {needed / 2**30:14.3f} {'-':>9} {seconds:8.2f} {'-':>10} {'-':>9}  {verdict}")
        return
    _ = posterior.log_partition
    seconds, peak = time.process_time() - began, (held("VmHWM") - before) / 1024
    if posterior.num_in_logs and plan.fits:
        needed = max(needed, plan.bytes_logs)
    marginals, partition = errors(name, posterior)
    verdict = "answered" if marginals < MARGINAL and partition < LOG10_PARTITION else "wrong"
    print(
        f"{start} {times:6} {needed / 2**30:14.3f} {peak:9.3f} {seconds:8.2f} {marginals:10.1e} {partition:9.1e}  "
        f"{verdict}"
    )


if __name__ == "__main__":
    main()
