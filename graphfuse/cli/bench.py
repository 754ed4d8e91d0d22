"""Measure fusion models under missing modalities: data sets times protocols times models, with a report.

What is finished in the folder --out is kept: the same command goes on where it was stopped. A file in TOML may hold
the same settings (data, protocols, models, num_seeds, seed, test_fraction, jobs, out, protocol_settings); options on
the command line come first. All names: graphfuse bench --list.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..data import available
from ..laboratory.benchmark import described, notes, read_settings
from ..laboratory.benchmark import run as compute
from ..laboratory.cells import CellStore
from ..laboratory.estimate import estimate_seconds, spoken
from ..laboratory.models import model_entry, model_names
from ..laboratory.plan import BenchSettings, make_plan
from ..laboratory.protocols import make_protocol, protocol_names
from ..laboratory.report import write_report
from ..laboratory.sources import source_names

_OUT = "results/bench"
_TITLE = "Fusion under missing modalities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    defaults = BenchSettings()
    parser.add_argument("--list", action="store_true", help="name all data, protocols and models, and stop")
    for name in ("data", "protocols", "models"):
        flag = f"--{name.removesuffix('s')}" if name == "protocols" else f"--{name}"
        text = f"default: {' '.join(getattr(defaults, name))}"
        parser.add_argument(flag, nargs="+", metavar="NAME", dest=name, help=text)
    parser.add_argument("--seeds", type=int, dest="num_seeds", metavar="N", help="random splits; default 5")
    parser.add_argument("--seed", type=int, metavar="N", help="of the splits and of all that is drawn; default 0")
    parser.add_argument("--test-fraction", type=float, metavar="F", help="share of the rows that is tested; default .3")
    parser.add_argument("--jobs", type=int, metavar="N", help="processes at once, each on one thread; default 1")
    parser.add_argument("--root", metavar="DIR", help="folder of data files; default $GRAPHFUSE_DATA")
    parser.add_argument("--config", metavar="FILE", help="settings in TOML")
    parser.add_argument("--out", metavar="DIR", help=f"folder for cells, tables and report; default {_OUT}")


def run(arguments: argparse.Namespace) -> int:
    if arguments.list:
        print(listing())
        return 0
    settings, outside = read_settings(arguments.config) if arguments.config else (BenchSettings(), {})
    names = ("data", "protocols", "models", "num_seeds", "seed", "test_fraction", "root")
    given = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    plan = make_plan(replace(settings, **given))
    jobs = _first(arguments.jobs, outside.get("jobs"), 1)
    out = Path(_first(arguments.out, outside.get("out"), _OUT))
    num_left, seconds = estimate_seconds(plan, CellStore(out / "cells"), jobs)
    num_cells = sum(len(trial.models) for trial in plan.trials)
    print(f"{num_cells} cells, {num_left} to compute: about {spoken(seconds)} with {jobs} job{'s' * (jobs > 1)}.")
    for (data, protocol), reason in plan.refused.items():
        print(f"not asked: {protocol} of {data}: {reason}")
    sys.stdout.flush()
    results = compute(plan, out, jobs)
    report = write_report(results, out, _TITLE, described(plan), notes(plan, results))
    failed = results.cells[results.cells["status"] == "failed"]
    for _, cell in failed.drop_duplicates(["data", "protocol", "model", "message"]).iterrows():
        print(f"failed: {cell['model']} on {cell['data']}, {cell['protocol']}: {cell['message']}", file=sys.stderr)
    print(f"written: {report}")
    return 1 if len(failed) else 0


def listing() -> str:
    """All names, with a phrase for each."""
    lines = ["data (a target other than the first after a slash: hepar2/PBC)"]
    embedded = {"breast_cancer", "handwritten_digits"}
    for name in source_names():
        kind = "known truth" if name not in available() else "embedded" if name in embedded else "read from files"
        lines.append(f"  {name:26s} {kind}")
    lines += ["", "protocols"]
    lines += [f"  {name:26s} {make_protocol(name).question}" for name in protocol_names()]
    lines += ["", "models"]
    for name in model_names():
        entry = model_entry(name)
        lines.append(f"  {name:26s} {entry.caption}{f' (needs {entry.requires})' if entry.requires else ''}")
    return "\n".join(lines)


def _first(*values: Any) -> Any:
    return next(value for value in values if value is not None)
