"""Weights of rows: they stand for rows, only ratios matter, and they reach all that is learned."""

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from graphfuse import FitSettings, ModalityBatch, Variable, star
from graphfuse.estimators import (
    AveragedEncoder,
    EarlyFusionClassifier,
    FusionClassifier,
    HybridFusionClassifier,
    KernelEncoder,
    LateFusionClassifier,
    TabularEncoder,
    TextEncoder,
    TreeEncoder,
)
from graphfuse.estimators.averaged_encoder import mixture_weights
from graphfuse.estimators.balanced_presence import balanced
from graphfuse.estimators.boosted_encoder import BoostedEncoder
from graphfuse.estimators.columns import learn_columns
from graphfuse.estimators.fusion_choice import Candidate, ScoredRows, held_out_losses, trained
from graphfuse.estimators.logistic_fit import Regression
from graphfuse.estimators.module_encoder import ModuleEncoder
from graphfuse.estimators.score_graphs import correlated_scores, independent_scores
from graphfuse.estimators.table_encoder import TableEncoder
from graphfuse.learning.cross_fit import cross_fit

GROUPS = {"ecg": [0, 1], "echo": [2, 3]}
ESTIMATORS = {
    "graph": FusionClassifier(GROUPS, GaussianNB(), joint_encoder=LogisticRegression(), random_state=0),
    "star": FusionClassifier(GROUPS, TabularEncoder(), structure=star, random_state=0),
    "early": EarlyFusionClassifier(GROUPS),
    "late": LateFusionClassifier(GROUPS, nn.Linear(2, 2), random_state=0),
    "hybrid": HybridFusionClassifier(GROUPS, KernelEncoder(random_state=0)),
}
ENCODERS = {
    "linear": TabularEncoder(),
    "kernel": KernelEncoder(num_landmarks=40, random_state=0),
    "boosted": BoostedEncoder(random_state=0),
    "trees": TreeEncoder(ExtraTreesClassifier(5, random_state=0)),
    "averaged": AveragedEncoder({"linear": TabularEncoder(), "bayes": GaussianNB()}, random_state=0),
}


def table(num_rows: int = 80, seed: int = 0, gaps: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns with gaps, classes 0 and 1, and weights that differ."""
    generator = np.random.default_rng(seed)
    y = np.arange(num_rows) % 2
    X = y[:, None] + 1.5 * generator.normal(size=(num_rows, 4))
    X[generator.random(X.shape) < gaps] = np.nan
    return X, y, generator.uniform(0.2, 3.0, num_rows)


def said(fitted, X):
    """What a fitted classifier says; a module reads no gaps."""
    return fitted.predict_proba(np.nan_to_num(X))


@pytest.mark.parametrize("name", ["star", "early", "late", "hybrid", *ENCODERS])
def test_weights_of_one_are_no_weights(name):
    X, y, _ = table(gaps=0.0)
    plain, ones = (clone({**ESTIMATORS, **ENCODERS}[name]).fit(X, y, each) for each in (None, np.ones(len(y))))
    np.testing.assert_array_equal(said(ones, X), said(plain, X))


@pytest.mark.parametrize("name", [*ESTIMATORS, *ENCODERS])
def test_a_row_of_weight_zero_is_as_if_it_were_absent(name):
    X, y, weights = table(gaps=0.0)
    weights[::5] = 0.0
    X[0] = 1e6
    kept = weights > 0
    zero = clone({**ESTIMATORS, **ENCODERS}[name]).fit(X, y, weights)
    absent = clone({**ESTIMATORS, **ENCODERS}[name]).fit(X[kept], y[kept], weights[kept])
    np.testing.assert_array_equal(said(zero, X[kept]), said(absent, X[kept]))


def test_a_class_whose_rows_all_weigh_nothing_is_absent():
    X, y, _ = table()
    y = np.where(np.arange(80) < 8, "rare", np.where(y, "ill", "well"))
    fitted = clone(ESTIMATORS["star"]).fit(X, y, y != "rare")
    assert fitted.classes_.tolist() == ["ill", "well"]
    expected = clone(ESTIMATORS["star"]).fit(X[8:], y[8:])
    np.testing.assert_array_equal(fitted.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("name", [*ESTIMATORS, pytest.param("default", marks=pytest.mark.slow)])
def test_a_constant_factor_changes_nothing(name):
    X, y, weights = table(60, gaps=0.0)
    estimator = {**ESTIMATORS, "default": FusionClassifier(GROUPS, random_state=0)}[name]
    once, often = (clone(estimator).fit(X, y, factor * weights) for factor in (1.0, 1e3 / 7))
    np.testing.assert_allclose(often.prior_, once.prior_, atol=1e-12)
    np.testing.assert_allclose(said(often, X), said(once, X), atol=1e-6)


def test_prior_is_the_share_of_the_weights():
    X, y, weights = table()
    for name in ("star", "early", "hybrid"):
        fitted = clone(ESTIMATORS[name]).fit(X, y, weights)
        expected = [weights[y == 0].sum() / weights.sum(), weights[y == 1].sum() / weights.sum()]
        np.testing.assert_allclose(fitted.prior_, expected)
        np.testing.assert_allclose(fitted.predict_proba(np.full((1, 4), np.nan))[0], expected, atol=1e-6)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_a_weighted_regression_is_that_of_scikit_learn(num_classes):
    X, _, weights = table(60, gaps=0.0)
    states = np.arange(60) % num_classes
    weights[:3] = 1e-9
    found = Regression(X, states, np.arange(num_classes), weights).solve(0.1, 1e-10)
    expected = LogisticRegression(C=0.1, tol=1e-10, max_iter=10_000).fit(X, states, weights)
    np.testing.assert_allclose(found.probabilities(X), expected.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("wide", [False, True], ids=["long", "wide"])
def test_a_regression_takes_integer_weights_for_repeated_rows(wide):
    generator = np.random.default_rng(1)
    X, states = generator.normal(size=(30, 50 if wide else 3)), np.arange(30) % 3
    times = generator.integers(1, 5, 30)
    found = Regression(X, states, np.arange(3), times.astype(float)).solve(1.0, 1e-10)
    expected = Regression(X.repeat(times, axis=0), states.repeat(times), np.arange(3)).solve(1.0, 1e-10)
    np.testing.assert_allclose(found.probabilities(X), expected.probabilities(X), atol=1e-7)


def test_columns_take_integer_weights_for_repeated_rows():
    X, _, _ = table()
    times = np.random.default_rng(2).integers(1, 5, len(X))
    for found, expected in zip(learn_columns(X, times), learn_columns(X.repeat(times, axis=0)), strict=True):
        assert (found.mean, found.scale) == pytest.approx((expected.mean, expected.scale))


@pytest.mark.parametrize(
    "encoder",
    [
        TabularEncoder(),
        KernelEncoder(random_state=0),
        AveragedEncoder({"linear": TabularEncoder(), "bayes": make_pipeline(StandardScaler(), GaussianNB())}),
    ],
    ids=["linear", "kernel", "averaged"],
)
def test_an_encoder_over_given_folds_takes_integer_weights_for_repeated_rows(encoder):
    X, y, _ = table(60, gaps=0.0)
    times, fold = np.random.default_rng(3).integers(1, 4, 60), np.arange(60) // 20
    found = clone(encoder).fit_folds(X, y, fold, times.astype(float))
    expected = clone(encoder).fit_folds(X.repeat(times, axis=0), y.repeat(times), fold.repeat(times))
    unweighted = clone(encoder).fit_folds(X, y, fold)
    for mine, theirs, plain in zip(found, expected, unweighted, strict=True):
        assert getattr(mine, "C_", 0) == getattr(theirs, "C_", 0)
        np.testing.assert_allclose(mine.predict_proba(X), theirs.predict_proba(X), atol=2e-4)
        assert np.abs(plain.predict_proba(X) - theirs.predict_proba(X)).max() > 5e-3


def test_held_out_rows_choose_the_setting_by_their_weights():
    generator = np.random.default_rng(4)
    X = generator.normal(size=(400, 1))
    noise = np.arange(400) < 300  # labels that X does not tell, beside some that it tells well
    y = np.where(noise, generator.integers(0, 2, 400), X[:, 0] > 0)
    heavy = {name: np.where(rows, 1.0, 1e-3) for name, rows in {"noise": noise, "signal": ~noise}.items()}
    chosen = {name: TabularEncoder().fit(X, y, weights).C_ for name, weights in heavy.items()}
    assert chosen["noise"] < TabularEncoder().fit(X[~noise], y[~noise]).C_ <= chosen["signal"]


def test_an_average_takes_integer_weights_for_repeated_rows():
    generator = np.random.default_rng(5)
    likelihoods, times = generator.random((40, 3)), generator.integers(1, 6, 40)
    found = mixture_weights(likelihoods, 10.0, times.astype(float))
    np.testing.assert_allclose(found, mixture_weights(likelihoods.repeat(times, axis=0), 10.0), atol=1e-6)


def test_a_graph_takes_integer_weights_for_repeated_rows():
    generator = torch.Generator().manual_seed(0)
    states = np.arange(40) % 2
    times = np.random.default_rng(6).integers(1, 5, 40)
    scores = {name: torch.randn(40, 2, generator=generator, dtype=torch.float64) for name in GROUPS}
    scores = {name: each + torch.nn.functional.one_hot(torch.from_numpy(states)) for name, each in scores.items()}
    batch = ModalityBatch(scores, targets={"target": torch.from_numpy(states)})
    alone = batch.keep({"echo": torch.zeros(40, dtype=torch.bool), "ecg": torch.ones(40, dtype=torch.bool)})
    target, names = Variable("target", 2), tuple(GROUPS)
    candidate = Candidate("any", lambda: correlated_scores(target, names, names, 0.45), names)
    rows = np.repeat(np.arange(40), times)

    def fitted(subsets, states, weights=None):
        scored = ScoredRows(subsets, states, weights)
        return trained(candidate, scored, np.arange(len(states)), lambda model: None)(batch)["target"].detach()

    found = fitted([batch, alone], states, times.astype(float))
    torch.testing.assert_close(found, fitted([batch[rows], alone[rows]], states[rows]), atol=1e-4, rtol=0)
    assert (found - fitted([batch, alone], states)).abs().max() > 1e-2


def test_graphs_are_compared_by_the_weighted_loss_of_held_out_rows():
    generator = torch.Generator().manual_seed(0)
    states, weights = np.arange(30) % 2, np.random.default_rng(10).uniform(0.1, 4.0, 30)
    scores = {name: torch.randn(30, 2, generator=generator, dtype=torch.float64) for name in GROUPS}
    both = ModalityBatch(scores, targets={"target": torch.from_numpy(states)})
    one = both.keep({"ecg": torch.ones(30, dtype=torch.bool), "echo": torch.zeros(30, dtype=torch.bool)})
    target, names = Variable("target", 2), tuple(GROUPS)
    fixed = Candidate("fixed", lambda: independent_scores(target, names).requires_grad_(False), names)
    found = held_out_losses([fixed], ScoredRows([both, one], states, weights), 0, lambda model: None)["fixed"].mean
    sums = [scores["ecg"] + scores["echo"], scores["ecg"]]
    nll = np.mean([-each.log_softmax(1).numpy()[np.arange(30), states] for each in sums], axis=0)
    assert found == pytest.approx(np.average(nll, weights=weights), abs=1e-9)
    assert abs(found - nll.mean()) > 1e-3


def test_presence_is_balanced_between_classes_by_weights():
    generator = np.random.default_rng(7)
    states = np.arange(4000) % 2
    weights = generator.choice([0.1, 3.0], 4000)
    has = generator.random(4000) < np.where(states == 0, 0.9, np.where(weights > 1, 0.3, 0.9))
    masks = np.stack([has, np.ones(4000, dtype=bool)], axis=1)[:, None]
    kept = balanced(masks, states, 2, torch.Generator().manual_seed(0), weights)[:, 0]
    rates = [np.average(kept[states == k, 0], weights=weights[states == k]) for k in (0, 1)]
    assert abs(rates[0] - rates[1]) < 0.04
    alike = balanced(masks, states, 2, torch.Generator().manual_seed(0))[:, 0]
    rates = [np.average(alike[states == k, 0], weights=weights[states == k]) for k in (0, 1)]
    assert abs(rates[0] - rates[1]) > 0.2


def test_landmarks_are_drawn_by_weight():
    X, y = np.arange(200.0)[:, None], np.arange(200) % 2
    encoder = KernelEncoder(num_landmarks=20, random_state=0).fit(X, y, np.where(X[:, 0] < 100, 1.0, 1e-6))
    mean, scale = encoder.columns_[0].mean, encoder.columns_[0].scale
    assert len(encoder.landmarks_) == 20 and (encoder.landmarks_ * scale + mean).max() < 100


def test_a_module_that_reads_nothing_learns_the_weighted_frequencies():
    X, y, settings = np.zeros((32, 1)), np.arange(32) % 2, FitSettings(num_epochs=200, learning_rate=0.1)
    fitted = ModuleEncoder(nn.Linear(1, 2), 2, settings).fit(X, y, np.where(y, 6.0, 2.0))
    np.testing.assert_allclose(fitted.predict_proba(X[:1]), [[0.25, 0.75]], atol=0.02)


def test_trees_without_a_column_to_split_say_the_weighted_frequencies():
    fitted = TreeEncoder().fit(np.zeros((4, 1)), [0, 0, 1, 1], [3.0, 3.0, 1.0, 1.0])
    np.testing.assert_allclose(fitted.predict_proba(np.zeros((1, 1))), [[0.75, 0.25]])


def test_words_of_rows_of_weight_zero_are_not_listed():
    import pandas as pd

    frame = pd.DataFrame({"report": ["clear lungs", "an opacity", "a hamster"] * 6})
    fitted = TextEncoder(min_count=1).fit(frame, [0, 1, 1] * 6, [1.0, 2.0, 0.0] * 6)
    expected = TextEncoder(min_count=1).fit(frame[frame["report"] != "a hamster"], [0, 1] * 6, [1.0, 2.0] * 6)
    np.testing.assert_array_equal(fitted.predict_proba(frame), expected.predict_proba(frame))


@pytest.mark.parametrize("name", ["graph", "hybrid", pytest.param("default", marks=pytest.mark.slow)])
def test_weights_for_another_prevalence_win_where_it_holds(name):
    generator = np.random.default_rng(8)
    estimator = {**ESTIMATORS, "default": FusionClassifier(GROUPS, random_state=0)}[name]
    y, new = np.arange(300) % 2, (generator.random(3000) < 0.1).astype(int)
    train, test = (1.2 * each[:, None] + generator.normal(size=(len(each), 4)) for each in (y, new))
    weighted, plain = (clone(estimator).fit(train, y, each) for each in (np.where(y, 0.1, 0.9), None))
    log_odds = np.log(0.1 / 0.9) + (1.2 * test - 0.72).sum(1)
    truth = 1 / (1 + np.exp(-log_odds))

    def loss(fitted):  # beyond the truth
        found = fitted.predict_proba(test)[:, 1]
        return np.mean(truth * np.log(truth / found) + (1 - truth) * np.log((1 - truth) / (1 - found)))

    np.testing.assert_allclose(weighted.prior_, [0.9, 0.1])
    assert loss(weighted) < 0.3 * loss(plain)
    shift = np.diff(plain.predict_log_proba(test))[:, 0] - np.diff(weighted.predict_log_proba(test))[:, 0]
    assert abs(np.median(shift) - np.log(9)) < 0.6


class Spy(ClassifierMixin, BaseEstimator):
    """Remembers its weights, by row."""

    def fit(self, X, y, sample_weight=None):
        self.classes_, self.weights_ = np.unique(y), dict(zip(X[:, 0].tolist(), sample_weight.tolist(), strict=True))
        return self

    def predict_proba(self, X):
        return np.full((len(X), 2), 0.5)


def test_a_row_keeps_its_weight_in_every_fold():
    X, y, weights = table(20)
    X[:, 0] = np.arange(20)
    present = np.arange(20) > 3
    generator = torch.Generator().manual_seed(0)
    _, ensemble = cross_fit(Spy(), X, y, present, 2, 4, generator, "ecg", weights)
    seen = [member.weights_ for member in ensemble.members]
    assert all(each[row] == weights[int(row)] for each in seen for row in each)
    assert sorted(row for each in seen for row in each) == sorted(np.repeat(np.arange(4.0, 20.0), 3))
    np.testing.assert_allclose(ensemble.prior, np.bincount(y[4:], weights[4:]) / weights[4:].sum())


def test_the_steps_of_a_pipeline_get_the_weights():
    X, y, _ = table(gaps=0.0)
    times = np.random.default_rng(9).integers(0, 4, len(y))
    estimator = EarlyFusionClassifier(encoder=make_pipeline(StandardScaler(), LogisticRegression(C=np.inf, tol=1e-8)))
    found = clone(estimator).fit(X, y, times).predict_proba(X)
    expected = clone(estimator).fit(X.repeat(times, axis=0), y.repeat(times)).predict_proba(X)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["star", "early", "late", "hybrid"])
def test_an_encoder_without_weights_is_named_where_weights_differ(name):
    X, y, weights = table(gaps=0.0)
    key = "encoder" if name == "early" else "encoders"
    estimator = clone(ESTIMATORS[name]).set_params(**{key: KNeighborsClassifier()})
    where = "all modalities" if name == "early" else "ecg"
    with pytest.raises(
        TypeError, match=rf"^the encoder of modality '{where}' must take sample_weight in fit, .*; got KNeigh"
    ):
        estimator.fit(X, y, weights)
    found = estimator.fit(X, y, np.full(len(y), 2.5)).predict_proba(X)
    np.testing.assert_array_equal(found, estimator.fit(X, y).predict_proba(X))


def test_a_member_of_an_average_without_weights_is_not_left_out_but_named():
    X, y, weights = table(gaps=0.0)
    average = AveragedEncoder({"bayes": GaussianNB(), "near": KNeighborsClassifier()})
    with pytest.raises(TypeError, match=r"^members\['near'\] must take sample_weight in fit"):
        average.fit(X, y, weights)
    with pytest.raises(TypeError, match=r"^members\['near'\] must take sample_weight in fit"):
        FusionClassifier(encoders=average, random_state=0).fit(X, y, weights)


BAD = {
    "short": (np.ones(79), ValueError, r"have shape \(80,\), one weight per row of X; got \(79,\)"),
    "wide": (np.ones((80, 2)), ValueError, r"have shape \(80,\), one weight per row of X; got \(80, 2\)"),
    "scalar": (1.0, ValueError, r"have shape \(80,\), one weight per row of X; got \(\)"),
    "negative": ([1.0] * 79 + [-2.0], ValueError, r"be finite and at least 0; got -2\.0"),
    "nan": ([1.0] * 79 + [np.nan], ValueError, "be finite and at least 0; got nan"),
    "infinite": ([1.0] * 79 + [np.inf], ValueError, "be finite and at least 0; got inf"),
    "zero": (np.zeros(80), ValueError, "be above 0 in at least one row; got weights that are all zero"),
    "text": (["heavy"] * 80, TypeError, "be numbers, one per row of X, or None; got a list"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", [*ESTIMATORS, *ENCODERS])
def test_weights_that_are_none_are_refused(name, bad):
    X, y, _ = table(gaps=0.0)
    weights, error, message = BAD[bad]
    with pytest.raises(error, match=rf"^sample_weight must {message}\.$"):
        clone({**ESTIMATORS, **ENCODERS}[name]).fit(X, y, weights)


def test_one_class_among_rows_that_count_is_refused():
    X, y, _ = table()
    with pytest.raises(ValueError, match=r"^y must have at least two classes in rows whose sample_weight is not zero"):
        clone(ESTIMATORS["graph"]).fit(X, y, y)
    encoder: TableEncoder
    for encoder in ENCODERS.values():
        with pytest.raises(ValueError, match=r"^y must have at least two classes; got 1\.$"):
            clone(encoder).fit(np.nan_to_num(X), y, y)


def test_labels_and_weights_of_an_encoder_must_be_as_many_as_its_rows():
    X, y, weights = table(gaps=0.0)
    with pytest.raises(ValueError, match=r"^y must have one label per row of X, 80; got 79 labels\.$"):
        TabularEncoder().fit(X, y[:79], weights)


@pytest.mark.parametrize("weights", [[1e-320] + [1.0] * 79, [1e-320] * 79 + [2e-320], [1e308] * 79 + [3e307]])
def test_weights_of_extreme_size_are_read_by_their_ratios(weights):
    X, y, _ = table()
    fitted = clone(ESTIMATORS["early"]).fit(X, y, weights)
    assert np.isfinite(fitted.predict_log_proba(X)).all() and abs(fitted.prior_.sum() - 1) < 1e-12
