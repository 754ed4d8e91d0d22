"""The choice by validation: it finds what is better, keeps the first where they are level, and leaks nothing."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from graphfuse import (
    EarlyFusionClassifier,
    EndToEndClassifier,
    Factor,
    FactorGraph,
    FitSettings,
    FusionClassifier,
    LateFusionClassifier,
    ModalityBatch,
    ValidatedChoice,
    Variable,
    star,
)
from graphfuse.estimators.held_out import HeldOutLoss, mean_and_error


class Spy(ClassifierMixin, BaseEstimator):
    """Says its probability of class 1 in every row, and writes down the rows that it was fitted on and asked for."""

    seen: list = []  # noqa: RUF012

    def __init__(self, name="spy", share=0.5, random_state=None):
        self.name = name
        self.share = share
        self.random_state = random_state

    def fit(self, X, y, sample_weight=None, groups=None):
        self.classes_ = np.unique(y)
        self.fitted_ = numbers(X)
        self.number_ = len(Spy.seen)
        Spy.seen.append((self.name, "fit", self.fitted_, sample_weight, groups, self.random_state))
        return self

    def predict_proba(self, X):
        Spy.seen.append((self.name, "predict", numbers(X), self.fitted_, presence(X), None))
        return np.tile([1 - self.share, self.share], (len(X), 1))


class PlainSpy(Spy):
    """One that takes neither weights nor groups."""

    def fit(self, X, y):
        return super().fit(X, y)


def numbers(X):
    return X.inputs["row"].flatten().numpy().astype(int)


def presence(X):
    return np.stack([X.present[name].numpy() for name in sorted(X.modalities)])


@pytest.fixture(autouse=True)
def seen():
    Spy.seen.clear()
    return Spy.seen


def rows(num_rows=60, extra=1):
    """A modality that numbers the rows, and others."""
    rng = np.random.default_rng(0)
    others = {f"other{i}": rng.normal(size=(num_rows, 1)) for i in range(extra)}
    return {"row": np.arange(float(num_rows))[:, None], **others}, np.arange(num_rows) % 2


def choice(*shares, kind=Spy, **settings):
    spies = {f"spy{i}": kind(f"spy{i}", share) for i, share in enumerate(shares)}
    return ValidatedChoice(spies, **{"random_state": 0, **settings})


def views(num_rows, seed=0, redundant=False):
    """Two modalities that are independent given the class, or twice the same one."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, num_rows)
    first, second = (1.2 * y[:, None] + rng.normal(size=(num_rows, 1)) for _ in range(2))
    return {"first": first, "second": first if redundant else second}, y


def pools(*names):
    return {name: LateFusionClassifier(encoders=GaussianNB(), pool=name) for name in names}


# what is chosen


@pytest.mark.parametrize(("order", "num_folds"), [(("graph", "mean"), None), (("mean", "graph"), 3)], ids=str)
def test_the_candidate_that_is_truly_better_is_chosen_wherever_it_stands(order, num_folds):
    X, y = views(600)
    graph = FusionClassifier(encoders=GaussianNB(), structure=star)
    candidates = {"graph": graph, **pools("mean")}
    model = ValidatedChoice({name: candidates[name] for name in order}, num_folds=num_folds, random_state=0).fit(X, y)
    assert model.chosen_ == "graph" and model.losses_["graph"] < model.losses_["mean"] - 0.01
    others, expected = views(4000, seed=1)
    truth = {
        name: _loss(clone(each).set_params(random_state=0).fit(X, y), others, expected)
        for name, each in candidates.items()
    }
    assert truth["graph"] < truth["mean"] - 0.01


def _loss(model, X, y):
    return -model.predict_log_proba(X)[np.arange(len(y)), y].mean()


def test_end_to_end_is_chosen_where_scores_of_single_modalities_say_nothing():
    rng = np.random.default_rng(0)
    signs = rng.integers(0, 2, (2, 400))
    X = {name: (4.0 * each + rng.normal(size=400))[:, None] for name, each in zip("ab", signs, strict=True)}
    settings = FitSettings(15, 64, 2e-2)
    candidates = {
        "cross-fitted": FusionClassifier(encoders=GaussianNB(), structure=parity),
        "end to end": EndToEndClassifier(structure=parity, settings=settings),
    }
    model = ValidatedChoice(candidates, random_state=0).fit(X, signs[0] ^ signs[1])
    assert model.chosen_ == "end to end" and isinstance(model.best_, EndToEndClassifier)
    assert model.losses_["end to end"] < model.losses_["cross-fitted"] - 0.1


def parity(target, modalities):
    hidden = [Variable(f"sign of {name}", 2) for name in modalities]
    factors = [Factor(name, (each.name,)) for name, each in zip(modalities, hidden, strict=True)]
    return FactorGraph([target, *hidden], [*factors, Factor("rule", (target.name, *(each.name for each in hidden)))])


def test_where_candidates_are_level_the_first_stays():
    X, y = rows(400)
    for shares in ((0.5, 0.5), (0.5, 0.501), (0.501, 0.5), (0.499, 0.501)):
        model = choice(*shares).fit(X, y)
        assert model.chosen_ == "spy0"


def test_an_improvement_must_exceed_one_standard_error():
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.7).astype(int)
    X, _ = rows(2000)
    model = choice(0.5, 0.6, 0.7).fit(X, y)
    assert model.chosen_ == "spy2" == min(model.losses_, key=model.losses_.get)
    gains = np.where(y[_held(Spy.seen, 2000)], np.log(0.7 / 0.5), np.log(0.3 / 0.5))
    expected = gains.mean(), gains.std(ddof=1) / np.sqrt(len(gains))
    np.testing.assert_allclose(model.improvements_["spy2"], expected)
    assert list(model.improvements_) == ["spy1", "spy2"]


def _held(seen, num_rows):
    first = next(each for each in seen if each[1] == "fit")
    return np.setdiff1d(np.arange(num_rows), first[2])


def test_the_error_of_a_mean_counts_groups_and_weights():
    rng = np.random.default_rng(0)
    values, weights = rng.normal(size=30), rng.random(30) + 0.5
    mean, error = mean_and_error(values, np.ones(30), np.arange(30))
    assert (mean, error) == pytest.approx((values.mean(), values.std(ddof=1) / np.sqrt(30)))
    repeated = mean_and_error(np.repeat(values, 5), np.ones(150), np.repeat(np.arange(30), 5))
    assert repeated == pytest.approx((mean, error))
    assert mean_and_error(values, weights, np.arange(30))[0] == pytest.approx(np.average(values, weights=weights))
    assert mean_and_error(values, weights, np.zeros(30))[1] == np.inf


# nothing leaks


@pytest.mark.parametrize("num_folds", [None, 4])
def test_rows_held_out_are_never_among_those_that_a_comparing_fit_saw(seen, num_folds):
    X, y = rows()
    choice(0.5, 0.5, num_folds=num_folds).fit(X, y)
    fits = [each for each in seen if each[1] == "fit"]
    comparing, last = fits[:-1], fits[-1]
    assert len(comparing) == 2 * (num_folds or 1) and sorted(last[2]) == list(range(60))
    asked = [each for each in seen if each[1] == "predict"]
    assert asked and all(not set(each[2]) & set(each[3]) for each in asked)
    held = np.concatenate([each[2] for each in asked if each[4].all()])
    assert len(np.unique(held)) == (12 if num_folds is None else 60)
    by_name = {name: [each[2].tolist() for each in comparing if each[0] == name] for name in ("spy0", "spy1")}
    assert by_name["spy0"] == by_name["spy1"]


def test_all_candidates_are_asked_for_the_same_subsets_as_they_came_and_at_random(seen):
    X, y = rows(300, extra=2)
    choice(0.5, 0.5).fit(X, y)
    asked = {name: [each[4] for each in seen if each[:2] == (name, "predict")] for name in ("spy0", "spy1")}
    assert all(np.array_equal(a, b) for a, b in zip(*asked.values(), strict=True))
    first, *others = asked["spy0"]
    assert first.all() and len(others) == 4
    counts = np.bincount(np.concatenate([each.sum(axis=0) for each in others]), minlength=4)
    assert counts.min() > 0.15 * counts.sum()  # every number of modalities counts about alike


def test_groups_stay_together_and_reach_the_candidates_that_take_them(seen):
    X, y = rows(120)
    groups = np.array([f"person {i}" for i in np.arange(120) // 6])
    choice(0.5, 0.5, num_folds=3).fit(X, y, groups=groups)
    for _, verb, shown, other, given, _ in seen:
        if verb == "predict":
            assert not set(groups[shown]) & set(groups[other])
        else:
            assert len({(a, b) for a, b in zip(groups[shown], given, strict=True)}) == len(set(given))
    seen.clear()
    choice(0.5, kind=PlainSpy).fit(X, y, groups=groups)
    assert all(each[4] is None for each in seen if each[1] == "fit")


def test_weights_reach_the_candidates_and_their_losses(seen):
    X, y = rows(200)
    weights = np.where(y == 1, 4.0, 1.0)
    model = choice(0.5, 0.8).fit(X, y, sample_weight=weights)
    assert model.chosen_ == "spy1" and model.prior_[1] == pytest.approx(0.8)
    for _, verb, shown, given, _, _ in seen:
        if verb == "fit":
            assert len(np.unique(given / weights[shown])) == 1
    assert model.losses_["spy1"] == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2), abs=0.02)
    assert choice(0.5, 0.8).fit(X, y).chosen_ == "spy0"
    with pytest.raises(TypeError, match=r"candidates\['spy0'\] must take sample_weight in fit"):
        choice(0.5, kind=PlainSpy).fit(X, y, sample_weight=weights)


# scikit-learn manners


def test_the_answers_are_those_of_the_chosen_one_fitted_to_all_rows():
    X, y = views(300)
    labels = np.array(["well", "ill"])[y]
    model = ValidatedChoice(pools("logarithmic", "mean"), random_state=0).fit(X, labels)
    alone = clone(pools(model.chosen_)[model.chosen_]).fit(X, labels)
    assert model.classes_.tolist() == ["ill", "well"] == model.best_.classes_.tolist()
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    gaps = [{"second": [0.3]}, {}]
    np.testing.assert_array_equal(model.predict_proba(gaps), alone.predict_proba(gaps))


def test_the_same_seed_gives_the_same_bits_and_the_order_of_modalities_changes_no_loss(seen):
    X, y = views(200)
    model = ValidatedChoice(pools("mean", "logarithmic"), random_state=3)
    first, again = (clone(model).fit(X, y) for _ in range(2))
    turned = clone(model).fit({"second": X["second"], "first": X["first"]}, y)
    assert first.losses_ == again.losses_ and first.predict_proba(X).tobytes() == again.predict_proba(X).tobytes()
    assert turned.losses_ == pytest.approx(first.losses_)
    state = torch.get_rng_state()
    choice(0.5, 0.5).fit(*rows())
    assert torch.equal(torch.get_rng_state(), state)
    assert len({each[5] for each in seen if each[1] == "fit"}) == 1 and seen[0][5] is not None  # one seed for all


def test_the_candidates_that_were_given_stay_unfitted():
    given = pools("mean", "logarithmic")
    ValidatedChoice(given, random_state=0).fit(*views(100))
    assert not any(hasattr(each, "classes_") for each in given.values())


def test_tables_are_grouped_once_for_all_candidates_and_scikit_learn_splits_them():
    X, y = views(120)
    frame = pd.DataFrame({name: values[:, 0] for name, values in X.items()})
    candidates = {"early": EarlyFusionClassifier(encoder=GaussianNB()), **pools("mean")}
    model = ValidatedChoice(candidates, {"a": ["first"], "b": ["second"]}, random_state=0)
    assert cross_val_score(model, frame, y, cv=2).mean() > 0.6
    assert cross_val_score(ValidatedChoice(candidates), ModalityBatch(X), y, cv=2).mean() > 0.6


def test_too_few_rows_to_hold_out_leave_the_first_with_a_warning():
    X, _ = rows(4)
    with pytest.warns(UserWarning, match="the first candidate is taken"):
        model = choice(0.5, 0.9).fit(X, np.arange(4) % 2, groups=np.zeros(4))
    assert model.chosen_ == "spy0" and np.isnan(model.losses_["spy1"])


@pytest.mark.slow
def test_without_candidates_cross_fitting_is_the_default_and_end_to_end_the_other():
    X, y = views(80)
    model = ValidatedChoice(random_state=0).fit(X, y)
    assert list(model.losses_) == ["cross-fitted", "end to end"] and model.score(X, y) > 0.6


REFUSED = {
    "a list": ({"candidates": [Spy()]}, TypeError, "candidates must be a mapping from names to classifiers, or None"),
    "none": ({"candidates": {}}, ValueError, "candidates must hold at least one classifier; got none"),
    "a number for a name": ({"candidates": {1: Spy()}}, TypeError, "each name in candidates must be a string; got int"),
    "a class": ({"candidates": {"a": Spy}}, TypeError, r"candidates\['a'\] must be a classifier with predict_proba"),
    "no probabilities": ({"candidates": {"a": RidgeClassifier()}}, TypeError, r"candidates\['a'\] must be a class"),
    "one fold": ({"candidates": {"a": Spy()}, "num_folds": 1}, ValueError, "num_folds must be at least 2; got 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_fit_refuses_and_says_why(case):
    settings, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        ValidatedChoice(**settings).fit(*rows())


def test_an_error_in_a_candidate_names_it():
    X, y = rows()
    with pytest.raises(Exception) as caught:
        ValidatedChoice({"plain": LogisticRegression()}).fit(X, y)
    assert any("candidate 'plain'" in note for note in caught.value.__notes__)
    image = {"image": np.zeros((60, 1, 6, 6))}
    with pytest.raises(ValueError, match="encoders must hold a torch module for modality 'image'") as caught:
        ValidatedChoice({"end to end": EndToEndClassifier()}).fit(image, y)
    assert any("candidate 'end to end'" in note for note in caught.value.__notes__)


def test_models_that_differ_by_rounding_are_level():
    values = np.random.default_rng(0).uniform(0, 2, 50)
    one, other = (HeldOutLoss(each, np.ones(50), np.arange(50)) for each in (values, values - 1e-16 * np.arange(1, 51)))
    better = HeldOutLoss(values - 0.01, np.ones(50), np.arange(50))
    assert not other.improves_on(one) and better.improves_on(one)
