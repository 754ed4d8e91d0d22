"""The classic fusions behind the same interface: what they compute, by hand, for any subset of the modalities."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.impute import SimpleImputer
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from graphfuse.data import ModalityBatch
from graphfuse.estimators import (
    EarlyFusionClassifier,
    FusionClassifier,
    HybridFusionClassifier,
    LateFusionClassifier,
    TabularEncoder,
)

NAN = float("nan")
FLOOR = 1e-4  # the share of the uniform in the opinion of every encoder

ALL = {
    "graph": FusionClassifier(encoders=GaussianNB(), random_state=0),
    "early": EarlyFusionClassifier(encoder=GaussianNB()),
    "late, mean": LateFusionClassifier(encoders=GaussianNB()),
    "late, logarithmic": LateFusionClassifier(encoders=GaussianNB(), pool="logarithmic"),
    "hybrid": HybridFusionClassifier(encoders=GaussianNB(), early_encoder=GaussianNB()),
}


def views(num_rows: int = 90, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two views of three classes that are not equally frequent, each missing in a third of the rows."""
    draws = np.random.default_rng(seed)
    y = draws.choice(3, num_rows, p=[0.5, 0.3, 0.2])
    X = {name: draws.normal(size=(num_rows, 2)) + y[:, None] for name in ("sound", "sight")}
    for values in X.values():
        values[draws.random(num_rows) < 1 / 3] = NAN
    return X, y


def opinions(X: dict[str, np.ndarray], y: np.ndarray) -> dict[str, np.ndarray]:
    """By modality, what GaussianNB says of every row after seeing the rows that have it; nan in the others."""
    found = {}
    for name, values in X.items():
        rows = ~np.isnan(values).all(1)
        found[name] = np.full((len(y), 3), NAN)
        found[name][rows] = GaussianNB().fit(values[rows], y[rows]).predict_proba(values[rows])
        found[name] = (1 - FLOOR) * found[name] + FLOOR / 3
    return found


def normalized(table: np.ndarray) -> np.ndarray:
    return table / table.sum(1, keepdims=True)


def frequencies(y: np.ndarray) -> np.ndarray:
    return np.bincount(y) / len(y)


def expected_of(pool: str, X: dict[str, np.ndarray], y: np.ndarray) -> np.ndarray:
    stacked = np.stack(list(opinions(X, y).values()))
    with pytest.warns(RuntimeWarning, match="empty slice"):
        if pool == "mean":
            pooled = np.nanmean(stacked, axis=0)
        else:
            pooled = normalized(np.exp(np.nanmean(np.log(stacked), axis=0)))
    return np.where(np.isnan(stacked).all((0, 2))[:, None], frequencies(y), pooled)


@cache
def fitted(name: str) -> tuple[BaseEstimator, dict[str, np.ndarray], np.ndarray]:
    """A classifier by name, and the views and classes that it was fitted to, for tests that only ask it."""
    X, y = views()
    return clone(ALL[name]).fit(X, y), X, y


@pytest.mark.parametrize("pool", ["mean", "logarithmic"])
def test_late_fusion_pools_the_opinions_of_the_present_modalities(pool):
    X, y = views()
    found = LateFusionClassifier(encoders=GaussianNB(), pool=pool).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(found, expected_of(pool, X, y), atol=1e-12)


def test_early_fusion_is_its_encoder_on_the_columns_side_by_side():
    X, y = views()
    whole = np.hstack(list(X.values()))
    rows = ~np.isnan(whole).all(1)
    found = EarlyFusionClassifier().fit(X, y).predict_proba(X)
    expected = np.tile(frequencies(y), (len(y), 1))
    expected[rows] = (1 - FLOOR) * TabularEncoder().fit(whole[rows], y[rows]).predict_proba(whole[rows]) + FLOOR / 3
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_early_fusion_gives_an_encoder_that_reads_no_gaps_means_and_indicators():
    X, y = views()
    whole = np.hstack(list(X.values()))
    rows = ~np.isnan(whole).all(1)
    found = EarlyFusionClassifier(encoder=GaussianNB()).fit(X, y).predict_proba(X)[rows]
    filled = SimpleImputer(add_indicator=True).fit_transform(whole[rows])
    expected = (1 - FLOOR) * GaussianNB().fit(filled, y[rows]).predict_proba(filled) + FLOOR / 3
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_hybrid_fusion_is_the_geometric_mean_of_early_and_logarithmic_late_fusion():
    X, y = views()
    early = EarlyFusionClassifier(encoder=GaussianNB()).fit(X, y).predict_proba(X)
    late = LateFusionClassifier(encoders=GaussianNB(), pool="logarithmic").fit(X, y).predict_proba(X)
    hybrid = HybridFusionClassifier(encoders=GaussianNB(), early_encoder=GaussianNB()).fit(X, y).predict_proba(X)
    np.testing.assert_allclose(hybrid, normalized(np.sqrt(early * late)), atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_any_subset_is_accepted_and_none_gets_the_prior(name):
    classifier, _, y = fitted(name)
    for sound, sight in product([True, False], repeat=2):
        row = {"sound": [[1.0, NAN]] if sound else [[NAN, NAN]], "sight": [[0.0, 2.0]] if sight else [[NAN, NAN]]}
        probabilities = classifier.predict_proba(row)
        np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-12)
        if not (sound or sight):
            np.testing.assert_allclose(probabilities, [frequencies(y)], atol=1e-12)
        elif not (sound and sight):
            kept = {each: value for each, value in row.items() if not np.isnan(value).all()}
            np.testing.assert_allclose(classifier.predict_proba(kept), probabilities, atol=1e-12)
            np.testing.assert_allclose(
                classifier.predict_proba([{each: value[0] for each, value in kept.items()}]), probabilities, atol=1e-12
            )


@pytest.mark.parametrize("name", ALL)
def test_rows_one_by_one_and_in_another_order_get_the_same(name):
    classifier, X, y = fitted(name)
    batch = ModalityBatch(X)
    together = classifier.predict_proba(batch)
    alone = np.concatenate([classifier.predict_proba(batch[i : i + 1]) for i in range(0, len(batch), 3)])
    np.testing.assert_allclose(alone, together[::3], atol=1e-10)
    order = np.random.default_rng(0).permutation(len(y))
    np.testing.assert_allclose(classifier.predict_proba(batch[order]), together[order], atol=1e-10)


@pytest.mark.parametrize("name", ALL)
def test_the_order_of_the_modalities_changes_nothing(name):
    classifier, X, y = fitted(name)
    turned = dict(reversed(X.items()))
    np.testing.assert_array_equal(classifier.predict_proba(turned), classifier.predict_proba(X))
    np.testing.assert_allclose(clone(ALL[name]).fit(turned, y).predict_proba(X), classifier.predict_proba(X), atol=1e-8)


@pytest.mark.parametrize("name", ALL)
def test_text_beside_numbers_is_read_by_the_default_encoders(name):
    X, y = views()
    frame = pd.DataFrame(X["sound"], columns=["low", "high"])
    frame["word"] = np.where(np.isnan(X["sight"][:, 0]), None, np.array(["one", "two", "three"])[y])
    light = {each: TabularEncoder(2) for each in ALL[name].get_params(deep=False) if "encoder" in each}
    classifier = type(ALL[name])(modalities={"sound": ["low", "high"], "word": ["word"]}, **light).fit(frame, y)
    said = frame["word"].notna().to_numpy()
    assert classifier.score(frame[said], y[said]) > 0.9


@pytest.mark.filterwarnings("ignore:modality 'sight' says nothing")
@pytest.mark.parametrize("name", ["graph", "late, mean", "late, logarithmic"])
def test_a_modality_that_never_saw_two_classes_has_no_say(name):
    X, y = views()
    X["sight"] = np.where(y[:, None] == 1, X["sight"], NAN)
    classifier = clone(ALL[name]).fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba({"sight": [[5.0, 5.0]]}), [frequencies(y)], atol=1e-12)
    with_it, without = {"sound": [[0.5, 0.5]], "sight": [[5.0, 5.0]]}, {"sound": [[0.5, 0.5]]}
    np.testing.assert_allclose(classifier.predict_proba(with_it), classifier.predict_proba(without), atol=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_baselines_are_cross_validated_on_a_batch(name):
    X, y = views()
    scores = cross_val_score(clone(ALL[name]), ModalityBatch(X), y, cv=2, error_score="raise")
    assert scores.mean() > frequencies(y).max()
