"""Other prevalences and other edges of several targets, judged by listing all joint states and by fitting anew."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB

from graphfuse import JointFusionClassifier, ModalityBatch

EDGES = (("flu", "fever"), ("fever", "severity"))


def rows(seed=0, num_rows=60):
    """Two noisy modalities of a first label, a copy of it that errs one time in ten, and a label of three classes."""
    draw = np.random.default_rng(seed)
    flu = draw.integers(0, 2, num_rows)
    fever = np.where(draw.random(num_rows) < 0.1, 1 - flu, flu)
    X = {name: flu[:, None] + draw.normal(size=(num_rows, 2)) for name in ("blood", "image")}
    y = pd.DataFrame({"flu": flu, "fever": fever, "severity": draw.choice(["high", "low", "none"], num_rows)})
    return ModalityBatch(X), y


@cache
def fitted(edges=EDGES):
    settings = {"encoders": GaussianNB(), "joint_encoder": None, "random_state": 0}
    return JointFusionClassifier(edges=edges, **settings).fit(*rows())


@cache
def with_hierarchy():
    X, y = rows()
    y = pd.DataFrame({"viral": y["flu"] & y["fever"], "hepatitis": y["flu"]})
    return JointFusionClassifier(None, GaussianNB(), [], {"viral": "hepatitis"}, random_state=0).fit(X, y)


def listed_joint(model, X):
    """The probability of every joint state ``(rows, *num_classes)``."""
    scored, graph = model._scored(X), model.graph_
    tables = {name: table.detach() for name, table in model.model_.log_potentials(scored).items()}
    total = torch.zeros(len(scored), *graph.num_states.values(), dtype=torch.float64)
    for name, scope in graph.scopes.items():  # scopes are in the order of the variables
        shape = [size if each in scope else 1 for each, size in graph.num_states.items()]
        total = total + tables[name].reshape(-1, *shape)
    return total.flatten(1).softmax(1).reshape(total.shape).numpy()


def subsets_of(X):
    for kept in ([], ["blood"], ["blood", "image"]):
        yield X.keep({name: torch.full((len(X),), name in kept) for name in X.modalities})


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-11)


def test_one_prevalence_moves_the_joint_posterior_by_bayes_rule_and_leaves_the_others_given_the_target():
    model = fitted()
    old, new = model.predict_proba([{}])["flu"].to_numpy()[0], np.array([0.97, 0.03])
    moved = model.at_prevalence({"flu": {0: 0.97, 1: 0.03}})
    for X in subsets_of(rows(1, 4)[0]):
        joint, found = listed_joint(model, X), listed_joint(moved, X)
        expected = joint * (new / old)[:, None, None]
        close(found, expected / expected.sum((1, 2, 3), keepdims=True))
        for given in range(2):
            close(found[:, given] / found[:, given].sum((1, 2), keepdims=True),
                  joint[:, given] / joint[:, given].sum((1, 2), keepdims=True))  # fmt: skip


def test_of_several_prevalences_the_joint_prior_is_that_of_proportional_fitting_and_posteriors_follow_bayes_rule():
    model = fitted()
    new = {"flu": [0.9, 0.1], "severity": [0.1, 0.6, 0.3]}
    moved = model.at_prevalence(new)
    before = listed_joint(model, [{}])[0]
    prior = before.copy()
    for _ in range(200):
        prior *= (np.array(new["flu"]) / prior.sum((1, 2)))[:, None, None]
        prior *= np.array(new["severity"]) / prior.sum((0, 1))
    close(listed_joint(moved, [{}])[0], prior)
    marginals = moved.predict_proba([{}])
    for name, shares in new.items():
        close(marginals[name].to_numpy()[0], shares)
    for X in subsets_of(rows(1, 4)[0]):
        expected = listed_joint(model, X) * prior / before
        close(listed_joint(moved, X), expected / expected.sum((1, 2, 3), keepdims=True))


def test_prevalences_add_up_in_any_order_and_the_way_back_is_the_identity():
    model, X = fitted(), rows(1, 5)[0]
    flu, fever = {"flu": [0.9, 0.1]}, {"fever": [0.8, 0.2]}
    together = model.at_prevalence({**flu, **fever})
    for one_by_one in (model.at_prevalence(flu).at_prevalence(fever), model.at_prevalence(fever).at_prevalence(flu)):
        close(listed_joint(one_by_one, X), listed_joint(together, X))
    old = model.predict_proba([{}])
    back = together.at_prevalence({name: old[name].iloc[0] for name in ("flu", "fever")})
    close(listed_joint(back, X), listed_joint(model, X))


def test_a_child_stays_rarer_than_its_parent_at_every_prevalence():
    model = with_hierarchy()
    moved = model.at_prevalence({"viral": [0.9, 0.1], "hepatitis": [0.8, 0.2]})
    close(moved.predict_proba([{}]).to_numpy()[0], [0.9, 0.1, 0.8, 0.2])
    alone = model.at_prevalence({"viral": [0.05, 0.95]}).predict_proba([{}])
    assert alone["hepatitis", 1][0] > alone["viral", 1][0] > 0.94
    found = moved.predict_proba(rows(1, 40)[0])
    assert (found["viral", 1] <= found["hepatitis", 1] + 1e-12).all()
    with pytest.raises(ValueError, match=r"prevalence\['viral'\] must make 1 rarer than .*'hepatitis'\].*0.2"):
        model.at_prevalence({"viral": [0.8, 0.2], "hepatitis": [0.8, 0.2]})


@pytest.mark.parametrize(("required", "expected"), [([("fever", "flu")], EDGES[:1]), ([EDGES[1], EDGES[0]], EDGES)])
def test_required_edges_give_the_model_that_is_fitted_with_them(required, expected):
    model, X = fitted(()), rows(1, 6)[0]
    found = model.with_edges(required=required)
    assert sorted(found.edges_) == sorted(expected) and model.edges_ == []
    again = fitted(tuple(found.edges_))
    for shown in subsets_of(X):
        np.testing.assert_allclose(found.predict_proba(shown), again.predict_proba(shown), rtol=1e-9)
    pd.testing.assert_frame_equal(found.predict_joint(X), again.predict_joint(X))


def test_a_forbidden_edge_gives_the_model_that_is_fitted_without_it_and_the_other_edges_stay():
    model, X = fitted(), rows(1, 6)[0]
    found = model.with_edges(forbidden=[("severity", "fever"), ("flu", "severity")])
    assert found.edges_ == [("flu", "fever")] and model.edges_ == list(EDGES)
    np.testing.assert_allclose(found.predict_proba(X), fitted(EDGES[:1]).predict_proba(X), rtol=1e-9)
    joint = listed_joint(found, X)
    rest, severity = joint.sum(3), joint.sum((1, 2))
    close(joint, rest[..., None] * severity[:, None, None, :])


def test_learned_edges_can_be_forbidden_and_the_copy_names_its_edges():
    X, y = rows()
    model = JointFusionClassifier(encoders=GaussianNB(), joint_encoder=None, random_state=0).fit(X, y[["flu", "fever"]])
    assert model.edges_ == [("flu", "fever")]
    found = model.with_edges(forbidden=model.edges_)
    assert found.edges_ == [] == clone(found).edges and model.edges is None
    assert model.losses_ and not found.losses_
    given = np.exp(found.joint_log_likelihood([{}], pd.DataFrame({"flu": [1], "fever": [1]})))
    assert given == pytest.approx(found.predict_proba([{}]).xs(1, axis=1, level=1).prod(axis=1).to_numpy())


def test_no_expert_is_fitted_again_and_the_classifier_itself_stays():
    model, X = fitted(), rows(1, 6)[0]
    before = model.predict_proba(X)
    copies = [model.with_edges(forbidden=[EDGES[0]]), model.at_prevalence({"flu": [0.9, 0.1]})]
    for found in copies:
        assert found.experts_ is model.experts_
    pd.testing.assert_frame_equal(model.predict_proba(X), before)


def test_a_prevalence_that_was_set_stays_when_edges_change():
    moved = fitted().at_prevalence({"flu": [0.9, 0.1]}).with_edges(forbidden=[EDGES[0]])
    close(moved.predict_proba([{}])["flu"].to_numpy()[0], [0.9, 0.1])
    X = rows(1, 5)[0]
    expected = fitted().with_edges(forbidden=[EDGES[0]]).at_prevalence({"flu": [0.9, 0.1]})
    np.testing.assert_allclose(moved.predict_proba(X), expected.predict_proba(X), rtol=1e-9)
    assert clone(moved).fit(*rows())._prevalences == {}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"required": [("flu", "rash")]}, ValueError, "each target in required must be one of .* got 'rash'"),
        ({"forbidden": [("fevr", "flu")]}, ValueError, "each target in forbidden .* got 'fevr' .did you mean 'fever'"),
        ({"required": [("flu", "flu")]}, ValueError, "each pair in required must join two targets"),
        ({"required": ["flu"]}, TypeError, "required must be a sequence of pairs of targets; got 'flu'"),
        ({"forbidden": "flu"}, TypeError, "forbidden must be a sequence of pairs of targets; got 'flu'"),
        (
            {"required": [("flu", "fever")], "forbidden": [("fever", "flu")]},
            ValueError,
            r"forbidden must hold no pair that is required; got \('flu', 'fever'\)",
        ),
    ],
)
def test_edges_that_do_not_fit_are_refused_by_name(settings, error, message):
    with pytest.raises(error, match=message):
        fitted().with_edges(**settings)


def test_an_edge_of_the_hierarchy_cannot_be_forbidden():
    with pytest.raises(ValueError, match=r"forbidden must hold no pair that hierarchy joins; got .*'hepatitis'"):
        with_hierarchy().with_edges(forbidden=[("hepatitis", "viral")])


@pytest.mark.parametrize(
    ("prevalence", "error", "message"),
    [
        ({"rash": [0.5, 0.5]}, ValueError, "each target in prevalence must be one of .* got 'rash'"),
        ({"flu": {0: 0.5, 2: 0.5}}, ValueError, r"each class in prevalence\['flu'\] must be one of 0, 1; got 2"),
        ({"flu": [0.5, 0.6]}, ValueError, r"prevalence\['flu'\] must sum to 1; got a sum of 1.1"),
        ({"flu": 0.5}, TypeError, r"prevalence\['flu'\] must be a mapping from classes, or an array .* got 0.5"),
        ([0.5, 0.5], TypeError, "prevalence must be a mapping from targets .*; got list"),
    ],
)
def test_prevalences_that_do_not_fit_are_refused_by_target(prevalence, error, message):
    with pytest.raises(error, match=message):
        fitted().at_prevalence(prevalence)
