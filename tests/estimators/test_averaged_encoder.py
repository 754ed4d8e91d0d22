"""The averaged encoder: its parts, its weights, and what it makes of tables that only some of its members suit."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from graphfuse.estimators import AveragedEncoder, KernelEncoder, LateFusionClassifier, TabularEncoder
from graphfuse.estimators.averaged_encoder import mixture_weights
from graphfuse.estimators.boosted_encoder import BoostedEncoder
from graphfuse.estimators.experts import default_experts
from graphfuse.learning.folds import stratified_folds

MEMBERS = {"linear": TabularEncoder(), "bayes": GaussianNB()}


def table(kind: str, num_rows: int = 200, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two classes that a line, a product of signs, or a threshold tells apart, with noise."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(num_rows, 4))
    scores = {
        "linear": X[:, 0] + X[:, 1],
        "xor": 2 * np.sign(X[:, 0] * X[:, 1]),
        "steps": 3.0 * (np.floor(2 * X[:, 0]) % 2) - 1.5,
    }
    return X, (draws.random(num_rows) < 1 / (1 + np.exp(-2 * scores[kind]))).astype(int)


@cache
def fitted(kind: str) -> AveragedEncoder:
    return AveragedEncoder(random_state=0).fit(*table(kind))


@pytest.mark.parametrize("kind", ["linear", "xor", "steps"])
def test_it_beats_every_member_or_is_within_five_hundredths_of_a_nat(kind):
    X, y = table(kind)
    new, truth = table(kind, 2000, seed=1)
    encoder = fitted(kind)
    alone = [TabularEncoder(), KernelEncoder(random_state=0), BoostedEncoder(random_state=0)]
    losses = [log_loss(truth, member.fit(X, y).predict_proba(new)) for member in alone]
    found = log_loss(truth, encoder.predict_proba(new))
    assert found < min(losses) + 0.05
    assert found < losses[0] + 0.01


def test_the_answer_is_the_weighted_sum_of_its_members():
    X, _ = table("linear")
    encoder = fitted("linear")
    assert list(encoder.members_) == list(encoder.weights_) == ["linear", "kernel", "boosted"]
    assert sum(encoder.weights_.values()) == pytest.approx(1.0)
    expected = sum(weight * encoder.members_[name].predict_proba(X) for name, weight in encoder.weights_.items())
    np.testing.assert_allclose(encoder.predict_proba(X), expected, atol=1e-12)
    np.testing.assert_array_equal(encoder.predict(X), encoder.classes_[expected.argmax(1)])


def test_the_weights_are_the_optimum_of_a_general_solver():
    likelihoods = np.random.default_rng(0).random((40, 3)) * [1.0, 0.9, 0.5]

    def objective(free):
        weights = np.exp(free) / np.exp(free).sum()
        return -np.log(likelihoods @ weights).sum() - 10 / 3 * np.log(weights).sum()

    expected = np.exp(minimize(objective, np.zeros(3), tol=1e-10).x)
    np.testing.assert_allclose(mixture_weights(likelihoods, 10.0), expected / expected.sum(), atol=1e-3)


def test_few_rows_leave_the_weights_equal_and_many_do_not():
    likelihoods = np.array([[0.9, 0.3]])
    weights = [mixture_weights(np.repeat(likelihoods, n, axis=0), 20.0)[0] for n in (0, 1, 1000)]
    assert weights[0] == 0.5 < weights[1] < 0.55 and weights[2] > 0.98


def test_members_that_are_given_are_weighed_by_rows_that_they_were_not_fitted_on():
    X, y = table("linear", 90)
    members = {"logistic": LogisticRegression(), "bayes": GaussianNB()}
    encoder = AveragedEncoder(members, num_folds=3, random_state=0).fit(X, y)
    seed = np.random.RandomState(0).randint(2**31 - 1)
    fold = stratified_folds(y, 3, seed)
    known = np.empty((90, 2))
    for k in range(3):
        for j, member in enumerate(members.values()):
            held = clone(member).fit(X[fold != k], y[fold != k]).predict_proba(X[fold == k])
            known[fold == k, j] = held[np.arange(len(held)), y[fold == k]]
    np.testing.assert_allclose(list(encoder.weights_.values()), mixture_weights(known, 20.0), atol=1e-9)
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(encoder.members_["logistic"].predict_proba(X), expected)


def test_the_linear_member_is_the_tabular_encoder_of_the_strength_that_it_chose():
    X, y = table("linear")
    found = AveragedEncoder({"linear": TabularEncoder()}, random_state=0).fit(X, y).members_["linear"]
    scaled = (X - X.mean(0)) / X.std(0)
    expected = LogisticRegression(C=found.C_, tol=1e-10).fit(scaled, y).predict_proba(scaled)
    np.testing.assert_allclose(found.predict_proba(X), expected, atol=1e-4)


def test_a_member_of_little_weight_is_left_out():
    X, y = table("xor", 600)
    assert "linear" not in AveragedEncoder(random_state=0).fit(X, y).weights_


class Refuses(ClassifierMixin, BaseEstimator):
    """A classifier that cannot be fitted."""

    def fit(self, X, y):
        raise ValueError("too few rows")

    def predict_proba(self, X):
        raise NotImplementedError


def test_a_member_that_cannot_be_fitted_falls_away_unless_it_is_the_only_one():
    X, y = table("linear", 60)
    encoder = AveragedEncoder({"first": Refuses(), "second": TabularEncoder()}, random_state=0).fit(X, y)
    assert encoder.weights_ == {"second": 1.0}
    with pytest.raises(ValueError, match="too few rows"):
        AveragedEncoder({"only": Refuses()}).fit(X, y)


@pytest.mark.parametrize(
    "num_rows, num_classes, num_columns, trees",
    [(10**6, 2, 64, True), (500, 10, 64, True), (501, 10, 4, False), (60, 2, 65, False)],
)
def test_trees_are_left_to_narrow_tables_of_few_classes(num_rows, num_classes, num_columns, trees):
    assert ("boosted" in default_experts((num_columns,), num_rows, num_classes)) == trees


def test_thresholds_that_tell_three_classes_are_seen_by_trees():
    X = np.random.default_rng(0).normal(size=(500, 4))
    y = (X[:, 0] > 0.5).astype(int) + (X[:, 2] > 0) * (X[:, 1] > -0.3)
    weights = AveragedEncoder(random_state=0).fit(X, y).weights_
    assert weights["boosted"] > 0.5


@pytest.mark.parametrize("num_rows", [4, 8, 19])
def test_few_rows_with_gaps_and_odd_columns_are_no_error(num_rows):
    draws = np.random.default_rng(0)
    X = draws.normal(size=(num_rows, 3))
    X[draws.random(X.shape) < 0.3] = np.nan
    X = np.column_stack([X, X[:, 0], np.ones(num_rows), np.full(num_rows, np.nan)])
    y = np.arange(num_rows) % 2
    found = AveragedEncoder(random_state=0).fit(X, y).predict_proba(X)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(1), 1.0)


@pytest.mark.parametrize("rare", [1, 2])
def test_a_class_of_one_or_two_rows_is_no_error(rare):
    X, y = table("linear", 60)
    y[:rare] = 2
    assert AveragedEncoder(random_state=0).fit(X, y).predict_proba(X).shape == (60, 3)


def test_rows_that_are_all_alone_in_their_class_weigh_members_equally():
    encoder = AveragedEncoder(random_state=0).fit(np.arange(3.0)[:, None], ["a", "b", "c"])
    np.testing.assert_allclose(list(encoder.weights_.values()), 1 / 3)


def test_text_and_categories_are_read_and_labels_keep_their_names():
    draws = np.random.default_rng(0)
    color = draws.choice(["red", "green", "blue"], 150)
    frame = pd.DataFrame({"color": pd.Categorical(color), "note": color, "size": draws.normal(size=150)})
    frame.loc[::7, ["note", "size"]] = None
    y = np.where(color == "red", "stop", "go")
    encoder = AveragedEncoder(random_state=0).fit(frame, y)
    assert (encoder.predict(frame) == y).all()
    assert np.isfinite(encoder.predict_proba(frame.assign(color="violet"))).all()


def test_a_seed_makes_it_repeatable_and_the_order_of_columns_does_not_matter():
    X, y = table("linear", 80)
    first, again = (AveragedEncoder(random_state=0).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    turned = AveragedEncoder(random_state=0).fit(X[:, ::-1], y).predict_proba(X[:, ::-1])
    np.testing.assert_allclose(first, turned, atol=0.01)


def test_it_serves_fusion_and_a_member_that_reads_no_gaps_falls_away():
    X, y = table("linear", 60)
    X[::3, 0] = np.nan
    groups = {"first": [0, 1], "second": [2, 3]}
    fusion = LateFusionClassifier(groups, encoders=AveragedEncoder(MEMBERS), random_state=0)
    assert list(AveragedEncoder(MEMBERS).fit(X, y).members_) == ["linear"]
    with pytest.raises(ValueError, match="NaN"):
        AveragedEncoder({"bayes": GaussianNB()}).fit(X, y)
    assert np.isfinite(fusion.fit(X, y).predict_proba(X)).all()


def test_bad_members_and_labels_of_one_class_are_refused():
    X, y = table("linear", 30)
    for members, kind, message in (
        (["linear"], TypeError, "members must be a mapping from names to classifiers, or None"),
        ({"a": "linear"}, TypeError, r"members\['a'\] must be a classifier with predict_proba, unfitted; got 'linear'"),
        ({"a": TabularEncoder}, TypeError, r"members\['a'\] must be a classifier"),
        ({}, ValueError, "members must hold at least one classifier; got none"),
    ):
        with pytest.raises(kind, match=message):
            AveragedEncoder(members).fit(X, y)
    with pytest.raises(ValueError, match="num_folds must"):
        AveragedEncoder(num_folds=1).fit(X, y)
    with pytest.raises(ValueError, match="y must have at least two classes; got 1"):
        AveragedEncoder().fit(X, np.ones(30, dtype=int))
    with pytest.raises(ValueError, match="y must have one label per row of X, 30; got 29 labels"):
        AveragedEncoder().fit(X, y[:29])
    with pytest.raises(ValueError, match="X must have 4 columns, as in fit; got 3"):
        AveragedEncoder().fit(X, y).predict_proba(X[:, :3])


# boosted trees


def test_boosted_trees_are_the_first_ones_of_scikit_learns():
    X, y = table("steps")
    encoder = BoostedEncoder(random_state=0).fit(X, y)
    expected = HistGradientBoostingClassifier(
        max_iter=encoder.num_stages_,
        learning_rate=0.2,
        max_leaf_nodes=4,
        min_samples_leaf=10,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    assert encoder.num_stages_ in (5, 10, 20, 40, 60)
    np.testing.assert_allclose(encoder.predict_proba(X), expected.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("X", [np.ones((30, 2)), np.full((30, 2), np.nan)], ids=["constant", "empty"])
def test_without_any_column_that_varies_the_average_is_the_class_frequencies(X):
    y = np.arange(30) % 3 == 0
    np.testing.assert_allclose(AveragedEncoder(random_state=0).fit(X, y).predict_proba(X[:2]), [[2 / 3, 1 / 3]] * 2)


def test_a_member_that_remembers_rows_is_not_believed_where_folds_keep_their_copies_together():
    X, y = table("linear", 80)
    y = np.where(np.random.default_rng(0).random(80) < 0.3, 1 - y, y)
    copies, labels, fold = np.repeat(X, 3, axis=0), np.repeat(y, 3), np.repeat(np.arange(80) % 4, 3)
    members = {"linear": TabularEncoder(), "memory": KNeighborsClassifier(1)}
    blind = AveragedEncoder(members, random_state=0).fit(copies, labels)
    aware = AveragedEncoder(members, random_state=0).fit_folds(copies, labels, fold)
    assert blind.weights_["memory"] > 0.5 > max(each.weights_.get("memory", 0.0) for each in aware)


def test_the_averages_of_folds_share_their_weights_and_each_is_fitted_to_the_other_rows():
    X, y = table("linear", 90)
    members, fold = {"logistic": LogisticRegression(), "bayes": GaussianNB()}, np.arange(90) % 3
    found = AveragedEncoder(members, random_state=0).fit_folds(X, y, fold)
    known = np.empty((90, 2))
    for k, average in enumerate(found):
        for j, (name, member) in enumerate(members.items()):
            expected = clone(member).fit(X[fold != k], y[fold != k]).predict_proba(X)
            np.testing.assert_allclose(average.members_[name].predict_proba(X), expected)
            known[fold == k, j] = expected[np.arange(90), y][fold == k]
    for average in found:
        np.testing.assert_allclose(list(average.weights_.values()), mixture_weights(known, 20.0), atol=1e-9)
