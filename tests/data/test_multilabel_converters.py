"""Converters of the sets of several labels, and the ARFF files they read."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from graphfuse.data import load, multilabel_emotions, multilabel_scene, multilabel_yeast, prepare
from graphfuse.data.files import npz_bytes
from graphfuse.data.formats import source_arff

MODULES = {"emotions": multilabel_emotions, "yeast": multilabel_yeast, "scene": multilabel_scene}


def arff(path: Path, names: list[str], rows: list[list[object]]) -> None:
    head = "".join(f"@attribute {name} numeric\n" for name in names)
    text = "\n".join(",".join(map(str, row)) for row in rows)
    path.write_bytes(gzip.compress(f"@relation r\n\n{head}\n@data\n{text}\n".encode(), 1))


# ARFF files


@pytest.mark.parametrize("name", ["a.arff", "a.arff.gz"])
def test_an_arff_file_is_read_by_line(tmp_path, name):
    text = b"@RELATION r\n@ATTRIBUTE 'the age' numeric\n@attribute flu {0, 1}\n\n@Data\n% a comment\n61, 0\n\n\t?,1\t\n"
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert source_arff(tmp_path / name, 2) == (["the age", "flu"], {7: ["61", "0"], 9: ["?", "1"]})


GOOD = gzip.compress(b"@data\n1,2\n")
DAMAGED = {
    "no gzip": (b"@data\n1,2\n", r" must be an ARFF file; got"),
    "an incomplete gzip": (GOOD[:-9], r" must be an ARFF file; got"),
    "a damaged gzip": (GOOD[:12] + b"\xff" + GOOD[13:], r" must be an ARFF file; got"),
    "no text": (gzip.compress(b"\xff\xfe"), r" must be an ARFF file; got"),
    "no rows": (gzip.compress(b"@attribute a numeric\n"), r" must have a line @data; got none"),
    "a value too many": (gzip.compress(b"@data\n1,2\n1,2,3\n"), r", line 3, must have 2 values; got 3"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_arff_file_is_refused(tmp_path, case):
    content, message = DAMAGED[case]
    path = tmp_path / "a.arff.gz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"the file .*a\.arff\.gz" + message):
        source_arff(path, 2)


# sets of several labels

ROWS = [  # two inputs, then two labels, of which the second is the rarer
    *([0.1, 7, 1, 0], [0.2, 6, 1, 1], [0.3, 5, 0, 0], [0.4, 4, 1, 1], [0.5, 3, 1, 0], [0.6, 2, 1, 0]),
    *([0.7, 1, 1, 0], [0.8, 0, 1, 0], [0.9, 9, 1, 0]),
]
BINARY = [[*row[2:], int(row[0] > 0.45), int(row[1] > 4)] for row in ROWS]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(multilabel_emotions, "MODALITIES", {"timbre": slice(0, 1), "rhythm": slice(1, 2)})
    monkeypatch.setattr(multilabel_emotions, "NUM_LABELS", 2)


def test_rows_with_and_without_the_rarest_label_are_dealt_in_turn(source, root, expect, small):
    arff(source / "emotions.orig.arff.gz", ["loud", "fast", "glad", "sad"], ROWS)
    arff(source / "emotions.discr.arff.gz", ["glad", "sad", "loud", "fast"], BINARY)
    rows = np.array(ROWS)
    content = npz_bytes(
        X=np.asfortranarray(rows[:, :2].astype(np.float32)),
        Y=np.asfortranarray(rows[:, 2:].astype(np.uint8)),
        X_binary=np.array([row[2:] for row in BINARY], dtype=np.uint8),
        fold=np.array([0, 0, 1, 1, 2, 3, 4, 0, 1]),
        feature_names=np.array(["loud", "fast"]),
        label_names=np.array(["glad", "sad"]),
    )
    expect(multilabel_emotions, content)
    prepare("multilabel_emotions", source, root)
    data = load("multilabel_emotions", root)
    assert data.split == tuple("001123401")
    assert data.batch.columns == {"timbre": ("loud",), "rhythm": ("fast",)}
    assert data.batch.targets["sad"].tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 0]


def test_a_damaged_table_is_refused_by_its_line(source, root, small):
    arff(source / "emotions.orig.arff.gz", list("abcd"), [*ROWS[:2], [0.1, "high", 1, 0]])
    with pytest.raises(FileNotFoundError, match=r"source must hold the file emotions\.discr\.arff\.gz; got no file"):
        prepare("multilabel_emotions", source, root)
    arff(source / "emotions.discr.arff.gz", list("cdab"), BINARY[:-1])
    with pytest.raises(ValueError, match=r"orig\.arff\.gz, line 11, must hold numbers; got .*'high'"):
        prepare("multilabel_emotions", source, root)
    arff(source / "emotions.orig.arff.gz", list("abcd"), ROWS)
    with pytest.raises(ValueError, match=r"discr\.arff\.gz must have 9 rows, as emotions\.orig\.arff\.gz has; got 8"):
        prepare("multilabel_emotions", source, root)
    arff(source / "emotions.discr.arff.gz", list("cdab"), [row[:3] for row in BINARY])
    with pytest.raises(ValueError, match=r"discr\.arff\.gz, line 9, must have 4 values; got 3"):
        prepare("multilabel_emotions", source, root)
    assert not list(root.iterdir())


@pytest.mark.parametrize("name", MODULES)
def test_both_tables_of_a_set_become_the_real_file(source, root, real_root, name):
    file = MODULES[name].FILES[0]
    arrays = file.arrays(real_root)
    features, labels = arrays["feature_names"].tolist(), arrays["label_names"].tolist()
    rows = [[*x, *y] for x, y in zip(arrays["X"].astype(str), arrays["Y"], strict=True)]
    arff(source / f"{name}.orig.arff.gz", [*features, *labels], rows)
    binary = np.column_stack([arrays["Y"], arrays["X_binary"]]).tolist()
    arff(source / f"{name}.discr.arff.gz", [*labels, *features], binary)
    prepare(f"multilabel_{name}", source, root)
    assert file.content(root) == file.content(real_root)
