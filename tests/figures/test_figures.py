"""Figures draw the numbers that they are given, no others, and refuse by name what cannot be drawn."""

import io
import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.naive_bayes import GaussianNB

from graphfuse import Factor, FactorGraph, FusionClassifier, Variable, chain, star
from graphfuse.decisions import decision_curve
from graphfuse.figures import (
    arrival,
    calibration_by_mask_size,
    graph_drawing,
    modalities_read,
    net_benefit_curve,
    saved,
    value_of_tests,
    waterfall,
)

LEDGER = {"prior": -0.4, "ecg": 2.5, "echo": -1.1, "blood": 0.0, "missingness": 0.0, "interactions": 0.0}


def curve():
    probabilities = torch.linspace(0.05, 0.95, 50, dtype=torch.float64)
    log_probs = torch.stack([1 - probabilities, probabilities], 1).log()
    states = (torch.arange(50) > 20).long()
    return decision_curve(log_probs, states, [0.1, 0.3, 0.6], torch.Generator().manual_seed(0), num_resamples=50)


def ring(num_variables):
    names = [f"v{i}" for i in range(num_variables)]
    pairs = [Factor(f"{a}-{b}", (a, b)) for a, b in zip(names, names[1:] + names[:1], strict=True)]
    return FactorGraph([Variable(name, 2) for name in names], pairs)


def drawn():
    told = np.linspace(0.01, 0.99, 60)
    true = (np.arange(60) % 3 == 0).astype(int)
    return {
        "waterfall": lambda: waterfall(LEDGER, "ill", missing=["blood"]),
        "waterfall far out": lambda: waterfall({"prior": 30.0, "ecg": 9.0}, "ill"),
        "waterfall of nothing": lambda: waterfall({"prior": 0.0}, "ill"),
        "arrival": lambda: arrival({"first": 0.0, "then": 1.0}, "ill", {"refer": 0.1, "treat": 0.2}, "A patient"),
        "value": lambda: value_of_tests({"ecg": 3.0, "echo": -2.0, "age": math.nan}, {"echo": 4.0}, "dollars"),
        "value of nothing": lambda: value_of_tests({"ecg": 0.0}, {}, "nats"),
        **{
            f"calibration {n}": (
                lambda n=n: calibration_by_mask_size({f"{k} tests": (told, true) for k in range(n)}, "ill")
            )
            for n in (1, 2, 3, 4, 5)
        },
        "net benefit": lambda: net_benefit_curve(curve()),
        "star": lambda: graph_drawing(star(Variable("ill $x_1$", 2), ["ecg"]), {"ecg": ["heart", "sound"]}),
        "ring": lambda: graph_drawing(ring(6)),
        "apart": lambda: graph_drawing(FactorGraph([Variable(name, 2) for name in "abcde"], [])),
        "alone": lambda: graph_drawing(FactorGraph([Variable("a\n" * 40, 2)], [])),
    }


@pytest.mark.parametrize("name", drawn())
def test_every_figure_is_a_picture_within_its_frame_and_the_same_twice(name):
    first, second = (saved(drawn()[name]())[1] for _ in range(2))
    assert first == second
    image = Image.open(io.BytesIO(first)).convert("L")
    pixels = np.asarray(image)
    assert 300 < image.width < 900 and (pixels < 128).any()
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    assert (edges > 200).all(), "something is cut off at the edge"


def test_the_bars_of_a_waterfall_join_and_sum_to_the_log_odds():
    axes = waterfall(LEDGER, "ill", missing=["blood"]).axes[0]
    *bars, total = axes.patches
    assert [bar.get_width() for bar in bars] == pytest.approx([-0.4, 2.5, -1.1, 0.0])
    starts = [bar.get_x() for bar in bars]
    assert starts == pytest.approx([0.0, -0.4, 2.1, 1.0])
    assert total.get_x() == 0 and total.get_width() == pytest.approx(sum(LEDGER.values()))
    assert "not done" in [text.get_text() for text in axes.texts]
    assert f"(probability {1 / (1 + math.exp(-1.0)):.3f})" in axes.texts[-1].get_text()


def test_the_upper_axis_of_a_waterfall_says_the_probability_of_each_log_odds():
    figure = waterfall(LEDGER, "ill")
    lower, upper = figure.axes
    assert lower.get_xlim() == upper.get_xlim()
    for tick, label in zip(upper.get_xticks(), upper.get_xticklabels(), strict=True):
        assert 1 / (1 + math.exp(-tick)) == pytest.approx(float(label.get_text()))


def test_entries_beyond_modalities_are_drawn_where_they_are_not_zero():
    names = [label.get_text() for label in waterfall(LEDGER | {"interactions": 0.3}, "ill").axes[0].get_yticklabels()]
    assert names == ["prior", "ecg", "echo", "blood", "interactions", "together"]


def test_the_points_of_an_arrival_are_the_probabilities_in_order():
    axes = arrival({"before": 0.4, "ecg": 0.7}, "ill", {"treat": 0.5}).axes[0]
    assert axes.lines[-1].get_xydata().tolist() == [[0.4, 0.0], [0.7, 1.0]]
    assert axes.lines[0].get_xdata() == [0.5, 0.5]


def test_a_test_is_drawn_with_its_value_its_cost_and_what_is_left():
    axes = value_of_tests({"echo": -2.0, "ecg": 3.0, "age": math.nan}, {"echo": 4.0}, "dollars").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ecg", "echo"]
    assert [bar.get_width() for bar in axes.patches] == [3.0, 2.0]
    assert [line.get_xdata()[0] for line in axes.lines] == [0.0, 4.0]
    assert [text.get_text() for text in axes.texts[:2]] == ["+3", "\N{MINUS SIGN}2"]


@pytest.mark.parametrize(
    ("net", "shown"),
    [
        ({"a": 0.312, "b": 0.0043, "c": -0.081}, ["+0.312", "+0.004", "\N{MINUS SIGN}0.081"]),
        ({"a": 0.31, "b": 0.12}, ["+0.31", "+0.12"]),
        ({"a": 3.14, "b": 0.0}, ["+3.1", "0.0"]),
        ({"a": 130.4, "b": -42.3}, ["+130", "\N{MINUS SIGN}42"]),
    ],
    ids=["nats", "alike", "units", "dollars"],
)
def test_the_numbers_left_of_tests_have_the_digits_that_their_range_asks_for(net, shown):
    axes = value_of_tests(net, {}, "nats").axes[0]
    assert sorted(text.get_text() for text in axes.texts[:-1]) == sorted(shown)


def test_the_points_of_calibration_are_shares_within_bins_of_equally_many():
    told = np.array([0.1, 0.9, 0.2, 0.8])
    axes = calibration_by_mask_size({"2 tests": (told, np.array([0, 1, 1, 1]))}, "ill", num_bins=2).axes[0]
    assert axes.lines[-1].get_xydata() == pytest.approx(np.array([[0.15, 0.5], [0.85, 1.0]]))
    assert axes.get_title(loc="left") == "2 tests (n = 4)"
    low, high = axes.collections[0].get_segments()[1][:, 1]
    assert (low, high) == pytest.approx((0.3424, 1.0), abs=1e-4)  # Wilson, two of two


def test_the_lines_of_net_benefit_are_the_columns():
    table = curve()
    axes = net_benefit_curve(table).axes[0]
    lines = {line.get_label(): line.get_ydata() for line in axes.lines}
    for label, column in (("model", "model"), ("treat all", "treat_all"), ("treat none", "treat_none")):
        assert lines[label] == pytest.approx(table[column].to_numpy())


def test_a_drawing_names_every_variable_modality_and_factor_of_one_variable():
    graph = chain([Variable("a", 2), Variable("b", 2)])
    texts = [text.get_text() for text in graph_drawing(graph, {"a": ["scan"]}).axes[0].texts]
    assert sorted(texts) == sorted(["a", "b", "a", "b", "a-b", "scan"])


def test_a_classifier_is_drawn_with_the_modalities_that_its_experts_read():
    X = {name: np.repeat([0.0, 5.0], 20) + np.arange(40.0) % 3 for name in ("ecg", "echo")}
    two = {"naive": GaussianNB(), "wide": GaussianNB(var_smoothing=0.1)}
    model = FusionClassifier(encoders={"ecg": two, "echo": GaussianNB()}, random_state=0).fit(X, np.arange(40) > 19)
    read = modalities_read(model)
    assert {name for names in read.values() for name in names} == {"ecg", "echo"}
    assert set(read) <= set(model.graph_.scopes) and "prior" not in read
    with pytest.raises(TypeError, match="model must be a GraphFusion, or a fitted classifier over one; got str"):
        modalities_read("model")


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: waterfall({}, "ill"), "ledger must have at least one entry; got none"),
        (lambda: waterfall({"ecg": math.inf}, "ill"), r"ledger\['ecg'\] must be finite; got inf"),
        (lambda: waterfall(LEDGER, "ill", ["egc"]), "each of missing must be one of .*did you mean 'ecg'"),
        (lambda: arrival({}, "ill"), "probabilities must have at least one step"),
        (lambda: arrival({"ecg": 1.2}, "ill"), r"probabilities\['ecg'\] must be between 0 and 1; got 1.2"),
        (lambda: arrival({"ecg": 0.2}, "ill", {"treat": -1.0}), r"thresholds\['treat'\] must be between 0 and 1"),
        (lambda: value_of_tests({"ecg": math.nan}, {}, "nats"), "net_values must hold the value of at least one test"),
        (lambda: value_of_tests({"ecg": math.inf}, {}, "nats"), r"net_values\['ecg'\] must be finite or nan; got inf"),
        (lambda: value_of_tests({"ecg": 1.0}, {"egc": 1.0}, "nats"), "each test in costs must be one of 'ecg'"),
        (
            lambda: value_of_tests({"ecg": 1.0}, {"ecg": -1.0}, "nats"),
            r"costs\['ecg'\] must be finite and not negative",
        ),
        (lambda: calibration_by_mask_size({}, "ill"), "by_size must have at least one entry"),
        (lambda: calibration_by_mask_size({"1": ([0.5], [0, 1])}, "ill"), r"by_size\['1'\] must hold predictions and"),
        (lambda: calibration_by_mask_size({"1": ([1.5], [0])}, "ill"), r"by_size\['1'\] must hold probabilities"),
        (lambda: calibration_by_mask_size({"1": ([0.5], [2])}, "ill"), r"by_size\['1'\] must hold outcomes that are 0"),
        (lambda: net_benefit_curve(curve().drop(columns="lower")), "each column that is drawn must be one of"),
        (lambda: net_benefit_curve(curve().head(0)), "curve must have at least one row; got none"),
        (lambda: net_benefit_curve(curve().assign(model=np.nan)), "curve must hold finite numbers; got nan"),
        (
            lambda: graph_drawing(star(Variable("ill", 2), []), {"ecg": []}),
            "each factor in reads must be one of 'prior'",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(draw, message):
    with pytest.raises(ValueError, match=message):
        draw()


def test_a_row_of_explain_is_drawn_as_it_comes():
    frame = pd.DataFrame([LEDGER])
    assert len(waterfall(frame.iloc[0], "ill").axes[0].patches) == 5
