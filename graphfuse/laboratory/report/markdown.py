"""The tables of a run as text in markdown, to be read in a terminal or kept in a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .reading import metric as metric_named
from .sweeps import TOGETHER
from .tables import ordered

if TYPE_CHECKING:
    import pandas as pd

_MOST_TESTS = 8  # test conditions of one table
METRICS = ("accuracy", "auroc", "nll", "brier", "ece", "kl")


def markdown_report(
    found: pd.DataFrame,
    title: str,
    settings: Mapping[str, str],
    sayings: Sequence[str],
    metrics: Sequence[str] = METRICS,
) -> str:
    """A page: what was run, what it says, and a table of means for every data set, protocol and training condition.

    Of many test conditions, eight are shown.

    Args:
        found: What ``tables.means`` returns.
        title: Heading of the page.
        settings: What was run, for the reader.
        sayings: Sentences made from the numbers, and notes.
        metrics: Columns; those that are nowhere defined are left out.
    """
    parts = [f"# {title}", "\n".join(f"- {name}: {value}" for name, value in settings.items())]
    parts += ["\n".join(f"- {saying}" for saying in sayings)] if sayings else []
    for key, here in found.groupby(["data", "protocol", "condition"], sort=False):
        data, protocol, condition = (str(each) for each in key)
        trained = "" if condition == TOGETHER else f", trained on {condition}"
        tests = ordered(here["test"])
        few = [tests[round(i * (len(tests) - 1) / (_MOST_TESTS - 1))] for i in range(_MOST_TESTS)]
        parts.append(f"## {data}, {protocol}{trained}")
        if len(tests) > _MOST_TESTS:
            here = here[here["test"].isin(few)]
            parts.append(f"{_MOST_TESTS} of {len(tests)} test conditions; the others are in scores.csv.")
        parts.append(markdown_table(here, metrics))
    parts.append("Means over splits, ± half of the corrected 95 % interval; * is the best of its test condition.")
    return "\n\n".join(parts) + "\n"


def markdown_table(found: pd.DataFrame, metrics: Sequence[str] = METRICS) -> str:
    """A row for each test condition and model, a column for each metric; the best mean is marked with a star.

    Args:
        found: What ``tables.means`` returns, of one data set, protocol and training condition.
        metrics: Columns; those that are nowhere defined are left out.
    """
    shown = [name for name in metrics if found.loc[found["metric"] == name, "mean"].notna().any()]
    means = {(str(row.test), str(row.model), str(row.metric)): row for row in found.itertuples()}
    rows = [["tested on", "model", *(metric_named(name).caption for name in shown)]]
    for test in ordered(found["test"]):
        for model in ordered(found["model"]):
            rows.append([test, model, *(_cell(means.get((test, model, name))) for name in shown)])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(_lines(rows, widths))


def _cell(row: Any) -> str:
    """A mean with its half-width, and a star if no other is better."""
    if row is None or np.isnan(row.mean):
        return ""
    width = "" if np.isnan(row.half_width) else f" ± {row.half_width:.3f}"
    return f"{row.mean:.3f}{width}{'*' if row.best and metric_named(row.metric).higher_is_better is not None else ''}"


def _lines(rows: Sequence[Sequence[str]], widths: Sequence[int]) -> Iterator[str]:
    for i, row in enumerate(rows):
        cells = (cell.replace("|", "\\|").ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"| {' | '.join(cells)} |"
        if i == 0:
            yield f"| {' | '.join('-' * width for width in widths)} |"
