"""Temperatures by mask: found where rows are many, borrowed where they are few, and wider where there are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from graphfuse.learning import PooledTemperatures
from graphfuse.learning.pooled_temperatures import _Answers, _normalized, _said

ONE = PooledTemperatures(spreads=(0.0,))


def answers(masks, temperatures, seed=0, num_classes=3):
    """What a model that is right at these temperatures ``(rows,)`` says of rows, and their classes."""
    draws = np.random.default_rng(seed)
    true = 2 * draws.normal(size=(len(masks), num_classes))
    states = (true + draws.gumbel(size=true.shape)).argmax(1)
    return _normalized(true * temperatures[:, None]), states


def of_masks(counts):
    """Rows of masks, by how many each has."""
    return np.repeat(np.array([mask for mask in counts], dtype=bool), list(counts.values()), axis=0)


def test_with_many_rows_the_known_temperature_of_every_mask_is_found():
    masks = of_masks({(1, 0): 8000, (0, 1): 8000, (1, 1): 8000})
    known = np.repeat([0.7, 1.0, 2.0], 8000)
    log_probs, states = answers(masks, known)
    np.testing.assert_allclose(PooledTemperatures().fit(log_probs, masks, states).temperatures(masks), known, rtol=0.07)


def test_one_temperature_is_that_of_least_loss_where_the_prior_is_wide():
    masks = of_masks({(1, 0): 300, (1, 1): 300})
    log_probs, states = answers(masks, np.full(600, 1.8))
    wide = PooledTemperatures(spreads=(0.0,), common_spread=100.0).fit(log_probs, masks, states)

    def loss(log_inverse):
        return -_normalized(np.exp(log_inverse) * log_probs)[np.arange(600), states].sum()

    [(share, posterior)] = wide.posteriors
    mean, _ = posterior.at(masks[:1], wide.masks)
    assert share == 1.0
    np.testing.assert_allclose(mean, minimize_scalar(loss, bounds=(-2, 2), method="bounded").x, atol=1e-3)


def test_a_rare_mask_lies_between_its_own_temperature_and_that_of_its_neighbours():
    rare = (1, 1, 1)
    counts = {(1, 1, 0): 3000, (1, 0, 1): 3000, (0, 1, 1): 3000, rare: 40}
    masks = of_masks(counts)
    log_probs, states = answers(masks, np.where(masks.all(1), 4.0, 1.5))
    mine, free = masks.all(1), PooledTemperatures(spreads=(3.0,), likenesses=(0.0,))
    own = free.fit(log_probs[mine], masks[mine], states[mine]).temperatures(masks[mine][:1])
    around = PooledTemperatures().fit(log_probs[~mine], masks[~mine], states[~mine]).temperatures(masks[mine][:1])
    pooled = PooledTemperatures().fit(log_probs, masks, states).temperatures(masks[mine][:1])
    assert around + 0.1 < pooled < own - 0.1


def test_an_unseen_mask_follows_the_nearer_neighbours():
    masks = of_masks({(1, 0, 0): 2000, (1, 1, 0): 2000, (0, 0, 1): 2000, (0, 1, 1): 2000})
    log_probs, states = answers(masks, np.where(masks[:, 0], 2.5, 1.0))
    found = PooledTemperatures().fit(log_probs, masks, states)
    near_the_first, near_the_second = found.temperatures(np.array([[1, 0, 0], [0, 0, 1]], dtype=bool))
    assert near_the_first > near_the_second + 1.0
    assert found.seen(np.array([[1, 0, 0], [1, 1, 1]], dtype=bool)).tolist() == [True, False]


def test_what_is_not_known_of_a_mask_widens_its_answer():
    masks = of_masks({(1, 0, 0): 500, (1, 1, 0): 500, (0, 1, 0): 500})
    log_probs, states = answers(masks, np.ones(1500))
    found = PooledTemperatures(spreads=(0.5,)).fit(log_probs, masks, states)
    seen, unseen = found.temperatures(np.array([[1, 1, 0], [0, 0, 1]], dtype=bool))
    assert unseen > seen + 0.05
    calibrated = found.calibrated(log_probs[:1], np.array([[0, 0, 1]], dtype=bool))
    assert calibrated.max() < log_probs[:1].max()


def test_without_rows_every_temperature_is_that_of_the_prior():
    found = ONE.fit(np.zeros((0, 2)), np.zeros((0, 3), dtype=bool), np.zeros(0, dtype=int))
    np.testing.assert_allclose(found.temperatures(np.eye(3, dtype=bool)), np.exp(0.5**2 / 2))


def test_rows_that_are_strays_set_no_temperature():
    masks = of_masks({(1, 1): 400})
    log_probs, states = answers(masks, np.ones(400))
    log_probs[:4], states[:4] = np.log([1 - 2e-9, 1e-9, 1e-9]), 1  # wrong by twenty nats each
    beside, without = (ONE.fit(log_probs, masks, states, None, share) for share in (0.01, 0.0))
    assert abs(beside.temperatures(masks[:1])[0] - 1) < 0.15 < without.temperatures(masks[:1])[0] - 1


def test_slopes_are_those_of_the_log_likelihood():
    masks = of_masks({(1, 0): 30, (1, 1): 20})
    log_probs, states = answers(masks, np.ones(50))
    prior = np.log([0.5, 0.3, 0.2])
    rows = _Answers(prior, _said(log_probs, prior), states, np.repeat([0, 1], [30, 20]), np.linspace(0.5, 2, 50), 0.02)
    at, step = np.array([0.3, -0.4]), 1e-6
    slopes, _ = rows.derivatives(at)
    for i in range(2):
        higher, lower = (rows.log_likelihood(at + sign * step * np.eye(2)[i]) for sign in (1, -1))
        np.testing.assert_allclose(slopes[i], (higher - lower) / (2 * step), rtol=1e-6)


def test_at_temperature_one_answers_stay():
    masks = of_masks({(1, 0): 20, (1, 1): 20})
    log_probs, states = answers(masks, np.ones(40))
    none = PooledTemperatures(spreads=(0.0,), common_spread=0.0).fit(log_probs, masks, states)
    np.testing.assert_array_equal(none.temperatures(masks), 1.0)
    np.testing.assert_allclose(none.calibrated(log_probs, masks), log_probs, atol=1e-12)


def test_a_hot_mask_leaves_the_prior():
    masks, prior = of_masks({(1,): 400}), np.log([0.9, 0.1])
    said = np.where(np.arange(400)[:, None] % 2 == [0, 1], np.log(0.999), np.log(0.001))  # knows nothing, and is sure
    states = (np.random.default_rng(0).random(400) < 0.1).astype(int)
    found = PooledTemperatures(common_spread=3.0).fit(said, masks, states, prior)
    np.testing.assert_allclose(np.exp(found.calibrated(said, masks)), np.exp([prior] * 400), atol=0.06)


def test_impossible_classes_stay_impossible():
    masks = of_masks({(1,): 10})
    log_probs = np.log(np.tile([0.5, 0.5, 1e-320], (10, 1)))
    log_probs[:, 2] = -np.inf
    found = PooledTemperatures().fit(log_probs, masks, np.arange(10) % 2, np.array([np.log(0.5)] * 2 + [-np.inf]))
    calibrated = found.calibrated(log_probs, masks)
    np.testing.assert_allclose(np.exp(calibrated), np.tile([0.5, 0.5, 0.0], (10, 1)))


drawn = given(
    st.integers(1, 4), st.integers(2, 4), st.integers(1, 30), st.integers(0, 10**6), st.floats(0, 0.3, allow_nan=False)
)
few = settings(max_examples=15, deadline=None)


def case(num_modalities, num_classes, num_rows, seed):
    draws = np.random.default_rng(seed)
    masks = draws.random((num_rows, num_modalities)) < 0.6
    log_probs = _normalized(draws.normal(size=(num_rows, num_classes)) * draws.exponential(2))
    prior = _normalized(draws.normal(size=(1, num_classes)))[0]
    return draws, log_probs, masks, draws.integers(0, num_classes, num_rows), prior


@few
@drawn
def test_the_order_of_rows_modalities_and_classes_changes_nothing(modalities, classes, rows, seed, stray):
    draws, log_probs, masks, states, prior = case(modalities, classes, rows, seed)
    before = PooledTemperatures().fit(log_probs, masks, states, prior, stray)
    order, columns, labels = (draws.permutation(each) for each in (rows, modalities, classes))
    after = PooledTemperatures().fit(
        log_probs[order][:, labels],
        masks[order][:, columns],
        np.argsort(labels)[states[order]],
        prior[labels],
        stray,
    )
    every = np.array(np.meshgrid(*[[False, True]] * modalities)).reshape(modalities, -1).T
    np.testing.assert_allclose(after.temperatures(every[:, columns]), before.temperatures(every), rtol=1e-4)


@few
@drawn
def test_weights_are_repeated_rows(modalities, classes, rows, seed, stray):
    draws, log_probs, masks, states, prior = case(modalities, classes, rows, seed)
    counts = draws.integers(0, 4, rows)
    repeated = np.repeat(np.arange(rows), counts)
    by_weight = PooledTemperatures().fit(log_probs, masks, states, prior, stray, counts)
    by_rows = PooledTemperatures().fit(log_probs[repeated], masks[repeated], states[repeated], prior, stray)
    np.testing.assert_allclose(by_weight.temperatures(masks), by_rows.temperatures(masks), rtol=1e-4)


@few
@drawn
def test_calibrated_answers_are_normalized_and_keep_what_each_class_adds_to_the_prior(
    modalities, classes, rows, seed, stray
):
    _, log_probs, masks, states, prior = case(modalities, classes, rows, seed)
    found = PooledTemperatures().fit(log_probs, masks, states, prior, stray)
    calibrated = found.calibrated(log_probs, masks)
    np.testing.assert_allclose(np.exp(calibrated).sum(1), 1.0)
    added = (log_probs - prior) - (log_probs - prior)[:, :1]
    tempered = (calibrated - prior) - (calibrated - prior)[:, :1]
    np.testing.assert_allclose(tempered * found.temperatures(masks)[:, None], added, rtol=1e-6, atol=1e-9)


def test_beyond_the_limit_masks_of_few_rows_borrow_all(monkeypatch):
    monkeypatch.setattr("graphfuse.learning.pooled_temperatures._MOST_MASKS", 2)
    masks = of_masks({(1, 0): 50, (0, 1): 3, (1, 1): 40})
    log_probs, states = answers(masks, np.ones(93))
    found = PooledTemperatures().fit(log_probs, masks, states)
    assert found.seen(np.array([[1, 0], [1, 1], [0, 1]], dtype=bool)).tolist() == [True, True, False]


LOG_PROBS, MASKS, STATES = np.log([[0.5, 0.5], [0.9, 0.1]]), np.ones((2, 3), dtype=bool), np.array([0, 1])
BAD = {
    "one class": ({"log_probs": np.zeros((2, 1))}, ValueError, r"log_probs must have shape \(rows, num_classes\)"),
    "a probability above one": ({"log_probs": np.ones((2, 2))}, ValueError, "log_probs must be logarithms of prob"),
    "nan": ({"log_probs": np.full((2, 2), np.nan)}, ValueError, "log_probs must be logarithms of probabilities"),
    "numbers as masks": ({"masks": np.ones((2, 3))}, TypeError, "masks must be bool; got dtype float64"),
    "one mask for all": ({"masks": MASKS[0]}, ValueError, r"masks must have shape \(rows, num_modalities\)"),
    "too few masks": ({"masks": MASKS[:1]}, ValueError, "masks must have one entry per row of log_probs, 2; got 1"),
    "an unknown class": ({"states": np.array([0, 2])}, ValueError, "states must be integers from 0 to 1"),
    "labels": ({"states": np.array(["a", "b"])}, ValueError, "states must be integers"),
    "another prior": ({"log_prior": np.zeros(3)}, ValueError, r"log_prior must be log-probabilities \(2,\)"),
    "an impossible class": ({"log_prior": np.array([0.0, -np.inf])}, ValueError, "log_prior must be finite for every"),
    "all strays": ({"stray_share": 1.0}, ValueError, "stray_share must be at least 0 and below 1; got 1.0"),
    "a negative weight": ({"sample_weight": [1.0, -1.0]}, ValueError, "sample_weight must be finite and not negative"),
}


@pytest.mark.parametrize("case", BAD, ids=str)
def test_bad_input_is_refused(case):
    changed, error, message = BAD[case]
    with pytest.raises(error, match=message):
        PooledTemperatures().fit(**{"log_probs": LOG_PROBS, "masks": MASKS, "states": STATES, **changed})


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"spreads": ()}, ValueError, "spreads must hold at least one number; got none"),
        ({"spreads": [0.1]}, TypeError, "spreads must be a tuple of numbers; got list"),
        ({"spreads": (-0.1,)}, ValueError, "each of spreads must be at least 0 and finite; got -0.1"),
        ({"likenesses": (1.0,)}, ValueError, "each of likenesses must be at least 0 and below 1; got 1.0"),
        ({"common_spread": np.inf}, ValueError, "common_spread must be at least 0 and finite; got inf"),
    ],
)
def test_bad_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        PooledTemperatures(**settings)


def test_masks_of_other_modalities_are_refused():
    found = PooledTemperatures().fit(LOG_PROBS, MASKS, STATES)
    with pytest.raises(ValueError, match=r"masks must have shape \(rows, 3\); got \(2, 2\)"):
        found.temperatures(MASKS[:, :2])
