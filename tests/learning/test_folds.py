"""Folds: groups stay together, every training part shows every class, and what they hold out is honest."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from graphfuse.estimators import FusionClassifier
from graphfuse.graph import star
from graphfuse.learning import cross_fit
from graphfuse.learning.folds import stratified_folds


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 4), st.integers(1, 15), st.integers(2, 6), st.integers(0, 10**6))
def test_no_fold_parts_a_group_and_every_training_part_shows_every_class(rows, classes, num_groups, folds, seed):
    draws = np.random.default_rng(seed)
    states, groups = draws.integers(classes, size=rows), draws.integers(num_groups, size=rows)
    fold = stratified_folds(states, folds, seed, groups)
    assert all(len(set(fold[groups == group])) == 1 for group in set(groups.tolist()))
    assert set(fold[fold >= 0].tolist()) == set(range(fold.max() + 1)) and fold.max() < folds
    for k in range(fold.max() + 1):
        assert set(states[fold != k]) == set(states)


@pytest.mark.parametrize("seed", range(5))
def test_hospitals_are_held_out_whole_and_each_once_if_the_others_show_every_class(seed):
    ill = np.array([30, 45, 20])  # of fifty patients of each: one hospital alone has more who are well
    states = (np.arange(50) < ill[:, None]).astype(int).ravel()
    sites = np.repeat(np.arange(3), 50)
    fold = stratified_folds(states, 5, seed, sites)
    assert sorted(fold[::50].tolist()) == [0, 1, 2] and (fold == fold[::50][sites]).all()


def persons(num_persons: int, visits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns that tell the person, and nothing of the class."""
    draws = np.random.default_rng(0)
    who = np.repeat(np.arange(num_persons), visits)
    columns = draws.normal(size=(num_persons, 3))[who] + 0.01 * draws.normal(size=(len(who), 3))
    return columns, (np.arange(num_persons) % 2)[who], who


def test_scores_of_rows_are_blind_to_other_rows_of_their_group():
    X, y, who = persons(30, 4)
    generator, everyone = torch.Generator().manual_seed(0), np.ones(len(y), dtype=bool)
    seen, _ = cross_fit(KNeighborsClassifier(1), X, y, everyone, 2, 5, generator)
    apart, ensemble = cross_fit(KNeighborsClassifier(1), X, y, everyone, 2, 5, generator, groups=who)
    right = [float((scores.argmax(1).numpy() == y).mean()) for scores in (seen, apart)]
    assert right[0] == 1.0 and right[1] < 0.75
    fold = stratified_folds(y, 5, int(torch.randint(2**31 - 1, (), generator=torch.Generator().manual_seed(0))), who)
    assert len(ensemble.members) == fold.max() + 1


def test_a_classifier_that_is_told_who_is_who_does_not_trust_encoders_that_know_persons():
    X, y, who = persons(40, 4)
    new, labels = np.random.default_rng(5).normal(size=(200, 3)), np.arange(200) % 2
    losses = []
    for groups in (None, who):
        model = FusionClassifier(
            {"a": [0], "b": [1, 2]}, encoders=KNeighborsClassifier(1), structure=star, random_state=0
        )
        log_probs = model.fit(X, y, groups=groups).predict_log_proba(new)
        losses.append(-log_probs[np.arange(200), labels].mean())
    assert losses[1] < 0.8 < losses[0] / 2


@pytest.mark.parametrize("groups", [["one"] * 8, None], ids=["one group", "no groups"])
def test_without_two_groups_rows_are_scored_by_a_fit_to_all(groups):
    X, y = np.arange(8.0)[:, None], np.arange(8) // 4
    together = None if groups is None else np.zeros(8, dtype=int)
    generator, everyone = torch.Generator().manual_seed(0), np.ones(8, dtype=bool)
    if groups is None:
        _, ensemble = cross_fit(LogisticRegression(), X, y, everyone, 2, 2, generator)
        assert len(ensemble.members) == 2
    else:
        with pytest.warns(UserWarning, match="is fitted without folds"):
            _, ensemble = cross_fit(LogisticRegression(), X, y, everyone, 2, 2, generator, groups=together)
        assert len(ensemble.members) == 1


def test_a_row_alone_in_its_class_serves_every_fold_and_is_scored_by_none():
    X, y = np.arange(21.0)[:, None], np.array([0] * 10 + [1] * 10 + [2])
    generator, everyone = torch.Generator().manual_seed(0), np.ones(21, dtype=bool)
    scores, ensemble = cross_fit(LogisticRegression(), X, y, everyone, 3, 5, generator)
    assert len(ensemble.members) == 5 and all(2 in member.classes_ for member in ensemble.members)
    assert (scores[-1] == 0).all() and (scores[:-1] != 0).any(1).all()


@pytest.mark.parametrize("groups", [[1, 2], np.zeros((8, 1))], ids=["short", "wide"])
def test_groups_of_another_shape_are_refused(groups):
    with pytest.raises(ValueError, match=r"groups must have shape \(8,\), one group per row of X"):
        FusionClassifier(encoders=LogisticRegression()).fit(np.zeros((8, 2)), np.arange(8) % 2, groups=groups)
