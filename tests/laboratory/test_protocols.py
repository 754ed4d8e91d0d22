"""Every protocol keeps the contract: fixed by its generator, one set of test rows, nothing given is changed."""

import copy
import pickle
from dataclasses import FrozenInstanceError, dataclass, replace

import numpy as np
import pytest
import torch

from graphfuse.data import LabelMNAR
from graphfuse.laboratory import protocols
from graphfuse.laboratory.protocols import Protocol, Trial, make_protocol, protocol_names
from graphfuse.laboratory.protocols.missing_rates import MissingRates
from tests.families import members
from tests.laboratory.rows import differences, masks, small_datasets, states

NAMES = (
    "cells_or_modalities",
    "conflict",
    "imbalanced_rates",
    "learning_curves",
    "mismatched_rates",
    "missing_rates",
    "mnar",
    "modality_subsets",
    "natural_sites",
    "noise",
    "published_split",
)
READS_LABELS = {"conflict", "learning_curves", "mnar"}
REFUSED = {
    ("cells_or_modalities", "counts"),
    *(("natural_sites", data) for data in ("breast_cancer", "handwritten_digits", "counts")),
    *(("published_split", data) for data in ("breast_cancer", "handwritten_digits")),
}
PAIRS = [(name, data) for name in NAMES for data in small_datasets() if (name, data) not in REFUSED]

each_protocol = pytest.mark.parametrize("name", NAMES)
each_pair = pytest.mark.parametrize(("name", "data"), PAIRS, ids=lambda value: value)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def sides(protocol, dataset, split=0):
    train, test = protocol.split(dataset, split, 0.3, 0)
    return dataset[train], dataset[test]


def trials(protocol, train, test, conditions, seed=0):
    return {condition: protocol.draw(train, test, condition, seeded(seed)) for condition in conditions}


def batches(trial):
    return {"train": trial.train.batch, **{name: test.batch for name, test in trial.tests.items()}}


def with_shuffled_labels(dataset, seed):
    order = torch.randperm(len(dataset), generator=seeded(seed))
    targets = {name: found[order] for name, found in dataset.batch.targets.items()}
    return replace(dataset, batch=replace(dataset.batch, targets=targets))


def check_reads_no_labels(protocol, train, test, seed):
    """Fail if a mask, an input or the choice of rows changes with the labels."""
    shuffled = [with_shuffled_labels(rows, seed + i) for i, rows in enumerate((train, test))]
    for condition in protocol.conditions(train):
        ours, theirs = (protocol.draw(*rows, condition, seeded(seed)) for rows in ((train, test), shuffled))
        assert tuple(ours.tests) == tuple(theirs.tests)
        for name, batch in batches(ours).items():
            changed = [each for each in differences(batch, batches(theirs)[name]) if not each.startswith("targets")]
            assert not changed, f"{changed} of {name!r} under {condition!r} depend on the labels"


def test_the_folder_is_walked_and_a_protocol_is_named_after_its_file():
    assert protocol_names() == NAMES
    classes = members(protocols, Protocol)
    assert {type(make_protocol(name)) for name in NAMES} == set(classes) and len(classes) == len(NAMES)
    assert all(make_protocol(kind.__module__.rpartition(".")[2]) == kind() for kind in classes)


@each_protocol
def test_a_protocol_is_a_frozen_value_that_says_what_it_asks(name):
    protocol = make_protocol(name)
    for other in (copy.deepcopy(protocol), pickle.loads(pickle.dumps(protocol)), type(protocol)()):
        assert other == protocol and hash(other) == hash(protocol)
    assert protocol.question.endswith("?") and type(protocol).__doc__ and "Example:" in type(protocol).__doc__
    assert protocol.reads_labels == (name in READS_LABELS)
    for field in type(protocol).__dataclass_fields__:
        with pytest.raises(FrozenInstanceError):
            setattr(protocol, field, 0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("data", small_datasets())
def test_a_refusal_says_why_and_there_is_none_where_the_question_makes_sense(name, data):
    refusal = make_protocol(name).refusal(small_datasets()[data])
    assert (refusal is not None) == ((name, data) in REFUSED)
    assert refusal is None or data in refusal


@each_pair
def test_a_generator_in_one_state_draws_one_trial(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    train, test = sides(protocol, dataset)
    for condition in protocol.conditions(dataset):
        first, second = (protocol.draw(train, test, condition, seeded(5)) for _ in range(2))
        assert list(first.tests) == list(second.tests) and dict(first.levels) == dict(second.levels)
        for part, batch in batches(first).items():
            assert not differences(batch, batches(second)[part])


@each_pair
def test_the_rows_given_are_unchanged(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    given = sides(protocol, dataset)
    kept = [copy.deepcopy(rows.batch) for rows in given]
    trials(protocol, *given, protocol.conditions(dataset))
    for rows, before in zip(given, kept, strict=True):
        assert not differences(rows.batch, before)


@each_pair
def test_every_condition_asks_for_the_same_rows_and_targets(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    train, test = sides(protocol, dataset)
    for trial in trials(protocol, train, test, protocol.conditions(dataset)).values():
        assert isinstance(trial, Trial) and trial.tests
        for rows in trial.tests.values():
            assert len(rows) == len(test) and rows.target == test.target and rows.sites == test.sites
            assert rows.batch.targets.keys() == test.batch.targets.keys()
            assert all(torch.equal(rows.batch.targets[each], test.batch.targets[each]) for each in rows.batch.targets)
            assert not (masks(rows) & ~masks(test)).any()  # nothing appears that was missing
        assert not trial.levels or set(trial.levels) == set(trial.tests)
        assert bool(trial.levels) == bool(protocol.axis)
        assert set(trial.train.batch.targets) == set(train.batch.targets)


@pytest.mark.parametrize(("name", "data"), [pair for pair in PAIRS if pair[0] != "modality_subsets"])
def test_a_row_that_had_something_keeps_something(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    train, test = sides(protocol, dataset)
    for trial in trials(protocol, train, test, protocol.conditions(dataset)).values():
        assert all((masks(rows).any(0) == masks(test).any(0)).all() for rows in trial.tests.values())
        if len(trial.train) == len(train):
            assert (masks(trial.train).any(0) == masks(train).any(0)).all()


@each_pair
def test_a_condition_that_the_protocol_does_not_have_is_refused(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    with pytest.raises(ValueError, match=r"^condition must be .*; got 'nonsense'\.$"):
        protocol.draw(*sides(protocol, dataset), "nonsense", seeded())


@each_pair
def test_a_protocol_that_says_so_reads_no_labels(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    train, test = sides(protocol, dataset)
    if not protocol.reads_labels:
        check_reads_no_labels(protocol, train, test, seed=3)
    else:
        with pytest.raises(AssertionError, match="depend on the labels"):
            check_reads_no_labels(protocol, train, test, seed=3)


@dataclass(frozen=True)
class Sly(MissingRates):
    """Says that it reads no labels, and hides what the labels say."""

    def conditions(self, dataset):
        return ("sly",)

    def draw(self, train, test, condition, generator):
        mechanism = LabelMNAR(test.target.name, {test.batch.modalities[0]: (0.9, 0.1)})
        return Trial(train, {"sly": replace(test, batch=mechanism.apply(test.batch, generator))})


def test_a_protocol_that_reads_labels_in_secret_is_caught():
    data = small_datasets()["breast_cancer"]
    assert not Sly.reads_labels
    with pytest.raises(AssertionError, match=r"\['present mean'\] of 'sly' under 'sly' depend on the labels"):
        check_reads_no_labels(Sly(), data[:400], data[400:], seed=3)


@each_pair
def test_every_split_parts_the_rows(name, data):
    protocol, dataset = make_protocol(name), small_datasets()[data]
    for split in range(protocol.num_splits(dataset, 2)):
        train, test = protocol.split(dataset, split, 0.3, 0)
        assert len(train) and len(test)
        assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(len(dataset)))


@each_protocol
def test_a_group_is_on_one_side_unless_the_protocol_says_otherwise(name):
    protocol, dataset = make_protocol(name), small_datasets()["mixed"]
    for split in range(protocol.num_splits(dataset, 3)):
        train, test = sides(protocol, dataset, split)
        assert bool(set(train.groups) & set(test.groups)) != protocol.keeps_groups


def test_names_and_settings_that_do_not_exist_are_refused():
    with pytest.raises(ValueError, match=r"^the name of a protocol must be one of .*; got 'mna' \(did you mean 'mnar'"):
        make_protocol("mna")
    must = r"^each setting of the protocol 'mnar' must be one of 'high', 'low', 'others'; got 'hi'"
    with pytest.raises(ValueError, match=must):
        make_protocol("mnar", {"hi": 0.5})
    with pytest.raises(ValueError, match=r"'natural_sites' must be one of 'told'; got 'site'"):
        make_protocol("natural_sites", {"site": "Rome"})
    with pytest.raises(TypeError, match=r"^settings must be a mapping from names to values; got list\.$"):
        make_protocol("mnar", [0.5])
    assert make_protocol("noise", {"sigmas": [0, 1]}).sigmas == (0.0, 1.0)
    assert make_protocol("noise", {"sigmas": [-0.0]}).sigmas == (0.0,)
    assert make_protocol("mnar", {}) == make_protocol("mnar")


@pytest.mark.parametrize(
    ("name", "settings", "error", "message"),
    [
        ("missing_rates", {"rates": [0.0, 1.2]}, ValueError, r"each of rates must be between 0 and 1; got 1\.2"),
        ("missing_rates", {"rates": [float("nan")]}, ValueError, r"each of rates must be between 0 and 1; got nan"),
        ("missing_rates", {"rates": []}, ValueError, r"rates must hold at least one number; got none"),
        (
            "missing_rates",
            {"rates": [0.3, 0.3]},
            ValueError,
            r"rates must hold each number once; got 0\.3 more",
        ),
        ("missing_rates", {"rates": [0.125]}, ValueError, r"each of rates must have two decimals at most"),
        ("missing_rates", {"rates": 0.3}, TypeError, r"rates must be a sequence of numbers; got 0\.3"),
        ("missing_rates", {"rates": "0.3"}, TypeError, r"rates must be a sequence of numbers; got '0\.3'"),
        ("missing_rates", {"rates": ["0.3"]}, TypeError, r"each of rates must be a number; got '0\.3'"),
        ("missing_rates", {"rates": [True]}, TypeError, r"each of rates must be a number; got True"),
        ("mismatched_rates", {"train_rates": [-0.1]}, ValueError, r"each of train_rates must be between 0 and 1"),
        ("mismatched_rates", {"test_rates": [2]}, ValueError, r"each of test_rates must be between 0 and 1; got 2"),
        ("cells_or_modalities", {"rates": [1.5]}, ValueError, r"each of rates must be between 0 and 1; got 1\.5"),
        ("modality_subsets", {"max_subsets": 0}, ValueError, r"max_subsets must be at least 1; got 0"),
        ("modality_subsets", {"max_subsets": 1.5}, TypeError, r"max_subsets must be an integer; got 1\.5"),
        ("imbalanced_rates", {"low": 0.8}, ValueError, r"low must be at most high, 0\.7; got 0\.8"),
        ("imbalanced_rates", {"severe_present": 15}, ValueError, r"severe_present must be between 0 and 1; got 15"),
        ("mnar", {"high": 1.1}, ValueError, r"high must be between 0 and 1; got 1\.1"),
        ("mnar", {"others": None}, TypeError, r"others must be a number; got None"),
        ("noise", {"sigmas": [-1.0]}, ValueError, r"each of sigmas must be finite and not negative; got -1\.0"),
        ("noise", {"sigmas": [float("inf")]}, ValueError, r"each of sigmas must be finite and not negative; got inf"),
        ("conflict", {"share": 1.4}, ValueError, r"share must be between 0 and 1; got 1\.4"),
        ("learning_curves", {"fractions": [0.0, 1.0]}, ValueError, r"each of fractions must be above 0; got 0\.0"),
        ("learning_curves", {"fractions": [1.5]}, ValueError, r"each of fractions must be between 0 and 1; got 1\.5"),
    ],
)
def test_a_bad_setting_is_refused_by_name(name, settings, error, message):
    with pytest.raises(error, match=rf"^{message}"):
        make_protocol(name, settings)


def test_labels_of_the_small_data_sets_differ_between_rows():
    assert all(len(set(states(data))) >= 2 for data in small_datasets().values())  # else shuffling shows nothing
