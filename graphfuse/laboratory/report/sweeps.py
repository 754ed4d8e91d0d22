"""Which test conditions of a protocol are steps of one sweep, told from their names and levels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..results import Results

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = "the same"  # the training condition of models that are each tested as they were trained


def together(results: Results) -> Results:
    """The cells, where every training condition has one test condition of its own, as if the training were one.

    A sweep over training and test rows alike then has its steps side by side, under the names of the training
    conditions.
    """
    tests = results.scores[["data", "protocol", "condition", "test"]].drop_duplicates()
    counts = tests.groupby(["data", "protocol"], sort=False)["condition"].agg(["size", "nunique"])
    merged = {key for key, row in counts.iterrows() if row["size"] == row["nunique"] > 1}

    def renamed(table: pd.DataFrame) -> pd.DataFrame:
        at = [key in merged for key in zip(table["data"], table["protocol"], strict=True)]
        changed = table.copy()
        changed.loc[at, "test"] = table.loc[at, "condition"]
        changed.loc[at, "condition"] = TOGETHER
        return changed

    return replace(results, scores=renamed(results.scores), bins=renamed(results.bins), risks=renamed(results.risks))


def sweeps(found: pd.DataFrame, data: str, protocol: str, condition: str) -> dict[str, dict[str, float]]:
    """By what is swept, the levels of the test conditions in rising order.

    Names that end in a number belong together if they are equal before it (``"image 0.25"``, ``"image 0.50"``); one
    condition without a number, such as ``"clean"``, is a step of every sweep. Levels of a sweep differ, and are two or
    more.
    """
    at = (found["data"] == data) & (found["protocol"] == protocol) & (found["condition"] == condition)
    rows = found[at & found["level"].notna()].drop_duplicates("test")
    steps: dict[str, dict[str, float]] = {}
    shared: dict[str, float] = {}
    for test, level in zip(rows["test"], rows["level"].astype(float), strict=True):
        stem, _, last = str(test).rpartition(" ")
        if _is_number(last):
            steps.setdefault(stem, {})[str(test)] = level
        else:
            shared[str(test)] = level
    if len(shared) > 1:
        return {}
    found_steps = {stem: dict(sorted((shared | own).items(), key=lambda step: step[1])) for stem, own in steps.items()}
    return {stem: own for stem, own in found_steps.items() if len(own) == len(set(own.values())) > 1}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
