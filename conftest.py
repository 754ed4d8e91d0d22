"""What every test and doctest finds at hand."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

import graphfuse
from graphfuse import Evidence, Variable, infer, markov_network


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="also run what takes more than a few seconds")
    parser.addoption("--device", default="cpu", help="torch device of the tests that run on any device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow; run with --slow")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True, scope="session")
def _compiled_loops(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Processes of one run share the work of compiling what is not on disk yet: each begins with another part."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not worker:
        return
    parts = [_compile_row_by_row, _compile_batches, _compile_side_by_side]
    for part in parts[:: -1 if int(worker.removeprefix("gw")) % 2 else 1]:
        with FileLock(tmp_path_factory.getbasetemp().parent / f"{part.__name__}.lock"):
            part()


def _ask(num_states: int, learned: bool, dtype: torch.dtype = torch.float64, num_rows: int = 0) -> None:
    graph = markov_network([Variable(name, num_states) for name in "abc"], [("a", "b"), ("b", "c")])
    batch, evidence = ((), Evidence({"a": torch.arange(num_rows) % 2})) if num_rows else ((3,), None)
    tables = {
        f.name: torch.zeros(*batch, *graph.shape(f.scope), dtype=dtype, requires_grad=learned) for f in graph.factors
    }
    found = infer(graph, tables, evidence, targets=["c"] if num_rows else None)
    total = found.log_partition.sum() + sum(each.sum() for each in found.log_marginals.values())
    if learned:
        total.backward()


def _compile_row_by_row() -> None:
    _ask(2, learned=False)
    _ask(50, learned=True)


def _compile_batches() -> None:
    _ask(2, learned=False, num_rows=1024)


def _compile_side_by_side() -> None:
    for dtype in (torch.float64, torch.float32):
        _ask(2, learned=True, dtype=dtype)


@pytest.fixture(autouse=True)
def _namespace(doctest_namespace: dict[str, object]) -> None:
    doctest_namespace.update(torch=torch, nn=nn, np=np, inf=np.inf, nan=np.nan, graphfuse=graphfuse)


@pytest.fixture
def device(request: pytest.FixtureRequest) -> torch.device:
    """The device named on the command line."""
    return torch.device(request.config.getoption("--device"))


@pytest.fixture
def generator() -> torch.Generator:
    """A source of randomness with a fixed seed."""
    return torch.Generator().manual_seed(0)
