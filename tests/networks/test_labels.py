"""Labels of states to numbers and back: frames, single cases, sequences, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import torch

from graphfuse.graph import FactorGraph, Variable
from graphfuse.networks import decode_labels, encode_labels

GRAPH = FactorGraph(
    [Variable("flu", 2, ("no", "yes")), Variable("grade", 3, ("1", "2", "3")), Variable("count", 4)],
    factors=[],
)


def encoded(labels):
    evidence = encode_labels(GRAPH, labels)
    assert not evidence.soft
    assert all(states.dtype == torch.int64 for states in evidence.hard.values())
    return {name: states.tolist() for name, states in evidence.hard.items()}


def test_a_single_case_has_no_batch_dimension():
    assert encoded({"flu": "yes", "count": 3, "grade": None}) == {"flu": 1, "count": 3, "grade": -1}
    assert encode_labels(GRAPH, {"flu": "yes"}).batch_shape == ()


@pytest.mark.parametrize("missing", [None, float("nan"), np.nan, pd.NA, pd.NaT, np.float32("nan")], ids=repr)
def test_every_kind_of_missing_cell_is_unobserved(missing):
    assert encoded({"flu": missing, "count": missing}) == {"flu": -1, "count": -1}
    assert encoded({"flu": ["yes", missing], "count": [missing, 2]}) == {"flu": [1, -1], "count": [-1, 2]}
    frame = pd.DataFrame({"flu": ["yes", missing], "count": [missing, 2]}, dtype=object)
    assert encoded(frame) == {"flu": [1, -1], "count": [-1, 2]}


@pytest.mark.parametrize("dtype", ["object", "str", "string", "category"])
def test_text_of_every_dtype_is_read(dtype):
    frame = pd.DataFrame({"flu": ["yes", "no", None, "yes"]}, dtype=dtype)
    assert encoded(frame) == {"flu": [1, 0, -1, 1]}
    assert encoded({"flu": frame["flu"]}) == {"flu": [1, 0, -1, 1]}


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int8", "float64", "float32", "object", "category"])
def test_numbers_of_every_dtype_are_compared_as_text_or_as_states(dtype):
    frame = pd.DataFrame({"grade": [1, 3, 2], "count": [0, 3, 1]}, dtype=dtype)
    assert encoded(frame) == {"grade": [0, 2, 1], "count": [0, 3, 1]}


@pytest.mark.parametrize("dtype", ["object", "str"])
def test_cells_are_read_alike_whether_they_share_an_object_or_not(dtype):
    kinds = {"yes": 1, "no": 0, None: -1, float("nan"): -1}
    drawn = np.random.default_rng(0).integers(len(kinds), size=300)
    shared = [list(kinds)[number] for number in drawn]
    own = [label if not isinstance(label, str) else "".join(list(label)) for label in shared]
    expected = [list(kinds.values())[number] for number in drawn]
    assert len({id(label) for label in own}) > 100
    for cells in (shared, own, shared[:100] + own[100:]):
        assert encoded(pd.DataFrame({"flu": pd.Series(cells, dtype=dtype)})) == {"flu": expected}


def test_a_category_that_is_in_no_cell_need_not_be_a_state():
    cells = pd.Categorical(["yes", None, "no"], categories=["maybe", "no", "yes"])
    for labels in (pd.DataFrame({"flu": cells}), {"flu": cells}, {"flu": pd.CategoricalIndex(cells)}):
        assert encoded(labels) == {"flu": [1, -1, 0]}
    cells = pd.Categorical(["yes", "maybe"], categories=["maybe", "no", "yes"])
    with pytest.raises(ValueError, match=r"labels\['flu'\] in row 1 .*'maybe'"):
        encode_labels(GRAPH, pd.DataFrame({"flu": cells}))


def test_a_state_may_be_written_in_more_ways_than_there_are_states():
    grades = [1, "1", 1.0, np.int8(1), np.float32(1), "2", 2, None, np.nan] * 20
    expected = [0, 0, 0, 0, 0, 1, 1, -1, -1] * 20
    assert encoded(pd.DataFrame({"grade": pd.Series(grades, dtype=object)})) == {"grade": expected}


def test_gaps_that_turn_integers_into_floats_change_nothing():
    frame = pd.DataFrame({"grade": [1, None, 2], "count": [0, 3, None]})
    assert frame["grade"].dtype == "float64"
    assert encoded(frame) == {"grade": [0, -1, 1], "count": [0, 3, -1]}


@pytest.mark.parametrize(
    "sequence",
    [["1", 2], ("1", 2.0), np.array([1, 2]), np.array(["1", "2"]), torch.tensor([1, 2]),
     pd.Series([1, 2], index=[7, 7]), pd.Index(["1", "2"]), pd.Categorical(["1", "2"]), [np.int64(1), np.str_("2")],
     [torch.tensor(1), np.array(2)]],
    ids=lambda sequence: f"{type(sequence).__name__} of {type(next(iter(sequence))).__name__}",
)  # fmt: skip
def test_sequences_of_every_kind_are_read(sequence):
    assert encoded({"grade": sequence, "flu": "no"}) == {"grade": [0, 1], "flu": 0}


def test_booleans_are_read_as_text_where_states_are_named_so():
    graph = FactorGraph([Variable("sick", 2, ("True", "False"))], [])
    for column in ([True, False], np.array([True, False]), pd.Series([True, False])):
        assert encode_labels(graph, {"sick": column}).hard["sick"].tolist() == [0, 1]


def test_a_frame_without_rows_or_columns_keeps_its_number_of_rows():
    assert encode_labels(GRAPH, pd.DataFrame({"flu": []}, dtype=object)).batch_shape == (0,)
    assert encode_labels(GRAPH, pd.DataFrame(index=range(5))).batch_shape == (5,)
    assert encode_labels(GRAPH, {}).batch_shape == ()


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"flue": "yes"}, r"each variable in labels must be .*'flu'.*; got 'flue' \(did you mean 'flu'\?\)"),
        (pd.DataFrame({0: ["yes"]}), r"each variable in labels must be one of 'flu', 'grade', 'count'; got 0"),
        ({"flu": "maybe"}, r"labels\['flu'\] must be one of 'no', 'yes'; got 'maybe'"),
        ({"flu": ["no", "Yes"]}, r"labels\['flu'\] in row 1 must be one of 'no', 'yes'; got 'Yes'"),
        ({"flu": ["no", ["yes"]]}, r"labels\['flu'\] in row 1 must be one of 'no', 'yes'; got \['yes'\]"),
        ({"flu": [1, 0]}, r"labels\['flu'\] in row 0 must be one of 'no', 'yes'; got 1"),
        ({"count": [0, 4]}, r"labels\['count'\] in row 1 must be one of 0, 1, 2, 3; got 4"),
        ({"count": [0, -1]}, r"labels\['count'\] in row 1 must be one of 0, 1, 2, 3; got -1"),
        ({"count": "2"}, r"labels\['count'\] must be one of 0, 1, 2, 3; got '2'"),
        ({"count": np.array([0, 1.5])}, r"labels\['count'\] in row 1 must be .* got 1.5"),
        ({"count": [0, float("inf")]}, r"labels\['count'\] in row 1 must be .* got inf"),
        (pd.DataFrame({"flu": ["no", None, "x"]}, index=["ann", "bob", "cy"]), r"labels\['flu'\] in row 'cy' must"),
        (pd.DataFrame({"count": [0, 1, 9]}, index=[5, 6, 7]), r"labels\['count'\] in row 7 must be .* got 9"),
        (pd.DataFrame({"flu": [["no"], "no"]}), r"labels\['flu'\] in row 0 must .* got \['no'\]"),
        (pd.DataFrame([["no", "no"]], columns=["flu", "flu"]), r"columns of labels must not repeat a name; got 'flu'"),
        ({"flu": ["no"], "count": [0, 1]}, r"sequences in labels must have the same length; got .*'count': 2"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_unknown_is_refused_by_variable_row_and_label(labels, message):
    with pytest.raises(ValueError, match=message):
        encode_labels(GRAPH, labels)


def test_other_types_are_refused():
    with pytest.raises(TypeError, match=r"labels must be a data frame or a mapping .*; got list"):
        encode_labels(GRAPH, ["yes"])


def test_labels_survive_the_way_there_and_back():
    counts = pd.array([2, None, 0], "Int64")
    frame = pd.DataFrame({"flu": ["yes", None, "no"], "grade": ["1", "3", None], "count": counts})
    pd.testing.assert_frame_equal(decode_labels(GRAPH, encode_labels(GRAPH, frame).hard), frame)


def test_one_assignment_decodes_to_one_row():
    frame = decode_labels(GRAPH, {"flu": torch.tensor(1), "count": torch.tensor(-1)})
    assert frame["flu"].tolist() == ["yes"]
    assert frame["count"].isna().tolist() == [True]


def test_codes_that_are_no_states_are_refused():
    with pytest.raises(ValueError, match=r"codes\['flu'\] must be between -1 and 1; got 2"):
        decode_labels(GRAPH, {"flu": torch.tensor([0, 2])})
    with pytest.raises(ValueError, match=r"codes\['flu'\] must have at most one dimension; got shape \(2, 1\)"):
        decode_labels(GRAPH, {"flu": torch.zeros(2, 1, dtype=torch.int64)})
    with pytest.raises(ValueError, match=r"each variable in codes must be one of .*; got 'x'"):
        decode_labels(GRAPH, {"x": torch.tensor([0])})


@pytest.mark.parametrize("kind", ["str", "category", "object"])
def test_a_large_frame_is_encoded_cell_for_cell(kind):
    generator = np.random.default_rng(0)
    numbers = generator.integers(-1, 3, (100_000, 8))
    graph = FactorGraph([Variable(f"v{place}", 3, ("low", "mid", "high")) for place in range(8)], [])
    cells = np.array(["low", "mid", "high", None], dtype=object)[numbers]
    frame = pd.DataFrame(cells, columns=list(graph.variable_names)).astype(kind)
    hard = encode_labels(graph, frame).hard
    assert np.array_equal(torch.stack(list(hard.values()), 1).numpy(), numbers)
