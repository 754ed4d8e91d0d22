"""Numbers with their intervals, and when there are too few patients to read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch

from graphfuse.evaluation import (
    auroc_interval,
    brier_score,
    calibration_line,
    expected_calibration_error,
    negative_log_likelihood,
    too_few,
)

BINS = 10
COLUMNS = ("AUROC", "Brier", "NLL", "calibration intercept", "calibration slope", "ECE")


def row(log_probs: torch.Tensor, states: torch.Tensor, columns: Sequence[str] = COLUMNS) -> list[str]:
    """Numbers of patients and of events, then the measures, or why they are not to be read."""
    events = int(states.sum())
    counts, few = [str(len(states)), str(events)], too_few(states)
    if few is not None:
        name = few.replace("non-events", "patients without the outcome")
        return [*counts, f"fewer than ten {name}: not to be read", *[""] * (len(columns) - 1)]
    area = auroc_interval(log_probs, states)
    line = calibration_line(log_probs, states)
    found = {
        "AUROC": with_ends(*area),
        "Brier": f"{brier_score(log_probs, states):.3f}",
        "NLL": f"{negative_log_likelihood(log_probs, states):.3f}",
        "calibration intercept": with_error(line.intercept, line.intercept_error),
        "calibration slope": with_error(line.slope, line.slope_error),
        "ECE": f"{expected_calibration_error(log_probs, states, BINS):.3f}",
    }
    return [*counts, *(found[name] for name in columns)]


def with_ends(value: float, low: float, high: float, decimals: int = 3) -> str:
    """A number and its interval."""
    return minus(f"{value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})")


def with_error(value: float, error: float) -> str:
    """A number and 1.96 standard errors to both sides."""
    if not np.isfinite(value):
        return "not defined"
    return with_ends(value, value - 1.96 * error, value + 1.96 * error, 2)


def mean_with_ends(values: np.ndarray, seed: int = 0, resamples: int = 2000) -> tuple[float, float, float]:
    """The mean over patients, and the middle 95 % of the means of resamples of them."""
    draw = np.random.default_rng(seed)
    means = values[draw.integers(len(values), size=(resamples, len(values)))].mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def minus(text: str) -> str:
    """With real minus signs, and none before a zero."""
    zeros = text.replace("-0.000", "0.000").replace("-0.00 ", "0.00 ").replace("-0.00)", "0.00)")
    return zeros.replace("-", "\N{MINUS SIGN}")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As markdown; the first column names the rows, numbers stand to the right."""
    lines = [f"| {' | '.join(header)} |", f"| --- |{' --: |' * (len(header) - 1)}"]
    lines += [f"| {' | '.join(str(cell).replace('|', '/') for cell in each)} |" for each in rows]
    return "\n".join(lines)


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """As ``table``, of words alone, to the left."""
    return table(header, rows).replace(" --: |", " --- |", len(header) - 1)
