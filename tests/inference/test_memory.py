"""Where no budget is given, a query may take half of the memory that is free."""

import pytest
import torch

from graphfuse import Variable, VariableElimination, infer, markov_network
from graphfuse.inference import memory

CLIQUE = markov_network([Variable(name, 3) for name in "ab"], [("a", "b")])


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A system whose files say what a test writes into them."""
    files = [tmp_path / name for name in ("max", "current")]
    monkeypatch.setattr(memory, "_LIMITS", (tuple(map(str, files)),))
    monkeypatch.setattr(memory, "_available", lambda: 1000)
    memory._free.cache_clear()
    yield files
    memory._free.cache_clear()


def test_it_is_half_of_what_the_system_has(system):
    assert memory.budget_of([torch.zeros(2)]) == 500


@pytest.mark.parametrize("limit, used, budget", [("700", "100", 300), ("max", "100", 500), ("90", "100", 0)])
def test_a_container_may_leave_less(limit, used, budget, system):
    for file, text in zip(system, (limit, used), strict=True):
        file.write_text(f"{text}\n")
    assert memory.budget_of([]) == budget


def test_a_query_is_refused_by_what_is_free(system, generator):
    tables = {name: torch.zeros(4, *CLIQUE.shape(scope), requires_grad=True) for name, scope in CLIQUE.scopes.items()}
    with pytest.raises(MemoryError, match=r"for 4 rows .*; got \d+ bytes"):
        _ = infer(CLIQUE, tables).log_partition
    assert infer(CLIQUE, tables, method=VariableElimination(memory_budget=10**6)).log_partition.shape == (4,)


def test_this_system_tells():
    assert 2**20 < memory._free(-1) < 2**50
