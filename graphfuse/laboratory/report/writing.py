"""The report of a run as files: a page, its figures, and every score as one table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ...pages import Cell, Figure, Page, Section, Table, Text, write_page
from ...pages.page import write_whole
from ..protocols import make_protocol, protocol_names
from ..results import Results
from . import figures, sections, summary, tables
from .markdown import markdown_report
from .sweeps import TOGETHER, sweeps, together

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing

    Block = Text | Table | Figure | Section

_SHOWN = ("nll", "accuracy", "auroc", "brier", "ece", "aurc", "macro_f1", "kl", "confidence_rises")
_MOST_PANELS = 4  # test conditions of one figure


def write_report(
    results: Results,
    out: str | os.PathLike[str],
    title: str,
    settings: Mapping[str, str],
    notes: Sequence[str] = (),
    model: str = tables.MODEL,
    baseline: str = tables.BASELINE,
) -> Path:
    """Write the page, the figures and the scores of a run; each file is there in whole or not at all.

    The same results give the same files. Files of an earlier report with the same names are replaced.

    Args:
        results: The cells of the run; some or all may have failed.
        out: Folder for ``report.html``, ``report.md``, ``scores.csv`` and ``figures/``; made if need be.
        title: Heading of the page.
        settings: What was run, for the reader.
        notes: What the reader should know of this run.
        model: The model that is compared with every other.
        baseline: The model that effective robustness is measured against.

    Returns:
        The path of the page.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed; nothing is written then.
    """
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError("a report needs matplotlib: pip install graphfuse[viz]", name="matplotlib")
    folder = Path(out)
    report = _Report(together(results), folder / "figures", model, baseline)
    page = Page(title, list(report.sections(settings, notes)), footer="Scores of every finished cell: scores.csv.")
    text = markdown_report(report.found, title, settings, [*report.sayings(), *notes])
    write_whole(folder / "report.md", text.encode())
    write_whole(folder / "scores.csv", results.scores.to_csv(index=False, lineterminator="\n").encode())
    return write_page(folder / "report.html", page)


@dataclass
class _Report:
    """One report in the making; figures are written as they are drawn."""

    results: Results
    folder: Path
    model: str
    baseline: str
    found: pd.DataFrame = field(init=False)
    styles: Mapping[str, figures.Style] = field(init=False)
    names: set[str] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.found = tables.means(self.results)
        self.styles = figures.model_styles(self.found, self.model)
        self.compared = {name: tables.comparisons(self.results, name, self.model) for name in self._headline()}
        self.ranks = [
            ranks for ranks in (tables.rank(self.found, names) for names in (("nll",), ("auroc", "accuracy"))) if ranks
        ]

    def sections(self, settings: Mapping[str, str], notes: Sequence[str]) -> Iterator[Section]:
        yield Section("Summary", self._summary(settings, notes))
        for data in tables.ordered(self.found["data"]):
            here = self.found[self.found["data"] == data]
            parts = [self._protocol(data, protocol) for protocol in tables.ordered(here["protocol"])]
            yield Section(data, parts)
        if any(len(each) for each in self.compared.values()):
            yield Section("Paired tests", list(self._tests()))
        if self.ranks:
            yield Section("Mean ranks", list(self._ranks()))
        spent = tables.costs(self.results)
        if len(spent):
            yield Section("Time and memory", list(self._costs(spent)))
        yield Section("Failures", self._failures())
        yield Section("How to read this", sections.how_to_read(tables.ordered(self.found["metric"])))

    def _headline(self) -> tuple[str, ...]:
        """The metrics that are tested and drawn: the honest loss, and how well the classes are ranked or hit."""
        return "nll", "auroc" if self._defined(self.found, "auroc") else "accuracy"

    @staticmethod
    def _defined(chosen: pd.DataFrame, metric: str) -> bool:
        values = chosen.loc[chosen["metric"] == metric, "mean"]
        return len(values) > 0 and bool(values.notna().all())

    def sayings(self) -> list[str]:
        """What the numbers say, in sentences."""
        items = summary.what_was_run(self.results)
        present = self.model in set(self.found["model"])
        if present and self.found["model"].nunique() > 1:
            for metric, compared in self.compared.items():
                items += summary.standing(self.found, compared, metric, self.model)
            for ranks in self.ranks:
                items += summary.ranked(ranks, self.model)
            items += summary.calibrated(self.results, self.found, self.model)
        elif len(self.found):
            items.append(
                f"{self.model} is the only model that finished, so nothing is compared."
                if present
                else f"{self.model} has no finished cell, so no model is singled out."
            )
        if self.results.cells["split"].nunique() == 1:
            items.append("There is one split, so no interval and no test: differences may be chance.")
        return items

    def _summary(self, settings: Mapping[str, str], notes: Sequence[str]) -> list[Block]:
        blocks: list[Block] = [Text("", self.sayings())]
        for metric, compared in self.compared.items():
            table = summary.standing_table(self.found, compared, metric, self.model)
            blocks += [table] if table else []
        if settings:
            blocks.append(Table(["setting", "value"], [[name, Cell(value)] for name, value in settings.items()]))
        if notes:
            blocks.append(Text("Notes on this run:", list(notes)))
        return blocks

    def _protocol(self, data: str, protocol: str) -> Section:
        here = self.found[(self.found["data"] == data) & (self.found["protocol"] == protocol)]
        conditions = tables.ordered(here["condition"])
        tests = tables.ordered(here["test"])
        swept = {condition: sweeps(here, data, protocol, condition) for condition in conditions}
        question, axis = _asked(protocol)
        blocks: list[Block] = [Text(question), sections.conditions_table(here)]
        if any(swept.values()):
            blocks.append(self._curves(here, data, protocol, sum(len(each) for each in swept.values()), axis))
        for metric in self._headline():
            named = tables.by_named_split(self.results, data, protocol, metric)
            blocks += [sections.split_table(named, metric)] if len(named) else []
        for condition in conditions:
            chosen = here[here["condition"] == condition]
            part = self._condition(chosen, data, protocol, condition, swept[condition])
            subsets = figures.parse_subsets(tests)
            if subsets and self.model in set(here["model"]):
                drawing = figures.subset_lattice(here, data, protocol, condition, subsets, self.model)
                what = (
                    f"NLL of {self.model} on the subsets of the modalities of {data} that are kept at test time, "
                    f"trained on {condition}, and its lead over the model that is best there: positive, and orange, "
                    f"where {self.model} has the lower NLL; negative, and purple, where it has not."
                )
                part.insert(0, self._figure(drawing, what, data, protocol, condition, "subset_lattice"))
            blocks += part if len(conditions) == 1 else [Section(f"Trained on: {condition}", part)]
        return Section(protocol, blocks)

    def _curves(self, here: pd.DataFrame, data: str, protocol: str, num_sweeps: int, axis: str) -> Figure:
        second = "auroc" if self._defined(here, "auroc") else "accuracy"
        metrics = ["nll", second, "brier", "ece"][: 4 if num_sweeps == 1 else 2 if num_sweeps <= _MOST_PANELS else 1]
        metrics = [name for name in metrics if self._defined(here, name)] or ["nll"]
        drawing = figures.missing_rate_curves(here, data, protocol, self.styles, metrics, axis)
        bands = f"of {self.model}, 95 %" if here["model"].nunique() > 4 else "95 %"
        what = (
            f"Means over splits on {data}, {protocol}. The band is the interval {bands}, corrected for the overlap "
            "of the splits; it is cut at the frame where it is wider, and so are lines of models far worse than most."
        )
        return self._figure(drawing, what + self._grey(here), data, protocol, "missing_rate_curves")

    def _condition(
        self, chosen: pd.DataFrame, data: str, protocol: str, condition: str, swept: Mapping[str, Mapping[str, float]]
    ) -> list[Block]:
        metrics = [name for name in _SHOWN if self._some(chosen, name)]
        metrics += [
            name
            for name in tables.ordered(chosen["metric"])
            if name not in (*_SHOWN, "missing", "unseen_rows") and self._some(chosen, name)
        ]
        open_ones = ("nll", "auroc" if "auroc" in metrics else "accuracy")
        blocks: list[Block] = []
        for name in metrics:
            robust = self._robustness(name) if swept else None
            if robust is not None:
                at = (robust["data"] == data) & (robust["protocol"] == protocol) & (robust["condition"] == condition)
                robust = robust[at]
            blocks.append(sections.score_table(chosen[chosen["metric"] == name], robust, name not in open_ones))
        tests = list(next(iter(swept.values()))) if len(swept) == 1 else tables.ordered(chosen["test"])
        few = tests if len(tests) <= _MOST_PANELS else [tests[round(i * (len(tests) - 1) / 3)] for i in range(4)]
        where = (data, protocol, condition)
        at_data = f"on {data}, {protocol}" + ("" if condition == TOGETHER else f", trained on {condition}")
        if len(self.results.bins):
            what = (
                f"Calibration {at_data}: the share of right answers against confidence, bins summed over splits, "
                "without those of fewer than ten rows. Below the diagonal a model is surer than it is right; a larger "
                "point stands for more rows."
            )
            drawing = figures.calibration_curves(self.results, *where, [few[0], few[-1]][: len(few)], self.styles)
            rest = self._grey(chosen).replace("Grey", "Not drawn")
            blocks.append(self._figure(drawing, what + rest, data, protocol, condition, "calibration_curves"))
        if len(self.results.risks):
            what = f"Risk {at_data}: the share of wrong answers among the rows most sure, mean over splits."
            drawing = figures.risk_coverage_curves(self.results, *where, few, self.styles)
            blocks.append(self._figure(drawing, what + self._grey(chosen), data, protocol, condition, "risk_coverage"))
        return blocks

    @staticmethod
    def _some(chosen: pd.DataFrame, metric: str) -> bool:
        return bool(chosen.loc[chosen["metric"] == metric, "mean"].notna().any())

    def _robustness(self, metric: str) -> pd.DataFrame | None:
        if metric not in ("nll", "accuracy", "auroc", "brier", "aurc", "macro_f1", "kl"):
            return None
        kept: dict[str, pd.DataFrame] = self.__dict__.setdefault("_robust", {})
        if metric not in kept:
            kept[metric] = tables.robustness(self.results, metric, self.baseline)
        return kept[metric]

    def _grey(self, chosen: pd.DataFrame) -> str:
        """What the grey lines are, where there are any."""
        rest = [name for name in tables.ordered(chosen["model"]) if not self.styles[name].named]
        return f" Grey: {', '.join(rest)}." if rest else ""

    def _tests(self) -> Iterator[Block]:
        import pandas as pd

        yield sections.verdict_table(pd.concat(list(self.compared.values())), self.model)
        for compared in self.compared.values():
            for (data, protocol), group in compared.groupby(["data", "protocol"], sort=False):
                table = sections.test_table(group, self.model)
                yield Table(table.columns, table.rows, f"{data}, {protocol}. {table.caption}", folded=True)

    def _ranks(self) -> Iterator[Block]:
        for ranks in self.ranks:
            drawing = figures.critical_difference_diagram(ranks, self.styles)
            what = f"{sections.rank_caption(ranks)} Models beside one bar are not told apart."
            yield self._figure(drawing, what, "critical_difference", ranks.metrics[0])

    def _costs(self, spent: pd.DataFrame) -> Iterator[Block]:
        drawing = figures.fit_times(spent, self.styles)
        what = (
            "Seconds of a cell on a logarithmic axis; full points are medians of fitting with their range over cells."
        )
        yield self._figure(drawing, what, "fit_times")
        yield sections.cost_table(spent)

    def _failures(self) -> list[Block]:
        failed = tables.failures(self.results)
        return [sections.failure_table(failed)] if len(failed) else [Text("No cell failed.")]

    def _figure(self, drawing: Drawing, caption: str, *parts: str) -> Figure:
        """The drawing as two files and a block; its file is named by its parts."""
        name = "-".join(re.sub(r"[^A-Za-z0-9_.]+", "_", part).strip("._") or "_" for part in parts)[:150]
        while name in self.names:
            name += "_"
        self.names.add(name)
        svg, png = figures.saved(drawing)
        write_whole(self.folder / f"{name}.svg", svg.encode())
        write_whole(self.folder / f"{name}.png", png)
        return Figure(svg, caption)


def _asked(protocol: str) -> tuple[str, str]:
    """The question of a protocol and what its levels are, where it is one of the laboratory's."""
    if protocol not in protocol_names():
        return "", "level of the test condition"
    known = make_protocol(protocol)
    return known.question, known.axis or "level of the test condition"
