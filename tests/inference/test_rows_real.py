"""Published networks: many rows of random evidence, and the reference solutions of a competition."""

from time import process_time

import pytest

from graphfuse import Evidence, VariableElimination
from graphfuse.graph.clique_tree import clique_tree
from graphfuse.inference.memory import budget_of
from graphfuse.networks.bayesian import normalized
from tests.benchmarks import uai
from tests.benchmarks.random_rows import LARGE, NAMES, ROWS, Counts, answers, read, targets_of
from tests.benchmarks.single_query import forget
from tests.graphs import assert_close
from tests.networks.test_uai import needs_data, read_real
from tests.patience import PATIENCE

SMALL = ["Grids_12", "Promedus_24"]
COMPARED = 3  # rows of a network


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_random_evidence_on_bundled_networks_is_answered(name, record_property):
    network, counts, compared = read(name), Counts(), 0
    graph, targets = network.graph, targets_of(network)
    tables = normalized(graph, network.log_tables)
    for rows, found, _ in answers(network, ROWS[name in LARGE]):
        counts.add(found, rows.batch_shape[0])
        if found is not None and compared < COMPARED and 2 * 8 * clique_tree(graph).num_entries < 2**27:
            one = Evidence({name: states[:1] for name, states in rows.hard.items()})
            expected = VariableElimination()._in_logs(graph, tables, one, targets)
            assert_close(found.log_partition[:1], expected.log_partition, 1e-9)
            if not expected.impossible.any():
                assert_close({k: v[:1] for k, v in found.log_marginals.items()}, dict(expected.log_marginals), 1e-8)
            compared += 1
    for each, count in vars(counts).items():
        record_property(each, count)
    print(f"{name}: {counts}, {compared} compared")
    assert counts.rows == ROWS[name in LARGE] and not counts.refused and not counts.broken


@needs_data
@pytest.mark.parametrize(
    "name", [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in uai.models()]
)
def test_a_model_of_a_competition_is_met_or_refused_as_its_plan_says(name):
    network, evidence = read_real(name)
    plan, needed, times = uai.planned(network, evidence)
    if times and needed > (free := 2 * budget_of([])):
        pytest.skip(f"needs {needed / 2**30:.1f} GiB; {free / 2**30:.1f} are free")
    forget()
    start = process_time()
    try:
        found = network.infer(evidence, method=uai.METHOD)
    except MemoryError as refusal:
        assert process_time() - start < PATIENCE
        assert uai.COST.search(str(refusal)) and not times and not plan.fits
        return
    assert times
    marginals, partition = uai.errors(name, found)
    assert marginals < uai.MARGINAL and partition < uai.LOG10_PARTITION
