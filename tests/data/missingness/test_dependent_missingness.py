"""MAR and MNAR: what they may depend on, how strongly, and at which mean rate."""

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from graphfuse.data import MAR, LabelMNAR, ModalityBatch, ValueMNAR, realised_rates
from graphfuse.data.missingness.logistic import loss_probabilities, row_scores

NUM_ROWS = 20_000


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(seed=3):
    generator = seeded(seed)
    age = 50 + 12 * torch.randn(NUM_ROWS, generator=generator, dtype=torch.float64)
    blood = torch.randn(NUM_ROWS, 4, generator=generator) * torch.tensor([1.0, 10.0, 0.1, 0.0])
    blood[torch.rand(blood.shape, generator=generator) < 0.2] = torch.nan
    scan = torch.randn(NUM_ROWS, 2, 2, generator=generator)
    labels = torch.randint(3, (NUM_ROWS,), generator=generator)
    return ModalityBatch({"age": age, "blood": blood, "scan": scan}, targets={"ill": labels})


def score_by_numpy(rows, names):
    means = []
    for name in names:
        cells = rows.inputs[name].double().reshape(len(rows), -1).numpy()
        cells = np.where(rows.present[name].numpy()[:, None], cells, np.nan)
        deviation = np.nanstd(cells, 0)
        means.append(np.nanmean((cells - np.nanmean(cells, 0)) / np.where(deviation > 0, deviation, np.inf), 1))
    score = np.nanmean(means, 0)
    score = (score - np.nanmean(score)) / np.nanstd(score)
    return np.where(np.isnan(score), 0, score)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("names", [("age",), ("blood",), ("age", "blood", "scan")], ids=str)
def test_the_score_is_the_standardized_mean_of_the_standardized_drivers(names):
    rows = batch().keep({"age": torch.arange(NUM_ROWS) % 3 > 0, "scan": torch.arange(NUM_ROWS) % 2 > 0})
    np.testing.assert_allclose(row_scores(rows, names).numpy(), score_by_numpy(rows, names), atol=1e-9)


def test_columns_of_numbers_of_a_data_frame_count():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"pulse": [60, 70, 95], "sex": ["f", "m", None], "smokes": [True, None, False]})
    rows = ModalityBatch({"visit": frame})
    numbers = ModalityBatch({"visit": np.array([[60, 1], [70, np.nan], [95, 0]])})
    torch.testing.assert_close(row_scores(rows, ("visit",)), row_scores(numbers, ("visit",)))


@pytest.mark.parametrize("values", [torch.full((5,), 0.1), torch.tensor([3.0]), torch.full((4,), torch.nan)], ids=str)
def test_values_that_do_not_differ_score_nothing(values):
    assert not row_scores(ModalityBatch({"x": values}), ("x",)).any()


@pytest.mark.parametrize("rate", [0.0, 0.01, 0.3, 0.999, 1.0])
@pytest.mark.parametrize("strength", [0.0, 1.0, -3.0, 1000.0])
def test_the_mean_probability_is_the_rate_and_the_bias_that_of_a_root_finder(rate, strength):
    scores = torch.randn(101, generator=seeded(), dtype=torch.float64)
    rows = torch.arange(101) % 3 > 0
    found = loss_probabilities(scores, rows, rate, strength)
    assert found[rows].mean().item() == pytest.approx(rate, abs=1e-9)
    if 0 < rate < 1 and abs(strength) < 10:
        logits = strength * scores.numpy()
        bias = brentq(lambda b: expit(b + logits[rows.numpy()]).mean() - rate, -50, 50, xtol=1e-13)
        np.testing.assert_allclose(found.numpy(), expit(bias + logits), atol=1e-9)


@pytest.mark.filterwarnings("ignore:Mean of empty slice")
@pytest.mark.parametrize("strength", [-2.0, 0.0, 1.0])
@pytest.mark.parametrize(
    "mechanism, names",
    [
        (lambda s: MAR("scan", ["age", "blood"], 0.3, s), ("age", "blood")),
        (lambda s: ValueMNAR("scan", 0.3, s), ("scan",)),
    ],
    ids=["MAR", "ValueMNAR"],
)
def test_a_logistic_regression_of_the_losses_finds_the_strength(mechanism, names, strength):
    rows = batch()
    gaps = mechanism(strength).apply(rows, seeded())
    score = score_by_numpy(rows, names)[:, None]
    fitted = LogisticRegression(C=np.inf).fit(score, ~gaps.present["scan"].numpy())
    assert fitted.coef_[0, 0] == pytest.approx(strength, abs=0.15)
    assert realised_rates(rows, gaps)["scan"] == pytest.approx(0.3, abs=5 * (0.21 / NUM_ROWS) ** 0.5)


def changed(rows, name):
    """The rows with one modality's values drawn anew and exchanged, its gaps as they were."""
    value = rows.inputs[name].flip(0).nan_to_num(0.0) * 3 + 1
    return ModalityBatch({**rows.inputs, name: value}, rows.present, rows.targets)


def relabelled(rows):
    return ModalityBatch(rows.inputs, rows.present, {"ill": 2 - rows.targets["ill"]})


@pytest.mark.parametrize(
    "mechanism, blind_to",
    [
        (MAR("scan", ["age"], 0.4, 3.0), {"scan", "blood", "labels"}),
        (MAR("scan", ["age", "blood"], 0.4, 3.0), {"scan", "labels"}),
        (ValueMNAR("scan", 0.4, 3.0), {"age", "blood", "labels"}),
        (LabelMNAR("ill", {"scan": (0.1, 0.5, 0.9)}), {"scan", "age", "blood"}),
    ],
    ids=["MAR on age", "MAR on age and blood", "ValueMNAR", "LabelMNAR"],
)
@pytest.mark.parametrize("what", ["scan", "age", "blood", "labels"])
def test_a_mechanism_depends_on_what_it_names_and_on_nothing_else(mechanism, blind_to, what):
    rows = batch().keep({"age": torch.arange(NUM_ROWS) % 5 > 0})
    other = relabelled(rows) if what == "labels" else changed(rows, what)
    found, again = (mechanism.apply(each, seeded()).present for each in (rows, other))
    assert all(torch.equal(found[name], again[name]) for name in found) == (what in blind_to)


def test_rows_without_any_driver_are_lost_as_a_row_of_mean_values():
    rows = batch().keep({"age": torch.zeros(NUM_ROWS, dtype=torch.bool)})
    found = realised_rates(rows, MAR("scan", ["age"], 0.25, 5.0).apply(rows, seeded()))
    assert found["scan"] == pytest.approx(0.25, abs=5 * (0.1875 / NUM_ROWS) ** 0.5)
    assert found["blood"] == 0


def test_each_state_has_its_own_rate_and_losses_are_independent_given_it():
    rows = batch()
    rates = {"scan": (0.8, 0.1, 0.5), "age": (0.2, 0.2, 0.0)}
    gaps = LabelMNAR("ill", rates).apply(rows, seeded())
    for state in range(3):
        chosen = rows.targets["ill"] == state
        lost = {name: (~gaps.present[name])[chosen].double() for name in rates}
        atol = 5 * 0.5 / int(chosen.sum()) ** 0.5
        for name in rates:
            assert lost[name].mean().item() == pytest.approx(rates[name][state], abs=atol)
        both = (lost["scan"] * lost["age"]).mean().item()
        assert both == pytest.approx(rates["scan"][state] * rates["age"][state], abs=atol)
    assert torch.equal(gaps.present["blood"], rows.present["blood"])
