"""Scores of predictions agree with scikit-learn and with hand-worked cases, and refuse what is no prediction."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score

from graphfuse.evaluation import (
    accuracy,
    aurc,
    auroc,
    brier_score,
    expected_calibration_error,
    macro_f1,
    negative_log_likelihood,
)
from tests.evaluation.predictions import logs, random_predictions

METRICS = [accuracy, macro_f1, negative_log_likelihood, brier_score, expected_calibration_error, aurc, auroc]


@pytest.mark.parametrize("num_classes", [2, 3, 7])
def test_scores_agree_with_scikit_learn(num_classes):
    log_probs, states = random_predictions(num_classes)
    probs, truth = log_probs.exp().numpy(), states.numpy()
    classes = np.arange(num_classes)
    assert accuracy(log_probs, states) == pytest.approx(accuracy_score(truth, probs.argmax(1)))
    assert macro_f1(log_probs, states) == pytest.approx(f1_score(truth, probs.argmax(1), average="macro"))
    assert negative_log_likelihood(log_probs, states) == pytest.approx(log_loss(truth, probs, labels=classes))
    ranked = probs[:, 1] if num_classes == 2 else probs
    expected = roc_auc_score(truth, ranked, multi_class="ovr", average="macro")
    assert auroc(log_probs, states) == pytest.approx(expected)


def test_the_brier_score_of_two_classes_is_the_binary_one():
    log_probs, states = random_predictions(2)
    expected = brier_score_loss(states.numpy(), log_probs[:, 1].exp().numpy())
    assert brier_score(log_probs, states) == pytest.approx(expected)


def test_the_brier_score_of_many_classes_is_half_of_briers_own():
    log_probs, states = random_predictions(5)
    own = brier_score_loss(states.numpy(), log_probs.exp().numpy(), labels=np.arange(5), scale_by_half=False)
    assert brier_score(log_probs, states) == pytest.approx(own / 2)
    assert brier_score(logs([1.0, 0.0, 0.0]), torch.tensor([1])) == pytest.approx(1.0)


def test_scores_of_a_case_worked_by_hand():
    log_probs = logs([0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25], [0.25, 0.25, 0.5])
    states = torch.tensor([0, 1, 1, 2])
    assert accuracy(log_probs, states) == 0.75
    assert negative_log_likelihood(log_probs, states) == pytest.approx((3 * math.log(2) + math.log(4)) / 4)
    right, wrong = (0.25 + 2 / 16) / 2, (0.25 + 9 / 16 + 1 / 16) / 2
    assert brier_score(log_probs, states) == pytest.approx((3 * right + wrong) / 4)
    assert macro_f1(log_probs, states) == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert expected_calibration_error(log_probs, states) == pytest.approx(0.25)


def test_certain_and_right_is_the_best_of_all_scores():
    log_probs, states = logs([1.0, 0.0], [0.0, 1.0]), torch.tensor([0, 1])
    assert [metric(log_probs, states) for metric in METRICS] == [1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]


def test_certain_and_wrong_is_the_worst_of_all_scores():
    log_probs, states = logs([1.0, 0.0], [0.0, 1.0]), torch.tensor([1, 0])
    assert [metric(log_probs, states) for metric in METRICS] == [0.0, 0.0, math.inf, 1.0, 1.0, 1.0, 0.0]


def test_one_impossible_truth_makes_the_likelihood_infinite():
    log_probs = logs([0.5, 0.5], [1.0, 0.0])
    assert negative_log_likelihood(log_probs, torch.tensor([0, 1])) == math.inf
    assert negative_log_likelihood(log_probs, torch.tensor([0, 0])) == pytest.approx(math.log(2) / 2)


def test_an_uninformed_ranking_has_half_the_area():
    assert auroc(logs(*[[0.3, 0.7]] * 4), torch.tensor([0, 1, 0, 1])) == 0.5


def test_a_tie_goes_to_the_first_class():
    assert accuracy(logs([0.5, 0.5]), torch.tensor([0])) == 1.0
    assert macro_f1(logs([0.5, 0.5]), torch.tensor([0])) == 1.0


def test_f1_counts_the_classes_that_occur_and_no_others():
    only_predicted, only_true = logs([0.2, 0.7, 0.1], [0.8, 0.1, 0.1]), logs([0.7, 0.2, 0.1], [0.8, 0.1, 0.1])
    assert macro_f1(only_predicted, torch.tensor([0, 0])) == pytest.approx((2 / 3 + 0) / 2)
    assert macro_f1(only_true, torch.tensor([1, 0])) == pytest.approx((2 / 3 + 0) / 2)
    assert macro_f1(only_true, torch.tensor([0, 0])) == 1.0


@pytest.mark.parametrize("num_rows", [1, 2, 5])
def test_f1_of_few_rows_and_many_classes_agrees_with_scikit_learn(num_rows):
    log_probs, states = random_predictions(6, num_rows)
    expected = f1_score(states.numpy(), log_probs.argmax(1).numpy(), average="macro", zero_division=0.0)
    assert macro_f1(log_probs, states) == pytest.approx(expected)


@pytest.mark.parametrize("metric", METRICS)
def test_scores_do_not_depend_on_dtype_or_gradients(metric):
    log_probs, states = random_predictions(3)
    expected = metric(log_probs, states)
    assert metric(log_probs.float().requires_grad_(), states.int()) == pytest.approx(expected, abs=1e-5)
    assert metric(log_probs.half(), states) == pytest.approx(expected, abs=2e-2)


@pytest.mark.parametrize("metric", METRICS)
def test_scores_do_not_depend_on_the_order_of_rows(metric):
    log_probs, states = random_predictions(3)
    assert metric(log_probs.flip(0), states.flip(0)) == pytest.approx(metric(log_probs, states))


TWO = logs([0.5, 0.5], [0.5, 0.5])
REFUSED = {
    "an array": (TWO.numpy(), torch.tensor([0, 1]), TypeError, "log_probs must be a tensor; got ndarray"),
    "labels": (TWO, ["a", "b"], TypeError, "states must be a tensor; got list"),
    "integers": (
        torch.zeros(2, 2, dtype=torch.int64),
        torch.tensor([0, 1]),
        TypeError,
        "log_probs must be of a floating",
    ),
    "fractions": (TWO, torch.tensor([0.0, 1.0]), TypeError, "states must be integers; got torch.float32"),
    "one dimension": (TWO[0], torch.tensor([0, 1]), ValueError, r"log_probs must have shape \(num_rows, num_classes\)"),
    "no rows": (
        TWO[:0],
        torch.zeros(0, dtype=torch.int64),
        ValueError,
        r"at least one row and one class; got \(0, 2\)",
    ),
    "too few states": (TWO, torch.tensor([0]), ValueError, r"states must have shape \(2,\).*got \(1,\)"),
    "states as a column": (TWO, torch.tensor([[0], [1]]), ValueError, r"states must have shape \(2,\).*got \(2, 1\)"),
    "an unknown state": (TWO, torch.tensor([0, -1]), ValueError, "states must be between 0 and 1 .*unknown.*; got -1"),
    "a state too many": (TWO, torch.tensor([0, 2]), ValueError, "states must be between 0 and 1 .*; got 2"),
    "probabilities": (TWO.exp(), torch.tensor([0, 1]), ValueError, "log_probs must sum to one in every row after exp"),
    "nan": (logs([0.5, 0.5], [math.nan, 0.5]), torch.tensor([0, 1]), ValueError, "after exp; got nan in row 1"),
    "an impossible row": (logs([0.5, 0.5], [0.0, 0.0]), torch.tensor([0, 1]), ValueError, "after exp; got 0 in row 1"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("metric", METRICS)
def test_what_is_no_prediction_is_refused_by_every_score(metric, case):
    log_probs, states, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        metric(log_probs, states)


def test_an_absent_class_has_no_area():
    with pytest.raises(
        ValueError, match="states must hold every one of at least two classes, here 0 to 2; got no row of 1"
    ):
        auroc(logs([0.2, 0.3, 0.5], [0.2, 0.3, 0.5]), torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"states must hold every one of at least two classes.*got one class"):
        auroc(logs([1.0], [1.0]), torch.tensor([0, 0]))
