"""The data sets that come with the library: their sizes, gaps and targets, and what happens to damaged files."""

import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_digits

from graphfuse.data import Dataset, ModalityBatch, available, load
from graphfuse.data.heart_disease import COLUMNS, HOSPITALS, MODALITIES
from graphfuse.data.loading import data_root
from graphfuse.graph import Variable

needs_files = pytest.mark.skipif(
    "GRAPHFUSE_DATA" not in os.environ, reason="GRAPHFUSE_DATA, the folder of the data sets, is not set"
)
FLU = Variable("flu", 2, states=("absent", "present"))


def visits() -> Dataset:
    batch = ModalityBatch({"age": [61.0, 48.0, 55.0, 30.0]}, targets={"flu": [0, 1, -1, 1]})
    return Dataset("visits", batch, FLU, ("north", "north", "south", "south"), source="made up")


# a data set


def test_labels_are_the_names_of_the_classes():
    data = visits()
    assert data.labels.tolist() == ["absent", "present", "", "present"]
    unnamed = Dataset("visits", data.batch, Variable("flu", 2))
    assert unnamed.labels.tolist() == ["0", "1", "", "1"]


@pytest.mark.parametrize(
    "key", [slice(1, 3), [2, 0], np.array([True, False, False, True]), torch.tensor([-1, 1]), [], slice(None, None, -1)]
)
def test_rows_of_a_data_set_keep_their_groups_and_targets(key):
    data = visits()
    expected = np.arange(4)[key if isinstance(key, slice) else np.asarray(key, dtype=int if len(key) == 0 else None)]
    found = data[key]
    assert len(found) == len(expected)
    assert found.groups == tuple(data.groups[i] for i in expected)
    assert found.labels.tolist() == data.labels[expected].tolist()
    assert replace(data, sites=data.groups)[key].sites == found.groups
    assert (found.name, found.target, found.source) == (data.name, data.target, data.source)


@pytest.mark.parametrize("key", [2, -2, np.int64(2)], ids=repr)
def test_an_integer_gives_a_data_set_of_one_row(key):
    found = visits()[key]
    assert len(found) == 1
    assert found.groups == ("south",)
    assert found.batch.inputs["age"].tolist() == [55.0]


def test_iterating_over_a_data_set_ends():
    assert [row.groups[0] for row in visits()] == ["north", "north", "south", "south"]


def test_a_data_set_is_not_changed_by_assignment():
    with pytest.raises(AttributeError):
        visits().name = "other"


BATCH = visits().batch
REFUSED = {
    "a missing target": (lambda: Dataset("d", BATCH, Variable("cold", 2)), ValueError, "name of target must be one of"),
    "a state too many": (
        lambda: Dataset("d", BATCH, Variable("flu", 1)),
        ValueError,
        r"batch.targets\['flu'\] must be below num_states, 1; got 1",
    ),
    "too few sites": (
        lambda: Dataset("d", BATCH, FLU, sites=("north",)),
        ValueError,
        "sites must name the site of each of 4 rows; got 1 names",
    ),
    "too few groups": (
        lambda: Dataset("d", BATCH, FLU, ("north",)),
        ValueError,
        "groups must name the group of each of 4 rows; got 1 names",
    ),
    "a single row": (
        lambda: Dataset("d", BATCH[0], FLU),
        ValueError,
        r"batch must have one batch dimension; got shape \(\)",
    ),
    "no batch": (lambda: Dataset("d", {"age": [1.0]}, FLU), TypeError, "batch must be a ModalityBatch; got dict"),
    "no variable": (lambda: Dataset("d", BATCH, "flu"), TypeError, "target must be a Variable; got str"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_data_set_refuses_what_does_not_fit_together(case):
    act, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        act()


# by name


def test_every_module_with_a_loader_is_available():
    assert {"breast_cancer", "handwritten_digits", "heart_disease"} <= set(available())
    assert "loading" not in available()


def test_an_unknown_name_is_refused_with_the_valid_ones():
    with pytest.raises(ValueError, match=r"name must be one of .*'heart_disease'.*did you mean 'heart_disease'"):
        load("hart_disease")


def test_the_root_given_wins_over_the_environment(tmp_path, monkeypatch):
    given, named = tmp_path / "given", tmp_path / "named"
    given.mkdir()
    named.mkdir()
    monkeypatch.setenv("GRAPHFUSE_DATA", str(named))
    assert data_root(given) == given
    assert data_root(str(given)) == given
    assert data_root(None) == named


def test_a_root_that_is_not_there_is_refused_by_where_it_was_named(tmp_path, monkeypatch):
    monkeypatch.delenv("GRAPHFUSE_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match=r"root must name the folder.*GRAPHFUSE_DATA.*got neither"):
        load("heart_disease")
    with pytest.raises(FileNotFoundError, match=r"root must name an existing folder; got .*nowhere"):
        load("heart_disease", tmp_path / "nowhere")
    monkeypatch.setenv("GRAPHFUSE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=r"environment variable GRAPHFUSE_DATA must name an existing folder"):
        load("heart_disease")


# breast cancer


def test_breast_cancer_has_each_of_the_thirty_columns_once():
    data, table = load("breast_cancer"), load_breast_cancer()
    assert len(data) == 569
    assert data.batch.modalities == ("mean", "error", "worst")
    names = [name for group in data.batch.columns.values() for name in group]
    assert sorted(names) == sorted(table.feature_names)
    found = torch.cat(list(data.batch.inputs.values()), dim=1).numpy()
    order = [list(table.feature_names).index(name) for name in names]
    np.testing.assert_array_equal(found, table.data[:, order])
    for name, group in data.batch.columns.items():
        assert len(group) == 10
        assert all(name in column.split() for column in group)


def test_malignant_is_the_positive_class():
    data, table = load("breast_cancer"), load_breast_cancer()
    assert data.target.states == ("benign", "malignant")
    assert data.labels.tolist() == table.target_names[table.target].tolist()
    assert int(data.batch.targets["diagnosis"].sum()) == 212


# digits


def test_the_views_of_a_digit_are_functions_of_its_image():
    data, table = load("handwritten_digits"), load_digits()
    inputs = {name: value.double() for name, value in data.batch.inputs.items()}
    images = torch.cat([inputs["upper"], inputs["lower"]], dim=2)[:, 0]
    np.testing.assert_allclose(images * 16, table.images)
    means = torch.cat([images.mean(2), images.mean(1)], dim=1)
    torch.testing.assert_close(inputs["projections"], means, rtol=0, atol=1e-6)
    places = torch.arange(8, dtype=torch.float64)
    basis = torch.cos(torch.pi * (2 * places + 1) * torch.arange(4)[:, None] / 16) / 2
    basis[0] /= 2**0.5
    expected = (basis @ images @ basis.T).flatten(1)
    torch.testing.assert_close(inputs["frequencies"], expected, rtol=0, atol=1e-5)


def test_digits_have_ten_classes_and_shapes_as_documented():
    data = load("handwritten_digits")
    assert {name: tuple(value.shape) for name, value in data.batch.inputs.items()} == {
        "upper": (1797, 1, 4, 8),
        "lower": (1797, 1, 4, 8),
        "projections": (1797, 16),
        "frequencies": (1797, 16),
    }
    assert all(value.dtype == torch.float32 for value in data.batch.inputs.values())
    assert min(v.min() for v in (data.batch.inputs["upper"], data.batch.inputs["lower"])) >= 0
    assert (
        torch.bincount(data.batch.targets["digit"]).tolist()
        == load_digits(as_frame=True).target.value_counts(sort=False).sort_index().tolist()
    )


# heart disease

RATES = {  # of missing cells, by hospital as the repository lists them; zeros count as missing
    "trestbps": (0, 0.003, 0.016, 0.285),
    "chol": (0, 0.078, 1.0, 0.28),
    "fbs": (0, 0.027, 0.610, 0.035),
    "restecg": (0, 0.003, 0.008, 0),
    "thalach": (0, 0.003, 0.008, 0.265),
    "exang": (0, 0.003, 0.008, 0.265),
    "oldpeak": (0, 0, 0.049, 0.280),
    "slope": (0, 0.646, 0.138, 0.510),
    "ca": (0.013, 0.990, 0.959, 0.990),
    "thal": (0.007, 0.905, 0.423, 0.830),
    "age": (0, 0, 0, 0),
    "sex": (0, 0, 0, 0),
    "cp": (0, 0, 0, 0),
}


def column(data: Dataset, name: str) -> pd.Series:
    modality = next(modality for modality, names in MODALITIES.items() if name in names)
    block = data.batch.inputs[modality]
    if isinstance(block, pd.DataFrame):
        return block[name]
    return pd.Series(block[:, data.batch.columns[modality].index(name)].numpy())


@needs_files
def test_heart_disease_has_the_patients_and_the_sick_of_four_hospitals():
    data = load("heart_disease")
    sick = pd.Series(data.labels == "present").groupby(pd.Series(data.sites)).agg(["size", "sum"])
    assert sick["size"].to_dict() == {"Cleveland": 303, "Hungary": 294, "Switzerland": 123, "Long Beach": 200}
    assert sick["sum"].to_dict() == {"Cleveland": 139, "Hungary": 106, "Switzerland": 115, "Long Beach": 149}


@needs_files
@pytest.mark.parametrize("name", RATES)
def test_the_share_of_missing_cells_is_the_documented_one(name):
    data = load("heart_disease")
    missing = column(data, name).isna().groupby(pd.Series(data.sites)).mean()
    for hospital, expected in zip(HOSPITALS, RATES[name], strict=True):
        assert missing[hospital] == pytest.approx(expected, abs=0.0006), hospital


@needs_files
def test_a_modality_is_missing_where_all_its_cells_are():
    data = load("heart_disease")
    for modality, names in MODALITIES.items():
        expected = np.all([column(data, name).isna() for name in names], axis=0)
        assert (~data.batch.present[modality]).tolist() == expected.tolist()


@needs_files
def test_no_column_of_the_angiography_and_no_target_is_among_the_inputs():
    data = load("heart_disease")
    names = [name for group in data.batch.columns.values() for name in group]
    assert sorted(names) == sorted(set(COLUMNS) - {"num"})


@needs_files
def test_blocks_with_codes_are_frames_of_categories_and_the_others_tensors():
    data = load("heart_disease")
    frames = {name for name, block in data.batch.inputs.items() if isinstance(block, pd.DataFrame)}
    assert frames == {"symptoms", "resting_ecg", "exercise", "nuclear"}
    for name in ("cp", "restecg", "slope", "thal"):
        assert isinstance(column(data, name).dtype, pd.CategoricalDtype)
    counts = column(data, "thal").groupby(pd.Series(data.sites)).value_counts()
    assert counts["Cleveland"].to_dict() == {"normal": 166, "reversible defect": 117, "fixed defect": 18}
    assert column(data, "cp")[:3].tolist() == ["typical", "asymptomatic", "asymptomatic"]


@needs_files
def test_the_root_may_be_given_instead_of_set(monkeypatch):
    root = os.environ["GRAPHFUSE_DATA"]
    monkeypatch.delenv("GRAPHFUSE_DATA")
    assert len(load("heart_disease", root)) == 920


GOOD = "63,1,1,145,233,1,2,150,0,2.3,3,0,6,0"


def made_up(root: Path, damage: dict[str, list[str]]) -> Path:
    """Files of the right sizes; those named in ``damage`` hold the lines given there."""
    folder = root / "heart_disease"
    folder.mkdir()
    for file, num_rows in HOSPITALS.values():
        lines = damage.get(file, [GOOD] * num_rows)
        (folder / file).write_text("\n".join(lines) + "\n")
    return root


def test_well_formed_files_are_read_and_zeros_are_missing_where_zero_cannot_be(tmp_path):
    zeros = "63,1,1,0,0,0,0,150,0,0,3,0,?,4"
    data = load("heart_disease", made_up(tmp_path, {"processed.va.data": [zeros] * 200}))
    last = data[-1].batch
    assert not last.present["vitals"].any()
    assert last.inputs["blood"].isnan().tolist() == [[True, False]]
    assert not last.present["nuclear"].any()
    assert last.inputs["resting_ecg"]["restecg"].tolist() == ["normal"]
    assert data[[0, -1]].labels.tolist() == ["absent", "present"]


def test_line_ends_of_windows_and_blank_lines_are_read(tmp_path):
    root = made_up(tmp_path, {})
    path = root / "heart_disease" / "processed.va.data"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    assert len(load("heart_disease", root)) == 920


DAMAGED = {
    "a cell too few": ([GOOD, "63,1,1"], r"line 2 must have 14 values separated by commas; got 3: '63,1,1'"),
    "a web page": (["<html>"], r"line 1 must have 14 values separated by commas; got 1"),
    "a word": (
        [GOOD, GOOD, GOOD.replace("145", "high")],
        r"line 3, column 'trestbps' must be a number, or '\?' where missing; got 'high'",
    ),
    "an infinity": ([GOOD.replace("145", "inf")], r"line 1, column 'trestbps' must be a number.*got 'inf'"),
    "an unknown code": (
        [GOOD.replace("63,1,1,", "63,1,9,")],
        r"line 1, column 'cp' must be one of 1, 2, 3, 4, or '\?' where missing; got '9'",
    ),
    "a missing target": ([GOOD[:-1] + "?"], r"line 1, column 'num' must be one of 0, 1, 2, 3, 4; got '\?'"),
    "a row too few": ([GOOD] * 199, r"must have 200 rows; got 199"),
    "no row": ([], r"must have 200 rows; got 0"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_file_is_refused_with_its_name_and_line(case, tmp_path):
    lines, message = DAMAGED[case]
    with pytest.raises(ValueError, match=r"processed\.va\.data.*" + message):
        load("heart_disease", made_up(tmp_path, {"processed.va.data": lines}))


def test_a_binary_file_is_refused_as_such(tmp_path):
    root = made_up(tmp_path, {})
    (root / "heart_disease" / "processed.va.data").write_bytes(b"\x80\xff\x00")
    with pytest.raises(ValueError, match=r"processed\.va\.data must be plain text"):
        load("heart_disease", root)


def test_an_absent_file_is_named_with_its_place_and_its_origin(tmp_path):
    root = made_up(tmp_path, {})
    absent = root / "heart_disease" / "processed.switzerland.data"
    absent.unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(str(absent)) + ".*UCI Machine Learning Repository, 'Heart D"):
        load("heart_disease", root)
