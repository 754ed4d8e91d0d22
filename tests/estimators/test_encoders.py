"""The encoders of the estimators: tables of any columns, torch modules."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from torch import nn

from graphfuse.encoders import ImageNetwork
from graphfuse.estimators import FusionClassifier, KernelEncoder, TabularEncoder
from graphfuse.estimators.columns import scaled
from graphfuse.estimators.experts import default_experts
from graphfuse.estimators.module_encoder import ModuleEncoder
from graphfuse.learning import FitSettings

NAN = float("nan")


def numbers(num_rows: int = 90, num_classes: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(seed)
    y = np.arange(num_rows) % num_classes
    return (draws.normal(size=(num_rows, 3)) + 0.6 * y[:, None]) * [1.0, 20.0, 0.1], y


# tables


@pytest.mark.parametrize("num_classes", [2, 3])
def test_on_plain_numbers_it_is_the_cross_validated_logistic_regression(num_classes):
    X, y = numbers(num_classes=num_classes)
    encoder = TabularEncoder().fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    strengths = {"C": np.logspace(-4, 1, 6)}
    search = GridSearchCV(
        LogisticRegression(max_iter=2000, tol=1e-8), strengths, scoring="neg_log_loss", cv=StratifiedKFold(5)
    ).fit(scaled, y)
    chosen = encoder.C_
    assert np.isclose(chosen, search.best_params_["C"])
    np.testing.assert_allclose(encoder.predict_proba(X), search.predict_proba(scaled), atol=1e-3)


def test_a_class_with_one_row_leaves_the_strength_at_one():
    X, y = numbers(20)
    y = np.where(np.arange(20) == 0, 2, y)
    expected = LogisticRegression(max_iter=1000).fit(StandardScaler().fit_transform(X), y)
    scaled = StandardScaler().fit_transform(X)
    np.testing.assert_allclose(TabularEncoder().fit(X, y).predict_proba(X), expected.predict_proba(scaled), atol=1e-6)


COLUMNS = {
    "text": pd.Series(["u", "v", None] * 20),
    "objects": pd.Series(["u", "v", None] * 20, dtype=object),
    "categories": pd.Categorical(["u", "v", None] * 20, categories=["v", "u", "w"]),
    "categories of numbers": pd.Categorical([10, 20, None] * 20),
}


@pytest.mark.parametrize("kind", COLUMNS)
def test_text_and_categories_become_one_column_a_category(kind):
    frame = pd.DataFrame({"x": COLUMNS[kind]})
    y = np.arange(60) % 3 == 0
    encoder = TabularEncoder().fit(frame, y)
    one_hot = np.eye(3)[np.arange(60) % 3][:, :2]
    np.testing.assert_array_equal(scaled(encoder.columns_, frame), one_hot)
    assert encoder.predict(frame).tolist() == y.tolist()


def test_a_category_never_seen_counts_as_missing():
    frame = pd.DataFrame({"x": ["u", "v", None] * 20})
    encoder = TabularEncoder().fit(frame, np.arange(60) % 3)
    new, missing = (encoder.predict_proba(pd.DataFrame({"x": pd.Series([each], dtype=object)})) for each in ("w", None))
    np.testing.assert_array_equal(new, missing)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([True, False, None] * 20, dtype="boolean"),
        pd.Series([1, 0, None] * 20, dtype="Int64"),
        pd.Series([1.0, 0.0, NAN] * 20),
        pd.Series([True, False, None] * 20, dtype=object),
    ],
    ids=["boolean", "Int64", "float", "object"],
)
def test_booleans_and_integers_with_gaps_are_scaled_beside_an_indicator(column):
    encoder = TabularEncoder().fit(pd.DataFrame({"x": column}), np.arange(60) % 2)
    expected = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]] * 20)
    np.testing.assert_allclose(scaled(encoder.columns_, pd.DataFrame({"x": column})), expected)


def test_a_gap_tells_of_the_class_where_gaps_follow_it():
    y = np.arange(60) % 2
    X = np.where(y[:, None] == 1, NAN, np.random.default_rng(0).normal(size=(60, 1)))
    assert TabularEncoder().fit(X, y).score(X, y) == 1.0


def test_a_gap_where_fit_had_none_is_the_mean():
    X, y = numbers()
    encoder = TabularEncoder().fit(X, y)
    gap, mean = X[:1].copy(), X[:1].copy()
    gap[0, 1], mean[0, 1] = NAN, X[:, 1].mean()
    np.testing.assert_allclose(encoder.predict_proba(gap), encoder.predict_proba(mean), atol=1e-12)


@pytest.mark.parametrize("constant", [0.0, 1e9, 1e-9])
def test_a_constant_column_changes_nothing(constant):
    X, y = numbers()
    with_it = np.column_stack([X, np.full(len(X), constant)])
    found, expected = TabularEncoder().fit(with_it, y).predict_proba(with_it), TabularEncoder().fit(X, y)
    np.testing.assert_allclose(found, expected.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("dtype", [object, "float64", "str", "category"])
@pytest.mark.parametrize("later", [["u", "v"], [1.0, 2.0]], ids=["text", "numbers"])
def test_a_column_without_any_value_says_nothing_whatever_comes_later(dtype, later):
    X, y = numbers(30)
    empty = pd.DataFrame({"x": X[:, 0], "empty": pd.Series([None] * 30, dtype=dtype)})
    alone = TabularEncoder().fit(empty[["x"]], y)
    encoder = TabularEncoder().fit(empty, y)
    full = pd.DataFrame({"x": X[:2, 0], "empty": later})
    np.testing.assert_allclose(encoder.predict_proba(full), alone.predict_proba(full[["x"]]), atol=1e-6)


def test_refit_on_scaled_and_shifted_numbers_predicts_the_same():
    X, y = numbers()
    moved = X * [5.0, 0.01, 300.0] - [7.0, 0.0, 1e3]
    np.testing.assert_allclose(
        TabularEncoder().fit(X, y).predict_proba(X), TabularEncoder().fit(moved, y).predict_proba(moved), atol=1e-6
    )


def test_a_table_of_another_width_or_kind_is_refused():
    X, y = numbers()
    encoder = TabularEncoder().fit(X, y)
    with pytest.raises(ValueError, match="X must have 3 columns, as in fit; got 2"):
        encoder.predict_proba(X[:, :2])
    with pytest.raises(ValueError, match=r"X must have shape \(rows, columns\); got \(90,\)"):
        encoder.predict_proba(X[:, 0])
    text = pd.DataFrame({"a": [1.0], "b": ["u"], "c": [2.0]})
    with pytest.raises(ValueError, match="column 'b' must hold numbers, as in fit; got"):
        encoder.predict_proba(text)
    with pytest.raises(
        ValueError, match="column 'day' must hold numbers, booleans, text or categories; got datetime64"
    ):
        TabularEncoder().fit(pd.DataFrame({"day": pd.date_range("2020-01-01", periods=4)}), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="y must have at least two classes; got 0"):
        TabularEncoder().fit(X, np.zeros(90))


def test_given_by_hand_experts_serve_graph_fusion_as_the_default_ones_do():
    X, y = numbers()
    X[::4, 1] = NAN
    assert get_tags(TabularEncoder()).input_tags.allow_nan
    by_hand = {"features": default_experts(X.shape[1:], len(X), num_classes=2)}
    found, default = (FusionClassifier(encoders=each, random_state=0).fit(X, y) for each in (by_hand, None))
    np.testing.assert_allclose(found.predict_proba(X), default.predict_proba(X), atol=1e-12)


def bars(num_rows, seed=0):
    """Grey images with a bar, bright or dark, in a place that tells nothing, level or upright, and which it is."""
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, num_rows)
    images = 100 + 30 * generator.random((num_rows, 1, 12, 12))
    places, signs = generator.integers(0, 8, (num_rows, 2)), generator.choice([-1, 1], num_rows)
    for image, upright, (top, left), sign in zip(images[:, 0], y, places, signs, strict=True):
        (image.T if upright else image)[top : top + 2, left : left + 5] += 70 * sign
    return images, y


def test_images_are_read_by_a_network_too_and_pixels_may_be_missing():
    images, y = bars(250)
    new, truth = bars(200, seed=1)
    fitted = FusionClassifier(random_state=0).fit({"image": images}, y)
    assert set(fitted.sources_) == {"image/kernel", "image/linear", "image/network"}
    flat = {"linear": TabularEncoder(), "kernel": KernelEncoder(num_folds=3)}
    without = FusionClassifier(encoders={"image": flat}, random_state=0).fit({"image": images}, y)
    found, peer = (-each.predict_log_proba({"image": new})[np.arange(200), truth] for each in (fitted, without))
    assert found.mean() < 0.6 * peer.mean()
    gaps = np.where(np.random.default_rng(2).random(new.shape) < 0.01, NAN, new)
    assert np.isfinite(fitted.predict_log_proba({"image": gaps})).all()


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("sides", [(8, 8), (40, 33), (9, 50)])
def test_the_network_of_images_reads_whole_numbers_and_any_size(dtype, sides):
    images = torch.randint(0, 255, (6, 3, *sides), dtype=torch.uint8).to(dtype)
    network = ImageNetwork(3, 4)
    found = network(images)
    assert found.shape == (6, 4) and found.dtype == torch.float32
    torch.testing.assert_close(found, network(2 * images.float() + 3), atol=1e-3, rtol=1e-3)  # no scale matters


@pytest.mark.parametrize("shape", [(5, 12, 12), (12, 12, 3), (1, 4, 12), (12, 12), (144,)])
def test_arrays_that_are_no_images_by_their_shape_get_no_network(shape):
    assert "network" not in default_experts(shape, 100, 3)


def test_the_more_images_the_fewer_times_a_network_is_shown_them():
    epochs = [default_experts((1, 8, 8), rows, 2)["network"].settings.num_epochs for rows in (100, 10_000, 10**6)]
    assert epochs == [30, 13, 2]


# torch modules


def test_a_module_is_trained_in_a_copy(generator):
    X, y = numbers()
    module = nn.Linear(3, 2)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    encoder = ModuleEncoder(module, 2).fit(X, y)
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
    assert module.training
    assert not torch.equal(encoder.module_.weight, module.weight)


def test_a_linear_module_reaches_the_logistic_regression():
    X, y = numbers(num_classes=3)
    X = StandardScaler().fit_transform(X)
    settings = FitSettings(num_epochs=400, batch_size=90, learning_rate=0.05)
    found = ModuleEncoder(nn.Linear(3, 3).double(), 3, settings).fit(X, y).predict_proba(X)
    expected = LogisticRegression(C=np.inf, tol=1e-8).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_training_is_the_same_to_the_bit_for_a_seed_and_leaves_the_global_one():
    X, y = numbers()
    module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(), nn.Linear(8, 2))
    state = torch.get_rng_state()
    first, again, other = (ModuleEncoder(module, 2, random_state=seed).fit(X, y).predict_proba(X) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-6


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_floats_come_in_the_dtype_of_the_module_and_integers_as_they_are(dtype):
    X, y = numbers()
    assert ModuleEncoder(nn.Linear(3, 2).to(dtype), 2).fit(X.astype(np.float32), y).predict_proba(X).dtype == np.float64
    tokens = np.stack([y, 1 - y], axis=1)
    module = nn.Sequential(nn.Embedding(2, 4), nn.Flatten(), nn.Linear(8, 2)).to(dtype)
    assert ModuleEncoder(module, 2, FitSettings(num_epochs=20, learning_rate=0.1)).fit(tokens, y).score(tokens, y) == 1


def test_a_module_encoder_in_a_classifier_trains_as_its_settings_say():
    X, y = numbers()
    shown = {"numbers": X}
    still, moved = (ModuleEncoder(nn.Linear(3, 2), settings=FitSettings(epochs, 90, 0.05)) for epochs in (0, 20))
    fitted = FusionClassifier(encoders={"numbers": {"still": still, "moved": moved}}, random_state=0).fit(shown, y)
    for name, encoder in (("still", still), ("moved", moved)):
        members = fitted.encoders_[f"numbers/{name}"].members
        same = [torch.equal(member.module_.weight, encoder.module.weight) for member in members]
        assert same == [name == "still"] * len(members)
    assert still.num_classes is None and still.random_state is None  # only clones were told


def test_an_encoder_of_no_module_is_refused():
    with pytest.raises(TypeError, match="module must be a torch module; got int"):
        ModuleEncoder(3).fit(*numbers())


def test_a_module_without_parameters_is_used_as_it_is():
    logits = np.log([[0.25, 0.75], [0.5, 0.5]])
    found = ModuleEncoder(nn.Identity(), 2).fit(logits, np.array([0, 1])).predict_proba(logits)
    np.testing.assert_allclose(found, [[0.25, 0.75], [0.5, 0.5]], atol=1e-6)


def test_no_rows_give_no_probabilities():
    X, y = numbers()
    assert ModuleEncoder(nn.Linear(3, 2), 2).fit(X, y).predict_proba(X[:0]).shape == (0, 2)


def test_a_clone_of_a_module_encoder_has_its_own_module():
    encoder = ModuleEncoder(nn.Linear(3, 2), 2)
    copy = clone(encoder)
    assert copy.module is not encoder.module
    assert torch.equal(copy.module.weight, encoder.module.weight)


REFUSED = {
    "too few logits": (nn.Linear(3, 1), ValueError, r"the output of module must have shape \(64, 2\), one logit"),
    "no tensor": (nn.LSTM(3, 2), TypeError, "the output of module must be a tensor of logits; got tuple"),
    "another width": (
        nn.Linear(5, 2),
        ValueError,
        r"module must read inputs of shape \(64, 3\) and dtype torch.float32",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_module_whose_output_does_not_fit_is_refused(case):
    module, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        ModuleEncoder(module, 2).fit(*numbers())


def test_a_module_that_answers_nan_is_told_of_missing_cells():
    X, y = numbers()
    X[3, 1] = NAN
    with pytest.raises(
        ValueError, match=r"must be finite.*missing cells reach a module as nan.*got a cross-entropy of nan"
    ):
        ModuleEncoder(nn.Linear(3, 2), 2).fit(X, y)
