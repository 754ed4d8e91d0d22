"""Another prevalence moves a fitted classifier by Bayes' rule, under every subset of modalities, and nothing else."""

import pickle
from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, ModalityBatch, TabularEncoder, Variable, latent_class, star

NAMES = ("blood", "ecg", "image")
LABELS = {2: np.array(["ill", "well"]), 3: np.array(["high", "low", "none"])}


def rows(num_classes=2, frequencies=None, num_rows=150, seed=0):
    """Three noisy modalities of a class."""
    draw = np.random.default_rng(seed)
    states = draw.choice(num_classes, num_rows, p=frequencies)
    X = {name: states[:, None] + draw.normal(0, 1.2, (num_rows, 2)) for name in NAMES}
    return ModalityBatch(X), LABELS[num_classes][states]


def types(target, modalities):
    return latent_class(target, Variable("type", 3), modalities)


MODELS = {
    "correlated": {},
    "star": {"structure": star},
    "a hidden class": {"structure": types},
    "joint expert": {"joint_encoder": TabularEncoder()},
}


@cache
def fitted(kind="star", num_classes=2):
    settings = {"encoders": GaussianNB(), "joint_encoder": None, "random_state": 0, **MODELS[kind]}
    return FusionClassifier(**settings).fit(*rows(num_classes))


def by_bayes(probabilities, old, new):
    moved = probabilities * new / old
    return moved / moved.sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("kind", "num_classes"),
    [("correlated", 2), ("correlated", 3), ("star", 3), ("a hidden class", 2), ("joint expert", 2)],
)
def test_every_subset_of_modalities_gets_the_posterior_of_bayes_rule_with_the_new_prior(kind, num_classes):
    model, new = fitted(kind, num_classes), np.array([0.05, 0.95] if num_classes == 2 else [0.7, 0.1, 0.2])
    moved = model.at_prevalence(new)
    X = rows(num_classes, seed=1, num_rows=6)[0]
    for kept in product([False, True], repeat=3):
        shown = X.keep({name: torch.full((6,), keep) for name, keep in zip(NAMES, kept, strict=True)})
        expected = by_bayes(model.predict_proba(shown), model.prior_, new)
        np.testing.assert_allclose(moved.predict_proba(shown), expected, rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(moved.predict_proba([{}])[0], new)
    assert moved.prior_.tolist() == new.tolist()


def test_modalities_never_seen_together_get_the_mean_of_parts_that_each_moved():
    X, y = rows()
    half = torch.arange(len(X)) % 2 == 0
    X = X.keep({"ecg": half, "image": ~half})
    model = FusionClassifier(encoders=GaussianNB(), joint_encoder=None, random_state=0).fit(X, y)
    moved, new = model.at_prevalence({"well": 0.8, "ill": 0.2}), rows(seed=1, num_rows=5)[0]
    parts = [new.keep({name: torch.zeros(5, dtype=torch.bool)}) for name in ("image", "ecg")]
    expected = np.mean([by_bayes(model.predict_proba(part), model.prior_, [0.2, 0.8]) for part in parts], axis=0)
    with pytest.warns(UserWarning, match="no row of fit had together"):
        np.testing.assert_allclose(moved.predict_proba(new), expected, rtol=1e-9)


def test_a_fit_whose_weights_carry_the_prevalence_answers_nearly_the_same():
    X, y = rows(num_rows=1500)
    model = FusionClassifier(encoders=GaussianNB(), structure=star, random_state=0).fit(X, y)
    new = {"ill": 0.2, "well": 0.8}
    ratio = np.array([new[label] for label in y]) / np.where(y == "ill", *model.prior_)
    again = clone(model).fit(X, y, sample_weight=ratio)
    held = rows(num_rows=400, seed=1)[0]
    moved, refitted = model.at_prevalence(new).predict_proba(held), again.predict_proba(held)
    np.testing.assert_allclose(again.prior_, [0.2, 0.8], atol=1e-9)
    assert np.abs(moved - refitted).mean() < 0.01 < 0.1 < np.abs(moved - model.predict_proba(held)).mean()


def test_new_rows_of_the_other_population_are_more_likely_at_its_prevalence():
    X, y = rows(frequencies=[0.05, 0.95], num_rows=1000, seed=2)
    model = fitted()
    states = (y == "well").astype(int)
    before, after = (each.predict_log_proba(X) for each in (model, model.at_prevalence([0.05, 0.95])))
    assert after[np.arange(1000), states].mean() > before[np.arange(1000), states].mean() + 0.1


def test_the_way_back_to_the_prior_is_the_identity():
    model, X = fitted("correlated"), rows(seed=1)[0]
    back = model.at_prevalence([0.01, 0.99]).at_prevalence(model.prior_)
    np.testing.assert_allclose(back.predict_log_proba(X), model.predict_log_proba(X), atol=1e-10)
    np.testing.assert_allclose(back.reference_.weights, model.reference_.weights)
    pd.testing.assert_frame_equal(back.conflict(X), model.conflict(X))


def test_the_classifier_itself_stays_and_shares_its_encoders_with_the_copy():
    model, X = fitted("correlated"), rows(seed=1)[0]
    before = model.predict_log_proba(X)
    moved = model.at_prevalence([0.01, 0.99])
    np.testing.assert_array_equal(model.predict_log_proba(X), before)
    assert moved.encoders_ is model.encoders_ and moved.reference_.batch is model.reference_.batch
    potentials = zip(moved.model_.potential_of.items(), model.model_.potential_of.values(), strict=True)
    assert [name for (name, new), old in potentials if new is not old] == ["prior"]


def test_of_two_classes_the_prior_alone_moves_in_what_is_explained():
    model, X = fitted("correlated"), rows(seed=1, num_rows=20)[0].keep({"ecg": torch.arange(20) > 9})
    moved = model.at_prevalence([0.1, 0.9])
    shift = np.log(0.9 / 0.1) - np.log(model.prior_[1] / model.prior_[0])
    for effects in ("shapley", "alone", "removal"):
        before, after = (each.explain(X, effects=effects) for each in (model, moved))
        expected = before.assign(prior=before["prior"] + shift)
        pd.testing.assert_frame_equal(after, expected, atol=1e-9)
    decisions = moved.counterfactual(X)["decision"]
    assert decisions.tolist() == moved.predict(X).tolist()


def test_rows_of_the_other_population_without_conflict_keep_the_promise_of_the_p_value():
    moved = fitted().at_prevalence([0.1, 0.9])
    reference = moved.reference_
    shares = np.bincount(reference.states, reference.weights) / reference.weights.sum()
    np.testing.assert_allclose(shares, [0.1, 0.9])
    found = moved.conflict(rows(frequencies=[0.1, 0.9], num_rows=2000, seed=3)[0])["p_value"]
    assert 0.02 < (found <= 0.05).mean() < 0.08
    assert 0.42 < (found <= 0.5).mean() < 0.58


def test_the_next_modality_is_worth_the_information_that_the_new_posterior_expects():
    moved = fitted().at_prevalence([0.02, 0.98])
    row = rows(seed=1, num_rows=1)[0].keep({"blood": torch.tensor([False]), "image": torch.tensor([False])})
    now, reference = moved.predict_log_proba(row)[0], moved.reference_
    _, scored = moved._scored(row)
    num_rows = len(reference)
    shown = scored[np.zeros(num_rows, dtype=int)]
    read = {**shown.inputs, "blood": reference.batch.inputs["blood"]}
    present = {**shown.present, "blood": torch.ones(num_rows, dtype=torch.bool)}
    after = moved.model_(ModalityBatch(read, present))["target"].detach().numpy()
    chance = np.exp(now)[reference.states] / np.bincount(reference.states)[reference.states]
    expected = (chance * (np.exp(after) * (after - now)).sum(1)).sum()
    assert moved.next_modality(row)["blood"][0] == pytest.approx(expected, rel=1e-9)


def test_a_series_is_read_by_its_labels_and_a_list_by_their_order():
    model = fitted()
    shares = pd.Series({"well": 0.7, "ill": 0.3})  # the order of value_counts, not that of classes_
    for prevalence in (shares, [0.3, 0.7], np.array([0.3, 0.7]), torch.tensor([0.3, 0.7], dtype=torch.float64)):
        np.testing.assert_allclose(model.at_prevalence(prevalence).prior_, [0.3, 0.7])


def test_a_copy_is_pickled_cloned_and_fitted_as_any_other():
    moved, X = fitted().at_prevalence([0.1, 0.9]), rows(seed=1)[0]
    again = pickle.loads(pickle.dumps(moved))
    np.testing.assert_array_equal(again.predict_proba(X), moved.predict_proba(X))
    assert not hasattr(clone(moved), "prior_")
    np.testing.assert_allclose(again.fit(*rows()).prior_, fitted().prior_)


@pytest.mark.parametrize(
    ("prevalence", "error", "message"),
    [
        ({"ill": 0.1}, ValueError, "prevalence must hold every class; got none for 'well'"),
        ({"ill": 0.1, "wel": 0.9}, ValueError, r"each class in prevalence .* got 'wel' .did you mean 'well'"),
        ({"ill": 0.0, "well": 1.0}, ValueError, r"prevalence\['ill'\] must be above 0; got 0"),
        ({"ill": -0.1, "well": 1.1}, ValueError, r"prevalence\['ill'\] must be above 0; got -0.1"),
        ({"ill": 0.1, "well": 0.8}, ValueError, r"prevalence must sum to 1; got a sum of 0.9"),
        ({"ill": "0.1", "well": 0.9}, TypeError, r"prevalence\['ill'\] must be a number; got '0.1'"),
        ([0.1, np.nan], ValueError, r"prevalence\[1\] must be above 0; got nan"),
        ([0.2, 0.3, 0.5], ValueError, r"prevalence must be a mapping .*; got shape \(3,\)"),
        (0.1, TypeError, "prevalence must be a mapping from classes, or an array .* got 0.1"),
        ("ill", TypeError, "prevalence must be a mapping"),
    ],
)
def test_what_is_no_prevalence_is_refused_by_class(prevalence, error, message):
    with pytest.raises(error, match=message):
        fitted().at_prevalence(prevalence)


def test_a_classifier_that_is_not_fitted_has_no_prevalence():
    with pytest.raises(NotFittedError):
        FusionClassifier().at_prevalence([0.1, 0.9])
