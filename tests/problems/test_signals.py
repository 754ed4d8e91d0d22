"""Four networks read through signals: what is a target, what is measured, and a posterior that pgmpy confirms."""

import gzip
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from scipy.stats import norm

from graphfuse import drop_modalities
from graphfuse.problems import SIGNAL_PROBLEMS, GaussianSignal, NetworkProblem, signal_problem
from graphfuse.problems import hepar2 as by_labels


@pytest.fixture(scope="module", params=SIGNAL_PROBLEMS)
def problem(request) -> NetworkProblem:
    return signal_problem(request.param)


def test_the_four_networks_hide_and_show_what_the_page_says():
    found = {name: signal_problem(name) for name in SIGNAL_PROBLEMS}
    sizes = {name: (len(each.targets), len(each.readings), len(each.hidden)) for name, each in found.items()}
    assert sizes == {"alarm": (8, 16, 13), "insurance": (3, 16, 8), "child": (3, 8, 9), "hepar2": (9, 61, 0)}
    assert {len(each.modalities) for each in found.values()} == {5}


@pytest.mark.parametrize("name", ["alarm", "insurance", "child"])
def test_every_target_has_several_descendants_among_what_is_measured(name):
    problem = signal_problem(name)
    scopes = problem.network.graph.scopes
    for target in problem.targets:
        below = {target}
        while more := {name for name, scope in scopes.items() if below & set(scope[:-1])} - below:
            below |= more
        assert len(below & set(problem.readings)) >= 2, target


def test_every_variable_of_a_modality_is_read_as_its_state_plus_noise(problem, generator):
    states = problem.network.sample(1000, generator)
    batch = problem.observe(states, generator)
    for name, group in problem.modalities.items():
        noise = batch.inputs[name] - torch.stack([states[variable] for variable in group], 1)
        assert batch.columns[name] == group
        torch.testing.assert_close(noise.std(0), torch.full((len(group),), 0.7), rtol=0, atol=0.08)
        torch.testing.assert_close(noise.mean(0), torch.zeros(len(group)), rtol=0, atol=0.1)


def test_one_reading_of_two_states_is_right_in_76_of_100_cases():
    reading = GaussianSignal(torch.arange(2).float(), 0.7)
    states = torch.arange(20_000) % 2
    found = reading.log_likelihoods(reading.sample(states, torch.Generator().manual_seed(0))).argmax(1)
    assert (found == states).double().mean().item() == pytest.approx(norm.cdf(0.5 / 0.7), abs=0.01)
    assert norm.cdf(0.5 / 0.7) == pytest.approx(0.76, abs=0.005)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_true_posteriors_agree_with_pgmpy(generator):
    from pgmpy.factors.discrete import TabularCPD
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    problem, target = signal_problem("child"), "Disease"
    path = Path(find_spec("pgmpy").origin).parent / "utils/example_models/child.bif.gz"
    judge = VariableElimination(BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model())
    batch = drop_modalities(problem.draw(3, generator), 0.4, generator)
    found = problem.true_posterior(batch)[target]
    for row in range(3):
        hints = []
        for modality, group in problem.modalities.items():
            for place, variable in enumerate(group if batch.present[modality][row] else ()):
                states = problem.network.graph.variable(variable).states
                density = norm.pdf(batch.inputs[modality][row, place].item(), range(len(states)), 0.7)
                hint = [[each] for each in density / density.sum()]
                hints.append(TabularCPD(variable, len(states), hint, state_names={variable: list(states)}))
        factor = judge.query([target], virtual_evidence=hints, show_progress=False)
        states = problem.network.graph.variable(target).states
        assert found[row].tolist() == pytest.approx([factor.get_value(**{target: state}) for state in states], rel=1e-5)


def test_signals_of_hepar2_tell_less_than_its_labels(generator):
    exact, noisy = by_labels(), signal_problem("hepar2")
    assert (exact.targets, exact.modalities) == (noisy.targets, noisy.modalities)
    states = exact.network.sample(300, generator)
    sure, unsure = (each.true_posterior(each.observe(states, generator))["PBC"] for each in (exact, noisy))
    entropies = [-table.xlogy(table).sum(1).mean() for table in (sure, unsure)]
    assert entropies[0] < entropies[1]


def test_a_folder_of_ones_own_is_read_and_one_without_the_file_is_refused(tmp_path):
    path = Path(find_spec("pgmpy").origin).parent / "utils/example_models/child.bif.gz"
    (tmp_path / path.name).write_bytes(path.read_bytes())
    assert signal_problem("child", root=tmp_path).targets[0] == "Disease"
    with pytest.raises(ValueError, match=r"the name of a network in .* got 'alarm'"):
        signal_problem("alarm", root=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "alram"}, "the name of a signal problem must be one of .*did you mean 'alarm'"),
        ({"name": "child", "scale": 0.0}, "scale must be finite and greater than zero"),
    ],
    ids=["name", "scale"],
)
def test_what_is_no_signal_problem_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        signal_problem(**arguments)
