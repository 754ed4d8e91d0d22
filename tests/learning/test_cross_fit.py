"""Out-of-fold scores: honest, stratified, of present rows only, and what an ensemble makes of new rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from graphfuse.learning import EncoderEnsemble, cross_fit, fit_encoder
from graphfuse.learning.cross_fit import log_density_ratio

FLOOR = 1e-4


class Spy(ClassifierMixin, BaseEstimator):
    """Keeps what it was fitted to and what it was asked for; its opinion is uniform."""

    def __init__(self, log=None):
        self.log = log

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted_ = np.asarray(X)[:, 0].tolist()
        self.asked_ = []
        return self

    def predict_proba(self, X):
        self.asked_ += np.asarray(X)[:, 0].tolist()
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


class Answers(Spy):
    """Answers what its column of inputs say, whatever they are."""

    def predict_proba(self, X):
        return np.asarray(X)


def rows(num_rows: int, num_states: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs that number the rows, their states in turn, and everyone present."""
    return np.arange(num_rows, dtype=float)[:, None], np.arange(num_rows) % num_states, np.ones(num_rows, dtype=bool)


def test_an_encoder_that_memorizes_does_not_leak_its_labels(generator):
    draws = np.random.default_rng(0)
    inputs, target = draws.normal(size=(400, 5)), draws.integers(0, 2, 400)
    everyone = np.ones(400, dtype=bool)
    scores, ensemble = cross_fit(KNeighborsClassifier(1), inputs, target, everyone, 2, 5, generator)
    assert abs((scores.argmax(1).numpy() == target).mean() - 0.5) < 0.1
    assert (ensemble.scores(inputs).argmax(1) == target).mean() > 0.95  # seen by four of its five members


def test_every_row_is_scored_by_the_one_member_that_was_fitted_without_it(generator):
    inputs, target, everyone = rows(20)
    _, ensemble = cross_fit(Spy(), inputs, target, everyone, 2, 5, generator)
    assert sorted(row for member in ensemble.members for row in member.asked_) == list(range(20))
    for member in ensemble.members:
        assert sorted(member.fitted_ + member.asked_) == list(range(20))


@pytest.mark.parametrize("kind", [np.asarray, pd.DataFrame], ids=["array", "frame"])
def test_rows_that_are_not_present_are_never_shown_and_score_zero(kind, generator):
    inputs, target, present = rows(30)
    present = np.arange(30) % 3 > 0
    scores, ensemble = cross_fit(Spy(), kind(inputs), target, present, 2, 5, generator)
    shown = {row for member in ensemble.members for row in member.fitted_ + member.asked_}
    assert shown == set(np.flatnonzero(present))
    assert not scores[~torch.from_numpy(present)].any()


def test_folds_are_stratified(generator):
    inputs, target, everyone = rows(60, 3)
    _, ensemble = cross_fit(Spy(), inputs, target, everyone, 3, 5, generator)
    for member in ensemble.members:
        assert np.bincount(target[np.array(member.asked_, dtype=int)]).tolist() == [4, 4, 4]


@pytest.mark.parametrize("rarest", [1, 2, 3, 5, 9])
def test_a_rare_class_costs_no_folds_and_every_member_knows_it(rarest, generator, recwarn):
    inputs, _, everyone = rows(40)
    target = (np.arange(40) < rarest).astype(int)
    scores, ensemble = cross_fit(GaussianNB(), inputs, target, everyone, 2, 5, generator)
    assert len(ensemble.members) == 5 and not recwarn
    assert all(member.classes_.tolist() == [0, 1] for member in ensemble.members)
    assert (scores == 0).all(1).sum() == (rarest == 1)


def test_a_class_that_no_present_row_has_does_not_count_as_rare_and_scores_zero(generator, recwarn):
    inputs, target, everyone = rows(40)
    scores, ensemble = cross_fit(GaussianNB(), inputs, 2 * target, everyone, 4, 5, generator)
    assert len(ensemble.members) == 5
    assert not scores[:, [1, 3]].any()
    assert scores[:, [0, 2]].all()
    assert not recwarn


def test_with_one_row_a_class_it_fits_without_folds_and_warns(generator):
    inputs, _, everyone = rows(4)
    target = np.arange(4)
    with pytest.warns(UserWarning, match="modality 'ecg' is fitted without folds: too few rows, or groups, of two"):
        scores, ensemble = cross_fit(Spy(), inputs, target, everyone, 4, 5, generator, "ecg")
    assert len(ensemble.members) == 1
    assert ensemble.members[0].fitted_ == ensemble.members[0].asked_ == list(range(4))
    np.testing.assert_array_equal(scores, ensemble.scores(inputs))


@pytest.mark.parametrize("present", [np.zeros(10, dtype=bool), np.arange(10) % 2 == 0], ids=["no row", "one class"])
def test_without_two_classes_a_modality_has_no_say_and_a_warning(present, generator):
    inputs, target, _ = rows(10)
    with pytest.warns(UserWarning, match=r"modality 'ecg' says nothing: its \d rows show fewer than two classes"):
        scores, ensemble = cross_fit(GaussianNB(), inputs, target, present, 2, 5, generator, "ecg")
    assert not scores.any()
    assert ensemble.members == ()
    assert not ensemble.scores(inputs).any()


def test_scores_are_log_density_ratios(generator):
    draws = np.random.default_rng(0)
    target = (np.arange(60) % 3 == 0).astype(int)
    inputs, everyone = draws.normal(size=(60, 1)) + target[:, None], np.ones(60, dtype=bool)
    ensemble = fit_encoder(GaussianNB(), inputs, target, everyone, 2)
    ratio = GaussianNB().fit(inputs, target).predict_proba(inputs) / [2 / 3, 1 / 3]
    np.testing.assert_allclose(ensemble.scores(inputs), np.log((1 - FLOOR) * ratio + FLOOR), atol=1e-12)
    np.testing.assert_allclose(ensemble.scores(inputs), np.log(ratio), atol=0.05)
    scores, _ = cross_fit(GaussianNB(), inputs, target, everyone, 2, 5, generator)
    assert np.abs(scores.numpy() - np.log(ratio)).mean() < 0.3


def test_a_ratio_is_finite_however_sure_the_encoder_and_zero_without_prior():
    found = log_density_ratio(np.array([[1.0, 0.0, 0.0]]), np.array([0.25, 0.75, 0.0]))
    np.testing.assert_allclose(found, [[np.log((1 - FLOOR) * 4 + FLOOR), np.log(FLOOR), 0.0]], atol=1e-12)


def test_an_opinion_that_is_the_prior_scores_zero():
    prior = np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(log_density_ratio(prior[None], prior), 0.0, atol=1e-12)


def test_the_ensemble_averages_the_probabilities_of_its_members(generator):
    draws = np.random.default_rng(0)
    inputs, target, everyone = rows(40)
    inputs = draws.normal(size=(40, 1)) + target[:, None]
    _, ensemble = cross_fit(GaussianNB(), inputs, target, everyone, 2, 4, generator)
    expected = sum(member.predict_proba(inputs) for member in ensemble.members) / 4
    np.testing.assert_allclose(ensemble.probabilities(inputs), expected, atol=1e-12)
    np.testing.assert_allclose(ensemble.log_probabilities(inputs), np.log((1 - FLOOR) * expected + FLOOR / 2))
    np.testing.assert_allclose(EncoderEnsemble((), np.array([0.3, 0.7])).probabilities(inputs[:2]), [[0.3, 0.7]] * 2)


def test_folds_follow_the_generator():
    inputs, target, everyone = rows(40)

    def asked(seed: int) -> list[list[float]]:
        generator = torch.Generator().manual_seed(seed)
        return [member.asked_ for member in cross_fit(Spy(), inputs, target, everyone, 2, 5, generator)[1].members]

    assert asked(1) == asked(1)
    assert asked(1) != asked(2)


def test_only_clones_are_fitted(generator):
    inputs, target, everyone = rows(40)
    encoder = GaussianNB()
    cross_fit(encoder, inputs, target, everyone, 2, 5, generator)
    assert not hasattr(encoder, "classes_")


def test_an_error_of_an_encoder_names_its_modality(generator):
    inputs, target, everyone = rows(40)
    inputs[3] = np.nan
    with pytest.raises(ValueError, match="contains NaN") as caught:
        cross_fit(GaussianNB(), inputs, target, everyone, 2, 5, generator, "ecg")
    assert "modality 'ecg'" in caught.value.__notes__[0]


class OtherLabels(Answers):
    """Forgets which labels it was given."""

    def fit(self, X, y):
        super().fit(X, y)
        self.classes_ = np.array(["no", "yes"])
        return self


REFUSED = {
    "three columns": (Answers(), [[0.2, 0.3, 0.5]], r"must have shape \(4, 2\), one column per class; got \(4, 3\)"),
    "nan": (Answers(), [[0.5, np.nan]], "must be finite; got nan or infinity"),
    "logarithms": (Answers(), [[-0.7, -0.7]], r"must be at least 0 and sum to 1 in every row; got \[-0.7, -0.7\]"),
    "votes": (Answers(), [[3.0, 2.0]], r"sum to 1 in every row; got \[3.0, 2.0\]"),
    "labels": (OtherLabels(), [[0.5, 0.5]], "classes_ of encoder OtherLabels must be among.*0 to 1; got 'no', 'yes'"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_encoder_whose_output_is_no_probability_is_refused(case):
    encoder, answer, message = REFUSED[case]
    inputs = np.array(answer * 4)
    ensemble = fit_encoder(encoder, inputs, np.array([0, 1, 0, 1]), np.ones(4, dtype=bool), 2)
    with pytest.raises(ValueError, match=message):
        ensemble.scores(inputs)


def test_fewer_than_two_folds_are_refused(generator):
    with pytest.raises(ValueError, match="num_folds must be at least 2; got 1"):
        cross_fit(GaussianNB(), *rows(10), 2, 1, generator)
