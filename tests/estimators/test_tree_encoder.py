"""Trees as arrays of nodes against the ensembles of scikit-learn that they were taken from."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression

from graphfuse.estimators import FusionClassifier, TabularEncoder, TreeEncoder
from graphfuse.estimators.columns import scaled
from graphfuse.estimators.tree_encoder import boosted_nodes

SMALL = HistGradientBoostingClassifier(max_iter=5)
ENSEMBLES = {
    "boosted": HistGradientBoostingClassifier(max_iter=15),
    "boosted, small leaves": HistGradientBoostingClassifier(max_iter=5, min_samples_leaf=1, max_leaf_nodes=None),
    "extra trees": ExtraTreesClassifier(15),
    "forest": RandomForestClassifier(15, min_samples_leaf=3),
    "stumps": RandomForestClassifier(15, max_depth=1),
}


def table(num_classes: int, gaps: float = 0.25, num_rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of several kinds: continuous, rounded to ties, integers, large, and one without gaps."""
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(num_rows, 5)) * [1.0, 1.0, 3.0, 1e6, 1.0]
    X[:, 1:3] = [1.0, 1.0] * X[:, 1:3].round([1, 0][0])
    X[:, 2] = X[:, 2].round()
    y = (X[:, 0] + X[:, 1] + 0.5 * draws.normal(size=num_rows)).argsort().argsort() * num_classes // num_rows
    X[:, :4][draws.random((num_rows, 4)) < gaps] = np.nan
    return X, y


@pytest.mark.parametrize("kind", ENSEMBLES)
@pytest.mark.parametrize("num_classes", [2, 3])
def test_probabilities_are_those_of_the_ensemble(kind, num_classes):
    X, y = table(num_classes)
    encoder = TreeEncoder(ENSEMBLES[kind], random_state=3).fit(X, y)
    expected = clone(ENSEMBLES[kind]).set_params(random_state=3).fit(X, y)
    later, _ = table(num_classes, gaps=0.5, seed=1)
    everywhere = later.copy()
    everywhere[::2, 4] = np.nan  # a gap where fit had none
    for rows in (X, later, everywhere, np.full((1, 5), np.nan)):
        np.testing.assert_allclose(encoder.predict_proba(rows), expected.predict_proba(rows), atol=1e-12, rtol=0)
    first, second = np.sort(expected.predict_proba(later), axis=1)[:, -1:-3:-1].T
    clear = first - second > 1e-9  # ties are broken by rounding
    np.testing.assert_array_equal(encoder.predict(later)[clear], expected.predict(later)[clear])


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_values_at_and_beside_thresholds_are_routed_as_scikit_learn_routes_them(kind):
    X, y = table(2, gaps=0.1)
    encoder = TreeEncoder(ENSEMBLES[kind], random_state=0).fit(X, y)
    expected = clone(ENSEMBLES[kind]).set_params(random_state=0).fit(X, y)
    thresholds = encoder.trees_.threshold[encoder.trees_.feature >= 0]
    thresholds = thresholds[np.abs(thresholds) < 1e30][:200]  # one that is infinite splits what is missing
    near = [thresholds, *(np.nextafter(thresholds, side) for side in (-1e9, 1e9))]
    singles = thresholds.astype(np.float32)
    near += [np.nextafter(singles, np.float32(side)).astype(np.float64) for side in (-1e9, 1e9)]
    rows = np.repeat(np.concatenate(near)[:, None], 5, axis=1)
    np.testing.assert_allclose(encoder.predict_proba(rows), expected.predict_proba(rows), atol=1e-12, rtol=0)


def test_the_default_is_gradient_boosting_on_all_rows():
    X, y = table(2, num_rows=60)
    expected = HistGradientBoostingClassifier(early_stopping=False, random_state=0).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(TreeEncoder(random_state=0).fit(X, y).predict_proba(X), expected, atol=1e-12, rtol=0)


def test_labels_of_any_kind_keep_their_order():
    X, y = table(3)
    names = np.array(["mild", "none", "severe"])
    encoder, numbered = (TreeEncoder(SMALL, random_state=0).fit(X, labels) for labels in (names[y], y))
    assert encoder.classes_.tolist() == names.tolist()
    np.testing.assert_array_equal(encoder.predict(X), names[numbered.predict(X)])


@pytest.mark.parametrize("kind", ENSEMBLES)
def test_columns_that_never_vary_are_left_out(kind):
    X, y = table(2)
    X, constant, empty = X[:, :3], np.ones((len(X), 1)), np.full((len(X), 1), np.nan)
    padded = TreeEncoder(ENSEMBLES[kind], random_state=0).fit(np.hstack([constant, X, empty]), y)
    alone = TreeEncoder(ENSEMBLES[kind], random_state=0).fit(X, y)
    expected = alone.predict_proba(X)
    for first, last in ((constant, empty), (empty, constant), (-5 * constant, constant)):
        np.testing.assert_array_equal(padded.predict_proba(np.hstack([first, X, last])), expected)


@pytest.mark.parametrize("kind", ["boosted", "extra trees", "forest"])
def test_a_column_with_one_observed_value_tells_by_its_gaps(kind):
    y = np.arange(100) % 2
    X = np.where(y[:, None] == 1, 7.0, np.nan)
    assert TreeEncoder(ENSEMBLES[kind], random_state=0).fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize("X", [np.ones((30, 2)), np.full((30, 2), np.nan)], ids=["constant", "empty"])
def test_without_any_column_to_split_rows_get_the_class_frequencies(X):
    y = np.arange(30) % 3 == 0
    np.testing.assert_allclose(TreeEncoder().fit(X, y).predict_proba(X[:2]), [[2 / 3, 1 / 3]] * 2)


def test_a_class_with_one_row_is_learned_from():
    X, y = table(2, num_rows=40)
    y[0] = 2
    assert np.isfinite(TreeEncoder(SMALL, random_state=0).fit(X, y).predict_proba(X)).all()


def test_text_and_categories_are_read_as_by_the_tabular_encoder():
    draws = np.random.default_rng(0)
    color = draws.choice(["red", "green", "blue"], 300)
    frame = pd.DataFrame({"color": pd.Categorical(color), "note": color, "size": draws.normal(size=300)})
    frame.loc[::7, ["note", "size"]] = None
    y = (color == "red") ^ (draws.random(300) < 0.05)
    encoder, tabular = TreeEncoder(SMALL, random_state=0).fit(frame, y), TabularEncoder().fit(frame, y)
    assert encoder.columns_ == tabular.columns_
    one_hot = pd.DataFrame({name: color == name for name in ("blue", "green", "red")}).to_numpy(dtype=float)
    notes = np.where(frame["note"].isna().to_numpy()[:, None], 0.0, one_hot)
    plain = np.column_stack([one_hot, notes, frame["size"]])
    expected = clone(SMALL).set_params(random_state=0).fit(plain, y)
    np.testing.assert_allclose(encoder.predict_proba(frame), expected.predict_proba(plain), atol=1e-12, rtol=0)
    new = frame.assign(color="violet")
    assert np.isfinite(encoder.predict_proba(new)).all()


def test_what_is_kept_are_plain_arrays():
    X, y = table(3)
    kept = vars(TreeEncoder(ENSEMBLES["boosted"], random_state=0).fit(X, y))
    assert {name for name in kept if name.endswith("_")} == {
        "columns_", "used_", "only_gaps_", "trees_", "is_forest_", "classes_"
    }  # fmt: skip
    assert all(isinstance(value, np.ndarray) for value in vars(kept["trees_"]).values())
    plain = vars(TabularEncoder().fit(X, y))
    assert {type(value) for name, value in plain.items() if name.endswith("_")} == {tuple, np.ndarray, float}


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_default_encoder_keeps_the_linear_model_of_scikit_learn_to_rounding(num_classes):
    X, y = table(num_classes)
    encoder = TabularEncoder().fit(X, y)
    features = scaled(encoder.columns_, X)
    model = LogisticRegression().fit(features, y)
    model.coef_, model.intercept_ = encoder.coef_, encoder.intercept_
    np.testing.assert_allclose(encoder.predict_proba(X), model.predict_proba(features), atol=1e-12, rtol=0)


def test_a_seed_makes_a_forest_repeatable_and_leaves_one_of_its_own_alone():
    X, y = table(2)
    first, again, other = (
        TreeEncoder(ExtraTreesClassifier(5), random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0
    own = [TreeEncoder(ExtraTreesClassifier(5, random_state=4), seed).fit(X, y).predict_proba(X) for seed in (0, 1)]
    np.testing.assert_array_equal(*own)


def test_it_serves_graph_fusion_where_folds_leave_a_column_without_values():
    X, y = table(2, num_rows=60)
    X[2:, 3] = np.nan  # so that most folds have no value, or one
    groups = {"first": [0, 1], "second": [2, 3]}
    found = FusionClassifier(groups, encoders=TreeEncoder(SMALL), random_state=0).fit(X, y).predict_proba(X)
    assert np.isfinite(found).all()


def test_other_estimators_categories_of_its_own_and_one_class_are_refused():
    X, y = table(2)
    message = "estimator must be one of 'HistGradientBoostingClassifier', 'ExtraTreesClassifier', 'RandomForestClass"
    for other in (GradientBoostingClassifier(), HistGradientBoostingClassifier, "trees"):
        with pytest.raises(TypeError, match=message):
            TreeEncoder(other).fit(X, y)
    with pytest.raises(ValueError, match="y must have at least two classes; got 1"):
        TreeEncoder().fit(X, np.ones(len(X), dtype=int))
    codes = np.random.default_rng(0).integers(0, 5, size=(len(y), 1)).astype(float)
    codes[:, 0] = np.where(y == 1, codes[:, 0] % 2, codes[:, 0])
    fitted = HistGradientBoostingClassifier(categorical_features=[0], max_iter=3).fit(codes, y)
    with pytest.raises(ValueError, match=r"estimator must read categories one-hot; got categorical_features=\[0\]"):
        boosted_nodes(fitted)
    with pytest.raises(ValueError, match="X must have 5 columns, as in fit; got 4"):
        TreeEncoder().fit(X, y).predict_proba(X[:, :4])
