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
    assert torch.equal(found[:3], script.likelihoods_of_kinds(kinds, learning, train)["LVHreport"][:3])
    states = torch.tensor([0, 1, 1])
    drawn = kinds["LVHreport"].sample(states, generator)
    assert drawn.shape == (3, 8, 8)
    assert torch.equal(kinds["LVHreport"].log_likelihoods(drawn).argmax(1), states)
    read = script.read(kinds, learning, train)
    sizes = {name: sum(kinds[each].num_states for each in group) for name, group in learning.modalities.items()}
    assert {name: values.shape[1] for name, values in read.inputs.items()} == sizes


def test_kinds_of_one_state_are_put_together_and_its_table_is_learned(script, generator):
    states = torch.randint(0, 2, (4000,), generator=generator)
    kinds = 2 * states + torch.randint(0, 2, states.shape, generator=generator)  # 0 and 1 are of a state, 2 and 3 too
    other = torch.where(torch.rand(states.shape, generator=generator) < 0.8, states, 1 - states)
    told = {"a": torch.nn.functional.one_hot(kinds, 4).double(), "b": torch.nn.functional.one_hot(other, 2).double()}
    found = script.put_together("a", told, 2)
    assert found[0] == found[1] != found[2] == found[3]
    likely = told["a"].log()  # each row is surely of its kind
    start = script.OfKinds(torch.tensor([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]).log())
    shares = torch.nn.functional.one_hot(states, 2).double()
    learned = start.learned(start.counts(shares, likely), 0.0).table.exp()
    counts = torch.stack([torch.bincount(kinds[states == state], minlength=4) for state in (0, 1)])
    torch.testing.assert_close(learned, counts / counts.sum(1, keepdim=True).double())
    drawn = start.sample(states, generator)
    torch.testing.assert_close(start.log_likelihoods(drawn).argmax(1), (drawn.argmax(1) > 1).long())


@pytest.mark.slow
def test_the_experiment_prints_the_table_that_it_writes(tmp_path):
    arguments = ("--rows", "400", "--tests", "60", "--models", "prior", "--rounds", "2", "--out", "found")
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
