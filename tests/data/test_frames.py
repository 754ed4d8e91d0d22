"""How DataFrames are read: groups of columns, gaps, numbers."""

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse.data.frames import (
    as_column,
    as_numbers,
    as_tensor_or_frame,
    check_finite_frame,
    column_groups,
    column_names,
    is_frame,
    observed_rows,
)


@pytest.mark.parametrize("value", [pd.DataFrame({"a": [1]}), pd.Series([1])], ids=["frame", "series"])
def test_frames_and_series_are_frames(value):
    assert is_frame(value)


@pytest.mark.parametrize(
    "value", [np.zeros(2), torch.zeros(2), {"a": [1]}, None], ids=["array", "tensor", "dict", "none"]
)
def test_other_values_are_no_frames(value):
    assert not is_frame(value)


def test_without_groups_a_flat_frame_is_one_modality():
    assert column_groups(pd.DataFrame({"b": [1], "a": [2]}), None) == {"features": ["b", "a"]}


def test_columns_that_are_no_text_can_be_grouped():
    assert column_groups(pd.DataFrame([[1, 2, 3]]), {"x": [2, 0]}) == {"x": [2, 0]}
    assert column_names([2, 0], inner=False) == ["2", "0"]


def test_a_column_may_serve_two_modalities():
    frame = pd.DataFrame({"a": [1], "b": [2]})
    assert column_groups(frame, {"x": ["a"], "y": ["a", "b"]}) == {"x": ["a"], "y": ["a", "b"]}


def test_a_row_is_observed_where_any_cell_is():
    frame = pd.DataFrame({"a": [1.0, None, None], "b": ["u", "v", None]})
    assert observed_rows(frame).tolist() == [True, True, False]
    assert bool(observed_rows(frame.iloc[1]))
    assert not bool(observed_rows(frame.iloc[2]))


def test_a_block_of_narrow_floats_stays_narrow_and_a_mixed_one_is_widened():
    narrow = pd.DataFrame({"a": np.float32([1]), "b": np.float32([2])})
    assert as_tensor_or_frame(narrow).dtype == torch.float32
    assert as_tensor_or_frame(narrow.assign(c=[1])).dtype == torch.float64


@pytest.mark.parametrize(
    "values", [["1", "2"], [1, "x"], [object()], [1 + 2j]], ids=["digits", "mixed", "an object", "complex"]
)
def test_what_is_no_number_is_not_made_one(values):
    assert as_numbers(pd.Series(values, dtype=object)) is None


def test_numbers_are_copied_out_of_the_frame():
    column = pd.Series([1.0, 2.0])
    as_numbers(column)[:] = 0.0
    assert column.tolist() == [1.0, 2.0]


def test_a_series_is_a_column():
    assert as_column(pd.Series([1, 2])).tolist() == [1.0, 2.0]
    assert as_column(pd.Series(["a", "b"], name="text")).columns.tolist() == ["text"]


def test_infinity_is_refused_in_the_numeric_columns_of_a_mixed_frame():
    frame = pd.DataFrame({"a": ["u", "v"], "b": [1.0, np.inf], "c": [1.0, np.nan]})
    with pytest.raises(ValueError, match=r"block must be finite.*infinity in 'b'"):
        check_finite_frame("block", frame)
    check_finite_frame("block", frame[["a", "c"]])
