"""Data sets with a split and with several targets."""

import numpy as np
import pytest

from graphfuse.data import Dataset, ModalityBatch
from graphfuse.graph import Variable

FLU = Variable("flu", 2, states=("absent", "present"))
COLD = Variable("cold", 3)
BATCH = ModalityBatch({"age": [61.0, 48.0, 55.0, 30.0]}, targets={"flu": [0, 1, -1, 1], "cold": [2, 0, 1, -1]})
SPLIT = ("train", "test", "train", "validation")


def visits(**settings: object) -> Dataset:
    return Dataset("visits", BATCH, FLU, **settings)


@pytest.mark.parametrize("names", [("train",), ("test",), ("train", "validation"), ("validation", "train", "test"), ()])
def test_a_part_holds_its_rows_in_their_order(names):
    data = visits(split=SPLIT, groups="abcd")
    expected = [i for i, part in enumerate(SPLIT) if part in names]
    found = data.part(*names)
    assert found.groups == tuple("abcd"[i] for i in expected)
    assert found.split == tuple(SPLIT[i] for i in expected)
    assert found.batch.inputs["age"].tolist() == [BATCH.inputs["age"][i].item() for i in expected]


def test_the_parts_are_a_partition_of_the_rows():
    data = visits(split=SPLIT)
    assert data.parts == ("test", "train", "validation")
    assert sum(len(data.part(name)) for name in data.parts) == len(data)
    assert visits().parts == ()


def test_rows_keep_their_part_and_all_targets():
    data = visits(split=list(SPLIT), other_targets=[COLD])
    found = data[np.array([3, 0])]
    assert found.split == ("validation", "train")
    assert found.targets == (FLU, COLD) == data.targets
    assert found.batch.targets["cold"].tolist() == [-1, 2]


def test_a_data_set_says_its_targets_and_the_sizes_of_its_parts():
    text = repr(visits(split=SPLIT, other_targets=(COLD,)))
    assert "target='flu', 'cold'" in text and "split: test 1, train 2, validation 1" in text
    assert "split" not in repr(visits())


REFUSED = {
    "too few parts": (
        lambda: visits(split=("train",)),
        ValueError,
        "split must name the part of each of 4 rows; got 1 names",
    ),
    "an unknown part": (
        lambda: visits(split=SPLIT).part("train", "tset"),
        ValueError,
        "each part must be one of 'test', 'train', 'validation'; got 'tset' .did you mean 'test'",
    ),
    "a part of no split": (lambda: visits().part("train"), ValueError, "split must be given .* got None in .*'visits'"),
    "a target twice": (
        lambda: visits(other_targets=(FLU,)),
        ValueError,
        "names of target and other_targets must not repeat a name; got 'flu' more than once",
    ),
    "a target without states": (
        lambda: visits(other_targets=(Variable("cough", 2),)),
        ValueError,
        r"the name of other_targets\[0\] must be one of 'flu', 'cold'; got 'cough'",
    ),
    "a state too many": (
        lambda: visits(other_targets=(Variable("cold", 2),)),
        ValueError,
        r"batch.targets\['cold'\] must be below num_states, 2; got 2",
    ),
    "no variable": (lambda: visits(other_targets=("cold",)), TypeError, r"other_targets\[0\] must be a Variable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_together_is_refused(case):
    act, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        act()
