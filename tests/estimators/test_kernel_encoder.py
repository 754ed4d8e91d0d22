"""The kernel encoder against the Nystroem features and the logistic regression of scikit-learn."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel
from sklearn.preprocessing import StandardScaler

from graphfuse.estimators import KernelEncoder, TabularEncoder
from graphfuse.estimators.boosted_encoder import BoostedEncoder
from graphfuse.learning.folds import stratified_folds


def rings(num_rows: int = 120, num_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Classes that lie around each other."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(num_rows, 2))
    radius = np.square(X).sum(1) + 0.2 * draws.normal(size=num_rows)
    return X * [1.0, 30.0], radius.argsort().argsort() * num_classes // num_rows


@pytest.mark.parametrize("num_classes", [2, 3])
def test_with_every_row_a_landmark_it_is_the_regression_on_scikit_learns_nystroem_features(num_classes):
    X, y = rings(num_classes=num_classes)
    encoder = KernelEncoder(random_state=0).fit(X, y)
    scaler = StandardScaler().fit(X)
    nystroem = Nystroem(gamma=encoder.gamma_, n_components=len(X)).fit(scaler.transform(X))
    train, new = (nystroem.transform(scaler.transform(rows)) for rows in (X, rings(seed=1)[0]))
    expected = LogisticRegression(C=encoder.C_, tol=1e-10, max_iter=20_000).fit(train, y)
    np.testing.assert_allclose(encoder.predict_proba(X), expected.predict_proba(train), atol=1e-3)
    np.testing.assert_allclose(encoder.predict_proba(rings(seed=1)[0]), expected.predict_proba(new), atol=1e-3)


def test_scores_are_a_weighted_sum_of_kernel_values():
    X, y = rings(1500)
    encoder = KernelEncoder(num_landmarks=40, random_state=0).fit(X, y)
    features = (X - X.mean(0)) / X.std(0)
    kernel = rbf_kernel(features, encoder.landmarks_, gamma=encoder.gamma_)
    expected = (kernel @ encoder.coef_.T + encoder.intercept_)[:, 0]
    np.testing.assert_allclose(encoder.predict_proba(X)[:, 1], 1 / (1 + np.exp(-expected)), atol=1e-8)


def test_gamma_is_half_over_the_median_squared_distance_unless_it_is_given():
    X, y = rings(60)
    distances = euclidean_distances(StandardScaler().fit_transform(X), squared=True)[np.triu_indices(60, 1)]
    assert KernelEncoder(random_state=0).fit(X, y).gamma_ == pytest.approx(0.5 / np.median(distances))
    assert KernelEncoder(gamma=3.0).fit(X, y).gamma_ == 3.0


def test_it_tells_what_no_linear_model_can():
    X, y = rings(600)
    new, truth = rings(600, seed=1)
    assert KernelEncoder(random_state=0).fit(X, y).score(new, truth) > 0.85
    assert LogisticRegression().fit(X, y).score(new, truth) < 0.65


def test_the_order_of_columns_does_not_matter():
    X, y = rings(200)
    X = np.column_stack([X, np.where(X[:, 0] > 1, np.nan, X[:, 1] ** 2)])
    straight, turned = (KernelEncoder(50, random_state=0).fit(X[:, order], y) for order in ([0, 1, 2], [2, 0, 1]))
    assert straight.C_ == turned.C_
    np.testing.assert_allclose(straight.predict_proba(X), turned.predict_proba(X[:, [2, 0, 1]]), atol=1e-4)


def test_columns_that_never_vary_change_nothing():
    X, y = rings(100)
    padded = np.column_stack([np.ones(100), X, np.full(100, np.nan)])
    alone, among = KernelEncoder(random_state=0).fit(X, y), KernelEncoder(random_state=0).fit(padded, y)
    np.testing.assert_allclose(alone.predict_proba(X), among.predict_proba(padded), atol=1e-12)
    other = np.column_stack([padded[:, 0] + 5.0, padded[:, 1:]])
    np.testing.assert_allclose(alone.predict_proba(X), among.predict_proba(other), atol=1e-12)


@pytest.mark.parametrize("X", [np.ones((30, 2)), np.full((30, 2), np.nan)], ids=["constant", "empty"])
def test_without_any_column_that_varies_rows_get_the_class_frequencies(X):
    y = np.arange(30) % 3 == 0
    np.testing.assert_allclose(KernelEncoder(random_state=0).fit(X, y).predict_proba(X[:2]), [[2 / 3, 1 / 3]] * 2)


def test_text_categories_and_gaps_are_read_and_a_seed_makes_it_repeatable():
    draws = np.random.default_rng(0)
    color = draws.choice(["red", "green", "blue"], 200)
    frame = pd.DataFrame({"color": pd.Categorical(color), "note": color, "size": draws.normal(size=200)})
    frame.loc[::7, ["note", "size"]] = None
    encoder = KernelEncoder(random_state=3)
    found = [clone(encoder).fit(frame, color == "red").predict_proba(frame) for _ in range(2)]
    np.testing.assert_array_equal(*found)
    assert (found[0].argmax(1) == (color == "red")).all()


def test_what_is_kept_are_plain_arrays():
    kept = {name: value for name, value in vars(KernelEncoder().fit(*rings())).items() if name.endswith("_")}
    assert {type(value) for value in kept.values()} == {tuple, np.ndarray, float}


def test_a_class_with_one_row_is_learned_from_and_two_rows_are_enough():
    X, y = rings(40)
    y[0] = 2
    assert KernelEncoder(random_state=0).fit(X, y).predict_proba(X).shape == (40, 3)
    few = KernelEncoder(random_state=0).fit([[0.0], [1.0]], ["no", "yes"])
    assert few.C_ == 1.0 and few.predict([[0.0], [1.0]]).tolist() == ["no", "yes"]


def test_bad_settings_and_labels_of_one_class_are_refused():
    X, y = rings(30)
    for settings, message in (
        ({"gamma": 0.0}, "gamma must be positive and finite, or None; got 0.0"),
        ({"num_landmarks": 0}, "num_landmarks must"),
        ({"num_folds": 1}, "num_folds must"),
    ):
        with pytest.raises(ValueError, match=message):
            KernelEncoder(**settings).fit(X, y)
    with pytest.raises(ValueError, match="y must have at least two classes; got 1"):
        KernelEncoder().fit(X, np.ones(30, dtype=int))
    with pytest.raises(ValueError, match="y must have one label per row of X, 30; got 29 labels"):
        KernelEncoder().fit(X, y[:29])
    with pytest.raises(ValueError, match="X must have 2 columns, as in fit; got 1"):
        KernelEncoder().fit(X, y).predict_proba(X[:, :1])


# folds


@pytest.mark.parametrize("counts", [[30, 30], [100, 2], [7, 1, 3], [2, 2, 2]], ids=str)
def test_every_part_shows_every_class_and_folds_are_even(counts):
    states = np.repeat(np.arange(len(counts)), counts)
    fold = stratified_folds(states, 5, seed=0)
    assert (fold[np.array(counts)[states] == 1] == -1).all()
    sizes = np.bincount(fold[fold >= 0])
    assert sizes.max() - sizes.min() <= 1
    for k in range(fold.max() + 1):
        assert set(states[fold != k]) == set(range(len(counts)))


@pytest.mark.parametrize("encoder", [TabularEncoder(), KernelEncoder(random_state=0), BoostedEncoder()], ids=repr)
def test_held_out_probabilities_are_those_of_the_members_that_never_saw_the_rows(encoder):
    X, y = rings(90, 3)
    fold = np.where(np.arange(90) < 6, -1, np.arange(90) % 3)
    held, members = clone(encoder).fit_held_out(X, y, fold), encoder.fit_folds(X, y, fold)
    assert np.isnan(held[:6]).all() and len(members) == 3
    for k, member in enumerate(members):
        np.testing.assert_allclose(held[fold == k], member.predict_proba(X[fold == k]), atol=5e-2)
    assert len({getattr(member, "C_", getattr(member, "num_stages_", None)) for member in members}) == 1


def test_members_of_folds_are_regressions_fitted_to_the_other_rows():
    X, y = rings(90, 3)
    fold = np.arange(90) % 3
    for k, member in enumerate(TabularEncoder().fit_folds(X, y, fold)):
        mean, spread = X[fold != k].mean(0), X[fold != k].std(0)
        part = LogisticRegression(C=member.C_, tol=1e-10, max_iter=5000)
        part.fit((X[fold != k] - mean) / spread, y[fold != k])
        np.testing.assert_allclose(member.predict_proba(X), part.predict_proba((X - mean) / spread), atol=1e-3)
