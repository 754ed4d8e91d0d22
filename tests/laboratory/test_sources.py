"""Problems with a known truth are opened as data sets are, each with its targets and their true posteriors."""

import pytest
import torch

from graphfuse.laboratory.sources import KNOWN_ROWS, open_source, source_names
from graphfuse.problems import hepar2, signal_problem


@pytest.mark.parametrize("name", ["alarm", "child", "hepar2_signals"])
def test_a_network_of_signals_is_a_source_whose_truth_is_that_of_its_problem(name):
    assert {name, "insurance"} <= {*source_names()}
    problem = signal_problem(name.removesuffix("_signals"))
    source = open_source(name)
    assert len(source.dataset) == KNOWN_ROWS and source.dataset.target.name == problem.targets[0]
    rows = source.dataset.batch[:5]
    torch.testing.assert_close(source.truth(rows), problem.true_posterior(rows)[problem.targets[0]])


@pytest.mark.parametrize("name", ["child/LungParench", "alarm/LVFAILURE"])
def test_a_target_is_named_after_a_slash_and_has_its_own_truth(name):
    stem, _, target = name.partition("/")
    source = open_source(name)
    assert source.dataset.target.name == target
    rows = source.dataset.batch[:5]
    torch.testing.assert_close(source.truth(rows), signal_problem(stem).true_posterior(rows)[target])


def test_hepar2_is_read_by_labels_as_before():
    rows = open_source("hepar2/PBC").dataset.batch
    expected = hepar2().draw(KNOWN_ROWS, torch.Generator().manual_seed(20_030))
    for name, frame in expected.inputs.items():
        assert rows.inputs[name].equals(frame)


def test_a_variable_that_is_no_target_is_refused():
    with pytest.raises(ValueError, match="the target in 'child/XrayReport' must be one of"):
        open_source("child/XrayReport")
