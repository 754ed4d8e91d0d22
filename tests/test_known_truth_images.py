"""The experiment on images of digits runs as a user runs it, at a small size, and what it reads is what it says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "examples" / "experiments"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import known_truth_images

    return known_truth_images


def test_images_to_train_and_to_test_on_are_apart_and_tell_the_state_four_times_in_five(script):
    learning, asking = script.problems()
    for variable, reading in learning.readings.items():
        pools = [{image.numpy().tobytes() for image in each.readings[variable].images} for each in (learning, asking)]
        assert not pools[0] & pools[1]
        size = learning.network.graph.num_states[variable]
        assert torch.equal(reading.confusion, asking.readings[variable].confusion)
        torch.testing.assert_close(reading.confusion[:, :size].diagonal(), torch.full((size,), 0.8).double())


def test_kinds_are_told_by_images_and_a_missing_image_says_nothing(script, generator):
    learning, _ = script.problems()
    train = learning.observe(learning.network.sample(400, generator), generator)
    kinds = script.sorted_images(learning, train)
    images = train.inputs["ecg"][:20, 0].clone()
    images[3] = torch.nan
    found = kinds["LVHreport"].log_likelihoods(images)
    assert bool((found[3] == 0).all())
    assert found[:3].argmax(1).tolist() == script.kinds_of(kinds, learning, train)["LVHreport"][:3].tolist()
    states = torch.tensor([0, 1, 1])
    drawn = kinds["LVHreport"].sample(states, generator)
    assert drawn.shape == (3, 8, 8)
    assert torch.equal(kinds["LVHreport"].log_likelihoods(drawn).argmax(1), states)
    read = script.read(kinds, learning, train)
    sizes = {name: sum(kinds[each].num_states for each in group) for name, group in learning.modalities.items()}
    assert {name: values.shape[1] for name, values in read.inputs.items()} == sizes


@pytest.mark.slow
def test_the_experiment_prints_the_table_that_it_writes(tmp_path):
    arguments = ("--rows", "400", "--tests", "60", "--models", "prior", "--out", "found")
    done = subprocess.run(
        [sys.executable, str(FOLDER / "known_truth_images.py"), *arguments],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("| child")]
    labels = [line.split("|")[2].strip() for line in lines]
    assert labels[:2] == ["learned structure", "prior, read"] and labels[-1] == "best without a graph"
    assert "\n".join(lines) in (tmp_path / "found" / "known_truth_images.md").read_text()
