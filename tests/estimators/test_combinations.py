"""Combinations of labels as one more variable: answers are those of enumeration, and of the frequencies of rows."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.naive_bayes import GaussianNB

from graphfuse import Enumeration, JointFusionClassifier, ModalityBatch, decode, infer
from graphfuse.estimators.combinations import COMBINATION, shared_combinations
from tests.joint_states import assert_answers_are_those_of_listing_every_joint_state

TARGETS = ["flu", "fever", "cough"]
EDGES = (("flu", "fever"),)
SETTINGS = {"encoders": GaussianNB(), "joint_encoder": None, "random_state": 0}


def rows(seed=0, num_rows=120):
    """Three labels of which an even number is on in nine rows of ten: no pair of them depends on each other."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 2, (num_rows, 2))
    odd = draw.random(num_rows) < 0.1
    y = pd.DataFrame(np.c_[labels, labels.sum(1) % 2 ^ odd], columns=TARGETS)
    X = {
        name: y[target].to_numpy()[:, None] + draw.normal(size=(num_rows, 2))
        for name, target in (("blood", "flu"), ("image", "fever"))
    }
    return ModalityBatch(X), y


@cache
def fitted(**settings):
    return JointFusionClassifier(**{"edges": EDGES, "combinations": True, **SETTINGS, **settings}).fit(*rows())


@pytest.mark.parametrize("kept", [[], ["blood"], ["blood", "image"]], ids=str)
def test_marginals_and_the_best_joint_labels_are_those_of_listing_every_joint_state(kept):
    model = fitted()
    X = rows(1, 30)[0].keep({name: torch.full((30,), name in kept) for name in ("blood", "image")})
    assert_answers_are_those_of_listing_every_joint_state(model, X)


def test_the_graph_with_its_latent_variable_gives_what_enumeration_gives():
    model, X = fitted(), rows(1, 12)[0]
    tables = model.model_.log_potentials(model._scored(X))
    expected = infer(model.graph_, tables, method=Enumeration())
    assert COMBINATION in model.graph_.variable_names
    for target in model.targets_:
        found = model.predict_proba(X)[target].to_numpy()
        np.testing.assert_allclose(found, expected.marginal(target).detach().numpy(), atol=1e-9)


def test_they_learn_what_no_edge_can():
    X, y = rows(2, 600)
    assert (
        fitted().joint_log_likelihood(X, y).mean() > fitted(combinations=False).joint_log_likelihood(X, y).mean() + 0.2
    )


def test_a_row_without_modalities_gets_the_joint_frequencies():
    y = rows()[1]
    for labels, count in y.groupby(TARGETS).size().items():
        found = fitted().joint_log_likelihood([{}], pd.DataFrame([labels], columns=TARGETS))
        assert abs(np.exp(found[0]) - count / len(y)) < 0.03


def test_they_are_taken_where_they_make_held_out_rows_more_likely_and_left_out_where_not():
    taken = fitted(edges=None, combinations=None)
    name = f"{len(taken.edges_)} edges"
    assert len(taken.combinations_) and taken.losses_[f"{name} and combinations"] < taken.losses_[name] - 0.1
    X, y = rows()
    draw = np.random.default_rng(0)
    alone = pd.DataFrame({name: draw.permutation(y[name]) for name in y})
    left = JointFusionClassifier(**SETTINGS).fit(X[:60], alone[:60])
    name = f"{len(left.edges_)} edges"
    assert not len(left.combinations_) and left.losses_[f"{name} and combinations"] >= left.losses_[name]
    assert COMBINATION not in left.graph_.variable_names


def test_given_edges_stay_alone_unless_combinations_are_asked_for():
    assert not len(fitted(combinations=None).combinations_)
    assert list(fitted().combinations_) == TARGETS


def test_other_edges_and_prevalences_keep_the_combinations():
    model, X = fitted(), rows(1, 20)[0]
    found = model.with_edges(required=[("fever", "cough")])
    again = fitted(edges=(*EDGES, ("fever", "cough")))
    np.testing.assert_allclose(found.predict_proba(X), again.predict_proba(X), rtol=1e-9)
    rare = model.at_prevalence({"flu": [0.9, 0.1]})
    assert rare.predict_proba([{}])["flu", 1][0] == pytest.approx(0.1)
    labels = [pd.DataFrame({"flu": [flu] * 20, "fever": [1] * 20, "cough": [0] * 20}) for flu in (1, 0)]
    found = [[each.joint_log_likelihood(X, y) for y in labels] for each in (rare, model)]
    log_odds = [ill - well for ill, well in found]
    shift = log_odds[0] - log_odds[1]
    np.testing.assert_allclose(shift, shift[0], atol=1e-9)  # alike in every row: by Bayes' rule


def test_only_rows_that_know_all_labels_tell_of_combinations_and_the_rarest_are_the_others():
    labels = {"a": np.array([0, 0, 1, 1, 1, 0]), "b": np.array([0, 0, 1, 1, 1, -1]), "c": np.array([0, 0, 1, 1, 1, 0])}
    frequencies = dict.fromkeys(labels, np.array([0.5, 0.5]))
    assert shared_combinations(labels, frequencies) is None  # without the rarest there is but one
    labels = {name: np.append(states, [0, 1]) for name, states in labels.items()}
    labels["c"][-2:] = [1, 0]
    found = shared_combinations(labels, frequencies)
    assert found.states.tolist() == [[0, 0, 0], [1, 1, 1]] and found.of_rows.tolist() == [0, 0, 1, 1, 1, -1, 2, 2]
    np.testing.assert_allclose(found.log_ratios, np.log([2.5 / (7 / 8 + 0.5), 3.5 / (7 / 8 + 0.5)]))
    weighted = shared_combinations(labels, frequencies, np.array([4.0, 1, 1, 1, 1, 1, 1, 1]))
    np.testing.assert_allclose(weighted.log_ratios[0], np.log(5.5 / (10 / 8 + 0.5)))


def test_two_targets_have_no_combinations_for_an_edge_says_all():
    X, y = rows()
    model = JointFusionClassifier(**SETTINGS, edges=EDGES, combinations=True).fit(X, y[["flu", "fever"]])
    assert not len(model.combinations_) and list(model.combinations_) == ["flu", "fever"]


def test_what_is_neither_yes_nor_no_is_refused():
    with pytest.raises(TypeError, match="combinations must be True, False, or None to choose; got str"):
        JointFusionClassifier(combinations="all").fit(*rows())


def test_an_impossible_combination_is_never_the_answer():
    X, y = rows()
    y["cough"] = y["cough"] & y["flu"]
    model = JointFusionClassifier(**SETTINGS, edges=[], hierarchy={"cough": "flu"}, combinations=True).fit(X, y)
    new = rows(1, 40)[0]
    assert np.isneginf(model.joint_log_likelihood(new, pd.DataFrame({"cough": [1] * 40, "flu": [0] * 40}))).all()
    found = model.predict_joint(new)
    assert not ((found["cough"] == 1) & (found["flu"] == 0)).any()
    tables = model.model_.log_potentials(model._scored(new))
    best = decode(model.graph_, tables, method=model.model_.method)
    assert not ((best["cough"] == 1) & (best["flu"] == 0)).any()
