"""What else protocols do to the rows, counted independently: noise, conflicts, fewer rows, splits by origin."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import Variable
from graphfuse.data import Dataset, ModalityBatch
from graphfuse.laboratory.protocols.conflict import Conflict
from graphfuse.laboratory.protocols.learning_curves import LearningCurves
from graphfuse.laboratory.protocols.natural_sites import NaturalSites
from graphfuse.laboratory.protocols.noise import Noise
from graphfuse.laboratory.protocols.published_split import PublishedSplit
from tests.laboratory.rows import differences, masks, mixed, numbered, states


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def halves(dataset, num_train=None):
    num_train = num_train or len(dataset) * 2 // 3
    return dataset[:num_train], dataset[num_train:]


def close(found, expected, num, deviations=5):
    return abs(found - expected) <= deviations * sqrt(max(expected * (1 - expected), 1e-9) / num)


# noise


def test_noise_has_the_scale_of_the_training_rows():
    data = mixed(6000)
    train, test = data[:2000], data[2000:]
    numbers = test.batch.inputs["numbers"] * 7.0  # the test rows' own scale must not matter
    test = replace(test, batch=replace(test.batch, inputs={**test.batch.inputs, "numbers": numbers}))
    trial = Noise((0.0, 0.5, 2.0)).draw(train, test, "complete", seeded())
    assert trial.levels == {
        "clean": 0.0, "numbers 0.50": 0.5, "numbers 2.00": 2.0, "scan 0.50": 0.5, "scan 2.00": 2.0
    }  # fmt: skip
    assert trial.tests["clean"] is test and trial.train is train
    for name in ("numbers", "scan"):
        seen = train.batch.inputs[name].numpy()[train.batch.present[name].numpy()]
        scale = np.nanstd(seen, axis=0)
        added = {}
        for sigma in (0.5, 2.0):
            rows = trial.tests[f"{name} {sigma:.2f}"].batch
            before, after = test.batch.inputs[name].numpy(), rows.inputs[name].numpy()
            assert np.array_equal(np.isnan(before), np.isnan(after)) and before.dtype == after.dtype
            added[sigma] = (after - before)[test.batch.present[name].numpy()]
            assert np.nanstd(added[sigma], axis=0) == pytest.approx(sigma * scale, rel=0.08)
            assert np.nanmean(added[sigma] / (sigma * scale)) == pytest.approx(0.0, abs=0.05)
            assert differences(rows, test.batch) == [f"inputs {name}"]
        assert np.allclose(added[2.0], 4 * added[0.5], rtol=1e-3, atol=1e-4, equal_nan=True)


def test_a_feature_that_no_training_row_observes_gets_no_noise():
    train = Dataset("visits", ModalityBatch({"a": [[1.0, np.nan], [2.0, np.nan]]}, targets={"y": [0, 1]}),
                    Variable("y", 2))  # fmt: skip
    test = replace(train, batch=ModalityBatch({"a": [[1.0, 5.0], [2.0, 6.0]]}, targets={"y": [0, 1]}))
    noisy = Noise((1.0,)).draw(train, test, "complete", seeded()).tests["a 1.00"].batch.inputs["a"]
    assert noisy[:, 1].tolist() == [5.0, 6.0] and noisy[:, 0].tolist() != [1.0, 2.0]


def test_noise_takes_numbers():
    frame = pd.DataFrame({"word": ["a", "b"]})
    batch = ModalityBatch({"words": frame, "token": [1, 2]}, targets={"y": [0, 1]})
    refusal = Noise().refusal(Dataset("visits", batch, Variable("y", 2)))
    assert refusal == "it takes a modality that is a tensor of floating point; 'visits' has none"


# conflict


@settings(max_examples=40, deadline=None)
@given(
    num_rows=st.integers(4, 60),
    num_modalities=st.integers(2, 4),
    num_classes=st.integers(1, 4),
    share=st.sampled_from([0.0, 0.4, 1.0]),
    gaps=st.sampled_from([0.0, 0.4]),
    seed=st.integers(0, 1000),
)
def test_a_conflicting_modality_is_that_of_a_test_row_of_another_class(
    num_rows, num_modalities, num_classes, share, gaps, seed
):
    test = numbered(num_rows, num_modalities, num_classes, seed, gaps)
    trial = Conflict(share).draw(test, test, "complete", seeded(seed))
    clean, conflict = trial.tests.values()
    assert tuple(trial.tests) == ("clean", "conflict") and clean is test
    assert np.array_equal(masks(clean), masks(conflict))
    giver = np.stack([value[:, 0].numpy().astype(int) for value in conflict.batch.inputs.values()])
    changed = giver != np.arange(num_rows)
    had, labels = masks(test), states(test)
    can = [
        had[:, row].sum() >= 2
        and any(had[i, row] and (had[i] & (labels != labels[row])).any() for i in range(num_modalities))
        for row in range(num_rows)
    ]
    assert changed.sum(0).max(initial=0) <= 1 and changed.any(0).sum() == min(round(share * num_rows), sum(can))
    for modality, row in np.argwhere(changed):
        assert had[modality, row] and had[modality, giver[modality, row]] and can[row]
        assert labels[giver[modality, row]] != labels[row]


def test_the_conflicting_modality_is_any_of_those_present_equally_often():
    test = numbered(9000, 3, 3)
    conflict = Conflict().draw(test, test, "complete", seeded()).tests["conflict"].batch
    changed = np.stack([value[:, 0].numpy() != np.arange(9000) for value in conflict.inputs.values()])
    assert all(close(count / 3600, 1 / 3, 3600) for count in changed.sum(1))
    assert close(changed[:, :4500].sum() / 3600, 0.5, 3600)  # rows early and late alike


def test_tables_conflict_row_by_row_and_keep_their_index_and_types():
    data = mixed()
    train, test = halves(data)
    before = test.batch.inputs["words"].copy(deep=True)
    after = Conflict(1.0).draw(train, test, "complete", seeded()).tests["conflict"].batch.inputs["words"]
    assert after.index.equals(before.index) and after.dtypes.equals(before.dtypes)
    place = {count: i for i, count in enumerate(before["count"])}
    givers = [place[count] for count in after["count"]]
    assert sum(i != giver for i, giver in enumerate(givers)) > 10
    assert after.reset_index(drop=True).equals(before.iloc[givers].reset_index(drop=True))
    after.loc[:, "count"] = -1
    assert test.batch.inputs["words"].equals(before)


def test_writing_into_conflicting_rows_leaves_the_clean_ones():
    test = numbered(20, 2, 2)
    for value in Conflict().draw(test, test, "complete", seeded()).tests["conflict"].batch.inputs.values():
        value.fill_(-1.0)
    assert all(value[:, 0].tolist() == list(range(20)) for value in test.batch.inputs.values())


# learning_curves


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(sum),
    seed=st.integers(0, 1000),
)
def test_shares_of_the_training_rows_are_nested_and_stratified(sizes, seed):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(seed).shuffle(labels)
    batch = ModalityBatch({"row": np.arange(float(len(labels)))}, targets={"y": labels})
    train = Dataset("rows", batch, Variable("y", max(2, len(sizes))))
    protocol, smaller = LearningCurves(), set()
    for condition, fraction in zip(protocol.conditions(train), protocol.fractions, strict=True):
        trial = protocol.draw(train, train, condition, seeded(seed))
        rows = trial.train.batch.inputs["row"].numpy().astype(int)
        assert (np.diff(rows) > 0).all() and smaller <= set(rows)
        assert np.array_equal(states(trial.train), labels[rows])
        for state, size in enumerate(sizes):
            assert (labels[rows] == state).sum() == min(size, max(2, round(fraction * size)))
        assert trial.levels == {condition: fraction} and trial.tests[condition] is train
        smaller = set(rows)
    assert smaller == set(range(len(labels)))


# natural_sites, published_split


def test_no_training_row_comes_from_the_site_that_is_left_out():
    data, protocol = mixed(), NaturalSites()
    assert protocol.num_splits(data, 10) == 3
    for split, site in enumerate(("Bonn", "Oslo", "Rome")):
        train, test = (data[rows] for rows in protocol.split(data, split, 0.3, 0))
        assert protocol.split_name(data, split) == site
        assert set(test.sites) == {site} and set(train.sites) == {"Bonn", "Oslo", "Rome"} - {site}
        trial = protocol.draw(train, test, "other sites", seeded())
        assert trial.train is train and trial.tests == {"left-out site": test}
        trial = NaturalSites(told=True).draw(train, test, "other sites", seeded())
        assert trial.train.groups == train.sites and trial.train.batch is train.batch
    with pytest.raises(TypeError, match=r"^told must be a bool; got str\.$"):
        NaturalSites(told="yes")
    with pytest.raises(ValueError, match=r"^split must be below the number of sites, 3; got 3\.$"):
        protocol.split(data, 3, 0.3, 0)


def test_sites_must_be_known_and_two():
    data, protocol = mixed(), NaturalSites()
    nowhere, alone = replace(data, sites=None), replace(data, sites=("Rome",) * len(data))
    assert protocol.refusal(nowhere) == "it takes rows whose sites are known; 'mixed' has none"
    assert protocol.refusal(alone) == "it takes two sites; 'mixed' has 1"
    with pytest.raises(ValueError, match=r"^sites must be given for a site to be left out; got None in .*'mixed'\.$"):
        protocol.split(nowhere, 0, 0.3, 0)


def test_a_published_split_is_one_and_published_folds_are_one_each():
    data, protocol = mixed(), PublishedSplit()
    assert protocol.num_splits(data, 10) == 4
    for split in range(4):
        train, test = protocol.split(data, split, 0.3, 0)
        assert set(test % 4) == {split} and len(test) == 60 and not set(train) & set(test)
    parts = tuple(("train", "valid", "test")[i % 3] for i in range(len(data)))
    data = replace(data, split=parts)
    train, test = protocol.split(data, 0, 0.3, 0)
    assert protocol.num_splits(data, 10) == 1 and set(test % 3) == {2} and set(train % 3) == {0, 1}
    trial = protocol.draw(data[train], data[test], "published", seeded())
    assert not differences(trial.tests["published"].batch, data[test].batch)
    with pytest.raises(ValueError, match=r"^split must be below the number of published splits, 1; got 1\.$"):
        protocol.split(data, 1, 0.3, 0)


def test_a_data_set_without_a_published_split_is_refused():
    data, protocol = replace(mixed(), split=None), PublishedSplit()
    assert protocol.refusal(data) == "it takes a split that comes with the data; 'mixed' has none"
    assert protocol.refusal(replace(data, split=("train",) * len(data))) == "it takes two parts; 'mixed' has 1"
    with pytest.raises(ValueError, match=r"^split must come with the data; got None in the data set 'mixed'\.$"):
        protocol.num_splits(data, 1)
