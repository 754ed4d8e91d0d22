"""Every example script runs as a user runs it, at a small size, and shows and writes what it promises."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: str, *arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / script), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
    )


@pytest.mark.slow
def test_the_medical_example_prints_a_table_and_writes_it_with_a_figure(tmp_path):
    done = run("medical_diagnosis.py", "--splits", "2", "--jobs", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("| graph-fusion") == 4 and "before any test" in done.stdout
    text = (tmp_path / "results" / "medical_diagnosis_breast_cancer.md").read_text()
    assert text.count("\n| rate 0.65 | ") == 6
    for name in ("medical_diagnosis_breast_cancer", "medical_diagnosis_breast_cancer_patient"):
        assert (tmp_path / "results" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.slow
@pytest.mark.skipif("GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA is not set: no heart-disease files")
def test_the_medical_example_takes_the_heart_disease_data(tmp_path):
    root = str(Path(os.environ["GRAPHFUSE_DATA"]).resolve())
    done = run(
        "medical_diagnosis.py",
        "--data",
        "heart_disease",
        "--splits",
        "2",
        "--jobs",
        "1",
        folder=tmp_path,
        GRAPHFUSE_DATA=root,
    )
    assert done.returncode == 0, done.stderr
    assert "fluoroscopy" in done.stdout


def test_an_absent_data_set_says_which_file_is_expected_where(tmp_path, monkeypatch):
    def refused(error: type[Exception], *arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["medical_diagnosis.py", "--data", *arguments])
        with pytest.raises(error) as found:
            runpy.run_path(str(EXAMPLES / "medical_diagnosis.py"), run_name="__main__")
        return str(found.value)

    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    message = refused(FileNotFoundError, "heart_disease", "--root", str(tmp_path))
    assert "processed.cleveland.data" in message and "UCI" in message
    assert "did you mean 'heart_disease'?" in refused(ValueError, "hart_disease")


@pytest.mark.slow
def test_the_sweep_takes_any_data_and_models_and_writes_table_and_figure(tmp_path):
    arguments = ["--models", "prior", "mean-pool", "log-pool", "--rates", "0", "0.5"]
    done = run("missing_modalities.py", "--splits", "2", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n| rate 0.50 | ") == 3 and "NLL above the prior's:" in done.stdout
    assert (tmp_path / "results" / "missing_modalities_breast_cancer.png").exists()
    done = run("missing_modalities.py", "--models", "graph-fuson", folder=tmp_path)
    assert "invalid choice: 'graph-fuson'" in done.stderr and "graph-fusion" in done.stderr


@pytest.mark.slow
def test_the_image_text_network_stands_beside_graph_fusion_with_either_side_missing(tmp_path):
    arguments = ["--data", "breast_cancer", "--seeds", "1", "--epochs", "2"]
    done = run("image_text.py", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "worst only: accuracy / NLL" in done.stdout and "| image+text network |" in done.stdout
    assert (tmp_path / "results" / "image_text_breast_cancer.md").exists()


@pytest.mark.slow
def test_the_neural_example_prints_one_row_per_model(tmp_path):
    done = run("neural_encoders.py", "--epochs", "1", "--seeds", "1", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    for model in ("star", "edge upper-lower", "late, mean", "late, log pool"):
        assert f"\n{model}" in done.stdout


@pytest.mark.slow
@pytest.mark.skipif("GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA is not set: no heart-disease files")
def test_fixed_splits_are_tested_once_and_written_down(tmp_path):
    root = str(Path(os.environ["GRAPHFUSE_DATA"]).resolve())
    done = run("experiments/fixed_splits.py", "--data", "heart_disease", "--root", root, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "results" / "fixed_splits.md").read_text()
    assert [text.count(f"| {site} | {rows} |") for site, rows in [("Hungary", 294), ("Switzerland", 123)]] == [1, 1]
    assert "Cleveland |" not in text
