"""The true posterior is that of the whole joint distribution, whatever is missing."""

import gzip
import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest
import torch

from graphfuse import Enumeration, Evidence, ModalityBatch, Network, drop_modalities
from graphfuse.problems import (
    GaussianSignal,
    NetworkProblem,
    digit_images,
    example_network,
)

CONFUSION = torch.tensor([[0.8, 0.2], [0.3, 0.7]])
HEARING = GaussianSignal(torch.tensor([[0.0, 1.0], [2.0, -1.0]]), 1.5)
COUGH = GaussianSignal(torch.tensor([0.0, 1.0], dtype=torch.float32), torch.tensor([0.5, 1.0]))


@pytest.fixture(scope="module")
def asia() -> NetworkProblem:
    groups = {"history": ["asia", "smoke"], "chest": ["dysp", "xray"]}
    return NetworkProblem(example_network("asia"), ["lung", "tub", "bronc"], groups)


@pytest.fixture(scope="module")
def cancer() -> tuple[NetworkProblem, NetworkProblem]:
    """A problem to train on and one to test on, which differ in their pools of images alone."""
    groups = {"air": ["Pollution"], "person": ["Smoker"], "picture": ["Xray"], "sound": ["Dyspnoea"]}
    problems = [
        NetworkProblem(
            example_network("cancer"), ["Cancer"], groups, {"Xray": images, "Dyspnoea": HEARING, "Smoker": COUGH}
        )
        for images in digit_images(CONFUSION, torch.Generator().manual_seed(7))
    ]
    return problems[0], problems[1]


def joint(network: Network) -> torch.Tensor:
    """The probability of every assignment, one dimension per variable."""
    graph = network.graph
    total = torch.zeros(graph.shape(graph.variable_names), dtype=torch.float64)
    for factor, scope in graph.scopes.items():
        order = sorted(range(len(scope)), key=lambda place: graph.variable_names.index(scope[place]))
        table = network.log_tables[factor].permute(order)
        shape = [graph.num_states[name] if name in scope else 1 for name in graph.variable_names]
        total = total + table.reshape(shape)
    return total.exp()


def by_listing(problem: NetworkProblem, likelihoods: list[dict[str, torch.Tensor]], target: str) -> torch.Tensor:
    """The posterior of a target in rows whose observed variables have these likelihoods ``(num_states,)``."""
    names, rows = problem.network.graph.variable_names, []
    for row in likelihoods:
        weights = joint(problem.network)
        for name, likelihood in row.items():
            weights = weights * likelihood.reshape([-1 if other == name else 1 for other in names])
        marginal = weights.sum([place for place, other in enumerate(names) if other != target])
        rows.append(marginal / marginal.sum())
    return torch.stack(rows)


def with_gaps(batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
    """Cells lost within modalities, then whole modalities."""
    inputs = {}
    for name, value in batch.inputs.items():
        if isinstance(value, torch.Tensor):
            lost = torch.rand(value.shape[:2], generator=generator) < 0.3
            inputs[name] = value.masked_fill(lost.reshape(*lost.shape, *[1] * (value.ndim - 2)), torch.nan)
        else:
            inputs[name] = value.mask(torch.rand(value.shape, generator=generator).numpy() < 0.3)
    whole = ModalityBatch(inputs, batch.present, batch.targets, batch.columns)
    return drop_modalities(whole, 0.4, generator)


def test_exact_readings_with_any_gaps_give_the_posterior_of_the_joint_distribution(asia, generator):
    batch = with_gaps(asia.draw(40, generator), generator)
    assert {tuple(row) for row in torch.stack(list(batch.present.values()), 1).tolist()} >= {
        (True, True),
        (False, False),
        (True, False),
    }
    states = {v.name: v.states for v in asia.network.graph.variables}
    rows = []
    for place in range(len(batch)):
        row = {}
        for name, frame in batch.inputs.items():
            for variable in frame.columns if batch.present[name][place] else []:
                label = frame[variable].iloc[place]
                if not pd.isna(label):
                    row[variable] = torch.tensor([float(state == label) for state in states[variable]]).double()
        rows.append(row)
    for target, found in asia.true_posterior(batch).items():
        torch.testing.assert_close(found, by_listing(asia, rows, target))


def test_gaussian_and_image_readings_with_any_gaps_give_the_posterior_of_the_joint_distribution(cancer, generator):
    for problem in cancer:
        images = problem.readings["Xray"]
        label_of = {i.numpy().tobytes(): int(k) for i, k in zip(images.images, images.labels, strict=True)}
        batch = with_gaps(problem.draw(60, generator), generator)
        rows = []
        for place in range(len(batch)):
            row = {}
            if batch.present["air"][place]:
                label = batch.inputs["air"]["Pollution"].iloc[place]
                row["Pollution"] = torch.tensor([float(label == "low"), float(label == "high")]).double()
            if batch.present["person"][place]:
                value = batch.inputs["person"][place, 0].double()
                mean, scale = COUGH.means.double(), torch.tensor([0.5, 1.0]).double()
                row["Smoker"] = torch.exp(-0.5 * ((value - mean) / scale) ** 2) / scale
            if batch.present["picture"][place]:
                label = label_of[batch.inputs["picture"][place, 0].numpy().tobytes()]
                row["Xray"] = CONFUSION[:, label].double()
            if batch.present["sound"][place]:
                value = batch.inputs["sound"][place, 0].double()
                row["Dyspnoea"] = torch.exp(-0.5 * ((value - HEARING.means.double()) / 1.5).square().sum(-1))
            rows.append(row)
        found = problem.true_posterior(batch)["Cancer"]
        torch.testing.assert_close(found, by_listing(problem, rows, "Cancer"))


def test_exact_posteriors_agree_with_enumeration(asia, generator):
    batch = asia.draw(30, generator)
    frame = batch.to_frame().droplevel(0, axis=1)
    expected = asia.network.infer(frame, asia.targets, Enumeration())
    for target, found in asia.true_posterior(batch).items():
        torch.testing.assert_close(found, expected.marginal(target))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_exact_posteriors_agree_with_pgmpy(asia, generator):
    from pgmpy.inference import VariableElimination
    from pgmpy.readwrite import BIFReader

    path = Path(find_spec("pgmpy").origin).parent / "utils/example_models/asia.bif.gz"
    judge = VariableElimination(BIFReader(string=gzip.decompress(path.read_bytes()).decode()).get_model())
    batch = drop_modalities(asia.draw(8, generator), 0.4, generator)
    cases = batch.to_frame().droplevel(0, axis=1)
    found = asia.true_posterior(batch)
    for row, case in enumerate(cases.to_dict("records")):
        seen = {name: label for name, label in case.items() if not pd.isna(label)}
        for variable in (v for v in asia.network.graph.variables if v.name in asia.targets):
            factor = judge.query([variable.name], evidence=seen, show_progress=False)
            expected = [factor.get_value(**{variable.name: state}) for state in variable.states]
            assert found[variable.name][row].tolist() == pytest.approx(expected)


def test_a_row_without_anything_and_a_modality_that_the_batch_lacks_are_summed_out(asia, generator):
    batch = asia.draw(5, generator)
    none = {name: torch.zeros(5, dtype=torch.bool) for name in batch.modalities}
    prior = asia.network.infer(targets=asia.targets)
    dropped = asia.true_posterior(batch.keep({"chest": none["chest"]}))
    absent = asia.true_posterior(batch.select(["history"]))
    for target in asia.targets:
        blind = asia.true_posterior(batch.keep(none))[target]
        torch.testing.assert_close(blind, prior.marginal(target).expand(5, -1))
        torch.testing.assert_close(absent[target], dropped[target])


def test_values_under_a_gap_are_not_read(cancer, generator):
    problem = cancer[0]
    batch = problem.draw(6, generator)
    inputs = {**batch.inputs, "picture": torch.rand(6, 1, 8, 8)}  # no image of the pool
    hidden = ModalityBatch(inputs, {"picture": torch.zeros(6, dtype=torch.bool)}, columns=batch.columns)
    expected = problem.true_posterior(batch.select(["air", "person", "sound"]))
    torch.testing.assert_close(problem.true_posterior(hidden), expected)


def test_targets_and_readings_are_drawn_as_often_as_the_marginals_say(asia, generator):
    batch = asia.draw(20_000, generator)
    prior = asia.network.infer()
    for target in asia.targets:
        found = torch.bincount(batch.targets[target], minlength=2).double() / 20_000
        torch.testing.assert_close(found, prior.marginal(target), rtol=0, atol=5 * math.sqrt(0.25 / 20_000))
    for frame in batch.inputs.values():
        for name in frame.columns:
            states = asia.network.graph.variable(name).states
            found = torch.tensor([(frame[name] == state).mean() for state in states], dtype=torch.float64)
            torch.testing.assert_close(found, prior.marginal(name), rtol=0, atol=5 * math.sqrt(0.25 / 20_000))


def test_the_true_posterior_is_calibrated_on_its_own_draws(cancer, generator):
    batch = cancer[0].draw(20_000, generator)
    believed = cancer[0].true_posterior(batch)["Cancer"].mean(0)
    found = torch.bincount(batch.targets["Cancer"], minlength=2).double() / 20_000
    torch.testing.assert_close(found, believed, rtol=0, atol=5 * math.sqrt(0.01 / 20_000))


def test_the_same_seed_draws_the_same_rows_and_rows_do_not_depend_on_their_place(cancer):
    problem = cancer[0]
    first, second = (problem.draw(1500, torch.Generator().manual_seed(5)) for _ in range(2))
    assert first.inputs["air"].equals(second.inputs["air"])
    torch.testing.assert_close(first.inputs["picture"], second.inputs["picture"])
    whole = problem.true_posterior(first)["Cancer"]  # more rows than are taken at a time
    torch.testing.assert_close(problem.true_posterior(first[1400:])["Cancer"], whole[1400:])
    assert problem.true_posterior(first[:0])["Cancer"].shape == (0, 2)


def test_a_batch_shows_the_variables_of_each_modality(cancer, generator):
    batch = cancer[0].draw(3, generator)
    assert {name: tuple(value.shape) for name, value in batch.inputs.items()} == {
        "air": (3, 1),
        "person": (3, 1),
        "picture": (3, 1, 8, 8),
        "sound": (3, 1, 2),
    }
    assert batch.columns == {"person": ("Smoker",)} and list(batch.targets) == ["Cancer"]


def test_variables_that_are_neither_target_nor_in_a_modality_stay_hidden(asia):
    assert asia.hidden == ("either",)
    assert replace(asia, targets=["lung"]).hidden == ("tub", "bronc", "either")


def test_an_impossible_row_is_refused(asia):
    broken = ModalityBatch({"history": pd.DataFrame({"asia": ["yes", "no"], "smoke": ["no", "no"]})})
    tables = dict(asia.network.log_tables)
    tables["asia"] = torch.tensor([0.0, 1.0], dtype=torch.float64).log()
    with pytest.raises(ValueError, match=r"batch must be possible under the network in every row; got row 0\."):
        replace(asia, network=Network(asia.network.graph, tables)).true_posterior(broken)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"targets": []}, "targets must name at least one variable"),
        ({"targets": ["lungs"]}, r"each variable of targets and modalities must be one of .*did you mean 'lung'"),
        ({"modalities": {}}, "modalities must hold at least one modality"),
        ({"modalities": {"a": []}}, r"modalities\['a'\] must name at least one variable"),
        ({"modalities": {"a": ["smoke"], "b": ["smoke"]}}, "must not repeat a name; got 'smoke' more than once"),
        ({"modalities": {"a": ["lung"]}}, "must not repeat a name; got 'lung' more than once"),
        ({"readings": {"either": HEARING}}, "each variable in readings must be one of 'asia'"),
        ({"readings": {"smoke": "loud"}}, r"readings\['smoke'\] must be a Reading; got str"),
        ({"readings": {"smoke": GaussianSignal(torch.zeros(3), 1.0)}}, "must read 2 states; got 3 states"),
        ({"readings": {"smoke": HEARING}}, r"modalities\['history'\] must be read exactly in all .*'asia' alone"),
        ({"network": "asia"}, "network must be a Network; got str"),
    ],
)
def test_what_is_no_problem_is_refused(asia, changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        replace(asia, **{"readings": {}, **changes})


def test_readings_of_one_modality_that_differ_in_shape_are_refused(asia, generator):
    problem = replace(asia, modalities={"chest": ["dysp", "xray"]}, readings={"dysp": HEARING, "xray": COUGH})
    with pytest.raises(ValueError, match=r"modalities\['chest'\] must be read in features of one shape; got"):
        problem.draw(3, generator)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (ModalityBatch({"sounds": torch.zeros(2, 1)}), "each modality in batch must be one of .*'sound'"),
        (ModalityBatch({"sound": torch.zeros(2, 3)}), r"batch.inputs\['sound'\] must be floating-point of shape"),
        (ModalityBatch({"sound": torch.zeros(2, 1, 2).long()}, {"sound": [True] * 2}), "got torch.int64 of shape"),
        (ModalityBatch({"sound": torch.zeros(2, 1, 3)}), r"values must have shape \(num_rows, 2\); got \(2, 3\)"),
        (ModalityBatch({"air": torch.zeros(2, 1)}), r"batch.inputs\['air'\] must be a DataFrame of labels; got Tensor"),
        (ModalityBatch({"air": pd.DataFrame({"x": ["low"]})}), "must have a column for every variable .*'Pollution'"),
        (ModalityBatch({"air": pd.DataFrame({"Pollution": ["mid"]})}), "must be one of 'low', 'high'; got 'mid'"),
        (ModalityBatch({"picture": torch.rand(1, 1, 8, 8)}), "values must be images of the pool; got another in row 0"),
        (ModalityBatch({"sound": torch.zeros(2, 2, 1, 2)}, {"sound": torch.ones(2, 2).bool()}), "have one dimension"),
    ],
)
def test_a_batch_that_the_readings_cannot_have_drawn_is_refused(cancer, batch, message):
    with pytest.raises((ValueError, TypeError), match=message):
        cancer[0].true_posterior(batch)


def test_states_without_a_variable_and_no_rows_are_refused(asia, generator):
    with pytest.raises(ValueError, match=r"states must hold every target and every variable .*'smoke'"):
        asia.observe({name: torch.zeros(2).long() for name in ("lung", "tub", "bronc", "asia")}, generator)
    with pytest.raises(ValueError, match="num_rows must be at least 1; got 0"):
        asia.draw(0, generator)


def test_an_unknown_network_is_refused_with_the_nearest_name(tmp_path):
    with pytest.raises(ValueError, match="did you mean 'cancer'"):
        example_network("cancr")
    with pytest.raises(ValueError, match=r"the name of a network in .* must be one of none; got 'asia'"):
        example_network("asia", tmp_path)


def test_soft_evidence_equals_the_evidence_of_the_readings(cancer, generator):
    problem = cancer[1]
    batch = problem.draw(10, generator).select(["picture", "sound"])
    soft = {
        "Xray": problem.readings["Xray"].log_likelihoods(batch.inputs["picture"][:, 0]),
        "Dyspnoea": HEARING.log_likelihoods(batch.inputs["sound"][:, 0]),
    }
    expected = problem.network.infer(Evidence(soft=soft), ["Cancer"], Enumeration()).marginal("Cancer")
    torch.testing.assert_close(problem.true_posterior(batch)["Cancer"], expected)
