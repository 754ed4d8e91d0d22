"""The experiment with a known truth runs as a user runs it, at a small size, and writes the table that it prints."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "examples" / "experiments" / "known_truth_hepar2.py"


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.slow
def test_the_experiment_prints_a_row_per_model_and_writes_the_same_table(tmp_path):
    arguments = (
        "--disorders",
        "PBC",
        "--tables",
        "2000",
        "--models",
        "prior",
        "early-fusion",
        "--out",
        "found",
    )
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    figures = {row[0]: [float(cell) for cell in row[2:]] for row in rows[2:]}
    names = ["true network", "tables learned", "prior", "early-fusion", "early-fusion, fitted with gaps"]
    assert list(figures) == names and {len(row) for row in figures.values()} == {4}
    assert figures["true network"] == [0, 0, 0, 0]
    assert all(learned < prior for learned, prior in zip(figures["tables learned"], figures["prior"], strict=True))
    text = (tmp_path / "found" / "known_truth_hepar2.md").read_text()
    assert done.stdout.split("\n\n")[0] in text and " ".join(arguments) in text


def test_sizes_that_do_not_fit_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [SCRIPT.name, "--tables", "0"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(SCRIPT), run_name="__main__")
    assert ended.value.code == 2 and "--tables must be at least 1; got 0." in capsys.readouterr().err
