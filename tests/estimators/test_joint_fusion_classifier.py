"""Several targets at once: answers are those of enumeration, of one classifier a target, and of the frequencies."""

import os
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from graphfuse import Enumeration, JointFusionClassifier, ModalityBatch, infer, load
from graphfuse.estimators.fusion_choice import ScoredRows, trained
from graphfuse.estimators.target_experts import ALL_COLUMNS, TargetExperts
from graphfuse.estimators.target_graphs import edge_gains
from tests.joint_states import assert_answers_are_those_of_listing_every_joint_state

NUM_ROWS = 120


def rows(seed=0, num_rows=NUM_ROWS):
    """Two noisy modalities of a first label, a copy of it that errs one time in ten, and a label of three classes."""
    draw = np.random.default_rng(seed)
    flu = draw.integers(0, 2, num_rows)
    fever = np.where(draw.random(num_rows) < 0.1, 1 - flu, flu)
    X = {name: flu[:, None] + draw.normal(size=(num_rows, 2)) for name in ("blood", "image")}
    y = pd.DataFrame({"flu": flu, "fever": fever, "severity": draw.choice(["high", "low", "none"], num_rows)})
    return ModalityBatch(X), y


@cache
def fitted(**settings):
    X, y = rows()
    settings = {"encoders": GaussianNB(), "joint_encoder": None, "combinations": False, "random_state": 0, **settings}
    return JointFusionClassifier(**settings).fit(X, y)


@pytest.mark.parametrize("kept", [[], ["blood"], ["blood", "image"]], ids=str)
def test_marginals_and_the_best_joint_labels_are_those_of_listing_every_joint_state(kept):
    model = fitted(edges=(("flu", "fever"), ("fever", "severity")))
    X = rows(1, 6)[0].keep({name: torch.full((6,), name in kept) for name in ("blood", "image")})
    assert_answers_are_those_of_listing_every_joint_state(model, X)


def test_the_log_likelihood_of_some_labels_sums_the_others_out_as_enumeration_does():
    model = fitted(edges=(("flu", "fever"), ("fever", "severity")))
    X = rows(1, 4)[0]
    y = pd.DataFrame({"fever": [1, np.nan, 0, np.nan]})
    marginals = model.predict_proba(X)["fever"]
    expected = [np.log(marginals.loc[0, 1]), 0, np.log(marginals.loc[2, 0]), 0]
    np.testing.assert_allclose(model.joint_log_likelihood(X, y), expected, atol=1e-9)
    scored = model._scored(X)
    found = infer(model.graph_, model.model_.log_potentials(scored), method=Enumeration()).log_marginals["fever"]
    np.testing.assert_allclose(np.log(marginals), found.detach().numpy(), atol=1e-9)


def test_without_edges_the_joint_probability_is_the_product_of_the_marginals():
    X, y = rows(1, 8)
    model = fitted(edges=())
    marginals = model.predict_proba(X)
    expected = sum(
        np.log([marginals.loc[i, (target, label)] for i, label in enumerate(y[target])]) for target in y.columns
    )
    np.testing.assert_allclose(model.joint_log_likelihood(X, y), expected, atol=1e-9)
    pd.testing.assert_frame_equal(model.predict(X), model.predict_joint(X))


def test_learned_edges_join_what_errs_together_and_make_new_rows_more_likely():
    X, y = rows(1, 400)
    alone, together = fitted(edges=()), fitted()
    assert ("flu", "fever") in together.edges_
    assert (
        together.losses_[f"{len(together.edges_)} edges"]
        == min(together.losses_.values())
        < together.losses_["0 edges"]
    )
    assert together.joint_log_likelihood(X, y).mean() > alone.joint_log_likelihood(X, y).mean() + 0.1


def test_a_row_without_modalities_gets_the_joint_frequencies():
    y = rows()[1]
    model = fitted(edges=(("flu", "fever"), ("fever", "severity")))
    nothing = [{}]
    for labels, count in y.groupby(["flu", "fever"]).size().items():
        found = np.exp(model.joint_log_likelihood(nothing, pd.DataFrame([labels], columns=["flu", "fever"])))[0]
        assert abs(found - count / len(y)) < 0.05


def test_an_edge_tells_of_a_label_by_another_that_is_known():
    X, _ = rows(1, 50)
    model = fitted(edges=(("flu", "fever"), ("fever", "severity")))
    blank = X.keep({name: torch.zeros(50, dtype=torch.bool) for name in X.modalities})
    both = model.joint_log_likelihood(blank, pd.DataFrame({"flu": [1] * 50, "fever": [1] * 50}))
    given = both - model.joint_log_likelihood(blank, pd.DataFrame({"flu": [1] * 50}))
    assert np.exp(given).min() > 0.8  # nine in ten, against half without the edge


def test_the_gain_of_an_edge_is_half_the_score_statistic_of_two_labels():
    draw = np.random.default_rng(0)
    p, q = draw.random((2, 300)) * 0.8 + 0.1
    a, b = (draw.random(300) < p).astype(int), (draw.random(300) < q).astype(int)
    statistic = ((a - p) * (b - q)).sum() ** 2 / ((p * (1 - p) * q * (1 - q)).sum() + 1)
    found = edge_gains({"a": np.c_[1 - p, p], "b": np.c_[1 - q, q]}, {"a": a, "b": b})
    assert found["a", "b"] == pytest.approx(statistic / 2)


def test_a_child_is_never_more_probable_than_its_parent_and_what_is_forbidden_is_impossible():
    X, y = rows()
    y = pd.DataFrame({"viral": y["flu"] & y["fever"], "hepatitis": y["flu"]})
    model = JointFusionClassifier(None, GaussianNB(), [], {"viral": "hepatitis"}, random_state=0).fit(X, y)
    new = rows(1, 60)[0]
    marginals = model.predict_proba(new)
    assert (marginals["viral", 1] <= marginals["hepatitis", 1] + 1e-12).all()
    forbidden = pd.DataFrame({"viral": [1] * 60, "hepatitis": [0] * 60})
    assert (model.joint_log_likelihood(new, forbidden) == -np.inf).all()
    found = model.predict_joint(new)
    assert not ((found["viral"] == 1) & (found["hepatitis"] == 0)).any()


def test_unknown_labels_cost_nothing_but_themselves():
    X, y = rows()
    partial = y.astype(object).mask(np.random.default_rng(0).random(y.shape) < 0.4)
    partial.iloc[3] = None  # a row that knows nothing
    model = JointFusionClassifier(encoders=GaussianNB(), edges=[("flu", "fever")], random_state=0).fit(X, partial)
    new, true = rows(1, 400)
    prior = np.log(y["flu"].value_counts(normalize=True))
    assert model.joint_log_likelihood(new, true[["flu"]]).mean() > prior.mean() + 0.2
    assert model.classes_["flu"].tolist() == [0, 1]
    assert model.score(new, true[["flu", "fever"]]) > 0.6


def test_labels_that_no_row_knows_together_are_fitted_all_the_same():
    X, y = rows()
    y = y[["flu", "fever"]].astype(float)
    y.iloc[::2, 0], y.iloc[1::2, 1] = np.nan, np.nan
    model = JointFusionClassifier(encoders=GaussianNB(), edges=[("flu", "fever")], random_state=0).fit(X, y)
    assert np.isfinite(model.joint_log_likelihood(*rows(1, 20)[:1], rows(1, 20)[1][["flu", "fever"]])).all()


def test_tables_with_an_index_are_answered_under_that_index():
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(60, 3)), columns=list("abc"), index=[f"patient {i}" for i in range(60)])
    y = pd.DataFrame({7: X["a"] > 0, "second": np.where(X["b"] > 0, "yes", "no")})
    settings = {"modalities": {"first": ["a"], "other": ["b", "c"]}, "edges": [(7, "second")], "random_state": 0}
    model = JointFusionClassifier(**settings).fit(X, y)
    assert clone(model).get_params()["random_state"] == 0
    for found in (model.predict_proba(X), model.predict(X), model.predict_joint(X)):
        assert found.index.equals(X.index)
    assert model.predict_proba(X).columns.tolist() == [(7, False), (7, True), ("second", "no"), ("second", "yes")]
    np.testing.assert_allclose(model.predict_proba(X).T.groupby(level=0, sort=False).sum(), 1)
    again = JointFusionClassifier(**settings).fit(X, y)
    pd.testing.assert_frame_equal(again.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize(
    ("change", "settings", "error", "message"),
    [
        (lambda y: y.to_numpy(), {}, TypeError, "y must be a DataFrame of labels"),
        (lambda y: y["flu"], {}, TypeError, "y must be a DataFrame of labels"),
        (lambda y: y[:5], {}, ValueError, "y must have one row per row of X, 120; got 5 rows"),
        (lambda y: y.assign(flu=1), {}, ValueError, r"y\['flu'\] must have at least two classes; got 1"),
        (lambda y: y.assign(flu=np.nan), {}, ValueError, r"y\['flu'\] must have at least two classes; got none"),
        (lambda y: y.assign(flu=np.linspace(0, 1, 120)), {}, ValueError, r"y\['flu'\] must hold classes"),
        (lambda y: y.assign(flu=["a", 1] * 60), {}, TypeError, r"y\['flu'\] must hold labels of one type"),
        (lambda y: y, {"edges": [("flu", "feverr")]}, ValueError, "did you mean 'fever'"),
        (lambda y: y, {"edges": [("flu", "flu")]}, ValueError, "must join two targets"),
        (lambda y: y, {"edges": "tree"}, TypeError, "edges must be a sequence of pairs"),
        (lambda y: y, {"hierarchy": {"flu": "cough"}}, ValueError, "each target in hierarchy must be one of"),
        (lambda y: y, {"hierarchy": {"flu": "severity"}}, ValueError, "must have two classes"),
        (lambda y: y, {"hierarchy": {"flu": "fever", "fever": "flu"}}, ValueError, "must be free of circles"),
        (lambda y: y, {"hierarchy": {"flu": "fever"}}, ValueError, "'flu' without 'fever' in row"),
        (lambda y: y, {"joint_encoder": "linear"}, ValueError, 'joint_encoder must be "default"'),
        (lambda y: y, {"encoders": {"bloood": GaussianNB()}}, ValueError, "did you mean 'blood'"),
    ],
)
def test_a_refusal_names_what_is_wrong(change, settings, error, message):
    X, y = rows()
    with pytest.raises(error, match=message):
        JointFusionClassifier(**settings).fit(X, change(y))


def test_what_fit_did_not_see_is_refused_by_name():
    model = fitted(edges=())
    X, y = rows(1, 4)
    with pytest.raises(ValueError, match="each modality in X must be one of"):
        model.predict({"urine": np.zeros((4, 2))})
    with pytest.raises(ValueError, match="each column of y must be one of"):
        model.joint_log_likelihood(X, y.assign(cough=1))
    with pytest.raises(ValueError, match=r"y\['flu'\] must hold the classes of fit, 0, 1; got 2 in row 0"):
        model.joint_log_likelihood(X, y.assign(flu=2))


def weighted(seed=0):
    """Weights that differ, some of them zero."""
    draw = np.random.default_rng(seed)
    return np.where(draw.random(NUM_ROWS) < 0.2, 0.0, draw.uniform(0.2, 3.0, NUM_ROWS))


def quick(**settings):
    alone = {"encoders": GaussianNB(), "joint_encoder": None, "combinations": False, "random_state": 0}
    return JointFusionClassifier(**{**alone, **settings})


def half_known():
    """Rows, and labels of which four in ten are unknown."""
    X, y = rows()
    return X, y.astype(object).mask(np.random.default_rng(3).random(y.shape) < 0.4)


@pytest.mark.parametrize(
    "settings", [{}, {"encoders": None, "joint_encoder": "default", "edges": []}], ids=["bayes", "default"]
)
def test_a_row_of_weight_zero_is_as_if_it_were_absent(settings):
    (X, y), weights = half_known(), weighted()
    kept = weights > 0
    y = y[["flu"]].assign(viral=np.where(kept, np.arange(NUM_ROWS) % 2, 7))  # a class of rows that do not count
    X.inputs["blood"][~kept] = 1e6
    zero = quick(**settings).fit(X, y, weights)
    absent = quick(**settings).fit(X[np.flatnonzero(kept)], y[kept], weights[kept])
    assert zero.classes_["viral"].tolist() == [0, 1] and zero.edges_ == absent.edges_ and zero.losses_ == absent.losses_
    new = rows(1, 20)[0]
    pd.testing.assert_frame_equal(zero.predict_proba(new), absent.predict_proba(new))


def test_a_row_that_knows_no_label_teaches_nothing_whatever_its_weight():
    (X, y), weights = rows(), weighted()
    y = y.astype(object)
    y.iloc[::6] = None
    light, heavy = (
        quick(edges=[("flu", "fever")]).fit(X, y, np.where(np.arange(NUM_ROWS) % 6 == 0, each, weights))
        for each in (0.0, 100.0)
    )
    np.testing.assert_allclose(light.predict_proba(X), heavy.predict_proba(X), atol=1e-9)


def test_weights_that_are_all_the_same_are_no_weights_and_a_constant_factor_changes_nothing():
    (X, y), weights = rows(), weighted()
    plain, same, once, often = (
        quick(edges=[("flu", "fever")]).fit(X, y[["flu", "fever"]], each).predict_proba(X)
        for each in (None, np.full(NUM_ROWS, 2.5), weights, 1e3 / 7 * weights)
    )
    pd.testing.assert_frame_equal(plain, same)
    np.testing.assert_allclose(once, often, atol=1e-6)
    assert np.abs(once - plain).to_numpy().max() > 0.01


def test_a_row_without_modalities_gets_the_joint_frequencies_by_the_weights():
    X, y = rows()
    weights = np.where(y["flu"] == 1, 9.0, 1.0)
    model = quick(edges=[("flu", "fever")]).fit(X, y, weights)
    for labels, share in (pd.Series(weights).groupby([y["flu"], y["fever"]]).sum() / weights.sum()).items():
        found = np.exp(model.joint_log_likelihood([{}], pd.DataFrame([labels], columns=["flu", "fever"])))[0]
        assert abs(found - share) < 0.05


def test_the_frequencies_of_a_target_count_rows_that_know_it_by_their_weights():
    (X, y), weights = half_known(), weighted()
    model = quick(edges=[]).fit(X, y, weights)
    weights = weights / weights[(weights > 0) & y.notna().any(axis=1)].mean()
    for name, labels in model.classes_.items():
        counts = np.array([weights[y[name] == label].sum() for label in labels]) + 0.5
        np.testing.assert_allclose(model._frequencies[name], counts / counts.sum())


def test_the_graph_takes_integer_weights_for_repeated_rows():
    X, y = half_known()
    model = quick(edges=[("flu", "fever"), ("fever", "severity")]).fit(X, y)
    seen, candidate = model._training_rows, model._candidate(model.edges_)
    everyone = np.arange(len(seen.states))
    times = np.random.default_rng(6).integers(1, 5, len(everyone))
    again = np.repeat(everyone, times)

    def said(subsets, states, weights=None):
        scored = ScoredRows(subsets, states, weights)
        found = trained(candidate, scored, np.arange(len(states)), lambda model: None, max_steps=200)(seen.subsets[1])
        return torch.cat(list(found.values()), dim=1).detach()

    found = said(seen.subsets, seen.states, times.astype(float))
    repeated = said([each[again] for each in seen.subsets], seen.states[again])
    torch.testing.assert_close(found, repeated, atol=1e-4, rtol=0)
    assert (found - said(seen.subsets, seen.states)).abs().max() > 1e-2


def test_edges_are_learned_by_the_weights():
    draw = np.random.default_rng(5)
    early, flu = np.arange(60) < 30, draw.integers(0, 2, 60)
    other = draw.integers(0, 2, (2, 60))
    y = pd.DataFrame({"flu": flu, "fever": np.where(early, flu, other[0]), "rash": np.where(early, other[1], flu)})
    X = ModalityBatch({"blood": draw.normal(size=(60, 1))})
    for heavy, pair in ((early, ("flu", "fever")), (~early, ("flu", "rash"))):
        model = quick().fit(X, y, np.where(heavy, 1.0, 0.05))
        assert model.edges_[0] == pair
        assert model.losses_["0 edges"] - model.losses_["2 edges"] > 0.5 * np.log(
            2
        )  # of log(2), which one edge tells of heavy rows


def test_the_gain_of_an_edge_takes_integer_weights_for_repeated_rows():
    draw = np.random.default_rng(0)
    states = {name: draw.integers(-1, 2, 50) for name in "abc"}
    believed = {name: draw.dirichlet([1, 1], 50) for name in states}
    times = draw.integers(1, 5, 50)
    repeated = ({name: each.repeat(times, axis=0) for name, each in tables.items()} for tables in (believed, states))
    assert edge_gains(believed, states, times.astype(float)) == pytest.approx(edge_gains(*repeated))


def test_experts_take_integer_weights_for_repeated_rows_of_one_group():
    X, y = rows()
    times = np.random.default_rng(2).integers(1, 4, NUM_ROWS)
    again = np.repeat(np.arange(NUM_ROWS), times)
    once, often = (
        TargetExperts(GaussianNB(var_smoothing=0.0), None, [dict(batch.present)], 0).fit(batch, labels, weights, groups)
        for batch, labels, weights, groups in (
            (X, y["flu"], times, np.arange(NUM_ROWS)),
            (X[again], y["flu"][again], None, again),
        )
    )
    for source, found in once.scored_[0].inputs.items():
        torch.testing.assert_close(found[again], often.scored_[0].inputs[source])


class ByHeart(ClassifierMixin, BaseEstimator):
    """Knows by heart the labels of the rows that it saw, told by their last column, and of others says nothing."""

    def fit(self, X, y):
        self.classes_, self.seen_ = np.unique(y), dict(zip(X[:, -1].tolist(), y.tolist(), strict=True))
        return self

    def predict_proba(self, X):
        share = 1 / len(self.classes_)
        return np.array(
            [
                np.where(self.classes_ == self.seen_[row], 0.98, 0.02 / (len(self.classes_) - 1))
                if row in self.seen_
                else np.full(len(self.classes_), share)
                for row in X[:, -1].tolist()
            ]
        )


def visits():
    """Forty persons of three visits that look alike and have labels alike, told by nothing else."""
    person = np.arange(120) % 40
    draw = np.random.default_rng(4)
    y = pd.DataFrame({name: draw.permutation(np.arange(40) % 2)[person] for name in ("flu", "fever")})
    return ModalityBatch({"blood": person[:, None].astype(float)}), y, np.array([f"person {i}" for i in person])


def test_rows_of_one_group_do_not_make_held_out_rows_look_better():
    X, y, groups = visits()
    alone, together = (quick(encoders=ByHeart()).fit(X, y, groups=each) for each in (None, groups))
    chance = 2 * np.log(2)
    assert alone.losses_["0 edges"] < 0.5 * chance  # what others of the same person gave away
    assert min(together.losses_.values()) > 0.95 * chance


def test_experts_of_one_modality_and_of_all_columns_give_away_nothing_of_a_group():
    X, y, groups = visits()
    X = ModalityBatch({"blood": X.inputs["blood"], "image": X.inputs["blood"]})
    alone, together = (
        TargetExperts(ByHeart(), ByHeart(), [dict(X.present)], 0).fit(X, y["flu"], groups=each).scored_[0].inputs
        for each in (None, groups)
    )
    assert list(alone) == list(together) == ["blood", "image", ALL_COLUMNS]
    for source, found in together.items():
        assert found.abs().max() < 0.2 < 0.6 < alone[source].abs().max()


def test_a_group_is_seen_whole_by_an_expert_or_not_at_all():
    X, y, groups = visits()
    X = ModalityBatch({"blood": torch.cat([X.inputs["blood"], torch.arange(120.0)[:, None]], dim=1)})
    model = quick(encoders=ByHeart(), edges=[]).fit(X, y, groups=groups)
    for experts in model.experts_.values():
        members = experts.encoders_["blood"].members
        assert len(members) == 5
        for member in members:
            seen = np.isin(np.arange(120), list(member[-1].seen_))  # behind an imputer
            assert not set(groups[seen]) & set(groups[~seen])


def test_of_an_unknown_label_experts_that_saw_its_group_say_nothing_in_the_fit():
    X, y, groups = visits()
    y = y.astype(float)
    y.loc[:9, "flu"] = np.nan  # first visits of ten persons, whose other visits are known
    y.loc[groups == "person 20", "flu"] = np.nan  # a person of whom nothing is known
    model = quick(encoders=ByHeart(), edges=[]).fit(X, y, groups=groups)
    first = model._training_rows.subsets[0].present
    assert first["blood of 'flu'"].numpy().tolist() == [i > 9 for i in range(120)]
    assert first["blood of 'fever'"].all() and first["blood"].all()


@pytest.mark.filterwarnings("ignore:modality 'blood' is fitted without folds")
def test_a_single_group_is_held_out_by_no_comparison():
    X, y, _ = visits()
    losses = quick(encoders=ByHeart()).fit(X, y, groups=np.zeros(120)).losses_
    assert losses and np.isnan(list(losses.values())).all()


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sample_weight": np.ones(119)}, ValueError, r"sample_weight must have shape \(120,\), .*; got \(119,\)"),
        ({"sample_weight": [-2.0] * 120}, ValueError, r"sample_weight must be finite and at least 0; got -2\.0"),
        ({"sample_weight": [np.nan] * 120}, ValueError, "sample_weight must be finite and at least 0; got nan"),
        ({"sample_weight": np.zeros(120)}, ValueError, "sample_weight must be above 0 in at least one row; got"),
        ({"sample_weight": ["heavy"] * 120}, TypeError, "sample_weight must be numbers, one per row of X, or None"),
        ({"groups": np.zeros(119)}, ValueError, r"groups must have shape \(120,\), one group per row of X; got"),
        ({"groups": "person"}, ValueError, r"groups must have shape \(120,\), one group per row of X; got \(\)"),
        (
            {"sample_weight": rows()[1]["flu"]},
            ValueError,
            r"y\['flu'\] must have at least two classes in rows whose sample_weight is not zero; got 1",
        ),
        (
            {"sample_weight": np.arange(120)},
            TypeError,
            "the encoder of modality 'blood' must take sample_weight in fit, .*; got .*ByHeart",
        ),
    ],
)
def test_weights_and_groups_that_are_none_are_refused(arguments, error, message):
    X, y = rows()
    with pytest.raises(error, match=f"^{message}"):
        quick(encoders=ByHeart()).fit(X, y, **arguments)


def test_a_contradiction_is_refused_by_its_row_in_y_unless_the_row_weighs_nothing():
    X = rows()[0]
    y = pd.DataFrame({"viral": np.arange(120) % 4 == 0, "hepatitis": np.arange(120) % 2 == 0})
    y.iloc[50] = [True, False]
    model, weights = quick(edges=[], hierarchy={"viral": "hepatitis"}), np.where(np.arange(120) < 20, 0.0, 1.0)
    with pytest.raises(ValueError, match="'viral' without 'hepatitis' in row 50"):
        model.fit(X, y, weights)
    model.fit(X, y, np.where(np.arange(120) == 50, 0.0, 1.0))


@pytest.mark.slow
@pytest.mark.skipif("GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA is not set: no multilabel files")
def test_emotions_of_songs_are_more_likely_together_than_one_by_one():
    data = load("multilabel_emotions")
    y = pd.DataFrame({name: states.numpy() for name, states in data.batch.targets.items()})
    train, test = (np.flatnonzero((np.array(data.split) == "0") == held) for held in (False, True))
    model = JointFusionClassifier(random_state=0).fit(data.batch[train], y.iloc[train])
    columns = np.concatenate([data.batch.inputs[name].numpy() for name in data.batch.modalities], axis=1)
    columns = (columns - columns[train].mean(0)) / columns[train].std(0)
    alone = 0.0
    for name in y.columns:
        found = (
            LogisticRegression(max_iter=2000).fit(columns[train], y[name].iloc[train]).predict_log_proba(columns[test])
        )
        alone += found[np.arange(len(test)), y[name].iloc[test]].mean()
    assert model.joint_log_likelihood(data.batch[test], y.iloc[test]).mean() > alone + 0.3
