"""The cross-validated logistic regression against that of scikit-learn."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from graphfuse.estimators.logistic_fit import fit_logistic


def rows(num_rows: int, num_features: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    draws = np.random.default_rng(0)
    X = draws.normal(size=(num_rows, num_features)) + 1.0
    return X, (X[:, :2].sum(1) + draws.normal(size=num_rows)).argsort().argsort() * num_classes // num_rows


@pytest.mark.parametrize("num_classes", [2, 3, 5])
@pytest.mark.parametrize("shape", [(150, 4), (60, 90)], ids=["tall", "wide"])
def test_it_is_the_solution_of_scikit_learn_at_the_strength_that_it_chose(shape, num_classes):
    X, y = rows(*shape, num_classes)
    found = fit_logistic(X, y, 3)
    expected = LogisticRegression(C=found.C, tol=1e-10, max_iter=10_000).fit(X, y)
    np.testing.assert_allclose(found.coef, expected.coef_, atol=1e-4)
    np.testing.assert_allclose(found.probabilities(X), expected.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_strength_is_that_of_an_exhaustive_search(num_classes):
    X, y = rows(120, 4, num_classes)
    grid = {"C": np.logspace(-4, 1, 6)}
    exact = LogisticRegression(max_iter=10_000, tol=1e-6)
    search = GridSearchCV(exact, grid, scoring="neg_log_loss", cv=StratifiedKFold(5)).fit(X, y)
    assert pytest.approx(search.best_params_["C"]) == fit_logistic(X, y, 5).C


@pytest.mark.parametrize("half", [slice(0, 32), slice(32, 64)], ids=["upper", "lower"])
def test_on_halves_of_digits_the_log_loss_is_that_of_scikit_learn(half):
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X[:, half], y, test_size=0.5, random_state=0, stratify=y)
    scaler = StandardScaler().fit(parts[0])
    train, test = scaler.transform(parts[0]), scaler.transform(parts[1])
    found = fit_logistic(train, parts[2], 5)
    expected = LogisticRegression(C=1.0, max_iter=2000).fit(train, parts[2])
    assert found.C == 1.0  # what scikit-learn's search finds on either half
    losses = [
        log_loss(parts[3], probabilities) for probabilities in (found.probabilities(test), expected.predict_proba(test))
    ]
    assert losses[0] == pytest.approx(losses[1], abs=0.002)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_columns_that_repeat_or_never_vary_do_no_harm(scale):
    X, y = rows(100, 3, 3)
    padded = np.column_stack([X, X[:, 0], np.zeros(100), np.full(100, scale)])
    found = fit_logistic(padded, y, 3)
    expected = LogisticRegression(C=found.C, tol=1e-10, max_iter=10_000).fit(padded[:, :4], y)
    np.testing.assert_allclose(found.probabilities(padded), expected.predict_proba(padded[:, :4]), atol=1e-5)


def test_labels_of_one_class_are_refused():
    with pytest.raises(ValueError, match="y must have at least two classes; got 'yes'"):
        fit_logistic(np.zeros((3, 1)), ["yes"] * 3, 2)
