"""Files of data sets: absent and damaged ones are refused, and nothing is put in place that is not as expected."""

import gzip
import re
from hashlib import sha256
from importlib import import_module
from io import BytesIO

import numpy as np
import pytest

from graphfuse.data import available, load, prepare
from graphfuse.data.files import DataFile, csv_bytes, gzip_bytes, npz_bytes, source_file, source_table

MODULES = {name: import_module(f"graphfuse.data.{name}") for name in available()}
FROM_FILES = sorted(name for name, module in MODULES.items() if hasattr(module, "FILES"))
EACH_FILE = [pytest.param(name, file, id=f"{name}-{file.path}") for name in FROM_FILES for file in MODULES[name].FILES]
PREPARED = sorted(name for name, module in MODULES.items() if hasattr(module, "prepare"))


def made_up(path: str, content: bytes) -> DataFile:
    return DataFile(path, sha256(content).hexdigest(), "a test")


# one file


def test_what_is_written_is_read_again(tmp_path):
    file = made_up("folder/deeper/a.bin", b"content")
    path = file.write(tmp_path, b"content")
    assert path == tmp_path / "folder" / "deeper" / "a.bin"
    assert file.content(tmp_path) == b"content"
    assert [each.name for each in path.parent.iterdir()] == ["a.bin"]


def test_content_of_another_checksum_is_not_put_in_place(tmp_path):
    file = made_up("folder/a.bin", b"content")
    with pytest.raises(ValueError, match=f"checksum {file.sha256}; got {sha256(b'other').hexdigest()}"):
        file.write(tmp_path, b"other")
    assert not list(tmp_path.iterdir())
    file.write(tmp_path, b"content")
    with pytest.raises(ValueError, match="checksum"):
        file.write(tmp_path, b"other")
    assert file.content(tmp_path) == b"content"


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    file = made_up("folder/a.bin", b"content")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        file.write(tmp_path, b"content")
    assert not list((tmp_path / "folder").iterdir())


def test_a_root_that_does_not_exist_is_not_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="root must name an existing folder"):
        made_up("folder/a.bin", b"").write(tmp_path / "nowhere", b"")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("compressed", [False, True])
def test_only_empty_cells_of_a_table_are_missing(tmp_path, compressed):
    text = b"note,age\nNA,1\n,2\nnone,\n"
    content = gzip_bytes(text) if compressed else text
    file = made_up("a.csv.gz" if compressed else "a.csv", content)
    file.write(tmp_path, content)
    table = file.table(tmp_path)
    assert table["note"].fillna("missing").tolist() == ["NA", "missing", "none"]
    assert table["age"].isna().tolist() == [False, False, True]


def test_arrays_are_read_and_pickled_objects_refused(tmp_path):
    content = npz_bytes(a=np.arange(3), b=np.array(["x", "y"]))
    file = made_up("a.npz", content)
    file.write(tmp_path, content)
    found = file.arrays(tmp_path)
    assert found["a"].tolist() == [0, 1, 2] and found["b"].tolist() == ["x", "y"]
    buffer = BytesIO()
    np.savez(buffer, a=np.array([{"harm": 1}], dtype=object))
    file = made_up("b.npz", buffer.getvalue())
    file.write(tmp_path, buffer.getvalue())
    with pytest.raises(ValueError, match="allow_pickle=False"):
        file.arrays(tmp_path)


def test_the_same_content_becomes_the_same_bytes():
    assert gzip_bytes(b"content" * 100) == gzip_bytes(b"content" * 100)
    assert gzip.decompress(gzip_bytes(b"content" * 100)) == b"content" * 100
    assert npz_bytes(a=np.arange(9.0)) == npz_bytes(a=np.arange(9.0))


def test_tables_of_sources_are_read_with_their_question_marks(tmp_path):
    path = tmp_path / "a.data"
    path.write_text("1, ?,1.00\n?,2,0.50\n")
    table = source_table(path, ("a", "b", "c"))
    assert csv_bytes(table.convert_dtypes()) == b"a,b,c\n1,,1.0\n,2,0.5\n"
    path.write_text("a,b\n1,?\n")
    assert csv_bytes(source_table(path)) == b"a,b\n1,\n"


def test_a_table_of_other_width_is_refused(tmp_path):
    path = tmp_path / "a.data"
    path.write_text("1,2\n3,4\n")
    with pytest.raises(ValueError, match=r"a\.data must have 3 columns; got 2"):
        source_table(path, ("a", "b", "c"))
    path.write_text("1,2\n3,4,5\n")
    with pytest.raises(ValueError, match=r"a\.data must be a table separated by commas; got .*line 2"):
        source_table(path, ("a", "b"))


def test_an_absent_file_of_a_source_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"source must hold the file a\.data; got no file .*a\.data"):
        source_file(tmp_path, "a.data")


# every data set that is read from files


def test_every_data_set_of_the_list_is_available():
    assert {
        *("audio_visual_digits", "brca_tcga_348", "breast_tcga_multiomics", "cervical", "ckd", "cmu_mosi"),
        *("covid_chestxray", "dermatology", "hepatitis", "mfeat", "multilabel_emotions", "multilabel_scene"),
        *("multilabel_yeast", "parkinsons", "rosmap", "scene15_views", "support2", "vqa_rad", "wikipedia_xmodal"),
    } == set(FROM_FILES)


@pytest.mark.parametrize(("name", "file"), EACH_FILE)
def test_an_absent_file_is_refused_with_its_place_and_origin(name, file, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is expected: it comes from .*root or GRAPHFUSE_DATA names") as error:
        file.content(tmp_path)
    assert str(tmp_path / file.path) in str(error.value) and file.origin in str(error.value)
    with pytest.raises(FileNotFoundError, match=f"the file {re.escape(str(tmp_path))}"):
        load(name, tmp_path)


@pytest.mark.parametrize(("name", "file"), EACH_FILE)
def test_a_damaged_file_is_refused_with_both_checksums(name, file, tmp_path):
    for each in MODULES[name].FILES:
        path = tmp_path / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"damaged")
    found = sha256(b"damaged").hexdigest()
    with pytest.raises(ValueError, match=f"must have the SHA-256 checksum {file.sha256}; got {found}"):
        file.content(tmp_path)
    with pytest.raises(ValueError, match=f"checksum [0-9a-f]{{64}}; got {found}"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", FROM_FILES)
def test_files_that_lie_in_another_layout_are_not_found(name, tmp_path):
    for file in MODULES[name].FILES:
        (tmp_path / file.path.rpartition("/")[2]).write_bytes(b"in the root itself")
        (tmp_path / file.path).mkdir(parents=True)  # a folder where the file is expected
    with pytest.raises(FileNotFoundError, match="is expected"):
        load(name, tmp_path)


@pytest.mark.parametrize("name", FROM_FILES)
def test_the_header_of_a_module_tells_what_a_reader_must_know(name):
    text = MODULES[name].__doc__
    if name.startswith("multilabel_"):
        text += import_module("graphfuse.data.multilabel_folds").__doc__
    for entry in ("Source", "License", "Sizes", "Split", "Missing", "Caveats", "Layout"):
        assert f"\n{entry}: " in text


@pytest.mark.parametrize("name", FROM_FILES)
def test_the_name_of_a_data_set_is_that_of_its_module_and_its_states_have_names(name, real):
    data = real(name)
    assert data.name == name
    assert data.source
    for variable in data.targets:
        assert variable.states is not None
        assert data.batch.targets[variable.name].unique().tolist() == list(range(variable.num_states))


def test_the_checksums_are_those_of_the_list_beside_the_files(real_root):
    listing = real_root / "SHA256SUMS"
    if not listing.is_file():
        pytest.skip("the folder has no SHA256SUMS")
    sums = {path: found for found, path in (line.split(maxsplit=1) for line in listing.read_text().splitlines())}
    for name in FROM_FILES:
        for file in MODULES[name].FILES:
            assert sums[file.path] == file.sha256


# converters by name


def test_only_data_sets_with_a_converter_are_prepared(tmp_path):
    with pytest.raises(ValueError, match=r"name must be one of .*'mfeat'.*got 'breast_cancer'"):
        prepare("breast_cancer", tmp_path, tmp_path)


@pytest.mark.parametrize("name", PREPARED)
def test_a_converter_names_the_file_it_misses_and_writes_nothing(name, tmp_path):
    source, root = tmp_path / "source", tmp_path / "root"
    source.mkdir()
    root.mkdir()
    with pytest.raises(FileNotFoundError, match=r"source must hold the file .*; got no file"):
        prepare(name, source, root)
    with pytest.raises(FileNotFoundError, match="root must name an existing folder"):
        prepare(name, source, tmp_path / "nowhere")
    assert not list(root.iterdir())
