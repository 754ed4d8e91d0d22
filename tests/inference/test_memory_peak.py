"""What a process holds at most while it answers a query is within the memory budget, and within what was planned."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from graphfuse import Evidence, Variable, VariableElimination, decode, infer, markov_network

MIB = 2**20
BUDGET = 120 * MIB
AROUND = 40 * MIB  # answers, evidence, and what the interpreter keeps of what was freed
STATUS, MARK = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def grid(size, spread=1.0, length=None, num_states=2):
    length = size if length is None else length
    names = [[f"x{i:02}{j:02}" for j in range(length)] for i in range(size)]
    ties = [(names[i][j], names[i][j + 1]) for i in range(size) for j in range(length - 1)]
    ties += [(names[i][j], names[i + 1][j]) for i in range(size - 1) for j in range(length)]
    graph = markov_network([Variable(name, num_states) for row in names for name in row], ties)
    generator = torch.Generator().manual_seed(0)
    shapes = {name: graph.shape(scope) for name, scope in graph.scopes.items()}
    return graph, {name: spread * torch.randn(each, generator=generator).double() for name, each in shapes.items()}


def clique(size):
    names = [f"x{i:02}" for i in range(size)]
    graph = markov_network([Variable(name, 2) for name in names], [names])
    return graph, {name: torch.zeros(graph.shape(scope)).double() for name, scope in graph.scopes.items()}


def with_gaps(graph, num_rows, hidden=0.9):
    generator = torch.Generator().manual_seed(1)
    states = torch.randint(0, 2, (len(graph.variables), num_rows), generator=generator)
    states[torch.rand(states.shape, generator=generator) < hidden] = -1
    return Evidence(dict(zip(graph.variable_names, states, strict=True)))


def everything(graph, tables, evidence, method):
    return infer(graph, tables, evidence, method=method).log_partition


def gradient(graph, tables, evidence, method):
    learned = {name: table.clone().requires_grad_() for name, table in tables.items()}
    found = infer(graph, learned, evidence, method=method)
    torch.stack([table.square().sum() for table in found.log_marginals.values()]).sum().backward()


def entropy(graph, tables, evidence, method):
    return infer(graph, tables, evidence, [], method).entropy


KINDS: dict[str, tuple[Callable, tuple, int, Callable]] = {  # a model, its size, rows with gaps, and what is asked
    "dense": (grid, (15,), 0, everything),
    "fixed in turn": (grid, (16,), 0, everything),
    "in turns": (clique, (17,), 40, everything),
    "refused": (grid, (30,), 0, everything),
    "gradient": (grid, (9, 1.0, 24, 3), 0, gradient),  # fits once, but not twice
    "many patterns": (grid, (14,), 20, everything),
    "in logarithms": (grid, (14, 300.0), 0, everything),
    "in logarithms, fixed in turn": (grid, (15, 300.0), 0, everything),
    "entropy": (grid, (14,), 0, entropy),
    "assignments in turns": (grid, (13,), 24, decode),
}
QUICK = ["dense", "fixed in turn", "in turns", "refused", "gradient"]
AS_PLANNED = {"dense": 0, "in logarithms": 1, "entropy": 1}  # whether probabilities tell the peak, or logarithms


def held(name):
    return next(1024 * int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith(name))


def measure(*kinds):
    """Prints, by kind, the bytes that a row takes by its plan, in probabilities and in logarithms, and the peak."""
    torch.set_num_threads(1)
    method = VariableElimination(memory_budget=BUDGET)
    for spread in (1.0, 300.0):  # compiled loops are loaded
        for ask in (everything, entropy, decode, gradient):
            ask(*(small := grid(3, spread)), with_gaps(small[0], 4), method)
    with suppress(MemoryError):
        everything(*(large := grid(24)), with_gaps(large[0], 2), method)
    for kind in kinds:
        child = os.fork()  # so that nothing that an earlier query freed is at hand
        if not child:
            print(json.dumps({kind: taken(method, *KINDS[kind])}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)


def taken(method, model, size, num_rows, ask):
    graph, tables = model(*size)
    evidence = with_gaps(graph, num_rows) if num_rows else Evidence()
    plan = method.plan(graph, log_potentials=tables)
    MARK.write_text("5")  # the highest mark is set to what is held now
    before, refused = held("VmRSS"), False
    try:
        ask(graph, tables, evidence, method)
    except MemoryError:
        refused = True
    return plan.bytes_row, plan.bytes_logs, held("VmHWM") - before, refused


@pytest.mark.skipif(not MARK.exists(), reason="the system does not tell how much a process held at most")
@pytest.mark.parametrize(
    "kinds", [QUICK, pytest.param([kind for kind in KINDS if kind not in QUICK], marks=pytest.mark.slow)], ids=len
)
def test_a_query_holds_no_more_than_the_budget_and_than_its_plan_says(kinds):
    code = f"from tests.inference.test_memory_peak import measure; measure(*{kinds!r})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    found = {kind: each for line in done.stdout.splitlines() for kind, each in json.loads(line).items()}
    assert list(found) == kinds
    for kind, (bytes_row, bytes_logs, peak, refused) in found.items():
        assert peak < BUDGET + AROUND and refused == (kind == "refused"), kind
        assert not refused or peak < AROUND
        if kind in AS_PLANNED:
            expected = (bytes_row, bytes_logs)[AS_PLANNED[kind]]
            assert 0.5 * expected < peak < 1.1 * expected + AROUND, kind
