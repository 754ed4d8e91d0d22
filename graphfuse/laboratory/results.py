"""What the finished cells of a run say, as tidy tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("data", "protocol", "split", "condition", "model")  # what names a cell; condition is that of the training rows
SCORES = (*KEYS, "test", "level", "metric", "value", "test_fraction")
CELLS = (
    *(*KEYS, "status", "message", "fit_seconds", "predict_seconds", "peak_mib"),
    *("num_train", "num_test", "split_name", "code"),
)
BINS = (*KEYS, "test", "bin", "num_rows", "confidence", "correct")
RISKS = (*KEYS, "test", "coverage", "risk")


@dataclass(frozen=True, eq=False)
class Results:
    """The cells of a run as four tables, a row per value.

    A cell is one model, fitted to the training rows of one condition of one split and asked under every test condition.

    Args:
        scores: By cell, test condition and metric, the ``value``; ``level`` is the place of the test condition on its
            axis, NaN where conditions have no order. Losses are in nats, shares in [0, 1].
            ``test_fraction`` is the share of the rows of a cell that is tested, which corrected intervals need.
        cells: By cell, its ``status`` (``"finished"`` or ``"failed"``), the ``message`` of a failure, seconds, the peak
            of the memory in MiB, numbers of rows, what readers call the split, and the state of the code.
        bins: By cell, test condition and bin of confidence, ``num_rows`` and, summed over them, ``confidence`` and
            ``correct``: sums may be pooled over splits.
        risks: By cell, test condition and ``coverage``, the share of wrong answers among the rows most sure.
    """

    scores: pd.DataFrame
    cells: pd.DataFrame
    bins: pd.DataFrame
    risks: pd.DataFrame

    @classmethod
    def of(cls, cells: Iterable[Mapping[str, Any]]) -> Results:
        """The tables of cells as the files hold them."""
        import pandas as pd

        rows: dict[str, list[list[Any]]] = {"scores": [], "cells": [], "bins": [], "risks": []}
        for cell in cells:
            key = [cell["key"][name] for name in KEYS]
            fraction = cell["num_test"] / (cell["num_train"] + cell["num_test"]) if cell.get("tests") else None
            rows["cells"].append([*key, *(cell.get(name) for name in CELLS[len(KEYS) :])])
            for test in cell.get("tests", ()):
                place = [*key, test["test"]]
                level = float("nan") if test["level"] is None else test["level"]
                for metric, value in test["metrics"].items():
                    rows["scores"].append([*place, level, metric, float("nan") if value is None else value, fraction])
                rows["bins"] += [[*place, i, *bin_] for i, bin_ in enumerate(test["bins"])]
                rows["risks"] += [[*place, coverage, risk] for coverage, risk in test["risks"]]
        columns = {"scores": SCORES, "cells": CELLS, "bins": BINS, "risks": RISKS}
        return cls(**{name: pd.DataFrame(rows[name], columns=list(columns[name])) for name in columns})
