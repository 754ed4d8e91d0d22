"""The default fusion: what it learns of redundancy, of effects across modalities, and what it says of new patterns."""

import warnings
from copy import copy
from functools import cache

import numpy as np
import pytest
import torch
from scipy.special import logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, ModalityBatch
from graphfuse.estimators import AveragedEncoder, TabularEncoder
from graphfuse.estimators.balanced_presence import balanced
from graphfuse.estimators.boosted_encoder import BoostedEncoder
from graphfuse.estimators.joint_expert import cross_fit_jointly, default_joint_encoder
from graphfuse.estimators.unseen import seen_parts, seen_together
from graphfuse.graph import star

NAN = np.nan


def normal_views(num_rows, seed=0, signals=(1.0, 1.0)):
    """Modalities of two columns, independent given the class, whose mean is the class times the signal."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, num_rows)
    X = {f"view{i}": y[:, None] * s + rng.normal(size=(num_rows, 2)) for i, s in enumerate(signals)}
    return X, y


def quick(**settings):
    return FusionClassifier(**{"encoders": LogisticRegression(), "random_state": 0, **settings})


def log_odds(classifier, X):
    found = classifier.predict_log_proba(X)
    return found[:, 1] - found[:, 0]


NUM_MANY = 2000


@cache
def fitted_on_many():
    """A classifier of two views, shared by tests, and its rows."""
    X, y = normal_views(NUM_MANY, seed=1)
    return quick().fit(X, y), X, y


# redundancy


@pytest.mark.parametrize("added", [pytest.param("noise", marks=pytest.mark.slow), "duplicate"])
def test_a_modality_of_noise_or_a_duplicate_moves_the_answers_little_after_refit(added):
    model, X, y = fitted_on_many()
    noise = np.random.default_rng(2).normal(size=(NUM_MANY, 2))
    more = {**X, "added": noise if added == "noise" else X["view0"]}
    before, after = log_odds(model, X), log_odds(quick().fit(more, y), more)
    assert np.abs(after - before).mean() < 0.05


def test_the_product_of_experts_would_count_a_duplicate_twice():
    model, X, y = fitted_on_many()
    experts = {name: LogisticRegression().fit(values, y).predict_proba(values)[:, 1] for name, values in X.items()}
    twice = logit(experts["view0"]) + logit(experts["view1"]) + logit(experts["view0"])
    assert np.abs(twice - log_odds(model, X)).mean() > 0.5


def test_independent_views_are_fused_as_bayes_rule_says():
    X, y = normal_views(2000, signals=(1.0, 0.7, 0.4))
    new, _ = normal_views(1000, seed=1, signals=(1.0, 0.7, 0.4))
    for i in range(3):
        new[f"view{i}"][i::4] = NAN
    by_bayes = sum(
        np.nan_to_num((values * signal - 0.5 * signal**2).sum(1), nan=0.0)
        for values, signal in zip(new.values(), (1.0, 0.7, 0.4), strict=True)
    )
    assert np.abs(log_odds(quick().fit(X, y), new) - by_bayes).mean() < 0.15


def test_correlated_experts_are_found_to_be_correlated():
    rng = np.random.default_rng(0)
    X, y = normal_views(3000)
    X["view1"] = X["view0"] + 0.3 * rng.normal(size=(3000, 2))
    names, found = quick().fit(X, y).correlations_
    assert names == ("view0", "view1")
    assert found[0, 1] > 0.4


def test_experts_of_several_kinds_read_one_modality_by_name():
    X, y = normal_views(300)
    experts = {"normal": GaussianNB(), "linear": LogisticRegression()}
    classifier = quick(encoders={"view0": experts, "view1": LogisticRegression()}).fit(X, y)
    assert classifier.sources_ == {"view0/linear": "view0", "view0/normal": "view0", "view1": "view1"}
    assert set(classifier.weights_) == set(classifier.sources_)
    nothing = {name: np.full((1, 2), NAN) for name in X}
    np.testing.assert_allclose(classifier.predict_proba(nothing), [classifier.prior_], atol=1e-12)


@pytest.mark.slow
def test_a_hundred_modalities_are_fused_near_bayes_rule():
    signals = (0.15,) * 100
    X, y = normal_views(1000, signals=signals)
    new, truth = normal_views(1000, seed=1, signals=signals)
    missing = np.random.default_rng(2).random((100, 1000)) < 0.3
    for hidden, values in zip(missing, new.values(), strict=True):
        values[hidden] = NAN
    by_bayes = sum(np.nan_to_num((values * 0.15 - 0.5 * 0.15**2).sum(1)) for values in new.values())
    found = quick(encoders=GaussianNB()).fit(X, y).predict_proba(new)
    assert log_loss(truth, found) < log_loss(truth, 1 / (1 + np.exp(-by_bayes))) + 0.08


# the choice


def test_the_structure_chosen_has_the_least_loss_on_held_out_rows():
    X, y = normal_views(200)
    classifier = quick().fit(X, y)
    assert set(classifier.losses_) > {"independent", "correlated"}
    assert classifier.losses_[classifier.structure_] == min(classifier.losses_.values())


def test_one_modality_needs_no_choice_but_for_its_experts():
    X, y = normal_views(200, signals=(1.0,))
    classifier = quick().fit(X, y)
    assert (classifier.structure_, classifier.losses_, classifier.joint_) == ("independent", {}, None)


def test_held_out_losses_of_a_class_of_one_row_are_finite():
    X, y = normal_views(60)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        classifier = quick().fit(X, [2, *y[1:]])
    assert all(np.isfinite(loss) for loss in classifier.losses_.values())


# the joint expert


def across(num_rows, seed=0):
    """Two modalities of which neither says anything alone."""
    rng = np.random.default_rng(seed)
    X = {name: rng.normal(size=(num_rows, 1)) for name in ("left", "right")}
    return X, (X["left"][:, 0] * X["right"][:, 0] > 0).astype(int)


@cache
def with_boosted_joint():
    return FusionClassifier(None, TabularEncoder(), joint_encoder=BoostedEncoder(), random_state=0).fit(*across(500))


def test_effects_across_modalities_are_seen_by_the_joint_expert_alone():
    X, y = across(500)
    new, truth = across(300, seed=1)
    settings = {"encoders": TabularEncoder(), "random_state": 0}
    joint = default_joint_encoder(num_classes=2)
    alone, joined = (FusionClassifier(joint_encoder=each, **settings).fit(X, y) for each in (None, joint))
    assert alone.joint_ is None and joined.joint_ is not None
    assert joined.structure_.endswith("joint expert")
    assert log_loss(truth, alone.predict_proba(new)) > 0.65
    assert log_loss(truth, joined.predict_proba(new)) < 0.35


def test_the_joint_expert_joins_where_held_out_rows_gain_more_than_a_standard_error():
    joined = with_boosted_joint()
    for model in (joined, clone(joined).fit(*normal_views(500))):
        gain, error = model.joint_improvement_
        assert (model.joint_ is not None) == (gain > error) == (model is joined)
        [beside] = [name for name in model.losses_ if "joint expert" in name]
        alone = beside.removesuffix(", with joint expert")
        assert gain == pytest.approx(model.losses_[alone] - model.losses_[beside], abs=1e-12) and error > 0


def test_the_joint_expert_is_silent_where_a_row_has_one_modality():
    classifier = with_boosted_joint()
    scores, speaks = classifier.joint_.scores(
        ModalityBatch({"left": [[1.0], [NAN], [1.0]], "right": [[NAN], [1.0], [2.0]]})
    )
    assert speaks.tolist() == [False, False, True]
    assert bool((scores[:2] == 0).all()) and bool((scores[2] != 0).any())


def test_the_joint_expert_learns_nothing_from_who_is_missing():
    """Values are noise; the class decides alone what is missing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 2000)
    present = {"a": rng.random(2000) < np.where(y == 1, 0.3, 0.9), "b": np.ones(2000, bool), "c": np.ones(2000, bool)}
    batch = ModalityBatch(
        {name: np.where(mask[:, None], rng.normal(size=(2000, 1)), NAN) for name, mask in present.items()}
    )
    subsets, generator = [dict(batch.present)], torch.Generator().manual_seed(0)
    scores, speaks, _ = cross_fit_jointly(default_joint_encoder(2), batch, y, subsets, 2, 5, generator)
    assert bool(speaks.all())
    assert (
        float((scores[..., 1] - scores[..., 0]).abs().mean()) < 0.15
    )  # an expert that reads the gaps says 1.5 and more


def test_the_fusion_learns_nothing_from_who_is_missing():
    X, y = normal_views(600, signals=(0.7, 0.7, 0.7))
    lacking = (y == 1) & (np.random.default_rng(1).random(600) < 0.7)  # seven in ten of one class, none of the other
    X |= {name: np.where(lacking[:, None], NAN, X[name]) for name in ("view1", "view2")}
    experts = {name: {"linear": LogisticRegression(), "bayes": GaussianNB()} for name in X}
    model = quick(encoders=experts, joint_encoder=None).fit(X, y)
    complete, classes = normal_views(4000, seed=2, signals=(0.7, 0.7, 0.7))
    assert abs(model.predict_proba(complete)[:, 1].mean() - classes.mean()) < 0.07


def test_balanced_masks_show_every_class_each_modality_alike():
    generator = torch.Generator().manual_seed(0)
    states = np.repeat([0, 1, 2], [3000, 3000, 3000])
    rates = np.array([[0.9, 0.5], [0.6, 0.5], [0.3, 0.5]])
    masks = (torch.rand(9000, 4, 2, generator=generator).numpy() < rates[states][:, None]).astype(bool)
    found = balanced(masks, states, 3, generator)
    assert not (found & ~masks).any()
    for k in range(3):
        np.testing.assert_allclose(found[states == k].mean(axis=(0, 1)), [0.3, 0.5], atol=0.03)


# patterns never seen


def never_both():
    X, y = normal_views(600, signals=(1.0, 1.0, 1.0))
    X["view0"][:300] = NAN
    X["view1"][300:] = NAN
    return X, y


@cache
def fitted_to_never_both():
    return quick().fit(*never_both())


def test_modalities_never_seen_together_get_a_warning_that_names_them_and_the_mean_of_the_parts():
    classifier = fitted_to_never_both()
    new, _ = normal_views(50, seed=1, signals=(1.0, 1.0, 1.0))
    with pytest.warns(
        UserWarning, match=r"50 of 50 rows have modalities that no row of fit had together \('view0', 'view1'\)"
    ):
        found = classifier.predict_proba(new)
    parts = [{name: values for name, values in new.items() if name != left} for left in ("view0", "view1")]
    expected = np.mean([classifier.predict_proba(part) for part in parts], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_patterns_that_were_seen_are_answered_without_a_warning():
    X, _ = never_both()
    classifier = fitted_to_never_both()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict_proba(X)


def test_the_mean_over_parts_is_less_sure_than_the_graph_would_be():
    classifier = copy(fitted_to_never_both())
    new = {f"view{i}": np.full((1, 2), 3.0) for i in range(3)}
    with pytest.warns(UserWarning, match="never|no row of fit"):
        widened = classifier.predict_proba(new)[0, 1]
    classifier.seen_together_ = np.ones((3, 3), dtype=bool)
    assert widened < classifier.predict_proba(new)[0, 1]


def test_parts_cover_a_pattern_with_modalities_seen_together():
    rng = np.random.default_rng(0)
    for _ in range(20):
        present = rng.random((6, 7)) < 0.4
        seen, mask = seen_together(present), rng.random(7) < 0.7
        parts = seen_parts(mask, seen)
        assert (np.any(parts, axis=0) == mask).all() if mask.any() else parts == []
        for part in parts:
            assert seen[np.ix_(part, part)].all()
            others = np.flatnonzero(mask & ~part)
            assert not any(seen[other][part].all() for other in others)  # nothing could join


# bad input


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"joint_encoder": "tree"}, ValueError, 'joint_encoder must be "default", None for none, or a classifier'),
        ({"joint_encoder": LogisticRegression}, TypeError, "joint_encoder must be a scikit-learn classifier"),
        (
            {"encoders": {"view0": {}}},
            ValueError,
            r"encoders\['view0'\] must be one classifier where structure is given, or",
        ),
        ({"encoders": {"view0": {"a": 1}}}, TypeError, r"encoders\['view0'\]\['a'\] must be a scikit-learn classifier"),
        (
            {"encoders": {"view0": {"a": GaussianNB()}}, "structure": star},
            ValueError,
            r"encoders\['view0'\] must be one classifier where structure is given",
        ),
    ],
    ids=[
        "a joint encoder's name",
        "a joint encoder's class",
        "no expert",
        "an expert that is none",
        "experts in a graph",
    ],
)
def test_what_no_expert_can_be_is_refused(settings, error, message):
    X, y = normal_views(40)
    with pytest.raises(error, match=message):
        FusionClassifier(**settings).fit(X, y)


@pytest.mark.parametrize("name", ["joint expert", "view0/linear"])
def test_a_modality_named_as_an_expert_is_refused_rather_than_overwritten(name):
    X, y = normal_views(40)
    X[name] = X.pop("view1")
    with pytest.raises(ValueError, match=f"names of modalities, of experts .*{name}"):
        FusionClassifier(encoders={"view0": {"linear": GaussianNB()}, name: GaussianNB()}).fit(X, y)


def test_a_view_that_leaks_the_label_is_followed_without_failing():
    X, y = normal_views(200)
    X["leak"] = y[:, None].astype(float)
    classifier = quick(encoders=TabularEncoder()).fit(X, y)
    assert classifier.score(X, y) == 1.0
    assert np.isfinite(classifier.predict_log_proba(X)).all()


def test_constant_and_doubled_columns_do_no_harm():
    X, y = normal_views(200)
    X["view1"] = np.column_stack([X["view1"], X["view1"], np.ones(200), np.full(200, NAN)])
    classifier = FusionClassifier(encoders=AveragedEncoder(random_state=0), joint_encoder=None, random_state=0).fit(
        X, y
    )
    assert classifier.score(X, y) > 0.75


# the row that is unlike all others


def test_no_class_is_less_likely_than_one_in_all_cases_at_its_frequency():
    X, y = normal_views(200, signals=(2.0, 2.0))
    far = {name: np.full((2, 2), 60.0) for name in X}
    model = quick().fit(X, y)
    found, least = model.predict_proba(far), model.prior_ / 201
    np.testing.assert_allclose(found[:, 0], least[0], rtol=1e-4)  # nothing but the share is left
    assert (model.predict_proba(X) >= least * (1 - 1e-12)).all()


def test_rows_of_one_group_are_one_case():
    X, y = normal_views(200, signals=(2.0, 2.0))
    groups = np.arange(200) // 10
    model = quick().fit(X, y, groups=groups)
    found = model.predict_proba({name: np.full((1, 2), 60.0) for name in X})
    np.testing.assert_allclose(found[:, 0], model.prior_[0] / 21, rtol=1e-6)
