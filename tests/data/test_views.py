"""Sets of feature views: shapes, classes, splits and groups as published, rows aligned with their names."""

import pandas as pd
import pytest
import torch

from graphfuse.data import Dataset, wikipedia_xmodal

SHAPES = {
    "mfeat": {"fou": 76, "fac": 216, "kar": 64, "pix": 240, "zer": 47, "mor": 6},
    "rosmap": {"mrna": 200, "meth": 200, "mirna": 200},
    "breast_tcga_multiomics": {"mrna": 200, "mirna": 184, "protein": 142},
    "brca_tcga_348": {"mrna": 645, "meth": 574, "mirna": 423},
    "scene15_views": {"v20": 20, "v59": 59, "v40": 40},
    "cmu_mosi": {"text": 100, "audio": 73, "video": 100},
    "wikipedia_xmodal": {"image": 128, "text": 10},
}
COUNTS = {  # by part of the split, the rows of each class
    "mfeat": {"all": (200,) * 10},
    "rosmap": {"train": (118, 127), "test": (51, 55)},
    "breast_tcga_multiomics": {"train": (45, 30, 75), "test": (21, 14, 35)},
    "brca_tcga_348": {"train": (46, 29, 108, 57, 3), "test": (20, 13, 46, 24, 2)},
    "scene15_views": {"all": (241, 360, 328, 260, 308, 374, 410, 292, 356, 215, 216, 311, 210, 289, 315)},
    "cmu_mosi": {"train": (738, 709), "test": (285, 467)},
    "wikipedia_xmodal": {
        "train": (138, 272, 244, 248, 202, 178, 186, 144, 214, 347),
        "test": (34, 88, 96, 85, 65, 58, 51, 41, 71, 104),
    },
}


def counts(data: Dataset) -> tuple[int, ...]:
    return tuple(data.batch.targets[data.target.name].bincount(minlength=data.target.num_states).tolist())


@pytest.mark.parametrize("name", SHAPES)
def test_the_views_have_the_documented_shapes(name, real):
    batch = real(name).batch
    assert {view: tuple(value.shape) for view, value in batch.inputs.items()} == {
        view: (len(batch), width) for view, width in SHAPES[name].items()
    }
    assert all(value.is_floating_point() for value in batch.inputs.values())


@pytest.mark.parametrize("name", COUNTS)
def test_each_part_of_the_split_has_the_published_classes(name, real):
    data = real(name)
    parts = {part: data.part(part) for part in data.parts} or {"all": data}
    assert {part: counts(rows) for part, rows in parts.items()} == COUNTS[name]


@pytest.mark.parametrize("name", sorted(set(SHAPES) - {"breast_tcga_multiomics"}))
def test_nothing_is_missing(name, real):
    batch = real(name).batch
    for view, value in batch.inputs.items():
        assert batch.present[view].all() and not value.isnan().any()


def test_the_proteins_are_missing_for_the_whole_test_part_and_nobody_else(real):
    data = real("breast_tcga_multiomics")
    assert data.batch.present["protein"].tolist() == [part == "train" for part in data.split]
    for view in ("mrna", "mirna"):
        assert data.batch.present[view].all() and not data.batch.inputs[view].isnan().any()
    assert not data.batch.inputs["protein"][data.batch.present["protein"]].isnan().any()


def test_features_of_omics_have_their_names(real):
    assert real("rosmap").batch.columns["mrna"][0] == "ENSG00000161896.6"
    assert real("breast_tcga_multiomics").batch.columns["protein"][:2] == ("14-3-3_epsilon", "4E-BP1")
    assert tuple(real("brca_tcga_348").batch.columns) == ("meth",)


def test_features_of_rosmap_are_scaled_and_classes_named(real):
    data = real("rosmap")
    for value in data.batch.inputs.values():
        assert value.min() >= 0 and value.max() <= 1
    assert data.target.states == ("Normal Control", "Alzheimer's Disease")


def test_views_of_a_row_are_of_one_digit_and_not_only_of_one_class(real, generator):
    data = real("mfeat")
    states = data.batch.targets["digit"]
    pixels = torch.cat([data.batch.inputs["pix"], torch.ones(2000, 1)], dim=1)
    even, odd = pixels[::2], pixels[1::2]
    shuffled = torch.cat([torch.randperm(100, generator=generator) + 100 * digit for digit in range(10)])
    assert torch.equal(states[1::2][shuffled], states[1::2])
    for view in ("fac", "kar", "zer"):
        value = data.batch.inputs[view]
        value = (value - value.mean(0)) / value.std(0)
        weights = torch.linalg.solve(even.T @ even + 100 * torch.eye(241), even.T @ value[::2])
        errors = [(value[1::2] - (odd @ weights)[rows]).square().mean() for rows in (slice(None), shuffled)]
        assert errors[0] < 0.6 * errors[1]


def test_identical_photographs_share_a_group(real):
    data = real("scene15_views")
    groups = pd.Series(data.groups)
    pairs = groups[groups.duplicated(keep=False)].groupby(groups).groups
    assert len(pairs) == 18
    for first, second in pairs.values():
        for value in data.batch.inputs.values():
            assert torch.equal(value[first], value[second])
    rows = torch.cat(list(data.batch.inputs.values()), dim=1)
    assert len(rows.unique(dim=0)) == groups.nunique()
    assert data.groups[1493] == data.groups[2872]


def test_rows_of_the_scene_views_sum_to_their_width(real):
    for value in real("scene15_views").batch.inputs.values():
        torch.testing.assert_close(value.sum(1), torch.full((4485,), float(value.shape[1])), rtol=0, atol=1e-3)


def test_no_video_of_opinions_is_on_both_sides(real):
    data = real("cmu_mosi")
    videos = {part: set(data.part(part).groups) for part in data.parts}
    assert {part: len(each) for part, each in videos.items()} == {"train": 62, "test": 31}
    assert not videos["train"] & videos["test"]
    assert int((data.batch.inputs["video"] == 0).all(0).sum()) == 32


# wikipedia


def test_images_and_topics_are_proportions(real):
    for value in real("wikipedia_xmodal").batch.inputs.values():
        assert value.min() >= 0
        torch.testing.assert_close(value.sum(1), torch.ones(2866, dtype=value.dtype), rtol=0, atol=1e-3)


def test_words_are_rows_of_length_one_in_the_order_of_the_topics(real, real_root):
    topics = real("wikipedia_xmodal")
    words = wikipedia_xmodal.load(real_root, text="words")
    assert torch.equal(topics.batch.inputs["image"], words.batch.inputs["image"])
    assert topics.split == words.split
    value = words.batch.inputs["text"]
    assert value.shape == (2866, 1000) and value.dtype == torch.float32
    torch.testing.assert_close(value.norm(dim=1), torch.ones(2866), rtol=0, atol=1e-3)
    assert (value > 0).double().mean() == pytest.approx(0.076, abs=0.0006)
    states = words.batch.targets["category"]
    train = torch.tensor([part == "train" for part in words.split])
    nearest = (value[~train] @ value[train].T).topk(15).indices
    votes = torch.nn.functional.one_hot(states[train][nearest], 10).sum(1).argmax(1)
    assert (votes == states[~train]).double().mean() == pytest.approx(0.79, abs=0.02)


def test_articles_are_the_groups_and_some_are_on_both_sides(real):
    data = real("wikipedia_xmodal")
    articles = {part: set(data.part(part).groups) for part in data.parts}
    assert len(set(data.groups)) == 1168
    assert len(articles["train"] & articles["test"]) == 401


def test_an_unknown_form_of_text_is_refused_before_a_file_is_read(tmp_path):
    with pytest.raises(ValueError, match="text must be one of 'topics', 'words'; got 'tfidf'"):
        wikipedia_xmodal.load(tmp_path, text="tfidf")
