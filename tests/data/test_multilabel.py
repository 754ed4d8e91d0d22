"""Sets of several labels a row: every label is a target, and the folds are the published ones."""

import pytest
import torch

COUNTS = {
    "multilabel_emotions": (173, 166, 264, 148, 168, 189),
    "multilabel_yeast": (762, 1038, 983, 862, 722, 597, 428, 480, 178, 253, 289, 1816, 1799, 34),
    "multilabel_scene": (427, 364, 397, 433, 533, 431),
}
FOLDS = {
    "multilabel_emotions": (119, 119, 119, 118, 118),
    "multilabel_yeast": (484, 484, 484, 483, 482),
    "multilabel_scene": (482, 482, 482, 481, 480),
}
SHAPES = {
    "multilabel_emotions": {"timbre": 64, "rhythm": 8},
    "multilabel_yeast": {"expression": 79, "profile": 24},
    "multilabel_scene": {"L": 98, "u": 98, "v": 98},
}
NUM_SETS = {"multilabel_emotions": 27, "multilabel_yeast": 198, "multilabel_scene": 15}
MEAN = {"multilabel_emotions": 1.868, "multilabel_yeast": 4.237, "multilabel_scene": 1.074}
each_set = pytest.mark.parametrize("name", COUNTS)


@each_set
def test_every_label_is_a_target_with_the_published_count(name, real):
    data = real(name)
    assert data.target is data.targets[0]
    assert all(variable.states == ("no", "yes") for variable in data.targets)
    labels = torch.stack([data.batch.targets[variable.name] for variable in data.targets], dim=1)
    assert tuple(labels.sum(0).tolist()) == COUNTS[name]
    assert labels.sum(1).double().mean() == pytest.approx(MEAN[name], abs=0.0006)
    assert len(labels.unique(dim=0)) == NUM_SETS[name]
    assert (labels.sum(1) > 0).all()


@each_set
def test_the_folds_are_a_partition_of_the_published_sizes(name, real):
    data = real(name)
    assert tuple(len(data.part(fold)) for fold in "01234") == FOLDS[name]
    training = data.part(*"1234")
    assert len(training) == len(data) - FOLDS[name][0] and "0" not in training.split


@each_set
def test_the_modalities_share_out_the_inputs(name, real):
    data = real(name)
    assert {modality: value.shape[1] for modality, value in data.batch.inputs.items()} == SHAPES[name]
    assert all(len(names) == SHAPES[name][modality] for modality, names in data.batch.columns.items())
    names = [column for group in data.batch.columns.values() for column in group]
    assert len(names) == len(set(names)) == sum(SHAPES[name].values())
    assert all(mask.all() for mask in data.batch.present.values())


def test_a_gene_has_length_one_over_both_modalities(real):
    rows = torch.cat(list(real("multilabel_yeast").batch.inputs.values()), dim=1)
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(2417), rtol=0, atol=1e-3)
