"""What a reading is worth to a classifier with a joint expert is what its own predictions on completed rows say."""

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse import FusionClassifier, ModalityBatch
from graphfuse.estimators.boosted_encoder import BoostedEncoder
from graphfuse.estimators.score_answers import with_columns
from graphfuse.estimators.tabular_encoder import TabularEncoder
from graphfuse.explanations import ReferenceRows

NAMES = ["first", "second", "hint"]
GROUPS = {"first": ["first"], "second": ["second", "kind"], "hint": ["hint"]}


def riddle(num_rows, seed):
    """The state is whether two readings differ, which neither says alone; a third hints at it."""
    draws = np.random.default_rng(seed)
    first, second = draws.integers(0, 2, (2, num_rows))
    y = first ^ second
    hint = np.where(draws.random(num_rows) < 0.6, y, 1 - y)
    return {name: x[:, None].astype(float) for name, x in zip(NAMES, (first, second, hint), strict=True)}, y


@pytest.fixture(scope="module")
def solved():
    X, y = riddle(200, 0)
    model = FusionClassifier(random_state=0).fit(X, y)
    assert model.joint_ is not None and (model.predict(X) == y).mean() > 0.99
    return model


def shown(X, present):
    return ModalityBatch({name: np.where(present[name][:, None], values, np.nan) for name, values in X.items()})


def one_row(**readings):
    return ModalityBatch({name: [[float(readings.get(name, np.nan))]] for name in NAMES})


def test_looking_ahead_names_a_test_that_only_another_makes_worth_reading(solved):
    greedy, ahead = (solved.next_modality(one_row(), horizon=horizon).iloc[0] for horizon in (1, 2))
    assert greedy["next"] == "hint" and greedy[["first", "second"]].max() < 0.02
    assert ahead["next"] in {"first", "second"}
    assert ahead[["first", "second"]].tolist() == pytest.approx([np.log(2)] * 2, abs=0.05)
    assert ahead["hint"] < 0.3


def test_a_test_that_settles_the_matter_with_what_is_known_is_worth_all_that_is_unknown(solved):
    for first in (0, 1):
        found = solved.next_modality(one_row(first=first)).iloc[0]
        assert found["second"] == pytest.approx(np.log(2), abs=0.05) and found["next"] == "second"
        known = solved.next_modality(one_row(first=first, hint=1)).iloc[0]
        entropy = -0.6 * np.log(0.6) - 0.4 * np.log(0.4)
        assert known["second"] == pytest.approx(entropy, abs=0.1)


def test_two_readings_chosen_by_looking_ahead_say_more_of_new_rows_than_greedy_ones(solved):
    X, y = riddle(40, 1)

    def loss(horizons):
        present = {name: np.zeros(len(y), dtype=bool) for name in NAMES}
        for horizon in horizons:
            chosen = solved.next_modality(shown(X, present), horizon=horizon, max_readings=8)["next"]
            present = {name: mask | (chosen == name).to_numpy() for name, mask in present.items()}
        return -solved.predict_log_proba(shown(X, present))[np.arange(len(y)), y].mean()

    assert loss([2, 1]) < 0.1 < 0.5 < loss([1, 1])


def test_expected_gains_are_the_drops_of_entropy_that_come_about(solved):
    X, y = riddle(200, 3)
    draws = np.random.default_rng(0)
    present = {name: draws.random(len(y)) < 0.5 for name in NAMES}
    before, expected = solved.predict_log_proba(shown(X, present)), solved.next_modality(shown(X, present))
    masks = np.stack([present[name] for name in NAMES], axis=1)
    means = []
    for name in NAMES:
        after = solved.predict_log_proba(shown(X, {**present, name: np.ones(len(y), dtype=bool)}))
        drops = (np.exp(after) * after).sum(1) - (np.exp(before) * before).sum(1)
        for mask in np.unique(masks[~present[name]], axis=0):
            alike = (masks == mask).all(1)
            means.append([expected[name][alike].mean(), drops[alike].mean()])
    expected_means, drop_means = np.array(means).T
    assert len(means) == 12 and np.corrcoef(expected_means, drop_means)[0, 1] > 0.98
    assert 0.8 < np.polyfit(expected_means, drop_means, 1)[0] < 1.2


# values against predictions on completed rows


def mixed_rows(num_rows, seed):
    """The riddle with noise, gaps and a column of text."""
    X, y = riddle(num_rows, seed)
    draws = np.random.default_rng(seed + 100)
    frame = pd.DataFrame({name: values[:, 0] + 0.3 * draws.normal(size=num_rows) for name, values in X.items()})
    frame["kind"] = np.where(draws.random(num_rows) < 0.3 + 0.4 * y, "x", "z")
    for group in GROUPS.values():
        frame.loc[draws.random(num_rows) < 0.3, group] = None
    return frame, y


def referred_to_new_rows(X, y, **settings):
    """A classifier whose reference are new rows, scored as every new row is; and these rows."""
    model = FusionClassifier(GROUPS, TabularEncoder(), joint_encoder=BoostedEncoder(), random_state=0, **settings)
    model.fit(X, y)
    assert model.joint_ is not None
    others, states = mixed_rows(12, 1)
    batch, scored = model._scored(others)
    scored = with_columns(scored, batch, model.joint_)
    rows = ModalityBatch(scored.inputs, scored.present, {"target": torch.from_numpy(states)})
    model.reference_ = ReferenceRows.of(rows, "target")
    return model, others, states


@pytest.fixture(scope="module", params=[None, "masks"], ids=["uncalibrated", "calibrated"])
def referred(request):
    return referred_to_new_rows(*mixed_rows(200, 0), calibration=request.param)


def worth_of_completed_rows(referred, rows, name, stay, steps):
    """Every reading pasted into every row ``(rows,)``; rows that already have the modality too, to no avail."""
    model, others, states = referred
    has = np.flatnonzero(others[GROUPS[name]].notna().any(axis=1))
    chance = np.exp(model.predict_log_proba(rows))[:, states[has]] / np.bincount(states[has])[states[has]]
    after = rows.iloc[np.repeat(np.arange(len(rows)), len(has))].copy()
    after[GROUPS[name]] = others[GROUPS[name]].iloc[np.tile(has, len(rows))].to_numpy()
    log_probs, stay = model.predict_log_proba(after), np.repeat(stay, len(has), axis=0)
    best = np.maximum((np.exp(log_probs) * (log_probs - stay)).sum(1), 0.0)
    for other in GROUPS if steps > 1 else ():
        left = after[GROUPS[other]].isna().all(axis=1).to_numpy()
        if not left.any():
            continue
        worth = worth_of_completed_rows(referred, after[left], other, stay[left], steps - 1)
        best[left] = np.maximum(best[left], worth)
    return (chance * best.reshape(len(rows), -1)).sum(1) / chance.sum(1)


def check_values(referred, rows, horizon):
    model = referred[0]
    found = model.next_modality(rows, horizon=horizon)
    for name, group in GROUPS.items():
        missing = rows[group].isna().all(axis=1)
        assert (found[name].notna() == missing).all() and missing.any()
        some = rows[missing]
        expected = worth_of_completed_rows(referred, some, name, model.predict_log_proba(some), horizon)
        np.testing.assert_allclose(found.loc[missing, name], expected, atol=1e-9)


@pytest.mark.parametrize("horizon", [1, 2])
def test_values_equal_predictions_on_completed_rows(referred, horizon):
    check_values(referred, mixed_rows(20, 2)[0], horizon)


@pytest.mark.filterwarnings("ignore:.*no row of fit had together")
def test_modalities_never_seen_together_are_valued_as_they_are_predicted():
    X, y = mixed_rows(200, 0)
    X.loc[::2, ["second", "kind"]] = None
    X.loc[1::2, "first"] = None
    X["hint"] = np.where(X["hint"].isna() | (np.arange(200) % 3 > 0), X["hint"], 2 * y + X["hint"])
    referred = referred_to_new_rows(X, y)
    assert not referred[0].seen_together_.all()
    check_values(referred, mixed_rows(20, 2)[0], 1)
