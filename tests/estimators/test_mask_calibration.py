"""Calibration by mask in the classifier: every answer and every ledger sees it, and without it nothing changes."""

import pickle
import warnings
from copy import copy
from functools import cache, partial

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from graphfuse import FusionClassifier, ModalityBatch, drop_modalities
from graphfuse.explanations.subset_answers import GraphAnswers, ModelAnswers
from graphfuse.fusion import GraphFusion
from graphfuse.fusion.tempered import TemperedPotential, with_temperatures
from graphfuse.graph import Factor, FactorGraph, Variable, latent_class, star
from graphfuse.learning import PooledTemperatures
from graphfuse.potentials import ScorePotential, TablePotential

NAN = np.nan
EXPERTS = {"linear": LogisticRegression(), "strong": LogisticRegression(C=100.0)}
BOTH = dict.fromkeys(("ecg", "echo", "blood"), EXPERTS)


def rows(num_rows=90, num_classes=2, seed=0):
    """Three modalities, a third of which are missing, with an effect across two of them, and classes."""
    draws = np.random.default_rng(seed)
    states = draws.integers(0, num_classes, num_rows)
    inputs = {name: draws.normal(size=(num_rows, 3)) + 0.8 * states[:, None] for name in ("ecg", "echo", "blood")}
    inputs["echo"][:, 0] *= np.sign(inputs["ecg"][:, 0])
    batch = ModalityBatch({name: torch.from_numpy(each) for name, each in inputs.items()})
    return drop_modalities(batch, 0.3, torch.Generator().manual_seed(seed)), states


GIVEN = {
    "several experts": {},
    "one expert a modality": {"encoders": LogisticRegression(), "joint_encoder": None},
    "a star": {"encoders": LogisticRegression(), "structure": star},
}
structures = pytest.mark.parametrize("kind", GIVEN)


def fitted(kind="several experts", num_classes=2, calibration="masks"):
    """A classifier, shared by tests, and its rows."""
    return _fitted(kind, num_classes, calibration)


@cache
def _fitted(kind, num_classes, calibration):
    batch, states = rows(num_classes=num_classes)
    chosen = {"encoders": BOTH, "joint_encoder": LogisticRegression(), "random_state": 0, **GIVEN[kind]}
    return FusionClassifier(calibration=calibration, **chosen).fit(batch, states), batch


def log_odds(log_probs, state):
    return log_probs[:, state] - np.logaddexp.reduce(np.delete(log_probs, state, 1), 1)


@pytest.mark.parametrize(("kind", "num_classes"), [("several experts", 2), ("one expert a modality", 3), ("a star", 2)])
def test_ledgers_sum_to_the_log_odds_of_the_calibrated_answer(kind, num_classes):
    classifier, batch = fitted(kind, num_classes)
    log_probs = classifier.predict_log_proba(batch)
    for effects in ("shapley", "alone", "removal"):
        ledger = classifier.explain(batch, target_state=1, effects=effects)
        np.testing.assert_allclose(ledger.sum(axis=1), log_odds(log_probs, 1), atol=1e-8)


@structures
def test_answers_are_those_without_calibration_at_the_temperature_of_the_mask(kind):
    plain, batch = fitted(kind, calibration=None)
    classifier, _ = fitted(kind)
    masks = np.stack([batch.present[name].numpy() for name in ("blood", "ecg", "echo")], 1)
    temperatures = classifier.calibration_.temperatures(masks)
    assert np.ptp(temperatures) > 1e-4 and plain.calibration_ is None
    share = 0.0 if kind == "a star" else 1 / (len(batch) + 1)
    added = []
    for each in (plain, classifier):
        alone = (each.predict_proba(batch) - share * each.prior_) / (1 - share)
        added.append(np.diff(np.log(alone) - np.log(each.prior_))[:, 0])
    np.testing.assert_allclose(added[1] * temperatures, added[0], rtol=1e-6, atol=1e-9)


def test_all_else_is_fitted_as_without_calibration():
    (plain, batch), (classifier, _) = fitted(calibration=None), fitted()
    assert (plain.structure_, plain.losses_, plain.weights_) == (
        classifier.structure_,
        classifier.losses_,
        classifier.weights_,
    )
    cold = copy(classifier)
    cold.model_ = with_temperatures(classifier.model_, classifier.sources_, lambda masks: np.ones(len(masks)))
    np.testing.assert_array_equal(cold.predict_proba(batch), plain.predict_proba(batch))


def test_a_row_without_modalities_keeps_the_class_frequencies():
    classifier, _ = fitted("one expert a modality", 3)
    np.testing.assert_allclose(classifier.predict_proba([{}]), [classifier.prior_])


def test_at_another_prevalence_log_odds_move_by_the_prior_alone():
    classifier, batch = fitted()
    elsewhere = classifier.at_prevalence([0.9, 0.1])
    moved = np.diff(elsewhere.predict_log_proba(batch) - classifier.predict_log_proba(batch))[:, 0]
    np.testing.assert_allclose(moved, np.diff(np.log([0.9, 0.1]) - np.log(classifier.prior_))[0])
    ledger, before = elsewhere.explain(batch), classifier.explain(batch)
    np.testing.assert_allclose(ledger.sum(axis=1), np.diff(elsewhere.predict_log_proba(batch))[:, 0], atol=1e-8)
    np.testing.assert_allclose(ledger.drop(columns="prior"), before.drop(columns="prior"), atol=1e-8)


def test_what_to_read_next_begins_with_calibrated_answers():
    classifier, _ = fitted("one expert a modality")
    hot = copy(classifier)
    hot.model_ = with_temperatures(hot.model_, hot.sources_, lambda masks: np.full(len(masks), 50.0))
    worth, less = (each.next_modality([{"ecg": np.ones(3)}])["echo"][0] for each in (classifier, hot))
    assert worth > 10 * abs(less)


def test_the_order_of_modalities_changes_nothing():
    classifier, batch = fitted("a star")
    states = rows()[1]
    turned = clone(classifier).fit(batch.select(["echo", "blood", "ecg"]), states)
    np.testing.assert_allclose(turned.predict_proba(batch), classifier.predict_proba(batch), atol=1e-6)


def test_a_set_of_modalities_that_calibration_did_not_meet_is_answered_with_a_warning():
    X, y = {name: np.random.default_rng(i).normal(size=(90, 2)) for i, name in enumerate("abc")}, np.arange(90) % 2
    for i, name in enumerate("abc"):  # any two are seen together, all three never
        X[name][i::3] = NAN
    classifier = FusionClassifier(encoders=LogisticRegression(), structure=star, calibration="masks", random_state=0)
    classifier.fit(X, y)
    whole = {name: np.ones((2, 2)) for name in "abc"}
    with pytest.warns(UserWarning, match="2 of 2 rows have sets of modalities that calibration did not meet"):
        found = classifier.predict_proba(whole)
    np.testing.assert_allclose(found.sum(1), 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier.predict_proba({"a": np.ones((2, 2)), "b": np.ones((2, 2))})


def test_parts_never_seen_together_have_temperatures_of_their_own():
    draws, y = np.random.default_rng(0), np.arange(120) % 2
    X = {name: draws.normal(size=(120, 2)) + y[:, None] for name in "ab"}
    X["a"][:60], X["b"][60:] = NAN, NAN
    classifier = FusionClassifier(encoders=LogisticRegression(), structure=star, calibration="masks", random_state=0)
    classifier.fit(X, y)
    both = {name: draws.normal(size=(5, 2)) for name in "ab"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        log_probs = classifier.predict_log_proba(both)
        parts = [classifier.predict_proba({name: both[name]}) for name in "ab"]
        ledger = classifier.explain(both)
    np.testing.assert_allclose(np.exp(log_probs), np.mean(parts, axis=0))
    np.testing.assert_allclose(ledger.sum(axis=1), np.diff(log_probs)[:, 0], atol=1e-8)


def test_settings_are_taken_and_a_fitted_classifier_is_pickled():
    one, batch = fitted("a star", calibration=PooledTemperatures(spreads=(0.0,)))
    masks = np.eye(3, dtype=bool)
    assert np.ptp(one.calibration_.temperatures(masks)) < 1e-12
    assert clone(one).get_params()["calibration"] == PooledTemperatures(spreads=(0.0,))
    again = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(again.predict_proba(batch), one.predict_proba(batch))


def test_weights_and_groups_reach_the_calibration():
    batch, states = rows()
    weights = np.where(np.arange(len(states)) < 45, 1.0, 3.0)
    plain = {"encoders": LogisticRegression(), "structure": star, "calibration": "masks", "random_state": 0}
    first, second, third = (
        FusionClassifier(**plain).fit(batch, states, **each)
        for each in ({}, {"sample_weight": weights}, {"groups": np.arange(len(states)) // 2})
    )
    masks = np.eye(3, dtype=bool)
    found = [each.calibration_.temperatures(masks)[0] for each in (first, second, third)]
    assert len(set(found)) == 3


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"calibration": "temperature"}, ValueError, "calibration must be None, \"masks\", or Pool.*got 'temperature'"),
        ({"calibration": 1.5}, TypeError, r'calibration must be None, "masks", or PooledTemperatures; got 1\.5'),
        (
            {"calibration": "masks", "structure": partial(latent_class, Variable("kind", 3))},
            ValueError,
            "calibration must be None where structure has variables beside 'target'",
        ),
    ],
)
def test_what_cannot_calibrate_is_refused(given, error, message):
    batch, states = rows(40)
    with pytest.raises(error, match=message):
        FusionClassifier(encoders=LogisticRegression(), **given).fit(batch, states)


def test_tempered_factors_are_answered_alike_by_every_way_to_explain():
    classifier, batch = fitted()
    scored = classifier._encode(batch)
    patterns, which = np.unique(np.stack([m.numpy() for m in scored.present.values()], 1), axis=0, return_inverse=True)
    mine = np.flatnonzero(which.reshape(-1) == len(patterns) - 1)
    kept = patterns[-1] & (np.random.default_rng(0).random((6, len(patterns[-1]))) < 0.6)
    fast = GraphAnswers(classifier.model_, scored, "target").log_probs(mine, kept)
    slow = ModelAnswers(classifier.model_, scored, "target").log_probs(mine, kept)
    torch.testing.assert_close(fast, slow)


def test_a_constant_table_has_no_temperature():
    with pytest.raises(TypeError, match="inner must read a source; got a constant table"):
        TemperedPotential(TablePotential(torch.zeros(2)), ["ecg"], {"ecg": "ecg"}, lambda masks: np.ones(len(masks)))
    with pytest.raises(ValueError, match="each source that inner reads must be one of 'echo'; got 'ecg'"):
        TemperedPotential(ScorePotential(2, "ecg"), ["echo"], {"echo": "echo"}, lambda masks: np.ones(len(masks)))


def test_temperatures_are_refused_where_sources_speak_of_several_variables():
    graph = FactorGraph(
        [Variable("ill", 2), Variable("old", 2)],
        [Factor("ecg", ("ill",)), Factor("age", ("old",)), Factor("tie", ("ill", "old"))],
    )
    potentials = {
        "ecg": ScorePotential(2, "ecg"),
        "age": ScorePotential(2, "age"),
        "tie": TablePotential(torch.zeros(2, 2)),
    }
    with pytest.raises(ValueError, match="model must have all sources speak of one variable alone"):
        with_temperatures(GraphFusion(graph, potentials, ["ill"]), {"ecg": "ecg"}, lambda masks: np.ones(len(masks)))
