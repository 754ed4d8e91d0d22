"""The first words of a report: what was run, and where a model leads and where it is behind, made from the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from ...evaluation import chance_calibration_error
from ...pages import Cell, Table
from ..results import Results
from .reading import metric as metric_named
from .sections import number
from .tables import LEVEL, PLACE, Ranks, calibration_errors, ordered

if TYPE_CHECKING:
    import pandas as pd


def what_was_run(results: Results) -> list[str]:
    """How many cells there are, of what, and how many failed."""
    cells = results.cells
    if not len(cells):
        return ["No cell was run."]
    parts = [
        count(cells["data"].nunique(), "data set"),
        count(cells["protocol"].nunique(), "protocol"),
        count(cells["model"].nunique(), "model"),
        count(cells["split"].nunique(), "split"),
    ]
    failed = cells[cells["status"] != "finished"]
    found = [f"{count(len(cells), 'cell')} over {', '.join(parts[:-1])} and {parts[-1]}."]
    if not len(failed):
        return [*found, "All cells finished."]
    if len(failed) == len(cells):
        return [*found, "All cells failed: there is no score to show."]
    by_model: dict[Any, int] = failed["model"].value_counts(sort=True).to_dict()
    all_of: dict[Any, int] = cells["model"].value_counts().to_dict()
    causes = "; ".join(f"{name} {number} of {all_of[name]}" for name, number in by_model.items())
    finished = len(cells) - len(failed)
    return [*found, f"{finished:,} cells finished and {len(failed):,} failed ({causes})."]


def standing(found: pd.DataFrame, compared: pd.DataFrame, metric: str, model: str) -> list[str]:
    """In how many places the model has the best mean, its largest lead and deficit, and how many tests decide."""
    gains = leads(found, metric, model)
    if not len(gains):
        return []
    name = metric_named(metric).title
    first = (gains["lead"] >= 0).sum()
    sayings = [
        f"{name}: {model} has the best mean in {first} of {count(len(gains), 'place')} (data set, protocol, training "
        f"and test condition)." + _extreme(gains, model)
    ]
    known = compared[compared["holm"].notna()]
    if not len(known):
        return sayings
    sure = known["holm"] < LEVEL
    better, worse = int((sure & (known["gain"] > 0)).sum()), int((sure & (known["gain"] < 0)).sum())
    verdict = (
        f"{name}: of {count(len(known), 'paired comparison')} of {model} with another model, {better} are significant "
        f"in its favour and {worse} against it ({LEVEL:.0%} level, Holm); {len(known) - better - worse} are undecided."
    )
    losses = known[sure & (known["gain"] < 0)]
    if len(losses):
        verdict += f" Significantly better than it somewhere: {', '.join(ordered(losses['other']))}."
    return [*sayings, verdict]


def leads(found: pd.DataFrame, metric: str, model: str) -> pd.DataFrame:
    """By place the ``lead`` of a model over the best other, negative if it is behind, and that ``rival``.

    Only places where the model and another one have a full mean.
    """
    import pandas as pd

    sign = 1.0 if metric_named(metric).higher_is_better else -1.0
    chosen = found[(found["metric"] == metric) & found["complete"] & found["mean"].notna()]
    table = chosen.pivot_table(index=list(PLACE), columns="model", values="mean", sort=False)
    if model not in table:
        return pd.DataFrame(columns=[*PLACE, "lead", "rival"])
    table = sign * table[table[model].notna() & (table.notna().sum(axis=1) > 1)]
    others = table.drop(columns=model)
    gains = table.index.to_frame(index=False)
    gains["lead"] = (table[model] - others.max(axis=1)).to_numpy()
    gains["rival"] = others.idxmax(axis=1).to_numpy() if len(others) else []
    return gains


def standing_table(found: pd.DataFrame, compared: pd.DataFrame, metric: str, model: str) -> Table | None:
    """By data set and protocol, where the model leads and where it is behind; None if nothing is compared."""
    gains = leads(found, metric, model)
    rows: list[list[str | int | Cell]] = []
    for key, group in gains.groupby(["data", "protocol"], sort=False):
        data, protocol = (str(each) for each in key)
        tests = compared[(compared["data"] == data) & (compared["protocol"] == protocol)]
        sure = tests["holm"] < LEVEL
        won, lost = int((sure & (tests["gain"] > 0)).sum()), int((sure & (tests["gain"] < 0)).sum())
        worst = group.iloc[int(group["lead"].to_numpy(float).argmin())]
        least = float(worst["lead"])
        at = f"{worst['condition']} → {worst['test']}, {'ahead of' if least >= 0 else 'behind'} {worst['rival']}"
        best_in = f"{int((group['lead'] >= 0).sum())} of {len(group)}"
        median = Cell(number(float(group["lead"].median()), signed=True))
        decided = f"{won} / {lost} of {int(tests['holm'].notna().sum())}"
        rows.append([f"{data}, {protocol}", best_in, median, Cell(number(least, signed=True)), at, decided])
    if not rows:
        return None
    columns = ["data set, protocol", "best in", "median lead", "smallest lead", "where", "significant for / against"]
    return Table(
        columns,
        rows,
        f"{metric_named(metric).title}: the lead of {model} over the best other model of each place, "
        f"negative where it is behind, and its paired tests against all others.",
    )


def ranked(ranks: Ranks | None, model: str) -> list[str]:
    """The mean rank of the model, and which models are not told apart from it."""
    if ranks is None or model not in ranks.models:
        return []
    at = ranks.models.index(model)
    near = [
        name
        for name, mean in zip(ranks.models, ranks.ranks, strict=True)
        if name != model and abs(mean - ranks.ranks[at]) < ranks.difference
    ]
    names = " or ".join(metric_named(name).caption for name in ranks.metrics)
    not_told = f"not told apart from {', '.join(near)}" if near else "told apart from every other model"
    return [
        f"Ranked by {names} over {count(ranks.num_blocks, 'block')}: {model} has mean rank {ranks.ranks[at]:.2f}, "
        f"{ordinal(at + 1)} of {len(ranks.models)}; by Nemenyi's test it is {not_told}."
    ]


def calibrated(results: Results, found: pd.DataFrame, model: str) -> list[str]:
    """How the model's confidence fares: its pooled calibration error, against the median model and against chance."""
    table = found[found["metric"] == "ece"].pivot_table(index=list(PLACE), columns="model", values="mean", sort=False)
    if model not in table or table.shape[1] < 2:
        return []
    table = table[table[model].notna()]
    if not len(table):
        return []
    below = int((table[model] < table.drop(columns=model).median(axis=1)).sum())
    by_chance = calibration_errors(results, chance_calibration_error)
    expected = [by_chance[(*at, model)] for at in table.index if (*at, model) in by_chance]
    chance = (
        f" A calibrated model that is as sure would show {median(expected):.3f} in the median place, by chance alone."
    )
    return [
        f"ECE: the pooled calibration error of {model} is {table[model].median():.3f} in the median place and at most "
        f"{table[model].max():.3f}; it is below that of the median other model in {below} of {len(table)} places."
        + (chance if expected else "")
    ]


def count(number: int, noun: str) -> str:
    """A number with its noun: 1 cell, 2,000 cells."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 11th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def place(row: Mapping[Any, Any] | pd.Series[Any]) -> str:
    """A place as a person reads it."""
    data, protocol, condition, test = (row[name] for name in PLACE)
    return f"{data}, {protocol}, trained on {condition}, tested on {test}"


def _extreme(gains: pd.DataFrame, model: str) -> str:
    lead = gains["lead"].to_numpy(float)
    worst, most = gains.iloc[int(lead.argmin())], gains.iloc[int(lead.argmax())]
    saying = ""
    if most["lead"] > 0:
        saying += f" Its largest lead over the best other is {most['lead']:.3f} ({place(most)}, over {most['rival']})."
    if worst["lead"] < 0:
        behind = (gains["lead"] < 0).sum()
        saying += (
            f" It is behind in {behind}, by {-worst['lead']:.3f} at most ({place(worst)}, behind {worst['rival']})."
        )
    return saying
