"""Converters of the sets that come with packages of R, and the R data files they read, written here byte by byte."""

import gzip
import struct
import sys
from hashlib import sha1
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphfuse.data import brca_tcga_348, breast_tcga_multiomics, load, prepare
from graphfuse.data.files import npz_bytes
from graphfuse.data.formats import source_r

NIL, SYMBOL, PAIR, TEXT, INTEGERS, NUMBERS, STRINGS, LIST = 254, 1, 2, 9, 13, 14, 16, 19  # types of R's serialization
HAS_CLASS, HAS_ATTRIBUTES, HAS_TAG, IS_ASCII = 1 << 8, 1 << 9, 1 << 10, 1 << 18


def rda(**objects: object) -> bytes:
    """An R data file: dicts are lists, frames matrices with the names that they have, categoricals factors."""
    return gzip.compress(b"RDX2\nX\n" + integers(2, 0x30600, 0x20300) + pairs(objects), 1)


def integers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}i", *values)


def text(value: str) -> bytes:
    return integers(TEXT | IS_ASCII, len(value)) + value.encode()


def pairs(objects: dict[str, object]) -> bytes:
    tagged = [integers(PAIR | HAS_TAG, SYMBOL) + text(name) + item(value) for name, value in objects.items()]
    return b"".join(tagged) + integers(NIL)


def item(value: object) -> bytes:
    if isinstance(value, dict):
        names = {"names": list(map(str, value))}
        return integers(LIST | HAS_ATTRIBUTES, len(value)) + b"".join(map(item, value.values())) + pairs(names)
    if isinstance(value, pd.DataFrame):
        names = {str(i): None if isinstance(axis, pd.RangeIndex) else list(axis) for i, axis in enumerate(value.axes)}
        dimnames = integers(LIST, 2) + b"".join(map(item, names.values()))
        head = integers(NUMBERS | HAS_ATTRIBUTES, value.size) + value.to_numpy().astype(">f8").tobytes(order="F")
        tag = integers(PAIR | HAS_TAG, SYMBOL) + text("dimnames")
        return head + tag + dimnames + pairs({"dim": np.array(value.shape)})
    if isinstance(value, pd.Categorical):
        head = integers(INTEGERS | HAS_ATTRIBUTES | HAS_CLASS, len(value), *(value.codes + 1).tolist())
        return head + pairs({"levels": list(value.categories), "class": ["factor"]})
    if isinstance(value, list):
        return integers(STRINGS, len(value)) + b"".join(map(text, value))
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return integers(NUMBERS, len(value)) + value.astype(">f8").tobytes()
    return integers(NIL) if value is None else integers(INTEGERS, len(value), *value.tolist())


@pytest.fixture
def rdata():
    return pytest.importorskip("rdata")


# R data files


def test_matrices_keep_their_names_and_factors_give_their_labels(tmp_path, rdata):
    table = pd.DataFrame([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], index=["x", "y"], columns=list("abc"))
    bare = pd.DataFrame([[1.0], [2.0]])
    parts = {"in": {"m": table, "f": pd.Categorical(["no", "yes", "no"])}, "bare": bare}
    path = tmp_path / "a.rda"
    path.write_bytes(rda(all=parts, v=np.array([2.5, 1.0])))
    tables, vectors = source_r(path, ["all/in/m", "all/bare"], ["all/in/f", "v"])
    pd.testing.assert_frame_equal(tables["all/in/m"], table, check_names=False, check_index_type=False)
    assert list(tables["all/in/m"].index) == ["x", "y"] and list(tables["all/in/m"]) == list("abc")
    assert tables["all/bare"].to_numpy().tolist() == [[1.0], [2.0]]
    assert vectors["all/in/f"].tolist() == ["no", "yes", "no"]
    assert vectors["v"].tolist() == [2.5, 1.0]


def test_an_object_that_is_absent_or_of_another_kind_is_refused_with_what_is_there(tmp_path, rdata):
    path = tmp_path / "a.rda"
    path.write_bytes(rda(all={"v": np.array([1.0])}))
    with pytest.raises(ValueError, match=r"a\.rda must hold the matrix all/m; got 'all/v'"):
        source_r(path, ["all/m"], [])
    with pytest.raises(ValueError, match=r"a\.rda must hold the matrix all/v; got 'all/v'"):
        source_r(path, ["all/v"], [])
    with pytest.raises(ValueError, match=r"a\.rda must hold the vector all; got 'all/v'"):
        source_r(path, [], ["all"])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "content",
    [b"", b"no R file" * 9, rda(v=np.ones(9))[:-20], gzip.compress(b"RDX2\nX\n" + bytes(9))],
    ids=["empty", "text", "cut", "no object"],
)
def test_a_damaged_r_file_is_refused(tmp_path, rdata, content):
    path = tmp_path / "a.rda"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.rda must be an R data file; got"):
        source_r(path, [], ["v"])


def test_without_rdata_the_extra_is_named(source, root, monkeypatch):
    monkeypatch.setitem(sys.modules, "rdata", None)
    (source / "breast.TCGA.rda").write_bytes(b"")
    with pytest.raises(ModuleNotFoundError, match=r"breast\.TCGA\.rda is read by rdata.*pip install 'graphfuse\[r\]'"):
        prepare("breast_tcga_multiomics", source, root)


# two parts, of which one lacks a view


def breast(patients: list[str], labels: list[str], views: list[str], columns: str = "ab") -> dict[str, object]:
    table = {view: [[i + len(view) / 10 for _ in columns] for i in range(len(patients))] for view in views}
    tables = {view: pd.DataFrame(rows, patients, list(columns)) for view, rows in table.items()}
    return {**tables, "subtype": pd.Categorical(labels, ["Basal", "Her2", "LumA", "LumB"])}


VIEWS = ["mirna", "mrna", "protein"]
TRAIN, TEST = breast(["A1", "A2"], ["LumA", "Basal"], VIEWS), breast(["B1"], ["Her2"], VIEWS[:2])


def test_patients_of_the_test_part_lack_the_proteins(source, root, expect, rdata):
    (source / "breast.TCGA.rda").write_bytes(rda(**{"breast.TCGA": {"data.train": TRAIN, "data.test": TEST}}))
    content = {}
    for view, rows in {"mirna": (0.5, 1.5, 0.5), "mrna": (0.4, 1.4, 0.4), "protein": (0.7, 1.7, np.nan)}.items():
        table = np.array([rows, rows]).T
        content[f"X_{view}"] = table.copy(order="C" if view == "protein" else "F")
        content[f"feat_{view}"] = np.array(["a", "b"])
    content |= {"y": np.array([2, 0, 1]), "class_names": np.array(["Basal", "Her2", "LumA"])}
    content |= {"sample_id": np.array(["A1", "A2", "B1"]), "is_test": np.array([False, False, True])}
    expect(breast_tcga_multiomics, npz_bytes(**content))
    prepare("breast_tcga_multiomics", source, root)
    data = load("breast_tcga_multiomics", root)
    assert (data.labels.tolist(), data.split) == (["LumA", "Basal", "Her2"], ("train", "train", "test"))
    assert data.batch.present["protein"].tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("test", "message"),
    [
        (breast(["B1"], ["Her2"], ["mrna"]), r"must hold the matrix breast\.TCGA/data\.test/mirna; got .*test/mrna'"),
        (breast(["B1"], ["Her2"], VIEWS, "abc"), r"same columns of mirna in both parts; got 'a', 'b', 'c'"),
        (breast(["A2"], ["Her2"], VIEWS), r"must name each patient once; got 'A2'"),
        (breast(["B1"], ["LumB"], VIEWS), r"each subtype in the file .* must be one of 'Basal', .*; got 'LumB'"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(source, root, rdata, test, message):
    (source / "breast.TCGA.rda").write_bytes(rda(**{"breast.TCGA": {"data.train": TRAIN, "data.test": test}}))
    with pytest.raises(ValueError, match=message):
        prepare("breast_tcga_multiomics", source, root)
    assert not list(root.iterdir())


def test_the_data_of_mixomics_become_the_real_file(source, root, real_root, rdata):
    arrays = breast_tcga_multiomics.FILES[0].arrays(real_root)
    parts: dict[str, dict[str, object]] = {}
    for part, rows in (("data.train", ~arrays["is_test"]), ("data.test", arrays["is_test"])):
        frames = {
            view: pd.DataFrame(arrays[f"X_{view}"][rows], arrays["sample_id"][rows], arrays[f"feat_{view}"])
            for view in VIEWS
        }
        subtype = pd.Categorical.from_codes(arrays["y"][rows], arrays["class_names"].tolist())
        parts[part] = {**frames, "subtype": subtype}
    del parts["data.test"]["protein"]
    (source / "breast.TCGA.rda").write_bytes(rda(**{"breast.TCGA": parts}))
    prepare("breast_tcga_multiomics", source, root)
    file = breast_tcga_multiomics.FILES[0]
    assert file.content(root) == file.content(real_root)


# patients in columns, and their subtypes in another file


def brca(folder: Path, barcodes: list[str], views: list[np.ndarray], sites: list[str] | None, clusters: object) -> None:
    """``BRCA_data.rda``: the names of patients are longer than barcodes, and written with dots."""
    names = [barcode.replace("-", ".") for barcode in barcodes]
    expression, methylation, mirna = (view.astype(np.float64).T for view in views)
    data = {
        "Expression": pd.DataFrame(expression, columns=[f"{name}.11R.A084.07" for name in names]),
        "Methylation": pd.DataFrame(methylation, index=sites, columns=names),
        "miRNA": pd.DataFrame(mirna, columns=[f"{name}.11R" for name in names]),
    }
    (folder / "BRCA_data.rda").write_bytes(rda(Data=data, clusts=np.asarray(clusters, dtype=np.float64)))


def freeze(folder: Path, rows: list[tuple[str, str, int]], header: str = "Sample\tTissue\tPAM50\tBatch") -> None:
    """The table of the Atlas, whose lines end as they did on old Macintoshes."""
    lines = [f"{barcode}\tTumor\t{label}\t{batch}" for barcode, label, batch in rows]
    (folder / "BRCA.datafreeze.20120227.txt").write_bytes("\r".join([header, *lines]).encode())


BARCODES = [f"TCGA-A1-A{i:03d}-01A" for i in range(4)]
LABELS = ["LumB", "LumB", "Normal", "LumB"]


def test_patients_get_subtype_and_batch_by_their_barcode(source, root, expect, rdata):
    rows = [(barcode, label, 70 + i) for i, (barcode, label) in enumerate(zip(BARCODES, LABELS, strict=True))]
    freeze(source, [*rows[::-1], ("TCGA-A1-AXXX-01A", "LumA", 9)])
    table = np.arange(8.0).reshape(4, 2) / 3
    brca(source, BARCODES, [table, table + 1, table + 2], ["cg1", "cg2"], [1, 2, 3, 1])
    first = min((0, 1, 3), key=lambda i: sha1(BARCODES[i].encode()).hexdigest())  # 30 % of three
    content = npz_bytes(
        y=np.array([3, 3, 4, 3]),
        class_names=np.array(["Basal", "Her2", "LumA", "LumB", "Normal"]),
        is_test=np.arange(4) == first,
        sample_id=np.array(BARCODES),
        cluster=np.array([1, 2, 3, 1]),
        batch=np.array([70, 71, 72, 73]),
        X_mrna=table.astype(np.float32),
        X_meth=(table + 1).astype(np.float32),
        feat_meth=np.array(["cg1", "cg2"]),
        X_mirna=(table + 2).astype(np.float32),
    )
    expect(brca_tcga_348, content)
    prepare("brca_tcga_348", source, root)
    data = load("brca_tcga_348", root)
    assert data.labels.tolist() == ["LumB", "LumB", "Normal-like", "LumB"]
    assert len(data.part("test")) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"header": "Sample\tTissue\tPAM51\tBatch"},
            r"freeze.*with the columns 'Sample', 'PAM50', 'Batch'; got .*PAM50",
        ),
        ({"rows": [(BARCODES[0], "LumB", "?")]}, r"freeze.*txt must be a table .*; got .*'\?'"),
        ({"rows": [(BARCODES[0], "LumC", 70)]}, r"subtype of TCGA-A1-A000-01A in the file .* be one of .*; got 'LumC'"),
        ({"rows": [(BARCODES[0], "LumB", 70)]}, r"rda must hold patients of BRCA.*txt; got 'TCGA-A1-A001-01A'"),
    ],
)
def test_a_table_of_patients_that_does_not_fit_is_refused(source, root, rdata, change, message):
    freeze(source, **{"rows": [(barcode, "LumB", 70) for barcode in BARCODES[:1]], **change})
    brca(source, BARCODES[:2], [np.ones((2, 1))] * 3, ["cg1"], [1, 2])
    with pytest.raises(ValueError, match=message):
        prepare("brca_tcga_348", source, root)
    assert not list(root.iterdir())


def test_the_data_of_r_jive_become_the_real_file(source, root, real_root, rdata):
    file = brca_tcga_348.FILES[0]
    arrays = file.arrays(real_root)
    labels = arrays["class_names"][arrays["y"]]
    rows = zip(arrays["sample_id"], labels, arrays["batch"], strict=True)
    freeze(source, [*reversed(list(rows)), ("TCGA-A1-AXXX-01A", "Normal", 56)])
    views = [arrays[f"X_{view}"] for view in ("mrna", "meth", "mirna")]
    brca(source, arrays["sample_id"].tolist(), views, arrays["feat_meth"].tolist(), arrays["cluster"])
    prepare("brca_tcga_348", source, root)
    assert file.content(root) == file.content(real_root)
