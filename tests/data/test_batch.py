"""What a batch of modalities accepts, what it makes of it, and what it refuses."""

import copy
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    StratifiedKFold,
    cross_val_predict,
    train_test_split,
)
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from graphfuse.data import ModalityBatch

NAN = float("nan")


def gappy() -> ModalityBatch:
    """Four rows: numbers with gaps, an image, a block of mixed columns, a target with an unknown."""
    mixed = pd.DataFrame({"weight": [1.5, None, None, 4.0], "color": pd.Categorical(["red", "blue", None, "red"])})
    return ModalityBatch(
        {
            "labs": torch.tensor([[1.0, 2.0], [NAN, 3.0], [NAN, NAN], [4.0, 5.0]], dtype=torch.float64),
            "image": torch.arange(16.0).reshape(4, 1, 2, 2),
            "mixed": mixed,
        },
        present={"image": [True, False, True, True]},
        targets={"flu": [0, 1, -1, 1]},
        columns={"labs": ["sodium", "zinc"]},
    )


def assert_same(found: ModalityBatch, expected: ModalityBatch) -> None:
    assert found.modalities == expected.modalities
    assert found.shape == expected.shape
    assert found.columns == expected.columns
    for name, value in expected.inputs.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(found.inputs[name], value, equal_nan=True, rtol=0, atol=0)
        elif value.ndim == 2:
            pd.testing.assert_frame_equal(
                found.inputs[name].reset_index(drop=True), value.reset_index(drop=True), check_dtype=True
            )
        else:
            pd.testing.assert_series_equal(found.inputs[name], value)
        assert torch.equal(found.present[name], expected.present[name])
    assert found.targets.keys() == expected.targets.keys()
    for name, states in expected.targets.items():
        assert torch.equal(found.targets[name], states)


# from a DataFrame

NUMERIC = {
    "float": [1.0, NAN, 3.0],
    "float32": np.array([1.0, NAN, 3.0], dtype=np.float32),
    "object_with_none": np.array([1, None, 3], dtype=object),
    "object_with_na": np.array([1, pd.NA, 3.0], dtype=object),
    "nullable_integer": pd.array([1, None, 3], dtype="Int64"),
    "nullable_float": pd.array([1.0, None, 3.0], dtype="Float64"),
    "nullable_float32": pd.array([1.0, None, 3.0], dtype="Float32"),
}


@pytest.mark.parametrize("column", NUMERIC)
def test_every_way_to_write_a_missing_number_becomes_nan(column):
    batch = ModalityBatch.from_frame(pd.DataFrame({column: NUMERIC[column]}))
    found = batch.inputs["features"]
    assert found.is_floating_point()
    assert found.isnan().flatten().tolist() == [False, True, False]
    assert found[[0, 2], 0].tolist() == [1.0, 3.0]
    assert batch.present["features"].tolist() == [True, False, True]


@pytest.mark.parametrize(
    "column",
    [[True, False, True], pd.array([True, False, None], dtype="boolean"), np.array([True, False, None], dtype=object)],
    ids=["bool", "nullable", "object"],
)
def test_booleans_become_zeros_and_ones(column):
    batch = ModalityBatch.from_frame(pd.DataFrame({"smoker": column}))
    assert batch.inputs["features"][:2, 0].tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "column",
    [
        ["a", None, "b"],
        np.array(["a", None, "b"], dtype=object),
        pd.array(["a", None, "b"], dtype="string"),
        pd.Categorical(["a", None, "b"]),
        pd.to_datetime(["2020-01-01", None, "2020-01-03"]),
    ],
    ids=["str", "object", "string", "category", "dates"],
)
def test_columns_no_tensor_can_hold_stay_a_frame_with_their_gaps(column):
    frame = pd.DataFrame({"x": column})
    batch = ModalityBatch.from_frame(frame)
    pd.testing.assert_frame_equal(batch.inputs["features"], frame)
    assert batch.present["features"].tolist() == [True, False, True]


def test_a_typed_column_without_a_value_keeps_its_type():
    frame = pd.DataFrame({"color": pd.Categorical([None, None], categories=["red"])})
    batch = ModalityBatch.from_frame(frame)
    assert isinstance(batch.inputs["features"].dtypes["color"], pd.CategoricalDtype)
    assert not batch.present["features"].any()


def test_one_text_column_keeps_its_whole_block_a_frame():
    frame = pd.DataFrame({"age": [1.0, NAN], "note": [None, None], "text": ["a", None]})
    batch = ModalityBatch.from_frame(frame, {"mixed": ["age", "text"], "numbers": ["age", "note"]})
    assert isinstance(batch.inputs["mixed"], pd.DataFrame)
    assert isinstance(batch.inputs["numbers"], torch.Tensor)
    assert batch.present["mixed"].tolist() == batch.present["numbers"].tolist() == [True, False]


def test_the_first_column_level_groups_and_the_rest_names():
    columns = pd.MultiIndex.from_tuples([("blood", "sodium"), ("blood", "zinc"), ("ecg", "rate")])
    batch = ModalityBatch.from_frame(pd.DataFrame([[1.0, 2.0, NAN], [NAN, 3.0, 4.0]], columns=columns))
    assert batch.modalities == ("blood", "ecg")
    assert batch.columns == {"blood": ("sodium", "zinc"), "ecg": ("rate",)}
    assert batch.present["ecg"].tolist() == [False, True]
    chosen = ModalityBatch.from_frame(
        pd.DataFrame([[1.0, 2.0, 3.0]], columns=columns), {"all": [("ecg", "rate"), ("blood", "zinc")]}
    )
    assert chosen.columns == {"all": ("ecg rate", "blood zinc")}
    assert chosen.inputs["all"].tolist() == [[3.0, 2.0]]


def test_a_frame_whose_row_labels_repeat_is_read_by_position():
    frame = pd.DataFrame({"age": [1.0, 2.0, 3.0], "text": ["a", "b", "c"]}, index=[7, 7, 0])
    batch = ModalityBatch.from_frame(frame, {"age": ["age"], "text": ["text"]})
    assert batch[[2, 0]].inputs["age"].flatten().tolist() == [3.0, 1.0]
    assert batch[[2, 0]].inputs["text"]["text"].tolist() == ["c", "a"]


def test_the_frame_given_is_neither_shared_nor_changed():
    frame = pd.DataFrame({"age": [1.0, 2.0]})
    batch = ModalityBatch.from_frame(frame)
    batch.inputs["features"].zero_()
    assert frame["age"].tolist() == [1.0, 2.0]


def test_pandas_columns_serve_as_targets_masks_and_modalities_without_a_warning():
    frame = pd.DataFrame({"age": [1.0, NAN, 3.0], "text": ["a", None, "c"], "flu": [0, 1, 1]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        batch = ModalityBatch(
            {"age": frame["age"], "text": frame["text"]},
            present={"age": frame["flu"] == 1},
            targets={"flu": frame["flu"]},
        )
    assert batch.present["age"].tolist() == [False, False, True]
    assert batch.present["text"].tolist() == [True, False, True]
    assert batch.inputs["age"].shape == (3,)
    assert batch.targets["flu"].tolist() == [0, 1, 1]


# from arrays and tensors


@pytest.mark.parametrize("batch_shape", [(), (5,), (2, 3), (2, 3, 4)], ids=str)
def test_masks_give_any_batch_shape(batch_shape):
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(batch_shape, generator=generator) < 0.5
    inputs = {"vector": torch.randn(*batch_shape, 7, generator=generator), "number": torch.zeros(batch_shape)}
    batch = ModalityBatch(inputs, present=dict.fromkeys(inputs, mask))
    assert batch.shape == batch_shape
    assert torch.equal(batch.present["vector"], mask)


def test_a_row_is_present_where_the_mask_says_so_and_a_value_is_observed():
    values = torch.tensor([[1.0, NAN], [NAN, NAN], [1.0, 2.0]])
    batch = ModalityBatch({"labs": values}, present={"labs": np.array([True, True, False])})
    assert batch.present["labs"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(3, 2)[::-1],
        np.arange(6, dtype=">f4").reshape(3, 2),
        np.broadcast_to(np.float32([1, 2]), (3, 2)),
        np.arange(6).reshape(3, 2),
        np.ones((3, 2), dtype=bool),
        [[1, None], [2, 3], [4, 5]],
    ],
    ids=["reversed", "other byte order", "read-only", "integers", "booleans", "nested lists with None"],
)
def test_arrays_of_any_layout_keep_their_values(array):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = ModalityBatch({"x": array}).inputs["x"]
    np.testing.assert_array_equal(found.numpy(), np.array(array, dtype=np.float64))


def test_integers_keep_their_dtype_and_are_never_missing():
    batch = ModalityBatch({"tokens": np.array([[3, 4], [0, 1]])})
    assert batch.inputs["tokens"].dtype == torch.int64
    assert batch.present["tokens"].all()


def test_gradients_flow_through_the_inputs():
    values = torch.ones(3, 2, requires_grad=True)
    ModalityBatch({"x": values})[1:].inputs["x"].sum().backward()
    assert values.grad.tolist() == [[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]


# from samples


def test_a_modality_absent_or_none_in_a_sample_is_missing_in_its_row():
    batch = ModalityBatch.from_samples(
        [{"age": 61.0, "ecg": [0.1, 0.2]}, {"age": None}, {"ecg": np.array([0.3, NAN])}, {"ecg": [NAN, NAN]}]
    )
    assert batch.present["age"].tolist() == [True, False, False, False]
    assert batch.present["ecg"].tolist() == [True, False, True, False]
    assert batch.inputs["ecg"].shape == (4, 2)
    assert batch.inputs["age"][0] == 61.0


def test_samples_of_several_dtypes_take_the_widest():
    batch = ModalityBatch.from_samples([{"dose": 1}, {"dose": 1.5}])
    assert batch.inputs["dose"].tolist() == [1.0, 1.5]


# rows

KEYS = {
    "slice": slice(1, 3),
    "strided": slice(0, None, 2),
    "reversed": slice(None, None, -1),
    "list": [2, 0],
    "negative": [-1, 1],
    "repeated": [1, 1, 1],
    "empty": [],
    "range": range(3),
    "array": np.array([3, 1]),
    "small integers": np.array([3, 1], dtype=np.uint8),
    "mask": np.array([True, False, False, True]),
    "mask as list": [False, True, True, False],
    "tensor": torch.tensor([0, 3]),
    "tensor mask": torch.tensor([True, True, False, False]),
    "series": pd.Series([1, 2]),
}


@pytest.mark.parametrize("key", KEYS)
def test_rows_are_selected_as_numpy_selects_them(key):
    rows = KEYS[key]
    expected = np.arange(4)[np.asarray(rows, dtype=None if len(rows) else int) if not isinstance(rows, slice) else rows]
    batch = gappy()
    for found in (batch[rows], batch[rows, ...]):
        assert len(found) == len(expected)
        torch.testing.assert_close(found.inputs["labs"], batch.inputs["labs"][expected.copy()], equal_nan=True)
        pd.testing.assert_frame_equal(found.inputs["mixed"], batch.inputs["mixed"].iloc[expected])
        assert found.present["image"].tolist() == [batch.present["image"].tolist()[i] for i in expected]
        assert found.targets["flu"].tolist() == [batch.targets["flu"].tolist()[i] for i in expected]
        assert found.columns == batch.columns


@pytest.mark.parametrize("key", [1, -3, np.int64(1), torch.tensor(1)], ids=repr)
def test_an_integer_drops_the_first_batch_dimension(key):
    row = gappy()[key]
    assert row.shape == ()
    assert row.inputs["labs"].shape == (2,)
    assert row.inputs["mixed"]["color"] == "blue"
    assert row.targets["flu"] == 1
    with pytest.raises(TypeError, match="of a single row has no len"):
        len(row)


def test_indexing_goes_along_the_first_of_several_batch_dimensions():
    batch = ModalityBatch({"x": torch.arange(24.0).reshape(4, 3, 2)}, {"x": torch.ones(4, 3, dtype=torch.bool)})
    assert batch[[0, 2]].shape == (2, 3)
    assert batch[1].shape == (3,)
    assert batch[1][2].inputs["x"].tolist() == [10.0, 11.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(-4, 3), max_size=8), st.lists(st.integers(0, 7), max_size=4))
def test_selecting_twice_is_selecting_once(first, second):
    second = [i for i in second if i < len(first)]
    assert_same(gappy()[first][second], gappy()[[first[i] for i in second]])


def test_stacking_the_rows_gives_the_batch_back():
    batch = gappy()
    assert_same(ModalityBatch.stack(list(batch)), batch)


def test_stacking_batches_adds_a_first_dimension():
    batch = ModalityBatch({"x": torch.arange(6.0).reshape(3, 2)})
    found = ModalityBatch.stack([batch, batch])
    assert found.shape == (2, 3)
    assert_same(found[1], batch)


def test_a_batch_survives_pickling_and_copying():
    for found in (pickle.loads(pickle.dumps(gappy())), copy.deepcopy(gappy()), copy.copy(gappy())):
        assert_same(found, gappy())


def test_to_changes_the_dtype_of_floating_point_inputs_only():
    batch = ModalityBatch({"x": torch.zeros(2, dtype=torch.float64), "tokens": torch.zeros(2, 3, dtype=torch.int64)})
    found = batch.to(dtype=torch.float32)
    assert found.inputs["x"].dtype == torch.float32
    assert found.inputs["tokens"].dtype == torch.int64
    assert found.present["x"].dtype == torch.bool
    assert gappy().to("cpu", torch.float32).inputs["mixed"].equals(gappy().inputs["mixed"])
    assert gappy().to("cpu").inputs["labs"].dtype == torch.float64


def test_keep_can_hide_a_modality_but_never_reveal_one():
    batch = gappy()
    found = batch.keep({"labs": torch.tensor([True, True, True, False])})
    assert found.present["labs"].tolist() == [True, True, False, False]
    assert found.present["image"].tolist() == batch.present["image"].tolist()
    assert batch.present["labs"].tolist() == [True, True, False, True]


def test_select_keeps_the_order_asked_for():
    found = gappy().select(["mixed", "labs"])
    assert found.modalities == ("mixed", "labs")
    assert found.columns == {"labs": ("sodium", "zinc")}
    assert found.targets["flu"].tolist() == [0, 1, -1, 1]


def test_the_text_of_a_batch_names_shapes_rates_and_targets():
    text = repr(gappy())
    assert "shape=(4,)" in text
    assert "labs (2,) 75%" in text
    assert "'flu'" in text


# tools of others


def test_scikit_learn_splits_a_batch_like_an_array():
    batch, states = gappy(), np.array([0, 1, 0, 1])
    train, test, train_states, _ = train_test_split(batch, states, test_size=2, random_state=0, stratify=states)
    assert isinstance(train, ModalityBatch)
    assert len(train) == len(test) == len(train_states) == 2
    together = torch.cat([train.inputs["image"], test.inputs["image"]]).flatten(1)[:, 0]
    assert sorted(together.tolist()) == [0.0, 4.0, 8.0, 12.0]
    for splitter, groups in ((KFold(2), None), (StratifiedKFold(2), None), (GroupKFold(2), [0, 0, 1, 1])):
        for kept, held_out in splitter.split(batch, states, groups):
            assert len(batch[kept]) == len(batch[held_out]) == 2


class PresenceClassifier(DummyClassifier):
    """Answers 1 where the image is present; fails on anything but a batch."""

    def predict(self, X):
        return X.present["image"].long().numpy()


def test_scikit_learn_cross_validates_on_a_batch():
    states = np.array([0, 1, 0, 1])
    found = cross_val_predict(PresenceClassifier(), gappy(), states, cv=KFold(2, shuffle=True, random_state=0))
    assert found.tolist() == gappy().present["image"].long().tolist()
    search = GridSearchCV(PresenceClassifier(), {"strategy": ["prior", "uniform"]}, cv=2, error_score="raise")
    assert search.fit(gappy(), states).best_score_ == 0.25


def test_a_data_loader_visits_every_row_once_in_shuffled_order():
    loader = DataLoader(gappy(), batch_size=3, shuffle=True, generator=torch.Generator().manual_seed(1))
    batches = list(loader)
    assert [len(batch) for batch in batches] == [3, 1]
    found = torch.cat([batch.inputs["image"] for batch in batches]).flatten(1)[:, 0].tolist()
    assert sorted(found) == [0.0, 4.0, 8.0, 12.0]
    assert found != sorted(found)
    assert isinstance(batches[0].inputs["mixed"].dtypes["color"], pd.CategoricalDtype)


def test_a_data_loader_in_order_gives_the_rows_in_order():
    batches = list(DataLoader(gappy(), batch_size=2))
    assert_same(batches[0], gappy()[:2])
    assert_same(batches[1], gappy()[2:])


class Numbered(TorchDataset):
    """Pairs of a row and its number, as a data set that knows nothing of batches gives them."""

    def __len__(self):
        return 4

    def __getitem__(self, i):
        return gappy()[i], i


def test_the_default_collation_stacks_rows_inside_other_structures():
    batch, numbers = next(iter(DataLoader(Numbered(), batch_size=4)))
    assert_same(batch, gappy())
    assert numbers.tolist() == [0, 1, 2, 3]


# refusals

FRAME = pd.DataFrame({"age": [1.0, 2.0], "sex": [0, 1]})
ZEROS = torch.zeros(3, 2)
REFUSED = {
    "no mapping": (lambda: ModalityBatch([1.0]), TypeError, "inputs must be a mapping.*got list"),
    "no modality": (lambda: ModalityBatch({}), ValueError, "inputs must hold at least one modality; got none"),
    "a name that is no text": (
        lambda: ModalityBatch({3: ZEROS}),
        TypeError,
        "each modality in inputs.*string; got int",
    ),
    "text": (lambda: ModalityBatch({"x": ["a", "b"]}), TypeError, r"inputs\['x'\] must be a tensor.*got dtype <U1"),
    "ragged": (lambda: ModalityBatch({"x": [[1.0], [1.0, 2.0]]}), TypeError, r"inputs\['x'\] must be a tensor"),
    "complex": (lambda: ModalityBatch({"x": [1j]}), TypeError, r"inputs\['x'\] must be real"),
    "infinite": (lambda: ModalityBatch({"x": [[np.inf]]}), ValueError, r"inputs\['x'\] must be finite.*got infinity"),
    "an infinite column": (
        lambda: ModalityBatch({"x": pd.DataFrame({"a": ["u"], "b": [-np.inf]})}),
        ValueError,
        r"inputs\['x'\] must be finite.*infinity in 'b'",
    ),
    "a scalar": (lambda: ModalityBatch({"x": 1.0}), ValueError, r"inputs\['x'\] must have a batch dimension"),
    "batch shapes that differ": (
        lambda: ModalityBatch({"x": ZEROS, "y": torch.zeros(2)}),
        ValueError,
        r"inputs\['y'\] must have the batch shape \(3,\) of inputs\['x'\].*got \(2,\)",
    ),
    "an unknown mask": (
        lambda: ModalityBatch({"ecg": ZEROS}, present={"ekg": [True] * 3}),
        ValueError,
        r"each modality in present must be one of 'ecg'; got 'ekg' \(did you mean 'ecg'\?\)",
    ),
    "a mask of numbers": (
        lambda: ModalityBatch({"x": ZEROS}, present={"x": [1, 0, 1]}),
        TypeError,
        r"present\['x'\] must be boolean; got torch.int64",
    ),
    "a mask of text": (
        lambda: ModalityBatch({"x": ZEROS}, present={"x": ["yes"] * 3}),
        TypeError,
        r"present\['x'\] must be boolean; got dtype <U3",
    ),
    "a mask of another shape": (
        lambda: ModalityBatch({"x": ZEROS}, present={"x": [True, False]}),
        ValueError,
        r"present\['x'\] must have shape \(3,\); got \(2,\)",
    ),
    "targets of another shape": (
        lambda: ModalityBatch({"x": ZEROS}, targets={"y": [0, 1]}),
        ValueError,
        r"targets\['y'\] must have the batch shape \(3,\)",
    ),
    "fractional targets": (
        lambda: ModalityBatch({"x": ZEROS}, targets={"y": [0.0, 1.0, 1.0]}),
        TypeError,
        r"targets\['y'\] must be integers, -1 where unknown; got torch.float64",
    ),
    "targets of text": (
        lambda: ModalityBatch({"x": ZEROS}, targets={"y": ["a", "b", "c"]}),
        TypeError,
        r"targets\['y'\] must be integers, -1 where unknown; got dtype <U1",
    ),
    "a target below -1": (
        lambda: ModalityBatch({"x": ZEROS}, targets={"y": [0, 1, -2]}),
        ValueError,
        r"targets\['y'\] must be at least -1 \(unknown\); got -2",
    ),
    "too few column names": (
        lambda: ModalityBatch({"x": ZEROS}, columns={"x": ["a"]}),
        ValueError,
        r"columns\['x'\] must name 2 columns; got 1 names",
    ),
    "names for single numbers": (
        lambda: ModalityBatch({"x": torch.zeros(3)}, columns={"x": ["a", "b", "c"]}),
        ValueError,
        r"columns\['x'\] must name no columns",
    ),
    "column names as one text": (
        lambda: ModalityBatch({"x": ZEROS}, columns={"x": "ab"}),
        TypeError,
        r"columns\['x'\] must be a sequence of names; got 'ab'",
    ),
    "no frame": (lambda: ModalityBatch.from_frame(FRAME["age"]), TypeError, "frame must be a pandas DataFrame"),
    "an unknown column": (
        lambda: ModalityBatch.from_frame(FRAME, {"person": ["aeg"]}),
        ValueError,
        r"each column in modalities\['person'\] must be one of 'age', 'sex'; got 'aeg' \(did you mean 'age'\?\)",
    ),
    "a group of no columns": (
        lambda: ModalityBatch.from_frame(FRAME, {"person": []}),
        ValueError,
        r"modalities\['person'\] must be a list of at least one column; got \[\]",
    ),
    "a group as one text": (
        lambda: ModalityBatch.from_frame(FRAME, {"person": "age"}),
        ValueError,
        r"modalities\['person'\] must be a list",
    ),
    "a column twice in a group": (
        lambda: ModalityBatch.from_frame(FRAME, {"person": ["age", "age"]}),
        ValueError,
        r"modalities\['person'\] must not repeat a name; got 'age'",
    ),
    "a column twice in a frame": (
        lambda: ModalityBatch.from_frame(FRAME.rename(columns={"sex": "age"})),
        ValueError,
        "columns of frame must not repeat a name; got 'age' more than once",
    ),
    "an infinite number in a frame": (
        lambda: ModalityBatch.from_frame(pd.DataFrame({"age": [np.inf]})),
        ValueError,
        r"inputs\['features'\] must be finite",
    ),
    "no sample": (lambda: ModalityBatch.from_samples([]), ValueError, "samples must hold at least one sample"),
    "a sample that is no mapping": (
        lambda: ModalityBatch.from_samples([[1.0]]),
        TypeError,
        r"samples\[0\] must be a mapping",
    ),
    "samples of two shapes": (
        lambda: ModalityBatch.from_samples([{"x": [1.0]}, {"x": [1.0, 2.0]}]),
        ValueError,
        r"samples\[1\]\['x'\] must have shape \(1,\); got \(2,\)",
    ),
    "a modality in no sample": (
        lambda: ModalityBatch.from_samples([{"x": None}]),
        ValueError,
        r"\['x'\] must be given in at least one sample",
    ),
    "nothing to stack": (lambda: ModalityBatch.stack([]), ValueError, "samples must hold at least one batch"),
    "a stack of two kinds": (
        lambda: ModalityBatch.stack([ModalityBatch({"x": ZEROS}), ModalityBatch({"y": ZEROS})]),
        ValueError,
        "samples must all have the modalities 'x'; got 'y'",
    ),
    "a modality as index": (lambda: gappy()["labs"], ValueError, "must select rows.*got 'labs'"),
    "a fraction as index": (lambda: gappy()[[0.5]], TypeError, "index of a ModalityBatch must be integers.*0.5"),
    "a bool as index": (lambda: gappy()[True], TypeError, "index of a ModalityBatch must be integers.*got True"),
    "None as index": (lambda: gappy()[None], TypeError, "index of a ModalityBatch must be integers.*got None"),
    "an index beyond the rows": (lambda: gappy()[4], IndexError, "out of bounds"),
    "an unknown modality to keep": (
        lambda: gappy().keep({"lab": torch.ones(4, dtype=torch.bool)}),
        ValueError,
        "each modality in kept must be one of.*did you mean 'labs'",
    ),
    "a list to keep": (lambda: gappy().keep({"labs": [True] * 4}), TypeError, r"kept\['labs'\] must be a bool tensor"),
    "a mask to keep of another shape": (
        lambda: gappy().keep({"labs": torch.ones(3, dtype=torch.bool)}),
        ValueError,
        r"kept\['labs'\] must be bool of shape \(4,\); got torch.bool of shape \(3,\)",
    ),
    "an unknown modality to select": (lambda: gappy().select(["lab"]), ValueError, "did you mean 'labs'"),
    "no modality to select": (lambda: gappy().select([]), ValueError, "modalities must name at least one modality"),
    "a text to select": (lambda: gappy().select("labs"), TypeError, "modalities must be a sequence of names"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refusal_names_the_argument_and_what_was_found(case):
    act, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        act()
