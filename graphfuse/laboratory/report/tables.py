"""What the cells of a run say when they are put together: means, robustness, tests, ranks, failures and costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ...checks import invalid
from ...evaluation import (
    area_under_levels,
    cliques,
    corrected_t_test,
    critical_difference,
    effective_robustness,
    friedman_test,
    holm,
    mean_interval,
    mean_ranks,
    pooled_calibration_error,
    wilcoxon_test,
)
from ..results import Results
from .reading import metric as metric_named
from .sweeps import sweeps

if TYPE_CHECKING:
    import pandas as pd

PRIOR = "prior"  # the class frequencies: calibrated, and of no use
PLACE = ("data", "protocol", "condition", "test")  # where models meet: condition of the training rows, of the test rows
MODEL = "graph-fusion"
BASELINE = "mean-pool"
LEVEL = 0.05  # of every test
_NO_DAMAGE = ("learning_curves",)  # its levels are no damage, which robustness is about


def means(results: Results) -> pd.DataFrame:
    """By place, metric and model the mean over splits.

    Columns: those of ``PLACE``, ``level``, ``metric``, ``model``; ``num_splits`` with a defined value; ``mean``;
    ``half_width`` of the corrected 95 % interval, NaN where there is none; ``complete``, whether no other model of the
    place has more splits; ``best``, whether no complete model of the place has a better mean, the class frequencies
    apart. Calibration errors are those of the bins summed over splits, and have no interval.
    """
    import pandas as pd

    scores = results.scores
    levels, values = scores["level"].to_numpy(np.float64), scores["value"].to_numpy(np.float64)
    pooled, fractions = (
        calibration_errors(results, pooled_calibration_error),
        scores["test_fraction"].to_numpy(np.float64),
    )
    keys = [*PLACE, "metric", "model"]
    rows = []
    groups: dict[Any, Any] = scores.groupby(keys, sort=False).indices
    for key, at in groups.items():
        defined = values[at][~np.isnan(values[at])]
        mean, half_width = _interval(defined, float(fractions[at].mean()))
        if key[4] == "ece" and (*key[:4], key[5]) in pooled:
            mean, half_width = pooled[(*key[:4], key[5])], np.nan
        rows.append([*key[:4], levels[at[0]], *key[4:], len(defined), mean, half_width])
    columns = [*PLACE, "level", "metric", "model", "num_splits", "mean", "half_width"]
    found = pd.DataFrame(rows, columns=columns).astype({"level": float, "mean": float, "half_width": float})
    most = found.groupby([*PLACE, "metric"], sort=False)["num_splits"].transform("max")
    found["complete"] = (found["num_splits"] == most) & (most > 0)
    up = found["metric"].map(lambda name: metric_named(name).higher_is_better)
    eligible = found["complete"] & (found["model"] != PRIOR)
    ahead = found["mean"].where(eligible) * up.map({True: 1.0, False: -1.0}).astype(float)
    top = ahead.groupby([found[name] for name in (*PLACE, "metric")], sort=False).transform("max")
    found["best"] = ahead.notna() & (ahead >= top)
    return found


def by_named_split(results: Results, data: str, protocol: str, metric: str) -> pd.DataFrame:
    """By model and split the value of a metric, where splits have names of their own (a hospital); else empty.

    Values are those of the first test condition; columns are the names, in the order of the splits.
    """
    here = results.cells[(results.cells["data"] == data) & (results.cells["protocol"] == protocol)]
    names = {
        split: name for split, name in zip(here["split"], here["split_name"], strict=True) if isinstance(name, str)
    }
    scores = results.scores
    at = (scores["data"] == data) & (scores["protocol"] == protocol) & (scores["metric"] == metric)
    chosen = scores[at & scores["split"].map(names).notna()]
    if all(name == f"split {split}" for split, name in names.items()) or not len(chosen):
        return chosen.iloc[:0, :0]
    first = chosen[chosen["test"] == chosen["test"].iloc[0]]
    table = first.pivot_table(index="model", columns="split", values="value", sort=False)
    return table.reindex(columns=sorted(table.columns)).rename(columns=names)


def robustness(results: Results, metric: str, baseline: str = BASELINE) -> pd.DataFrame:
    """How models stand a sweep of levels, by data set, protocol, training condition, sweep and model.

    Columns: ``data``, ``protocol``, ``condition``, ``sweep``, ``model``, ``num_splits``, ``area``,
    ``area_half_width``, ``effective``, ``effective_half_width``. Effective robustness is positive if a model loses less
    than the baseline, for losses too; NaN where the baseline is not there. Both are taken split by split.
    """
    import pandas as pd

    sign = -1.0 if metric_named(metric).higher_is_better is False else 1.0
    rows = []
    chosen = results.scores[(results.scores["metric"] == metric) & results.scores["level"].notna()]
    for key, group in chosen.groupby(["data", "protocol", "condition"], sort=False):
        data, protocol, condition = (str(each) for each in key)
        table = group.pivot_table(index=["model", "split"], columns="test", values="value", sort=False)
        for sweep, tests in {} if protocol in _NO_DAMAGE else sweeps(group, data, protocol, condition).items():
            steps = table.reindex(columns=list(tests)).dropna()
            levels, fraction = list(tests.values()), float(group["test_fraction"].mean())
            curves: dict[Any, Any] = dict(zip(steps.index, steps.to_numpy(), strict=True))
            for model in dict.fromkeys(model for model, _ in curves):
                own = {split: curve for (name, split), curve in curves.items() if name == model}
                areas = [area_under_levels(levels, curve) for curve in own.values()]
                effective = [
                    sign * effective_robustness(levels, curve, curves[baseline, split])
                    for split, curve in own.items()
                    if (baseline, split) in curves
                ]
                intervals = [_interval(np.array(each), fraction) for each in (areas, effective)]
                rows.append([data, protocol, condition, sweep, model, len(own), *intervals[0], *intervals[1]])
    columns = ["data", "protocol", "condition", "sweep", "model", "num_splits", "area", "area_half_width"]
    return pd.DataFrame(rows, columns=[*columns, "effective", "effective_half_width"])


def comparisons(results: Results, metric: str, model: str = MODEL) -> pd.DataFrame:
    """A model against every other, split by split.

    Columns: those of ``PLACE``, ``metric``, ``other``, ``num_splits`` that both have, ``gain`` (positive if the model
    is better, whatever the direction of the metric), its ``half_width``, ``p_value`` of the corrected t test,
    ``wilcoxon``, and ``holm``: the p-values of the t test, adjusted over all comparisons of a data set and protocol.
    All three are NaN with fewer than two splits.
    """
    import pandas as pd

    sign = -1.0 if metric_named(metric).higher_is_better is False else 1.0
    chosen = results.scores[results.scores["metric"] == metric]
    rows = []
    for place, group in chosen.groupby(list(PLACE), sort=False):
        table = group.pivot_table(index="split", columns="model", values="value", sort=False)
        if model not in table:
            continue
        fraction = float(group["test_fraction"].mean())
        for other in table.columns.drop(model):
            gains = sign * (table[model] - table[other]).dropna().to_numpy(np.float64)
            if not len(gains):
                continue
            p_values = (np.nan, np.nan)
            if len(gains) > 1:
                p_values = (corrected_t_test(gains, fraction)[1], wilcoxon_test(gains))
            rows.append([*place, metric, other, len(gains), *_interval(gains, fraction), *p_values])
    columns = [*PLACE, "metric", "other", "num_splits", "gain", "half_width", "p_value", "wilcoxon"]
    found = pd.DataFrame(rows, columns=columns)
    found["holm"] = np.nan
    for _, at in found[found["p_value"].notna()].groupby(["data", "protocol"], sort=False).groups.items():
        found.loc[at, "holm"] = holm(found.loc[at, "p_value"].to_numpy())
    return found


@dataclass(frozen=True)
class Ranks:
    """Mean ranks of models over blocks, and whether they differ.

    Args:
        metrics: The metrics ranked by; in each block the first that is defined for all models.
        models: Best mean rank first.
        ranks: Their mean ranks.
        num_blocks: Blocks in which all of them finished every split.
        num_left_out: Blocks left out because one did not.
        left_out: Models not ranked, because they lack a split or more in over half of the blocks.
        p_value: Of Friedman's test that all rank alike.
        difference: By how much two mean ranks must differ.
        groups: Models that are not told apart, as positions in ``models``.
    """

    metrics: tuple[str, ...]
    models: tuple[str, ...]
    ranks: tuple[float, ...]
    num_blocks: int
    num_left_out: int
    left_out: tuple[str, ...]
    p_value: float
    difference: float
    groups: tuple[tuple[int, ...], ...]


def rank(found: pd.DataFrame, metrics: Sequence[str]) -> Ranks | None:
    """Models ranked over blocks by their means; None with fewer than two models, or no block that all finished.

    Args:
        found: What ``means`` returns.
        metrics: By which to rank; in each block the first that is defined for all ranked models, all of one direction.
    """
    directions = {metric_named(name).higher_is_better for name in metrics}
    if len(directions) != 1 or None in directions:
        raise invalid("metrics", "share a direction", list(metrics))
    chosen = found[found["metric"].isin(list(metrics))]
    table = chosen[chosen["complete"] & chosen["mean"].notna()].pivot_table(
        index=list(PLACE), columns=["metric", "model"], values="mean", sort=False
    )
    everyone = list(dict.fromkeys(chosen["model"]))
    finished = {model: sum(_has(table, model, metrics)) for model in everyone}
    models = [model for model in everyone if 2 * finished[model] >= len(table) and finished[model]]
    blocks = [scores for scores in (_first_defined(row, models, metrics) for _, row in table.iterrows()) if scores]
    if len(models) < 2 or not blocks:
        return None
    up = bool(directions.pop())
    ranks = np.array(mean_ranks(blocks, up))
    order = ranks.argsort(kind="stable")
    difference = critical_difference(len(models), len(blocks), LEVEL)
    sorted_ranks = [float(each) for each in ranks[order]]
    return Ranks(
        tuple(metrics),
        tuple(models[i] for i in order),
        tuple(sorted_ranks),
        len(blocks),
        chosen.groupby(list(PLACE)).ngroups - len(blocks),
        tuple(model for model in everyone if model not in models),
        friedman_test(blocks, up)[1],
        difference,
        tuple(cliques(sorted_ranks, difference)),
    )


def failures(results: Results) -> pd.DataFrame:
    """Failed cells with their messages, splits of one cause in one row: what a reader must know first."""
    import pandas as pd

    failed = results.cells[results.cells["status"] != "finished"].fillna({"message": ""})
    keys = ["model", "data", "protocol", "condition", "message"]
    rows = [[*key, len(group), _spans(sorted(group["split"]))] for key, group in failed.groupby(keys, sort=False)]
    return pd.DataFrame(rows, columns=[*keys, "num_cells", "splits"])


def costs(results: Results) -> pd.DataFrame:
    """By data set and model, the median seconds of a cell, their range, and the highest peak of memory in MiB."""
    done = results.cells[results.cells["status"] == "finished"]
    numbers = done.astype({name: float for name in ("fit_seconds", "predict_seconds", "peak_mib")})
    found: pd.DataFrame = (
        numbers.groupby(["data", "model"], sort=False)
        .agg(
            num_cells=("split", "size"),
            fit_seconds=("fit_seconds", "median"),
            fit_least=("fit_seconds", "min"),
            fit_most=("fit_seconds", "max"),
            predict_seconds=("predict_seconds", "median"),
            peak_mib=("peak_mib", "max"),
        )
        .reset_index()
    )
    return found


def ordered(values: pd.Series[Any]) -> list[str]:
    """The values in the order in which they first occur."""
    return [str(each) for each in values.unique()]


def _interval(values: np.ndarray, test_fraction: float) -> tuple[float, float]:
    """Mean and half-width; NaN where there are too few values, or one is infinite."""
    if len(values) > 1 and np.isfinite(values).all():
        return mean_interval(values, test_fraction)
    return (float(values.mean()) if len(values) else np.nan), np.nan


def calibration_errors(results: Results, error: Callable[[Tensor], float]) -> dict[tuple[Any, ...], float]:
    """By place and model, an error of the bins summed over splits."""
    sums = results.bins.groupby([*PLACE, "model", "bin"], sort=False)[["num_rows", "confidence", "correct"]].sum()
    numbers = sums.to_numpy(np.float64)
    found: dict[Any, float] = {}
    for key, at in sums.reset_index().groupby([*PLACE, "model"], sort=False).indices.items():
        if numbers[at, 0].sum():
            found[key] = error(torch.from_numpy(numbers[at]))
    return found


def _has(table: pd.DataFrame, model: str, metrics: Sequence[str]) -> Iterator[bool]:
    columns = [(name, model) for name in metrics if (name, model) in table.columns]
    return iter(table[columns].notna().any(axis=1).tolist() if columns else [])


def _first_defined(row: pd.Series[Any], models: Sequence[str], metrics: Sequence[str]) -> list[float] | None:
    for name in metrics:
        scores = [float(row.get((name, model), np.nan)) for model in models]
        if not np.isnan(scores).any():
            return scores
    return None


def _spans(numbers: Sequence[int]) -> str:
    """Numbers as a person reads them: 0–3, 7."""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = int(number)
        elif not spans or number != spans[-1][1]:
            spans.append([int(number), int(number)])
    return ", ".join(f"{first}" if first == last else f"{first}–{last}" for first, last in spans)  # noqa: RUF001
