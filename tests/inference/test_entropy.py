"""The entropy of a posterior is that of its listed joint table."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Enumeration, Evidence, Variable, VariableElimination, chain, infer
from graphfuse.inference.posterior import Posterior
from tests.graphs import assert_close, factor_graphs, random_evidence, random_log_potentials


@given(factor_graphs(), st.sampled_from([(), (4,), (2, 3)]), st.sampled_from([None, 400, 4000]), st.integers(0, 2**31))
@settings(max_examples=60, deadline=None)
def test_the_entropy_is_that_of_the_listed_joint(graph, batch, budget, seed):
    generator = torch.Generator().manual_seed(seed)
    tables = random_log_potentials(graph, batch, generator)
    if tables:
        first, table = next(iter(tables.items()))
        tables[first] = table.masked_fill(torch.rand(table.shape, generator=generator) < 0.3, -torch.inf)
    evidence = random_evidence(graph, batch, generator)
    joint = infer(graph, tables, evidence, targets=[], method=Enumeration()).joint(graph.variable_names)
    flat = joint.flatten(joint.ndim - len(graph.variables))
    expected = torch.special.entr(flat).sum(-1).where(flat.sum(-1) > 0, torch.nan)
    for targets in (None, []):
        try:
            found = infer(graph, tables, evidence, targets, VariableElimination(budget)).entropy
        except MemoryError:
            assert budget is not None
            continue
        assert torch.equal(found.isnan(), expected.isnan())
        assert_close(found.nan_to_num(), expected.nan_to_num(), 1e-9)


def test_fair_coins_have_a_bit_each_and_what_was_observed_none():
    graph = chain([Variable(f"c{i}", 2) for i in range(40)])
    tables = {name: torch.zeros(graph.shape(scope), dtype=torch.float64) for name, scope in graph.scopes.items()}
    seen = {f"c{i}": torch.tensor([-1, 0, 1]) for i in range(10)}
    bits = infer(graph, tables, Evidence(seen)).entropy / torch.tensor(2.0, dtype=torch.float64).log()
    assert_close(bits, torch.tensor([40.0, 30.0, 30.0], dtype=torch.float64))


def test_a_method_that_gives_no_entropy_has_that_of_its_joint(generator):
    graph = chain([Variable(f"c{i}", 3) for i in range(3)])
    tables = random_log_potentials(graph, (2,), generator)
    found = infer(graph, tables)
    bare = Posterior(
        found.log_marginals, found.converged, lambda: found.log_partition, found._log_joint, graph.variable_names
    )
    assert_close(bare.entropy, found.entropy)


@pytest.mark.parametrize("targets", [None, []], ids=str)
def test_rows_in_logarithms_are_counted_for_log_partitions_alone(targets, generator):
    graph = chain([Variable(f"c{i}", 2) for i in range(5)])
    tables = random_log_potentials(graph, (4,), generator)
    tables["c2"] = torch.zeros(4, 2, dtype=torch.float64)
    tables["c2"][[1, 3], 0] = -5000.0
    assert infer(graph, tables, targets=targets).num_in_logs == 2
    tables["c1"] = tables["c1"].requires_grad_()
    assert infer(graph, tables, targets=[]).num_in_logs == 2
