"""The tables of a report as blocks of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...pages import Cell, Table, Text
from .reading import METRICS, RECIPES, REFERENCES
from .reading import metric as metric_named
from .tables import LEVEL, Ranks, ordered

if TYPE_CHECKING:
    import pandas as pd

_MINUS = "\N{MINUS SIGN}"
_DASH = "–"  # noqa: RUF001


def records(frame: pd.DataFrame) -> Iterator[Any]:
    """Rows with their columns as attributes."""
    return iter(frame.itertuples())


def number(value: float, digits: int = 3, signed: bool = False) -> str:
    """A number with a true minus sign, or a dash."""
    if np.isnan(value):
        return _DASH
    if np.isinf(value):
        return "∞" if value > 0 else f"{_MINUS}∞"
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.lstrip("+-") if not float(text) else text.replace("-", _MINUS)  # no minus zero


def p_value(value: float) -> str:
    """A p-value with what it can tell."""
    return _DASH if np.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"


def seconds(value: float) -> str:
    """Seconds with two or three figures."""
    if np.isnan(value):
        return _DASH
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.3f}"


def score_table(chosen: pd.DataFrame, robust: pd.DataFrame | None, folded: bool) -> Table:
    """Models by test conditions: one metric of one data set, protocol and training condition.

    Args:
        chosen: Those rows of ``tables.means``.
        robust: Those of ``tables.robustness``, if the test conditions have levels.
        folded: Whether the table waits to be opened.
    """
    name = metric_named(chosen["metric"].iloc[0])
    tests = ordered(chosen["test"])
    cells = {(row.model, row.test): row for row in records(chosen)}
    curves: dict[Any, Any] = {} if robust is None else {(row.sweep, row.model): row for row in records(robust)}
    swept = list(dict.fromkeys(sweep for sweep, _ in curves))
    has_effective = any(not np.isnan(row.effective) for row in curves.values())
    columns = ["model", *tests]
    for sweep in swept:
        suffix = f", {sweep}" if len(swept) > 1 else ""
        columns += [f"area{suffix}", f"effective robustness{suffix}"][: 2 if has_effective else 1]
    rows: list[list[str | Cell]] = []
    for model in _best_first(chosen):
        row: list[str | Cell] = [model, *(_mean_cell(cells.get((model, test))) for test in tests)]
        for sweep in swept:
            curve = curves.get((sweep, model))
            area, effective = Cell(_DASH), Cell(_DASH)
            if curve is not None:
                full = curve.num_splits == max(each.num_splits for each in curves.values())
                area = _interval_cell(curve.area, curve.area_half_width, full)
                effective = _interval_cell(curve.effective, curve.effective_half_width, full, signed=True)
            row += [area, effective][: 2 if has_effective else 1]
        rows.append(row)
    better = {True: "higher is better", False: "lower is better", None: "no better direction"}[name.higher_is_better]
    best = "; best mean in bold" if name.higher_is_better is not None and len(rows) > 1 else ""
    pooled = "; bins summed over splits, no intervals" if chosen["metric"].iloc[0] == "ece" else ""
    dagger = "; † not all splits" if not chosen["complete"].all() else ""
    return Table(columns, rows, f"{name.title}, {better}{best}{pooled}{dagger}.", folded)


def conditions_table(chosen: pd.DataFrame) -> Table:
    """What the test rows are like: levels, missing entries, masks never seen in training."""
    described = chosen[chosen["metric"].isin(["missing", "unseen_rows"])]
    rows: list[list[str | Cell | float | int | None]] = []
    for condition in ordered(chosen["condition"]):
        for test in ordered(chosen.loc[chosen["condition"] == condition, "test"]):
            at = chosen[(chosen["condition"] == condition) & (chosen["test"] == test)]
            shares = described.loc[at.index.intersection(described.index)].groupby("metric")["mean"].mean()
            percent = [f"{100 * shares[name]:.1f} %" if name in shares else None for name in ("missing", "unseen_rows")]
            rows.append([condition, test, *percent])
    columns = ["trained on", "tested on", "missing entries", "unseen masks"]
    return Table(
        columns,
        rows,
        "Test conditions: missing entries, and rows whose mask occurs in no training row; means over splits.",
        folded=len(rows) > 8,
    )


def split_table(table: pd.DataFrame, metric: str) -> Table:
    """Models by splits that have names: what ``tables.by_named_split`` returns."""
    rows: list[list[str | Cell]] = [
        [str(model), *(Cell(number(value)) for value in row)]
        for model, row in zip(table.index, table.values, strict=True)
    ]
    return Table(["model", *map(str, table.columns)], rows, f"{metric_named(metric).title}, by the split's test rows.")


def test_table(compared: pd.DataFrame, model: str, folded: bool = True) -> Table:
    """Every comparison of one data set and protocol."""
    rows: list[list[str | int | Cell]] = []
    for row in records(compared):
        sure = not np.isnan(row.holm) and row.holm < LEVEL
        gain = Cell(number(row.gain, signed=True), _half(row.half_width), strong=sure)
        adjusted = Cell(p_value(row.holm), strong=sure)
        place = [f"{row.condition} → {row.test}", gain, row.num_splits]
        rows.append([row.other, *place, p_value(row.p_value), p_value(row.wilcoxon), adjusted])
    name = metric_named(compared["metric"].iloc[0]).caption if len(compared) else "score"
    caption = (
        f"{name} of {model} against each other model, paired by split; a positive gain favours {model}. Bold: adjusted "
        f"p-value below {LEVEL}."
    )
    columns = ["other model", "trained → tested on", "gain", "splits", "t test", "Wilcoxon", "t test, Holm"]
    return Table(columns, rows, caption, folded)


def verdict_table(compared: pd.DataFrame, model: str) -> Table:
    """By data set, protocol and metric, how many comparisons favour the model or another one."""
    rows: list[list[str | int | Cell]] = []
    for place, group in compared.groupby(["data", "protocol", "metric"], sort=False):
        data, protocol, metric = _names(place)
        sure = group["holm"] < LEVEL
        up, down = group["gain"] > 0, group["gain"] < 0
        won, lost = int((sure & up).sum()), int((sure & down).sum())
        rest = [int((~sure & up).sum()), int((~sure & ~up & ~down).sum()), int((~sure & down).sum())]
        name = metric_named(metric).caption
        rows.append([f"{data}, {protocol}", name, len(group), Cell(f"{won}", strong=won > 0), *rest, Cell(f"{lost}")])
        if lost:
            rows[-1][-1] = Cell(f"{lost}", strong=True)
    columns = ["data set, protocol", "metric", "comparisons", "better, sure", "better", "equal", "worse", "worse, sure"]
    return Table(columns, rows, f"{model} against all other models; sure: adjusted p-value below {LEVEL}.")


def rank_table(ranks: Ranks) -> Table:
    """Mean ranks, best first."""
    rows: list[list[str | Cell]] = [
        [name, Cell(f"{mean:.2f}")] for name, mean in zip(ranks.models, ranks.ranks, strict=True)
    ]
    return Table(["model", "mean rank"], rows, rank_caption(ranks))


def rank_caption(ranks: Ranks) -> str:
    """What was ranked, and what was not."""
    names = ", or where it is undefined ".join(metric_named(name).caption for name in ranks.metrics)
    left = (
        f" Not ranked, as they lack a split or more in over half of the blocks: {', '.join(ranks.left_out)}."
        if ranks.left_out
        else ""
    )
    blocks = (
        f" {ranks.num_left_out} blocks are left out because a ranked model has no full mean there."
        if ranks.num_left_out
        else ""
    )
    p = p_value(ranks.p_value)
    return (
        f"Mean ranks by {names} over {ranks.num_blocks} blocks (data set, protocol, training and test condition), "
        f"1 being best. Friedman's test that all rank alike: p {p if p.startswith('<') else f'= {p}'}; critical "
        f"difference {ranks.difference:.2f}. Blocks of one data set share rows, so both look surer than they "
        f"are.{blocks}{left}"
    )


def cost_table(spent: pd.DataFrame) -> Table:
    """Seconds and memory, by data set and model."""
    rows: list[list[str | int | Cell]] = []
    for row in records(spent):
        peak = Cell(_DASH if np.isnan(row.peak_mib) else f"{row.peak_mib:,.0f}")
        spread = f"({seconds(row.fit_least)}–{seconds(row.fit_most)})"  # noqa: RUF001
        fit = Cell(seconds(row.fit_seconds), spread if row.num_cells > 1 else "")
        rows.append([row.model, row.data, row.num_cells, fit, Cell(seconds(row.predict_seconds)), peak])
    columns = ["model", "data set", "cells", "fit, s", "answer, s", "peak, MiB"]
    caption = (
        "Median seconds of a cell, the range of fitting in brackets, and the highest peak of memory over cells. "
        "Answering covers all test conditions."
    )
    return Table(columns, rows, caption, folded=len(rows) > 30)


def failure_table(failed: pd.DataFrame) -> Table:
    """What failed and why."""
    rows = [
        [
            str(row.model),
            f"{row.data}, {row.protocol}",
            str(row.condition),
            str(row.splits),
            row.message or "no message",
        ]
        for row in records(failed)
    ]
    columns = ["model", "data set, protocol", "trained on", "splits", "message"]
    return Table(columns, rows, "Failed cells; splits that failed alike share a row.")


def how_to_read(metrics: Sequence[str]) -> list[Text | Table]:
    """Definitions of the metrics at hand, recipes, references."""
    arrow = {True: "higher", False: "lower", None: "neither"}
    known = [name for name in METRICS if name in metrics]
    known += [name for name in metrics if name not in METRICS]
    rows = [
        [METRICS[name].caption, arrow[METRICS[name].higher_is_better], METRICS[name].definition]
        for name in known
        if name in METRICS
    ]
    return [
        Table(["metric", "better", "what it is"], rows, "Metrics. All logarithms are natural."),
        Text("", RECIPES),
        Text("References:", REFERENCES),
    ]


def _names(key: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in key)


def _best_first(chosen: pd.DataFrame) -> list[str]:
    direction = metric_named(chosen["metric"].iloc[0]).higher_is_better
    if direction is None:
        return ordered(chosen["model"])
    average = chosen.groupby("model", sort=False).agg(mean=("mean", "mean"), complete=("complete", "all"))
    average["mean"] *= -1.0 if direction else 1.0
    return [
        str(each) for each in average.sort_values(["complete", "mean"], ascending=[False, True], kind="stable").index
    ]


def _mean_cell(row: Any) -> Cell:
    if row is None or np.isnan(row.mean):
        return Cell(_DASH)
    dagger = "" if row.complete else " †"
    return Cell(number(row.mean) + dagger, _half(row.half_width), strong=bool(row.best))


def _interval_cell(mean: float, half_width: float, full: bool, signed: bool = False) -> Cell:
    return Cell(number(mean, signed=signed) + ("" if full or np.isnan(mean) else " †"), _half(half_width))


def _half(half_width: float) -> str:
    return "" if np.isnan(half_width) else f"± {number(half_width)}"
