"""Converters of pictures: thumbnails, and the layouts made of pictures and tables."""

import json
import sys
from collections.abc import Callable
from hashlib import sha1, sha256
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graphfuse.data import covid_chestxray, load, prepare, vqa_rad
from graphfuse.data.files import DataFile, csv_gz_bytes, npz_bytes
from graphfuse.data.thumbnails import thumbnail


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "images").mkdir(parents=True)
    return tmp_path / "source"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


def draw(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=100)
    return path


def expect(monkeypatch: pytest.MonkeyPatch, module: object, name: str, content: bytes) -> None:
    """Let the module expect this content in place of the real one."""
    file = DataFile(getattr(module, name).path, sha256(content).hexdigest(), "a test")
    monkeypatch.setattr(module, name, file)


# thumbnails


def test_a_grey_square_of_the_right_size_is_unchanged(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16))
    found, size = thumbnail(draw(tmp_path / "a.png", pixels), 16)
    assert found.dtype == np.uint8 and size == (16, 16)
    np.testing.assert_array_equal(found, pixels)


@pytest.mark.parametrize(("height", "first"), [(6, 5), (16, 0), (7, 4), (1, 7)])
@pytest.mark.parametrize("turned", [False, True])
def test_a_picture_lies_amid_black(tmp_path, height, first, turned):
    pixels = np.random.default_rng(0).integers(1, 256, (height, 16))
    expected = np.zeros((16, 16))
    expected[first : first + height] = pixels
    found, size = thumbnail(draw(tmp_path / "a.png", pixels.T if turned else pixels), 16)
    assert size == ((height, 16) if turned else (16, height))
    np.testing.assert_array_equal(found, expected.T if turned else expected)


def test_colours_become_luma_and_what_is_transparent_black(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 4))
    pixels[::2, :, 3] = 255
    pixels[1, :, 3] = 0
    expected = pixels[..., :3] @ [0.299, 0.587, 0.114]  # ITU-R BT.601
    found, _ = thumbnail(draw(tmp_path / "opaque.png", pixels[..., :3]), 8)
    np.testing.assert_allclose(found, expected, atol=1)
    found, _ = thumbnail(draw(tmp_path / "a.png", pixels), 8)
    np.testing.assert_allclose(found, expected * pixels[..., 3] / 255, atol=1)
    assert not found[1].any()


def lanczos(num_pixels: int, side: int) -> np.ndarray:
    """Weights ``(side, num_pixels)`` of Lanczos's filter with three lobes, stretched to the pixels it sums."""
    scale = num_pixels / side
    distance = ((np.arange(num_pixels) + 0.5) - (np.arange(side)[:, None] + 0.5) * scale) / scale
    weights = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0)
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize(("height", "width"), [(40, 40), (23, 50)])
def test_a_large_picture_is_resized_by_the_filter_of_lanczos_after_it_is_padded(tmp_path, height, width):
    pixels = np.random.default_rng(0).integers(90, 160, (height, width))
    padded = np.zeros((width, width))
    top = (width - height) // 2
    padded[top : top + height] = pixels
    weights = lanczos(width, 16)
    across = np.clip(padded @ weights.T, 0, 255)
    found, _ = thumbnail(draw(tmp_path / "a.png", pixels), 16)
    np.testing.assert_allclose(found, np.clip(weights @ across, 0, 255), atol=1.5)


@pytest.mark.parametrize("damage", [lambda raw: b"no picture", lambda raw: b"", lambda raw: raw[: len(raw) // 2]])
def test_a_file_that_is_no_picture_is_refused(tmp_path, damage):
    path = draw(tmp_path / "a.png", np.random.default_rng(0).integers(0, 256, (16, 16)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"the file .*a\.png must be a picture of 8 bits a channel; got .+"):
        thumbnail(path, 16)


def test_a_picture_of_16_bits_is_refused(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(np.full((4, 4), 40000, dtype=np.uint16)).save(path)
    with pytest.raises(ValueError, match=r"a\.png must be a picture of 8 bits a channel; got the mode I"):
        thumbnail(path, 4)


def test_without_pillow_the_extra_that_brings_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match=r"install graphfuse\[viz\]"):
        thumbnail(tmp_path / "a.png", 4)


# questions on radiology images


def question(qid: int, name: str, **changed: object) -> dict[str, object]:
    fields = {"image_organ": "CHEST", "answer": "Yes", "answer_type": "CLOSED ", "question_type": "PRES"}
    return {
        "qid": qid,
        "image_name": name,
        **fields,
        "question": " Is it, say, normal?",
        "phrase_type": "para",
        **changed,
    }


@pytest.fixture
def radiology(source: Path) -> Path:
    for name, level in (("b", 200), ("a", 100), ("c", 9)):
        draw(source / "images" / f"{name}.jpg", np.full((64, 128), level))
    (source / "images" / "notes.txt").write_text("no image of the set")
    (source / "trainset.json").write_text(json.dumps([question(1, "b.jpg"), question(2, "b.jpg", answer=4)]))
    (source / "testset.json").write_text(json.dumps([question(3, "a.jpg", answer=" no")]))
    return source


def test_questions_and_their_images_become_arrays_and_a_table(radiology, root, monkeypatch):
    images = np.zeros((3, 128, 128), dtype=np.uint8)
    images[:, 32:96] = np.array([100, 200, 9])[:, None, None]
    names, sizes = np.array(["a.jpg", "b.jpg", "c.jpg"]), np.array([[128, 64]] * 3, dtype=np.int32)
    expect(monkeypatch, vqa_rad, "IMAGES", npz_bytes(images=images, image_name=names, orig_size=sizes))
    text = """split,qid,phrase_type,image_name,image_index,image_organ,question_type,answer_type,question,answer
train,1,para,b.jpg,1,CHEST,PRES,CLOSED,"Is it, say, normal?",Yes
train,2,para,b.jpg,1,CHEST,PRES,CLOSED,"Is it, say, normal?",4
test,3,para,a.jpg,0,CHEST,PRES,CLOSED,"Is it, say, normal?",no
"""
    expect(monkeypatch, vqa_rad, "QUESTIONS", csv_gz_bytes(pd.read_csv(StringIO(text)), "vqa_rad_split.csv.gz"))
    prepare("vqa_rad", radiology, root)
    data = load("vqa_rad", root)
    assert data.labels.tolist() == ["yes", "no"] and data.groups == ("b.jpg", "a.jpg")
    assert data.batch.inputs["image"][:, 0, [0, 64], 5].mul(255).tolist() == [[0, 200], [0, 100]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{]", "must be a JSON file; got .*line 1"),
        ("{}", r"must hold a list of questions; got \{\}"),
        ("[]", r"must hold a list of questions; got \[\]"),
        (json.dumps([question(1, "a.jpg"), {"qid": 2}]), "question 2, must have the fields 'qid', .*; got {'qid': 2}"),
        ('["why"]', "question 1, must have the fields .*; got 'why'"),
    ],
)
def test_a_damaged_file_of_questions_is_refused_by_its_place(radiology, root, text, message):
    (radiology / "testset.json").write_text(text)
    with pytest.raises(ValueError, match=r"testset\.json.* " + message):
        prepare("vqa_rad", radiology, root)
    assert not list(root.iterdir())


def test_an_absent_image_of_a_question_is_named(radiology, root):
    (radiology / "images" / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"source must hold the file images/a\.jpg; got no file"):
        prepare("vqa_rad", radiology, root)


def test_an_image_that_is_none_is_named_and_other_images_are_refused_by_checksum(radiology, root):
    with pytest.raises(ValueError, match=f"images_128.npz must have the SHA-256 checksum {vqa_rad.IMAGES.sha256}; got"):
        prepare("vqa_rad", radiology, root)
    (radiology / "images" / "c.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"c\.jpg must be a picture of 8 bits a channel; got"):
        prepare("vqa_rad", radiology, root)
    assert not list(root.iterdir())


# chest X-rays


def x_ray(patient: str, name: str, **changed: object) -> dict[str, object]:
    fields = {"finding": "COVID-19", "modality": "X-ray", "license": "CC BY-NC-SA 4.0", "folder": "images"}
    cells = dict.fromkeys(covid_chestxray.COLUMNS, "")
    return {**cells, "patientid": patient, "filename": name, **fields, **changed, "Unnamed: 28": ""}


@pytest.fixture
def collection(source: Path) -> Callable[[list[dict[str, object]]], Path]:
    """Writes these rows and an image each."""

    def write(rows: list[dict[str, object]]) -> Path:
        pd.DataFrame(rows).to_csv(source / "metadata.csv", index=False)
        for i, row in enumerate(rows):
            draw(source / "images" / str(row["filename"]), np.full((128, 64), 10 * i))
        return source

    return write


KEPT = [
    x_ray("7", "a.png", age="61", temperature="38.5", clinical_notes="Cough, fever."),
    x_ray("8", "c.png", finding="ARDS", license="CC BY", sex="F"),
    x_ray("8", "d.png", finding="ARDS", license="CC BY-SA"),
]
LEFT = [
    x_ray("9", "ct.png", modality="CT"),
    x_ray("9", "nd.png", license="CC BY-NC-ND 4.0"),
    x_ray("9", "none.png", license=""),
    x_ray("9", covid_chestxray.LEFT_OUT[0]),
    x_ray("9", "a.png"),  # once more
]


def test_licensed_x_rays_become_arrays_and_a_table(collection, root, monkeypatch):
    source = collection([KEPT[0], *LEFT[:-1], *KEPT[1:]])
    with (source / "metadata.csv").open("a") as file:
        file.write(pd.DataFrame(LEFT[-1:]).to_csv(index=False, header=False))
    images = np.zeros((3, 128, 128), dtype=np.uint8)
    images[:, :, 32:96] = np.array([0, 50, 60])[:, None, None]
    expect(monkeypatch, covid_chestxray, "IMAGES", npz_bytes(images=images))
    table = pd.DataFrame(KEPT).drop(columns="Unnamed: 28").replace("", None)
    numbers = {"offset", "age", "temperature", "pO2_saturation"} | {
        f"{x}_count" for x in ("leukocyte", "neutrophil", "lymphocyte")
    }
    table = table.astype(dict.fromkeys(numbers, float))
    table.insert(0, "row", [0, 1, 2])
    table = table.assign(orig_width=64, orig_height=128, is_test=False)
    expect(monkeypatch, covid_chestxray, "METADATA", csv_gz_bytes(table, "metadata.csv.gz"))
    prepare("covid_chestxray", source, root)
    data = load("covid_chestxray", root)
    assert data.labels.tolist() == ["present", "absent", "absent"] and data.groups == ("7", "8", "8")
    assert data.batch.inputs["table"][:, :2].nan_to_num(9.0).tolist() == [[9.0, 61.0], [0.0, 9.0], [9.0, 9.0]]


def test_three_tenths_of_the_patients_of_either_kind_are_in_the_test_part():
    rows = [(str(i), "COVID-19" if i < 20 else "ARDS") for i in range(30)] + [(str(i), "ARDS") for i in range(5)]
    frame = pd.DataFrame(rows, columns=["patientid", "finding"])
    found = covid_chestxray._in_test(frame)
    expected: set[str] = set()
    for patients, count in ((range(20), 6), (range(20, 30), 3)):
        expected |= set(sorted(map(str, patients), key=lambda i: int(sha1(i.encode()).hexdigest(), 16))[:count])
    assert set(frame["patientid"][found]) == expected
    assert not set(frame["patientid"][~found]) & expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: "", r"metadata\.csv must be a table separated by commas; got"),
        (lambda text: text + "1,2" * 40, r"metadata\.csv must be a table separated by commas; got .*line 9"),
        (lambda text: text.replace("license", "licence"), r"must have the column 'license'; got 'patientid', "),
        (lambda text: text.replace("61", "old"), r"metadata\.csv, column 'age', must hold numbers; got .*'old'"),
        (lambda text: text.replace("CC BY", "CC"), r"must hold X-rays whose license allows adaptations; got none"),
    ],
)
def test_a_damaged_table_of_x_rays_is_refused_by_its_place(collection, root, change, message):
    path = collection([*KEPT, *LEFT[:-1]]) / "metadata.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(ValueError, match=message):
        prepare("covid_chestxray", path.parent, root)
    assert not list(root.iterdir())


def test_an_x_ray_that_is_absent_or_none_is_named(collection, root):
    source = collection(KEPT)
    (source / "images" / "c.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"c\.png must be a picture of 8 bits a channel; got"):
        prepare("covid_chestxray", source, root)
    (source / "images" / "c.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"source must hold the file images/c\.png; got no file"):
        prepare("covid_chestxray", source, root)
    assert not list(root.iterdir())


# sources rebuilt from the real files, but for the pictures: the result is the real file, bit for bit


def test_the_questions_become_the_real_files(source, root, real_root, monkeypatch):
    arrays = vqa_rad.IMAGES.arrays(real_root)
    stored = dict(zip(arrays["image_name"], zip(arrays["images"], arrays["orig_size"], strict=True), strict=True))
    monkeypatch.setattr(vqa_rad, "thumbnail", lambda path, side: stored[path.name])
    for name in stored:
        (source / "images" / name).touch()
    table = vqa_rad.QUESTIONS.table(real_root)
    for split, rows in table.drop(columns="image_index").groupby("split"):
        rows.drop(columns="split").to_json(source / f"{split}set.json", orient="records")
    prepare("vqa_rad", source, root)
    for file in vqa_rad.FILES:
        assert file.content(root) == file.content(real_root)


def test_the_collection_becomes_the_real_files(source, root, real_root, monkeypatch):
    table = covid_chestxray.METADATA.table(real_root)
    sizes = table[["orig_width", "orig_height"]].itertuples(index=False, name=None)
    images = covid_chestxray.IMAGES.arrays(real_root)["images"]
    stored = dict(zip(table["filename"], zip(images, sizes, strict=True), strict=True))
    monkeypatch.setattr(covid_chestxray, "thumbnail", lambda path, side: stored[path.name])
    for name in stored:
        (source / "images" / name).touch()
    rows = table.drop(columns=["row", "orig_width", "orig_height", "is_test"]).convert_dtypes()
    others = pd.DataFrame(LEFT[:-1])
    pd.concat([others, rows, rows[-9:]]).to_csv(source / "metadata.csv", index=False)
    prepare("covid_chestxray", source, root)
    for file in covid_chestxray.FILES:
        assert file.content(root) == file.content(real_root)
