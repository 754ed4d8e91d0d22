"""Scores of predictions, how sure they are, and which model is better."""

from .auroc_interval import auroc_interval
from .calibration import (
    calibration_bins,
    chance_calibration_error,
    expected_calibration_error,
    pooled_calibration_error,
)
from .calibration_line import CalibrationLine, calibration_line
from .few_events import too_few, warn_of_few
from .intervals import mean_interval
from .metrics import accuracy, auroc, brier_score, macro_f1, negative_log_likelihood
from .monotonicity import confidence_rises
from .paired import corrected_t_test, holm, wilcoxon_test
from .ranks import cliques, critical_difference, friedman_test, mean_ranks
from .risk_coverage import aurc, risk_at, risk_coverage
from .robustness import area_under_levels, effective_robustness

__all__ = [
    "CalibrationLine",
    "accuracy",
    "area_under_levels",
    "aurc",
    "auroc",
    "auroc_interval",
    "brier_score",
    "calibration_bins",
    "calibration_line",
    "chance_calibration_error",
    "cliques",
    "confidence_rises",
    "corrected_t_test",
    "critical_difference",
    "effective_robustness",
    "expected_calibration_error",
    "friedman_test",
    "holm",
    "macro_f1",
    "mean_interval",
    "mean_ranks",
    "negative_log_likelihood",
    "pooled_calibration_error",
    "risk_at",
    "risk_coverage",
    "too_few",
    "warn_of_few",
    "wilcoxon_test",
]
