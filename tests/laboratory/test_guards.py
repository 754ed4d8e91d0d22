"""Planted leaks: rows or persons on both sides, answers that learn from test rows, models that write into rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphfuse import Dataset, ModalityBatch, Variable
from graphfuse.laboratory.guards import (
    blanked,
    check_reads_rows_alone,
    check_split,
    check_unchanged,
    fingerprint,
    shared_groups,
    unseen_patterns,
    without_targets,
)

NUM_ROWS = 60


@pytest.fixture
def dataset(generator):
    import pandas as pd

    inputs = {
        "blood": torch.randn(NUM_ROWS, 3, generator=generator),
        "notes": pd.DataFrame({"word": ["a", "b", None] * (NUM_ROWS // 3)}),
    }
    batch = ModalityBatch(inputs, targets={"ill": torch.arange(NUM_ROWS) % 2})
    return Dataset("visits", batch, Variable("ill", 2), groups=tuple(f"person {row // 3}" for row in range(NUM_ROWS)))


def test_a_split_of_whole_groups_passes(dataset):
    check_split(dataset, np.arange(30), np.arange(30, 60))


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (range(30), range(29, 60), r"test rows must not be among the training rows; got rows 29 on both"),
        (range(31), range(31, 60), r"groups of the test rows must not occur.*got 'person 10' on both sides"),
        (range(0), range(60), r"the training rows must be at least one; got none"),
        (range(60), range(0), r"the test rows must be at least one; got none"),
    ],
)
def test_a_row_or_a_person_on_both_sides_is_refused(dataset, train, test, message):
    with pytest.raises(ValueError, match=message):
        check_split(dataset, np.array(train), np.array(test))


def test_shared_groups_are_named(dataset):
    assert shared_groups(dataset, np.arange(32), np.arange(32, 60)) == ["person 10"]


def softmax_of(values):
    return torch.stack([values, -values], 1).log_softmax(1)


def test_an_answer_that_scales_by_the_test_rows_is_caught(dataset):
    def honest(batch):
        return softmax_of(batch.inputs["blood"][:, 0])

    def leaking(batch):
        values = batch.inputs["blood"][:, 0]
        return softmax_of((values - values.mean()) / values.std())

    batch = without_targets(dataset.batch)
    check_reads_rows_alone(honest, batch, honest(batch))
    with pytest.raises(ValueError, match=r"answer for a row must not depend on the other test rows; got a probability"):
        check_reads_rows_alone(leaking, batch, leaking(batch))


def test_an_answer_that_fills_by_neighbours_among_the_test_rows_is_caught(dataset):
    def leaking(batch):
        values = batch.inputs["blood"][:, 0]
        nearest = (values[:, None] - values).abs().fill_diagonal_(torch.inf).argmin(1)
        return softmax_of(values[nearest])

    batch = without_targets(dataset.batch)
    with pytest.raises(ValueError, match="must not depend on the other test rows"):
        check_reads_rows_alone(leaking, batch, leaking(batch))


def test_test_rows_carry_no_target(dataset):
    batch = without_targets(dataset.batch)
    assert not batch.targets and batch.modalities == dataset.batch.modalities
    assert all(torch.equal(batch.present[name], dataset.batch.present[name]) for name in batch.modalities)


def test_what_is_missing_cannot_be_read_past_its_mask(dataset):
    kept = torch.arange(NUM_ROWS) % 4 > 0
    gaps = replace(dataset, batch=dataset.batch.keep({"blood": kept, "notes": ~kept}))
    found = blanked(gaps)
    assert torch.equal(found.batch.inputs["blood"].isnan().all(1), ~kept)
    assert torch.equal(found.batch.inputs["blood"][kept], dataset.batch.inputs["blood"][kept])
    notes, given = found.batch.inputs["notes"]["word"], dataset.batch.inputs["notes"]["word"]
    assert notes[kept.numpy()].isna().all() and notes[~kept.numpy()].equals(given[~kept.numpy()])
    assert all(torch.equal(found.batch.present[name], mask) for name, mask in gaps.batch.present.items())
    assert not dataset.batch.inputs["blood"].isnan().any() and found.groups == dataset.groups


def write_tensor(batch):
    batch.inputs["blood"][3, 1] += 1e-6


def write_mask(batch):
    batch.present["notes"][0] = False


def write_frame(batch):
    batch.inputs["notes"].iloc[0, 0] = "c"


def write_target(batch):
    batch.targets["ill"][0] = 1


@pytest.mark.parametrize("write", [write_tensor, write_mask, write_frame, write_target])
def test_a_model_that_writes_into_its_rows_is_caught(dataset, write):
    before = fingerprint(dataset.batch)
    check_unchanged("the training rows", before, dataset.batch)
    write(dataset.batch)
    with pytest.raises(ValueError, match="the training rows must be left as they are given"):
        check_unchanged("the training rows", before, dataset.batch)


def test_unseen_patterns_are_those_that_no_training_row_has(dataset):
    masks = torch.tensor([[1, 1], [1, 0], [1, 1], [0, 1], [0, 0]]).bool()
    batch = dataset.batch[:5].keep({"blood": masks[:, 0], "notes": masks[:, 1]})
    batch = ModalityBatch(batch.inputs, {"blood": masks[:, 0], "notes": masks[:, 1]})
    assert unseen_patterns(batch[:3], batch).tolist() == [False, False, False, True, True]
