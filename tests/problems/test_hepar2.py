"""The liver patients: nine disorders, every other variable in one modality, a posterior that pgmpy confirms."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch

from graphfuse import drop_modalities
from graphfuse.problems import NetworkProblem, hepar2


@pytest.fixture(scope="module")
def problem() -> NetworkProblem:
    return hepar2()


def test_disorders_and_modalities_are_a_partition_of_the_seventy_variables(problem):
    shown = [name for group in problem.modalities.values() for name in group]
    names = problem.network.graph.variable_names
    assert len(names) == 70 and len(problem.targets) == 9
    assert sorted([*problem.targets, *shown]) == sorted(names)
    assert list(problem.modalities) == ["history", "symptoms", "examination", "blood", "serology"]


def test_what_is_asked_about_the_past_has_no_disorder_among_its_parents(problem):
    scopes = problem.network.graph.scopes
    assert not {parent for name in problem.modalities["history"] for parent in scopes[name]} & {*problem.targets}


def test_a_folder_without_the_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"the name of a network in .* got 'hepar2'"):
        hepar2(tmp_path)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_true_posteriors_agree_with_pgmpy(problem, generator):
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    path = Path(find_spec("pgmpy").origin).parent / "utils/example_models/hepar2.bif.gz"
    judge = VariableElimination(BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model())
    batch = drop_modalities(problem.draw(2, generator), 0.5, generator)
    found = problem.true_posterior(batch)
    for row, case in enumerate(batch.to_frame().droplevel(0, axis=1).to_dict("records")):
        seen = {name: label for name, label in case.items() if not pd.isna(label)}
        for name in ("ChHepatitis", "PBC"):
            factor = judge.query([name], evidence=seen, show_progress=False)
            states = problem.network.graph.variable(name).states
            expected = torch.tensor([factor.get_value(**{name: state}) for state in states], dtype=torch.float64)
            torch.testing.assert_close(found[name][row], expected, rtol=1e-6, atol=1e-9)
