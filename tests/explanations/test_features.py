"""What the columns of a modality add sums to what its encoder says, beside what it says of the reference."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import logit
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from torch import nn

from graphfuse import FusionClassifier, KernelEncoder, TabularEncoder, star
from graphfuse.encoders import MLP
from graphfuse.estimators.module_encoder import ModuleEncoder
from graphfuse.explanations import explain_features, integrated_gradients


def table(num_rows=120, num_columns=3, seed=0):
    draws = np.random.default_rng(seed)
    X = draws.normal(size=(num_rows, num_columns))
    return X, (X @ np.arange(1, num_columns + 1) + draws.normal(size=num_rows) > 0).astype(int)


def mixed_table():
    X, y = table()
    frame = pd.DataFrame({"age": X[:, 0], "sex": np.where(X[:, 1] > 0, "f", "m"), "pulse": X[:, 2]})
    frame.loc[::4, "pulse"] = np.nan
    frame.loc[1::5, "sex"] = None
    return frame, y


def odds(encoder, X):
    return logit(encoder.predict_proba(X)[:, 1])


@pytest.mark.parametrize("label", [0, 1])
def test_a_linear_encoder_of_mixed_columns_is_taken_apart_exactly(label):
    frame, y = mixed_table()
    encoder = TabularEncoder().fit(frame, y)
    found = explain_features(encoder, frame[:30], label, reference=frame[30:])
    assert list(found.columns) == ["age", "sex", "pulse"]
    sign = 1 if label else -1
    expected = sign * (odds(encoder, frame[:30]) - odds(encoder, frame[30:]).mean())
    np.testing.assert_allclose(found.sum(axis=1), expected, atol=1e-8)
    other = frame[:30].assign(age=frame["age"].iloc[0])  # only its own column moves an entry
    again = explain_features(encoder, other, label, reference=frame[30:])
    pd.testing.assert_frame_equal(again[["sex", "pulse"]], found[["sex", "pulse"]])


def test_a_regression_of_scikit_learn_is_coefficients_times_values_against_the_mean():
    X, y = table()
    encoder = LogisticRegression().fit(X, y)
    np.testing.assert_allclose(explain_features(encoder, X), encoder.coef_[0] * (X - X.mean(0)), atol=1e-10)


def test_members_of_a_fitted_classifier_are_averaged():
    X, y = table()
    model = FusionClassifier({"a": [0, 1], "b": [2]}, encoders=TabularEncoder(), structure=star, random_state=0)
    members = model.fit(X, y).encoders_["a"].members
    found = explain_features(members, X[:, :2])
    mean = np.mean([odds(member, X[:, :2]) for member in members], axis=0)
    np.testing.assert_allclose(found.sum(axis=1), mean - mean.mean(), atol=1e-8)


def test_a_kernel_encoder_has_coefficients_and_is_not_taken_for_linear():
    X, y = table(60)
    encoder = KernelEncoder(random_state=0).fit(X, y)
    with pytest.raises(TypeError, match=r"generator must be a torch.Generator for a KernelEncoder"):
        explain_features(encoder, X)


@pytest.mark.parametrize("encoder", [GaussianNB(), RandomForestClassifier(5, max_depth=3, random_state=0)], ids=str)
def test_asked_encoders_sum_to_the_difference_from_a_single_reference_row(encoder):
    X, y = table()
    encoder.fit(X, y)
    found = explain_features(encoder, X[:20], None, X[50:51], torch.Generator().manual_seed(0), num_pairs=2)
    np.testing.assert_allclose(found.sum(axis=1), odds(encoder, X[:20]) - odds(encoder, X[50:51]), atol=1e-8)


def test_asked_encoders_come_near_the_mean_over_all_orders():
    X, y = table()
    X[:, 1] *= np.sign(X[:, 0])
    encoder = QuadraticDiscriminantAnalysis().fit(X, y)
    found = explain_features(encoder, X[:10], None, X[50:51], torch.Generator().manual_seed(0), num_pairs=60)
    expected = np.zeros((10, 3))
    for order in permutations(range(3)):
        mixed = np.repeat(X[50:51], 10, axis=0)
        for column in order:
            before = odds(encoder, mixed)
            mixed[:, column] = X[:10, column]
            expected[:, column] += (odds(encoder, mixed) - before) / 6
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_asked_encoders_read_frames_and_a_column_that_is_not_read_earns_zero():
    frame, y = mixed_table()
    encoder = KernelEncoder(random_state=0).fit(frame.assign(age=0.0), y)
    found = explain_features(encoder, frame[:10], generator=torch.Generator().manual_seed(0), num_pairs=2)
    assert (found["age"] == 0).all() and (found["pulse"].abs().max() > 0)
    pd.testing.assert_index_equal(found.index, frame.index[:10])


def test_three_classes_are_explained_against_the_others():
    X, _ = table()
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    encoder = LogisticRegression().fit(X, y)
    found = explain_features(encoder, X[:10], 2, X[50:51], torch.Generator().manual_seed(0), num_pairs=2)
    both = logit(encoder.predict_proba(np.concatenate([X[:10], X[50:51]]))[:, 2])
    np.testing.assert_allclose(found.sum(axis=1), both[:10] - both[10], atol=1e-8)


# torch modules


def test_integrated_gradients_of_a_network_complete_the_difference():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    X, base = torch.randn(20, 4).double(), torch.randn(4).double()
    found, gaps = integrated_gradients(module, X, base, state=1)
    with torch.no_grad():
        both = module(torch.cat([X, base[None]])).softmax(-1).numpy()
    whole = logit(both[:20, 1]) - logit(both[20, 1])
    np.testing.assert_allclose(found.sum(1) + gaps, whole, atol=1e-8)
    assert gaps.abs().max() < 0.01


def test_integrated_gradients_of_a_linear_module_are_exact():
    module = nn.Linear(3, 2).double()
    X = torch.randn(5, 3).double()
    found = explain_features(module, X)
    slope = (module.weight[1] - module.weight[0]).detach()
    np.testing.assert_allclose(found, slope * (X - X.mean(0)), atol=1e-8)


def test_a_missing_cell_earns_zero_and_the_others_complete_the_difference():
    torch.manual_seed(0)
    module = MLP(3, 2, hidden=[8]).double().eval()
    X = torch.randn(6, 3).double()
    X[::2, 1] = torch.nan
    base = torch.zeros(3).double()
    found, gaps = integrated_gradients(module, X, base, state=1)
    assert (found[::2, 1] == 0).all()
    at = torch.where(X.isnan(), X, base)
    with torch.no_grad():
        logits = module(X) - module(at)
    np.testing.assert_allclose(found.sum(1) + gaps, logits[:, 1] - logits[:, 0], atol=1e-8)
    assert gaps.abs().max() < 0.01


def test_a_trained_module_encoder_is_explained_by_its_own_labels_and_features_in_one_line():
    X, y = table(60, 4)
    images = X.reshape(60, 2, 2).astype(np.float32)
    encoder = ModuleEncoder(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 2).fit(images, y)
    found = explain_features(encoder, images)
    assert found.shape == (60, 4)
    base = encoder.predict_proba(images.mean(0, keepdims=True))
    np.testing.assert_allclose(found.sum(axis=1), odds(encoder, images) - logit(base[0, 1]), atol=1e-4)


def test_a_path_too_coarse_for_a_module_warns():
    class Step(nn.Module):
        def forward(self, inputs):
            return torch.stack([inputs.new_zeros(len(inputs)), 5 * torch.sigmoid(1e6 * inputs[:, 0] - 3e5)], dim=1)

    with pytest.warns(UserWarning, match="integrated gradients miss the difference of a row by up to"):
        explain_features(Step(), torch.tensor([[1.0]]), reference=torch.tensor([[0.0]]))


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        ([], "encoder must be a fitted encoder, or several; got none"),
        ("linear", "encoder must be a fitted classifier with predict_proba, or a torch module; got"),
        (nn.Linear(3, 4), "target_state must name one of 4 states"),
    ],
)
def test_what_cannot_be_explained_is_refused(encoder, words):
    with pytest.raises((TypeError, ValueError), match=words):
        explain_features(encoder, np.zeros((2, 3)))
