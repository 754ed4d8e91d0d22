"""Scores of predictions, and how sure they are."""

from .intervals import mean_interval
from .metrics import accuracy, auroc, brier_score, expected_calibration_error, negative_log_likelihood

__all__ = [
    "accuracy",
    "auroc",
    "brier_score",
    "expected_calibration_error",
    "mean_interval",
    "negative_log_likelihood",
]
