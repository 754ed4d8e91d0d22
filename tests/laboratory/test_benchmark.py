"""The laboratory as its users run it: the command, interrupted and resumed, with models that fail or leak."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from shutil import copytree

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse import Dataset, ModalityBatch, Variable
from graphfuse.cli import main
from graphfuse.laboratory import benchmark
from graphfuse.laboratory import plan as planning
from graphfuse.laboratory import trial as trials
from graphfuse.laboratory.benchmark import bench, read_settings, run
from graphfuse.laboratory.cells import CellStore
from graphfuse.laboratory.estimate import estimate_seconds
from graphfuse.laboratory.models.base import Model, ModelEntry
from graphfuse.laboratory.plan import BenchSettings, make_plan
from graphfuse.laboratory.protocols.missing_rates import MissingRates
from graphfuse.laboratory.sources import Source
from tests.patience import PATIENCE

SMALL = BenchSettings(data=["breast_cancer"], protocols=["missing_rates"], models=["prior", "log-pool"], num_seeds=2)
TIMES = ["fit_seconds", "predict_seconds", "peak_mib"]


def command(*arguments: str, folder: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "graphfuse", "bench", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.fixture
def within(tmp_path, monkeypatch):
    """The command in this process, as if called from an empty folder: its arguments to its exit status."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path.copy())
    return lambda *arguments: main(["bench", *arguments])


def written(folder: Path) -> dict[str, int]:
    """By cell the time of its writing, in nanoseconds."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in sorted(folder.rglob("*.json"))}


def without_times(results) -> pd.DataFrame:
    columns = ["data", "protocol", "split", "condition", "test", "model", "metric"]
    return results.scores.sort_values(columns).reset_index(drop=True)


@pytest.mark.slow
def test_the_number_of_jobs_does_not_change_a_number(tmp_path):
    plan = make_plan(SMALL)
    alone, together = run(plan, tmp_path / "one"), run(plan, tmp_path / "two", jobs=2)
    assert (alone.cells["status"] == "finished").all() and len(alone.cells) == 2 * 3 * 2
    pd.testing.assert_frame_equal(without_times(alone), without_times(together), check_exact=True)


WAITING = """
import time
from pathlib import Path

import torch
from graphfuse.laboratory.models import Model


class Waiting(Model):
    \"\"\"A coin that is thrown when it is told to go.\"\"\"

    def fit(self, train, seed):
        while not Path("go").exists():
            time.sleep(0.05)
        self.num_states = train.target.num_states
        return self

    def log_probs(self, batch):
        return torch.full((len(batch), self.num_states), 1 / self.num_states).log()
"""


def test_a_killed_run_goes_on_and_repeats_no_finished_cell(tmp_path, within, capsys):
    (tmp_path / "waiting.py").write_text(WAITING)
    (tmp_path / "run.toml").write_text("[protocol_settings.missing_rates]\nrates = [0.5]\n")
    models = ["prior", "log-pool", "waiting:Waiting"]
    names = ["--data", "breast_cancer", "--protocol", "missing_rates", "--models", *models]
    arguments = [*names, "--config", "run.toml", "--seeds", "1", "--out", "out"]
    process = command(*arguments, "--jobs", "2", folder=tmp_path)
    cells = tmp_path / "out" / "cells"
    deadline = time.monotonic() + PATIENCE
    while len(written(cells)) < 2:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()  # ends when the process that computes has ended too
    before = written(cells)
    assert len(before) == 2
    (tmp_path / "go").touch()
    status, (output, errors) = within(*arguments), capsys.readouterr()
    assert status == 0, errors
    assert "3 cells, 1 to compute: about" in output
    after = written(cells)
    assert len(after) == 3 and {name: after[name] for name in before} == before
    assert not list(tmp_path.rglob("*.part"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "waiting:Waiting" in page and "log-pool" in page
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    assert {"data", "protocol", "split", "condition", "test", "model", "metric", "value"} <= set(table.columns)
    assert set(table["model"]) == set(models)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A plan of one seed, and a folder with all its cells."""
    plan, folder = make_plan(replace(SMALL, num_seeds=1)), tmp_path_factory.mktemp("finished")
    run(plan, folder)
    return plan, folder


def test_a_damaged_cell_is_computed_again(tmp_path, finished):
    plan, folder = finished
    copytree(folder, tmp_path, dirs_exist_ok=True)
    first = benchmark.read(plan, tmp_path)
    path = sorted((tmp_path / "cells").rglob("*.json"))[0]
    path.write_text(path.read_text()[:100])
    kept = written(tmp_path)
    second = run(plan, tmp_path)
    pd.testing.assert_frame_equal(without_times(first), without_times(second), check_exact=True)
    changed = [name for name, when in written(tmp_path).items() if kept[name] != when]
    assert changed == [str(path.relative_to(tmp_path))]
    assert len(list(tmp_path.rglob("*.corrupt"))) == 1


class Honest(Model):
    """The class frequencies."""

    def fit(self, train, seed):
        states = train.batch.targets[train.target.name]
        self.found = (torch.bincount(states, minlength=train.target.num_states).double() / len(states)).log()

    def log_probs(self, batch):
        return self.found.expand(len(batch), -1)


class Raising(Honest):
    def fit(self, train, seed):
        raise RuntimeError("the weights <exploded>")


class Transductive(Honest):
    """Standardizes by the moments of the test rows."""

    def log_probs(self, batch):
        values = batch.inputs["mean"][:, 0].nan_to_num()
        scaled = (values - values.mean()) / values.std()
        return torch.stack([scaled, -scaled], 1).double().log_softmax(1)


class Peeking(Honest):
    """Fills by class means, which takes the labels of the test rows."""

    def log_probs(self, batch):
        states = batch.targets["diagnosis"]
        return torch.nn.functional.one_hot(states, 2).double().log_softmax(1)


class Scribbling(Honest):
    """Imputes in place."""

    def fit(self, train, seed):
        super().fit(train, seed)
        train.batch.inputs["mean"][:] = 0.0


class NotNormalized(Honest):
    def log_probs(self, batch):
        return super().log_probs(batch) + 0.1


PLANTED = {
    "raising": (Raising, "RuntimeError: the weights <exploded>"),
    "transductive": (Transductive, "the answer for a row must not depend on the other test rows"),
    "peeking": (Peeking, "KeyError: 'diagnosis'"),
    "scribbling": (Scribbling, "the training rows must be left as they are given"),
    "not-normalized": (NotNormalized, "log_probs must be a distribution in every row"),
}


@pytest.fixture
def planted(monkeypatch):
    """Models that fail or leak, under names that the laboratory knows while the test runs."""

    def entry(name):
        kind = {**{each: kind for each, (kind, _) in PLANTED.items()}, "honest": Honest}[name]
        return ModelEntry("planted", lambda cache: kind(), 0.1)

    names = (*PLANTED, "honest")
    monkeypatch.setattr(planning, "model_entry", entry)
    monkeypatch.setattr(trials, "model_entry", entry)
    planning.opened.cache_clear()  # a model that scribbles must not spoil the rows of other tests
    clear = planning.opened.cache_clear
    yield names
    clear()


def test_failing_and_leaking_models_are_recorded_and_the_others_go_on(tmp_path, planted):
    results = bench(tmp_path, replace(SMALL, models=planted, num_seeds=1))
    cells = results.cells[results.cells["condition"] == results.cells["condition"].iloc[-1]].set_index("model")
    assert cells.loc["honest", "status"] == "finished"
    for name, (_, message) in PLANTED.items():
        assert cells.loc[name, "status"] == "failed" and message in cells.loc[name, "message"], cells.loc[name]
    assert set(results.scores["model"]) == {"honest"}
    page = (tmp_path / "report.html").read_text()
    assert "&lt;exploded&gt;" in page and "<exploded>" not in page


def test_a_reader_is_told_of_cells_from_another_state_of_the_code(tmp_path, monkeypatch):
    plan = make_plan(replace(SMALL, models=["prior"], num_seeds=1))
    assert benchmark.notes(plan, run(plan, tmp_path)) == []
    monkeypatch.setattr(benchmark, "code_digest", lambda: "another")
    assert (
        "3 cells were computed by another state of the code" in benchmark.notes(plan, benchmark.read(plan, tmp_path))[0]
    )
    longer = make_plan(replace(SMALL, models=["prior"]))
    assert "3 cells are not there yet" in benchmark.notes(longer, benchmark.read(longer, tmp_path))[0]


def test_a_failed_cell_is_tried_again(tmp_path, planted, monkeypatch):
    plan = make_plan(replace(SMALL, models=["raising"], num_seeds=1))
    assert set(run(plan, tmp_path).cells["status"]) == {"failed"}
    monkeypatch.setattr(Raising, "fit", Honest.fit)
    assert set(run(plan, tmp_path).cells["status"]) == {"finished"}


def persons(split_persons: bool) -> Source:
    """Two rows a person; with groups told or not."""
    num_rows = 80
    batch = ModalityBatch(
        {"a": torch.arange(num_rows).double()[:, None], "b": torch.ones(num_rows, 1)},
        targets={"ill": torch.arange(num_rows) // 2 % 2},
    )
    groups = None if split_persons else tuple(f"person {row // 2}" for row in range(num_rows))
    return Source("persons", Dataset("persons", batch, Variable("ill", 2), groups))


class Careless(MissingRates):
    """Splits rows whatever the persons."""

    def split(self, dataset, split, test_fraction, seed):
        rows = np.random.default_rng(seed).permutation(len(dataset))
        return rows[:50], rows[50:]


def test_a_protocol_that_splits_persons_gives_failed_cells_only(tmp_path, planted, monkeypatch):
    monkeypatch.setattr(planning, "opened", lambda name, root: persons(False))
    monkeypatch.setattr(trials, "opened", lambda name, root: persons(False))
    monkeypatch.setattr(trials, "make_protocol", lambda name, settings: Careless(**settings))
    results = run(make_plan(replace(SMALL, models=["honest"])), tmp_path)
    assert set(results.cells["status"]) == {"failed"} and results.scores.empty
    assert results.cells["message"].str.contains("the groups of the test rows must not occur among").all()


CRASHING = """
import os, signal
from graphfuse.laboratory.trial import run_trial


def task(trial, store):
    for what, model in run_trial(trial, store):
        yield what, model
        if (what, model) == ("started", "log-pool") and trial.condition == "rate 0.00":
            os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_a_process_that_a_model_takes_down_costs_only_its_cells(tmp_path, monkeypatch):
    (tmp_path / "crashing.py").write_text(CRASHING)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(benchmark, "run_trial", import_module("crashing").task)
    plan = make_plan(replace(SMALL, models=["prior", "log-pool", "mean-pool"], num_seeds=1))
    cells = run(plan, tmp_path, jobs=2).cells.set_index(["condition", "model"])
    dead = ("rate 0.00", "log-pool")
    assert cells.loc[dead, "status"] == "failed" and "ended with exit code -9" in cells.loc[dead, "message"]
    assert set(cells.drop(dead)["status"]) == {"finished"} and len(cells) == 9


def test_known_truth_is_scored_by_its_distance(tmp_path):
    rates = {"missing_rates": {"rates": [0.25]}}
    settings = BenchSettings(["hepar2/PBC"], [*rates], ["prior", "log-pool"], num_seeds=1, protocol_settings=rates)
    scores = run(make_plan(settings), tmp_path).scores.pivot_table(
        index=["model", "test"], columns="metric", values="value"
    )
    assert (scores["kl"] > 0).all()
    assert (scores.loc["log-pool", "kl"] < scores.loc["prior", "kl"]).all()


def test_every_score_is_there_and_in_its_range(tmp_path):
    results = run(make_plan(replace(SMALL, protocols=["missing_rates", "modality_subsets"], num_seeds=1)), tmp_path)
    table = results.scores.pivot_table(index=["protocol", "model", "test"], columns="metric", values="value")
    assert {"accuracy", "auroc", "macro_f1", "nll", "brier", "ece", "aurc", "missing", "unseen_rows"} <= set(table)
    shares = table.drop(columns=["nll", "kl"], errors="ignore").stack().dropna()
    assert shares.between(0, 1).all()
    subsets = table.loc["modality_subsets", "log-pool"]
    assert len(subsets) == 7 and subsets.loc["mean", "unseen_rows"] == 1.0 and subsets["unseen_rows"].min() == 0.0
    assert (results.cells[TIMES[:2]] > 0).all().all()
    assert (results.bins.groupby(["protocol", "model", "test"])["num_rows"].sum() == 171).all()


def test_a_setting_in_a_file_is_the_same_as_on_the_command_line(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text(
        'data = ["breast_cancer"]\nprotocols = ["missing_rates"]\nmodels = ["prior"]\nnum_seeds = 2\njobs = 2\n'
        "[protocol_settings.missing_rates]\nrates = [0.0, 0.5]\n"
    )
    settings, outside = read_settings(path)
    assert outside == {"jobs": 2} and settings.num_seeds == 2
    plan = make_plan(settings)
    assert [trial.condition for trial in plan.trials] == ["rate 0.00", "rate 0.50"] * 2
    path.write_text('dta = ["breast_cancer"]')
    with pytest.raises(ValueError, match=r"each name in .*run\.toml must be one of .*got 'dta' \(did you mean 'data'"):
        read_settings(path)
    path.write_text("data = [")
    with pytest.raises(ValueError, match=r"run\.toml must be in TOML; got"):
        read_settings(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ["brest_cancer"]}, r"each name in data must be one of .*did you mean 'breast_cancer'"),
        ({"data": ["hepar2/PCB"]}, r"the target in 'hepar2/PCB' must be one of .*did you mean 'PBC'"),
        ({"models": ["log-pol"]}, r"each of models must be one of .*did you mean 'log-pool'"),
        ({"models": ["prior", "prior"]}, "models must not repeat a name"),
        ({"protocols": ["noises"]}, r"each of protocols must be one of .*did you mean 'noise'"),
        ({"protocols": []}, "protocols must name at least one; got none"),
        ({"num_seeds": 0}, "num_seeds must be at least 1; got 0"),
        ({"test_fraction": 1.0}, r"test_fraction must lie strictly between 0 and 1; got 1\.0"),
        ({"protocol_settings": {"noise": {}}}, "each protocol in protocol_settings must be one of 'missing_rates'"),
        ({"protocol_settings": {"missing_rates": {"rate": [0]}}}, "did you mean 'rates'"),
        ({"protocols": ["natural_sites"]}, "hold one that can be asked of one of the data sets; got natural_sites of"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_computed(changes, message):
    with pytest.raises(ValueError, match=message):
        make_plan(replace(SMALL, **changes))


def test_an_absent_data_set_says_what_is_expected_where(tmp_path, within, capsys):
    assert within("--data", "rosmap", "--root", str(tmp_path)) == 2
    assert re.search(r"the file .*rosmap\.npz is expected: it comes from", capsys.readouterr().err)


OWN = """
import torch
from graphfuse.laboratory.models import Model, ModelEntry


class Coin(Model):
    \"\"\"A fair coin.\"\"\"

    def fit(self, train, seed):
        self.num_states = train.target.num_states
        return self

    def log_probs(self, batch):
        return torch.full((len(batch), self.num_states), 1 / self.num_states).log()


entry = ModelEntry("a coin that is an entry", lambda cache: Coin(), 0.01)
nothing = 3
"""


@pytest.mark.slow
def test_a_model_of_ones_own_is_run_by_the_name_of_its_module(tmp_path, within, capsys):
    (tmp_path / "ours.py").write_text(OWN)
    arguments = [
        "--data",
        "breast_cancer",
        "--protocol",
        "missing_rates",
        "--seeds",
        "2",
        "--jobs",
        "2",
        "--out",
        "out",
    ]
    status = within(*arguments, "--models", "ours:Coin", "ours:entry", "prior")
    assert status == 0, capsys.readouterr().err
    table = pd.read_csv(tmp_path / "out" / "scores.csv")
    nll = table[table["metric"] == "nll"].groupby("model")["value"].mean()
    assert nll["ours:Coin"] == nll["ours:entry"] == pytest.approx(np.log(2)) and set(nll.index) > {"prior"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ours:Dice", r"be a name, or module:name that can be imported; got 'ours:Dice' \(module 'ours' has no"),
        ("theirs:Coin", r"that can be imported; got 'theirs:Coin' \(No module named 'theirs'\)"),
        ("ours:nothing", r"name a ModelEntry or a concrete class of Model, as 'ours:nothing' does not; got 3"),
        (":Coin", "that can be imported"),
    ],
)
def test_a_name_that_leads_to_no_model_is_refused(tmp_path, monkeypatch, name, message):
    (tmp_path / "ours.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match=message):
        BenchSettings(models=[name])


def test_the_list_names_everything(within, capsys):
    status, (output, errors) = within("--list"), capsys.readouterr()
    assert status == 0, errors
    for name in ("rosmap", "hepar2", "missing_rates", "natural_sites", "graph-fusion", "hgb-native-nan", "lightgbm"):
        assert f"  {name} " in output


def test_estimates_follow_what_cells_took(tmp_path, finished):
    plan, folder = finished
    num_left, before = estimate_seconds(plan, CellStore(tmp_path / "cells"), jobs=1)
    assert num_left == 6 and before > 0
    store = CellStore(folder / "cells")
    longer = make_plan(replace(SMALL, num_seeds=3))
    num_left, after = estimate_seconds(longer, store, jobs=1)
    taken = [cell["fit_seconds"] + cell["predict_seconds"] for cell in store]
    assert num_left == 12 and 2 * sum(taken) <= after <= 2 * sum(taken) + 12 * 0.5 + 3
    assert estimate_seconds(longer, store, jobs=2)[1] == pytest.approx(after / 2)


def test_cells_are_plain_files_of_aggregates(finished):
    for path in (finished[1] / "cells").rglob("*.json"):
        cell = json.loads(path.read_text())["cell"]
        assert cell["key"]["version"] and cell["num_train"] == 398
        assert path.stat().st_size < 20_000  # no row by row answers
