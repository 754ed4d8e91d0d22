"""What columns add sums to what the experts of their modality say alone, and is what changing columns really does."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from torch import nn

from graphfuse import FusionClassifier, TabularEncoder, star
from graphfuse.encoders import MLP
from graphfuse.learning import EncoderEnsemble

GROUPS = {"blood": ["iron", "sugar", "kind"], "signal": ["low", "mid", "high"]}
NUMBERS = {"blood": ["iron", "sugar"], "signal": ["low", "mid", "high"]}


def rows(num_rows=120, seed=0, num_classes=2):
    """Columns that say something of the label, one of text, with single gaps and gaps of whole modalities."""
    draws = np.random.default_rng(seed)
    y = draws.integers(0, num_classes, num_rows)
    names = [name for group in NUMBERS.values() for name in group]
    frame = pd.DataFrame({name: draws.normal(size=num_rows) + 0.4 * i * y for i, name in enumerate(names)})
    frame["kind"] = np.where(draws.random(num_rows) < 0.3 + 0.4 * (y > 0), "x", "z")
    frame.index = [f"row{i}" for i in range(num_rows)]
    frame.loc[frame.index[::4], "sugar"] = np.nan
    frame.loc[frame.index[::5], GROUPS["blood"]] = None
    return frame, np.array(["calm", "loud", "odd"])[y]


def fitted(encoders, groups=NUMBERS, num_classes=2, **settings):
    frame, y = rows(num_classes=num_classes)
    return FusionClassifier(groups, encoders, structure=star, random_state=0, **settings).fit(frame, y)


def module(width):
    torch.manual_seed(width)
    return MLP(width, 2, hidden=[6])


def networks():
    return {"blood": module(2), "signal": nn.Sequential(nn.Linear(3, 2))}


ENCODERS = {"linear": TabularEncoder, "asked": GaussianNB, "networks": networks, "scikit-learn": LogisticRegression}


@cache
def model_of(kind):
    return fitted(ENCODERS[kind]())


def alone(model, frame, name, label=None):
    return model.explain(frame, label, effects="alone")[name].to_numpy()


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("name", NUMBERS)
def test_a_row_sums_to_what_its_modality_says_alone_less_one_number(kind, name):
    frame, _ = rows(30, 1)
    found = model_of(kind).explain_features(frame, name)
    assert list(found.columns) == NUMBERS[name]
    pd.testing.assert_index_equal(found.index, frame.index)
    has = frame[NUMBERS[name]].notna().any(axis=1).to_numpy()
    assert (found[~has] == 0).all(axis=None) and found.notna().all(axis=None)
    less = (alone(model_of(kind), frame, name) - found.sum(axis=1).to_numpy())[has]
    gaps = frame[NUMBERS[name]].isna().any(axis=1).to_numpy()[has]
    for some in (less[gaps], less[~gaps]) if kind == "networks" else (less,):  # where a gap is never filled
        assert not len(some) or np.ptp(some) < (5e-3 if kind == "networks" else 1e-9)


def test_text_gaps_and_several_experts_are_explained():
    frame, y = rows()
    model = FusionClassifier(GROUPS, {"signal": TabularEncoder()}, joint_encoder=None, random_state=0).fit(frame, y)
    assert len(model.sources_) > 2
    found = model.explain_features(frame[:20], "blood", num_pairs=2)
    has = frame[:20]["iron"].notna().to_numpy()
    less = (alone(model, frame[:20], "blood") - found.sum(axis=1).to_numpy())[has]
    assert np.ptp(less) < 1e-9 and (found["kind"][has].abs() > 0).any()


def test_a_linear_encoder_earns_in_proportion_to_coefficients_times_distances_from_the_mean():
    model = fitted(TabularEncoder())
    first = model.encoders_["signal"].members[:1]
    model.encoders_ = {**model.encoders_, "signal": EncoderEnsemble(first, model.prior_)}
    frame, _ = rows(20, 1)
    found = model.explain_features(frame, "signal").to_numpy()
    compared = model.examples_["signal"].inputs["signal"].numpy().mean(0)
    scales = np.array([column.scale for column in first[0].columns_])
    expected = first[0].coef_[0] / scales * (frame[NUMBERS["signal"]].to_numpy() - compared)
    ratio = found / expected
    np.testing.assert_allclose(ratio, np.repeat(ratio[:, :1], 3, axis=1), rtol=1e-6)
    assert (ratio > 0).all()


def test_an_asked_encoder_of_two_columns_earns_the_mean_over_both_orders():
    model, (frame, _) = fitted(GaussianNB()), rows(20, 1)
    frame = frame.dropna()
    model.examples_ = {"blood": model.examples_["blood"][:1]}
    start = model.examples_["blood"].inputs["blood"][0].numpy()
    both, first, second = frame, frame.assign(sugar=start[1]), frame.assign(iron=start[0])
    neither = first.assign(iron=start[0])
    said = {key: alone(model, each, "blood") for key, each in zip("bfsn", (both, first, second, neither), strict=True)}
    found = model.explain_features(frame, "blood", num_pairs=1)
    iron = (said["f"] - said["n"] + said["b"] - said["s"]) / 2
    np.testing.assert_allclose(found["iron"], iron, atol=1e-9)
    np.testing.assert_allclose(found["sugar"], said["b"] - said["n"] - iron, atol=1e-9)


def test_each_of_three_labels_is_explained_against_the_others():
    model, (frame, _) = fitted(GaussianNB(), num_classes=3), rows(20, 1, 3)
    for label in ("calm", "loud", "odd"):
        found = model.explain_features(frame, "signal", label, num_pairs=2)
        assert np.ptp(alone(model, frame, "signal", label) - found.sum(axis=1).to_numpy()) < 1e-9
    with pytest.raises(ValueError, match="target_state must name one of 3 states"):
        model.explain_features(frame, "signal")


def test_standard_errors_say_how_far_other_orders_lead_and_are_zero_of_integrals():
    frame, _ = rows(8, 1)
    found = model_of("asked").explain_features(frame, "signal", num_pairs=6)
    errors = model_of("asked").feature_standard_errors(frame, "signal", num_pairs=6)
    more = model_of("asked").explain_features(frame, "signal", num_pairs=40)
    scores = (found - more).to_numpy() / errors.to_numpy()
    assert 0.4 < np.sqrt(np.mean(scores**2)) < 1.8
    assert (model_of("linear").feature_standard_errors(frame, "signal") == 0).all(axis=None)
    assert (model_of("networks").feature_standard_errors(frame, "signal") == 0).all(axis=None)


def test_a_cell_that_a_plain_network_cannot_read_earns_nothing_and_spoils_nothing():
    frame, _ = rows(10, 1)
    gaps = frame.copy()
    gaps.loc["row3", "mid"] = np.nan
    whole, found = (model_of("networks").explain_features(each, "signal") for each in (frame, gaps))
    assert found.notna().all(axis=None) and found.loc["row3", "mid"] == 0
    assert (found.loc["row3", ["low", "high"]].abs() > 0).all()
    pd.testing.assert_frame_equal(found.drop("row3"), whole.drop("row3"))


def test_arrays_number_their_columns_and_single_values_bear_the_name_of_the_modality():
    draws = np.random.default_rng(0)
    X = {"a": draws.normal(size=(40, 2)), "b": draws.normal(size=40)}
    model = FusionClassifier(encoders=TabularEncoder(), structure=star, random_state=0)
    model.fit(X, X["a"][:, 0] + X["b"] + draws.normal(size=40) > 0)
    assert list(model.explain_features(X, "a").columns) == [0, 1]
    assert list(model.explain_features(X, "b").columns) == ["b"]


def test_a_modality_without_a_say_earns_zero():
    frame, y = rows(40)
    frame.loc[y == "loud", GROUPS["blood"]] = None
    with pytest.warns(UserWarning, match="says nothing"):
        model = FusionClassifier(NUMBERS, GaussianNB(), structure=star, random_state=0).fit(frame, y)
    assert (model.explain_features(frame, "blood") == 0).all(axis=None)


def test_the_other_population_changes_nothing_inside_a_modality():
    frame, _ = rows(10, 1)
    model = model_of("linear")
    moved = model.at_prevalence([0.1, 0.9]).explain_features(frame, "signal")
    pd.testing.assert_frame_equal(moved, model.explain_features(frame, "signal"), atol=1e-9)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"modality": "bloods"}, r"modality must be one of 'blood', 'signal'; got 'bloods' \(did you mean 'blood'"),
        ({"target_state": "quiet"}, "target_state must be one of 'calm', 'loud'; got 'quiet'"),
        ({"num_pairs": 0}, "num_pairs must be at least 1; got 0"),
    ],
)
def test_a_bad_argument_is_refused_by_name(changed, words):
    with pytest.raises(ValueError, match=words):
        model_of("linear").explain_features(rows(4)[0], **{"modality": "blood", **changed})
    with pytest.raises(ValueError, match="num_pairs must be at least 2; got 1"):
        model_of("linear").feature_standard_errors(rows(4)[0], "blood", num_pairs=1)
