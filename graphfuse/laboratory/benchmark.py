"""The one call: plan, compute what is not finished, read all cells, write the report."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..checks import check_known, invalid
from .cells import CellStore
from .plan import BenchSettings, Plan, TrialPlan, code_digest, make_plan
from .report import write_report
from .results import Results
from .trial import Event, failure, run_trial
from .workers import Death, work_through

_CELLS = "cells"


def bench(out: str | Path, settings: BenchSettings | None = None, jobs: int = 1, **changes: Any) -> Results:
    """Run models under protocols on data sets, keep every cell, and write the report.

    What is finished in the folder is not computed again: a run that was stopped goes on. The numbers depend on the
    settings alone, not on ``jobs``. Models that raise are recorded as failed; they are tried again by the next call.

    Args:
        out: Folder for the cells, the tables and the report; made if absent.
        settings: What to run; the defaults if None.
        jobs: Processes at once, each on one thread.
        changes: Fields of the settings to set, as ``data=["rosmap"]``.

    Returns:
        The tables of all cells that the settings ask for.

    Raises:
        ValueError: If a name is unknown, or a setting out of its range.
        FileNotFoundError: If files of a data set are not there.
        ModuleNotFoundError: If a package for a model or for the report is not installed.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> small = {"data": ["breast_cancer"], "protocols": ["missing_rates"], "models": ["prior"], "num_seeds": 1}
        >>> with TemporaryDirectory() as folder:
        ...     results = bench(folder, **small)
        ...     sorted(path.name for path in Path(folder).iterdir())
        ['cells', 'figures', 'report.html', 'report.md', 'scores.csv']
        >>> results.cells["status"].tolist()
        ['finished', 'finished', 'finished']
    """
    plan = make_plan(replace(settings or BenchSettings(), **changes))
    results = run(plan, out, jobs)
    write_report(results, Path(out), "Fusion under missing modalities", described(plan), notes(plan, results))
    return results


def run(plan: Plan, out: str | Path, jobs: int = 1, progress: Callable[[Event], None] | None = None) -> Results:
    """Compute the cells of a plan that are not finished, and read them all.

    Args:
        plan: What to compute.
        out: Folder for the cells.
        jobs: Processes at once.
        progress: Told of every event; a progress bar on a terminal if None.
    """
    store = CellStore(Path(out) / _CELLS)
    trials: Sequence[TrialPlan] = plan.trials
    with tqdm(total=sum(len(trial.models) for trial in trials), unit="cell", disable=None) as bar:
        while trials:
            trials = _one_pass(trials, store, jobs, bar, progress or (lambda event: None))
    return read(plan, out)


def read(plan: Plan, out: str | Path) -> Results:
    """The tables of the cells of a plan that are there."""
    store = CellStore(Path(out) / _CELLS)
    cells = (store.read(key) for key in plan.cell_keys())
    return Results.of(cell for cell in cells if cell is not None)


def read_settings(path: str | Path) -> tuple[BenchSettings, dict[str, Any]]:
    """The settings that a TOML file holds, and its ``jobs`` and ``out`` if it has them.

    The names are those of ``BenchSettings``; settings of a protocol stand under ``[protocol_settings.NAME]``.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not TOML, or holds a name that is none of these.
    """
    try:
        found = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise invalid(f"the file {path}", "be in TOML", error) from None
    names = [each.name for each in fields(BenchSettings)]
    for name in found:
        check_known(f"each name in {path}", name, [*names, "jobs", "out"])
    return BenchSettings(**{name: found[name] for name in names if name in found}), {
        name: found[name] for name in ("jobs", "out") if name in found
    }


def described(plan: Plan) -> Mapping[str, str]:
    """The settings of a run as a reader sees them."""
    settings = plan.settings
    sizes = {trial.data: trial.size for trial in plan.trials}
    shown = {
        "data": "; ".join(
            f"{name} ({rows} rows, {columns} columns, {classes} classes)"
            for name, (rows, columns, classes) in sizes.items()
        ),
        "protocols": ", ".join(settings.protocols),
        "models": ", ".join(settings.models),
        "splits": str(settings.num_seeds),
        "tested": f"{settings.test_fraction:.0%} of the rows, or of the groups, of a random split",
        "seed": str(settings.seed),
    }
    for name, values in settings.protocol_settings.items():
        shown[f"settings of {name}"] = ", ".join(f"{key} = {value}" for key, value in values.items())
    return shown


def notes(plan: Plan, results: Results) -> list[str]:
    """What a reader should know of a run beside its numbers."""
    found = [f"{protocol} was not asked of {data}: {reason}" for (data, protocol), reason in plan.refused.items()]
    if missing := sum(1 for _ in plan.cell_keys()) - len(results.cells):
        found.append(f"{missing} cells are not there yet: the run was stopped.")
    if other := int((results.cells["code"] != code_digest()).sum()):
        found.append(f"{other} cells were computed by another state of the code than that which wrote this page.")
    return found


def _one_pass(
    trials: Sequence[TrialPlan], store: CellStore, jobs: int, bar: tqdm[Any], progress: Callable[[Event], None]
) -> list[TrialPlan]:
    """Compute what is not finished; what a process left undone when it died, without the model it died of."""
    running: dict[int, str] = {}
    left: list[TrialPlan] = []
    for trial, event in work_through(trials, partial(run_trial, store=store), jobs):
        if isinstance(event, Death):
            model = running.pop(id(trial), trial.models[0])
            store.write(trial.key(model), failure(str(event)))
            rest = trial.models[trial.models.index(model) + 1 :]
            left += [replace(trial, models=rest)] if rest else []
            event = ("kept", model)
        what, model = event
        if what == "started":
            running[id(trial)] = model
        else:
            bar.update()
        progress(event)
    return left
