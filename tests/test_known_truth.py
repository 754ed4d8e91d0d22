"""The experiment with a known truth runs as a user runs it, at a small size, and writes the table that it prints."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

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


def test_the_experiment_prints_a_row_per_model_and_writes_the_same_table(tmp_path):
    models = ("--models", "prior", "graph-fusion", "hgb-native-nan fitted with gaps")
    sizes = ("--disorders", "PBC", "--tables", "2000", "--train", "150", "--test", "40", *models)
    done = run(*sizes, "--out", "found/table.md", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line[:1] == "|"]
    figures = {(row[0], row[1]): [float(cell) for cell in row[2:]] for row in rows[2:]}
    assert len(figures) == 6 and {len(row) for row in figures.values()} == {4}
    assert figures["true network", ""] == [0, 0, 0, 0]
    assert max(figures["tables learned", "2000"]) < min(figures["prior", "150"])
    text = (tmp_path / "found" / "table.md").read_text()
    assert done.stdout.split("\n\n")[0] in text and shlex.join(sizes) in text
    assert not list(tmp_path.rglob("*.part"))


def test_sizes_that_do_not_fit_are_refused(tmp_path):
    done = run("--tables", "10", "--train", "20", folder=tmp_path)
    assert done.returncode == 2 and "--train must be between 2 and --tables, 10; got 20." in done.stderr
