"""Published networks: many rows of random evidence, and the reference solutions of a competition."""

import csv
import re
from importlib.resources import files
from math import log, prod
from pathlib import Path

import numpy as np
import pytest
import torch

from graphfuse import Evidence, Network, VariableElimination, infer, read_network
from graphfuse.graph.clique_tree import clique_tree
from tests.benchmarks.against_pyagrum import forward_samples
from tests.graphs import assert_close
from tests.networks.test_uai import DATA, needs_data, read_real, references

MODELS = Path(str(files("pgmpy") / "utils" / "example_models"))
LARGE = {
    "andes",
    "barley",
    "diabetes",
    "link",
    "mildew",
    "munin",
    "munin1",
    "munin2",
    "munin3",
    "munin4",
    "pathfinder",
    "pigs",
}
ROWS = {True: 800, False: 8000}  # by whether a network is large: 105,600 in all
ROOM = 2**25  # bytes for a row, which keeps it below a second
BUDGET = 4 * 2**30
A_MINUTE = 2**31  # entries of clique tables, a careful guess
SMALL = ["Grids_12", "Promedus_24"]


def random_rows(network: Network, num_rows: int, share: float) -> Evidence:
    """Cases drawn along the arrows, some cells of them hidden, one of a hundred replaced by any state."""
    generator = torch.Generator().manual_seed(0)
    hard = {}
    for name, drawn in forward_samples(network, num_rows, np.random.default_rng(0)).items():
        anything = torch.randint(0, network.graph.num_states[name], (num_rows,), generator=generator)
        replaced, hidden = torch.rand(num_rows, generator=generator) < 0.01, torch.rand(num_rows, generator=generator)
        hard[name] = torch.where(replaced, anything, torch.from_numpy(drawn)).masked_fill(hidden < share, -1)
    return Evidence(hard)


def part(evidence: Evidence, rows: slice) -> Evidence:
    return Evidence({name: states[rows] for name, states in evidence.hard.items()})


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.name.split(".")[0] for path in MODELS.glob("*.bif.gz")))
def test_random_rows_of_bundled_networks_are_answered(name, record_property):
    network = read_network(str(MODELS / f"{name}.bif.gz"))
    graph, tables, num_rows = network.graph, network.log_tables, ROWS[name in LARGE]
    evidence = random_rows(network, num_rows, share=0.3)
    targets = list(graph.variable_names[:: max(1, len(graph.variables) // 3)])
    method, refused, in_logs, checked = VariableElimination(ROOM), 0, 0, 0
    for start in range(0, num_rows, 100):
        rows = part(evidence, slice(start, start + 100))
        try:
            found = infer(graph, tables, rows, targets, method)
            sums = found.log_partition
        except MemoryError:
            refused += 100
            continue
        in_logs += found.num_in_logs
        assert not sums.isnan().any() and bool((sums < 1e-6).all())
        for table in found.log_marginals.values():
            assert not table.isnan().any()
            total = table.exp().sum(-1)
            assert bool((((total - 1).abs() < 1e-9) | (total == 0)).all())
        if checked < 3 and 2 * 8 * clique_tree(graph).num_entries < 2**27:
            one = part(rows, slice(0, 1))
            expected = method.__class__()._in_logs(graph, tables, one, targets)
            assert_close(sums[:1], expected.log_partition, 1e-9)
            if not expected.impossible.any():
                assert_close({k: v[:1] for k, v in found.log_marginals.items()}, dict(expected.log_marginals), 1e-8)
            checked += 1
    record_property("rows refused", refused)
    record_property("rows in logarithms", in_logs)
    print(f"{name}: {num_rows} rows, {refused} refused, {in_logs} in logarithms, {checked} compared")
    assert refused < num_rows or name in LARGE


def models(fits: bool) -> list[str]:
    """Models of the competition that are predicted to fit, or that will not fit."""
    if not DATA.is_dir():
        return []
    with (DATA / "instances.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["folder"] == "PR_MAR"]
    return [row["name"] for row in rows if (float(row["log2_max_clique"]) < 27) == fits]


@needs_data
@pytest.mark.parametrize(
    "name", [name if name in SMALL else pytest.param(name, marks=pytest.mark.slow) for name in models(fits=True)]
)
def test_marginals_and_partition_of_a_competition_are_met(name):
    network, evidence = read_real(name)
    tree, sizes = clique_tree(network.graph), network.graph.num_states
    hidden = [prod(sizes[each] for each in clique if each not in evidence.hard) for clique in tree.cliques]
    if sum(hidden) > A_MINUTE or 2 * 8 * sum(hidden) > BUDGET:
        pytest.skip(f"{sum(hidden):.1e} joint states would take more than a minute, or 4 GB")
    partition, marginals = references(name)
    found = network.infer(evidence, method=VariableElimination(BUDGET))
    assert float(found.log_partition) == pytest.approx(partition, abs=1e-3 * log(10))
    for variable, expected in zip(network.graph.variables, marginals, strict=True):
        marginal = found.marginal(variable.name).double()
        torch.testing.assert_close(marginal, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-5)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", models(fits=False))
def test_a_model_of_a_competition_with_large_cliques_is_met_in_the_memory_or_refused_with_its_cost(name):
    network, evidence = read_real(name)
    tree, sizes = clique_tree(network.graph), network.graph.num_states
    largest = max(prod(sizes[each] for each in clique if each not in evidence.hard) for clique in tree.cliques)
    if 8 * largest <= BUDGET:
        pytest.skip(f"{largest:.1e} joint states fit 4 GB")
    try:  # a tree of its own or a cutset may do
        found = network.infer(evidence, targets=[], method=VariableElimination(BUDGET)).log_partition
    except MemoryError as refused:
        assert re.search(r"must be at least [\d,.]+ GiB", str(refused))
    else:
        assert float(found) == pytest.approx(references(name)[0], abs=1e-3 * log(10))
