"""Converters: the layout that the loaders expect, made of files as their sources publish them."""

import gzip
import wave
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from graphfuse.data import (
    audio_visual_digits,
    ckd,
    cmu_mosi,
    hepatitis,
    load,
    mfeat,
    prepare,
    rosmap,
    scene15_views,
    wikipedia_xmodal,
)
from graphfuse.data.files import npz_bytes


def long_numbers(table: pd.DataFrame, decimals: int) -> str:
    """A table as the repository writes it: no header, many decimals of fractions, question marks."""
    cells = {
        name: [
            "?" if pd.isna(value) else f"{value:.{decimals}f}" if isinstance(value, float) and value % 1 else str(value)
            for value in table[name]
        ]
        for name in table
    }
    return "\n".join(",".join(row) for row in zip(*cells.values(), strict=True)) + "\n"


# small sources


def test_hepatitis_gets_a_header_and_empty_cells(source, root, expect):
    (source / "hepatitis.data").write_text(
        "2,30,2,1,2,2,2,2,1,2,2,2,2,2,1.00,85,18,4.0,?,1\n1,50,1,?,2,1,2,2,1,2,2,2,2,2,0.90,135,42,3.5,61,2\n"
    )
    names = ",".join(["class", *(name for group in hepatitis.MODALITIES.values() for name in group)])
    expected = (
        f"{names}\n2,30,2,1,2,2,2,2,1,2,2,2,2,2,1.0,85,18,4.0,,1\n1,50,1,,2,1,2,2,1,2,2,2,2,2,0.9,135,42,3.5,61,2\n"
    )
    file = expect(hepatitis, expected.encode())
    prepare("hepatitis", source, root)
    assert file.content(root) == expected.encode()
    batch = load("hepatitis", root).batch
    assert load("hepatitis", root).labels.tolist() == ["lived", "died"]
    assert batch.inputs["demographics"].tolist() == [[30.0, 0.0], [50.0, 1.0]]
    assert batch.inputs["treatment"].nan_to_num(9.0).tolist() == [[0.0, 1.0], [9.0, 1.0]]


ARFF = """@relation kidney
@attribute 'age' numeric

@data
48,80,1.020,1,0,?,normal,notpresent,notpresent,121,36,1.2,?,?,15.4,44,7800,5.2,yes,yes,no,good,no,no,ckd\t
 ?,70,1.010,\t?,0,abnormal,normal,present,notpresent,?,20,0.9,140,4.5,14,41,\t6200,5,no,\tno,no,poor,yes,no,notckd

"""


def test_kidney_rows_lose_stray_blanks(source, root, expect):
    (source / "chronic_kidney_disease_full.arff").write_text(ARFF)
    rows = [
        "48.0,80.0,1.02,1.0,0.0,,normal,notpresent,notpresent,121.0,36.0,1.2,,,15.4,44.0,7800.0,5.2,yes,yes,no,good,no,no,ckd",
        ",70.0,1.01,,0.0,abnormal,normal,present,notpresent,,20.0,0.9,140.0,4.5,14.0,41.0,6200.0,5.0,no,no,no,poor,yes,no,notckd",
    ]
    file = expect(ckd, "\n".join([",".join(ckd.COLUMNS), *rows, ""]).encode())
    prepare("ckd", source, root)
    assert file.content(root).decode().splitlines()[1:] == rows
    data = load("ckd", root)
    assert data.labels.tolist() == ["present", "absent"]
    assert data.batch.present["demographics"].tolist() == [True, False]
    urine = data.batch.inputs["urine"].nan_to_num(9.0).tolist()
    assert urine == [[1.02, 1.0, 0.0, 9.0, 0.0, 0.0, 0.0], [1.01, 9.0, 0.0, 1.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ARFF.replace("@data", ""), "must have a line @data; got none"),
        (ARFF.replace("48,80,", "48,"), "line 5, must have 25 values; got 24"),
        (ARFF.replace("48,80,", "48,high,"), "column 'bp', must hold numbers; got .*'high'"),
    ],
)
def test_a_damaged_kidney_table_is_refused_by_its_place(source, root, text, message):
    (source / "chronic_kidney_disease_full.arff").write_text(text)
    with pytest.raises(ValueError, match=message):
        prepare("ckd", source, root)


def test_a_source_of_another_version_is_refused_by_checksum(source, root):
    (source / "hepatitis.data").write_text("2,30,2,1,2,2,2,2,1,2,2,2,2,2,1.00,85,18,4.0,?,1\n")
    with pytest.raises(ValueError, match=f"must have the SHA-256 checksum {hepatitis.FILES[0].sha256}; got"):
        prepare("hepatitis", source, root)
    assert not list(root.iterdir())


def test_numbers_of_text_files_are_refused_if_they_are_none(source, root):
    (source / "mfeat-fou").write_text("0.1 high\n")
    with pytest.raises(ValueError, match=r"mfeat-fou must hold numbers separated by blanks; got .*high"):
        prepare("mfeat", source, root)
    (source / "1_tr.csv").write_text("0.1,high\n")
    with pytest.raises(ValueError, match=r"1_tr\.csv must hold numbers separated by commas; got .*high"):
        prepare("rosmap", source, root)


def record(path: Path, samples: np.ndarray, rate: int = 8000) -> None:
    path.parent.mkdir(exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.astype("<i2").tobytes())


def idx(path: Path, entries: np.ndarray) -> None:
    header = np.array([0x800 + entries.ndim, *entries.shape], dtype=">u4").tobytes()
    path.write_bytes(gzip.compress(header + entries.astype(np.uint8).tobytes()))


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "must have 8000 samples a second.*got 16000, 1 and 2"), (b"RIFF", "must be a wave file; got")],
)
def test_a_recording_of_another_kind_is_refused(source, root, content, message):
    path = source / "recordings" / "0_george_0.wav"
    record(path, np.arange(9), rate=16000)
    if content:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"0_george_0\.wav " + message):
        prepare("audio_visual_digits", source, root)


@pytest.mark.parametrize(
    "damage", [lambda raw: raw[:20], lambda raw: b"no gzip", lambda raw: gzip.compress(gzip.decompress(raw)[:-1])]
)
def test_a_damaged_file_of_images_is_refused(source, root, monkeypatch, damage):
    monkeypatch.setattr(audio_visual_digits, "NUM_TAKES", 0)
    path = source / "t10k-images-idx3-ubyte.gz"
    idx(path, np.zeros((2, 3, 3)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte\.gz must be a compressed idx file of bytes in 3"):
        prepare("audio_visual_digits", source, root)


def test_a_file_that_is_no_matlab_file_or_lacks_an_array_is_refused(source, root):
    path = source / "Scene-15.mat"
    path.write_bytes(b"no MATLAB file" * 20)
    with pytest.raises(ValueError, match=r"Scene-15\.mat must be a MATLAB file; got"):
        prepare("scene15_views", source, root)
    savemat(path, {"X": np.zeros(3)})
    with pytest.raises(ValueError, match=r"Scene-15\.mat must hold the array Y; got 'X'"):
        prepare("scene15_views", source, root)
    views = np.empty((1, 2), dtype=object)
    views[0, :] = [np.zeros((2, 20)), np.zeros((2, 59))]
    savemat(path, {"X": views, "Y": np.ones((2, 1))})
    with pytest.raises(ValueError, match=r"Scene-15\.mat must hold 3 views in X; got 2"):
        prepare("scene15_views", source, root)


def test_a_damaged_list_of_documents_is_refused_by_its_line(source, root):
    names = [f"{kind}_{part}" for part in ("tr", "te") for kind in ("I", "T", "T_tfidf")]
    savemat(source / "raw_features.mat", {name: np.ones((2, 3)) for name in names})
    (source / "trainset_txt_img_cat.list").write_text("a-1\tb\t3\na-2\tb\tart\n")
    with pytest.raises(ValueError, match=r"cat\.list, line 2, must hold two ids .*got 'a-2.*art'"):
        prepare("wikipedia_xmodal", source, root)
    assert not list(root.iterdir())


def mosi(folder: Path, names: list[str], rows: list[int]) -> None:
    """A source of two utterances to train and one to test, with these names and these rows of the list of names."""
    (folder / "transcripts.csv").write_text("".join(f'"{name}","GOOD, REALLY","9","1"\n' for name in names))
    for view in ("text", "audio", "video"):
        (folder / view).mkdir(exist_ok=True)
        (folder / view / f"{view}_train0.csv").write_text('"0.1","2.0","1"\n"-0.30000000000000004","4.5","0"\n')
        (folder / view / f"{view}_test0.csv").write_text('"7.0","1e-3","1"\n')
    (folder / "text_train.csv").write_text("".join(f'"{row}","0.1","2.0"\n' for row in rows[:2]))
    (folder / "text_test.csv").write_text(f'"{rows[2]}","7.0","0.001"\n')


def test_utterances_get_their_names_from_the_list_of_transcripts(source, root, expect, monkeypatch):
    monkeypatch.setattr(cmu_mosi, "MODALITIES", dict.fromkeys(cmu_mosi.MODALITIES, 2))
    mosi(source, ["a_b_1", "a_b_12", "-c_3"], [1, 0, 2])
    rows = np.array([[0.1, 2.0], [-0.3, 4.5], [7.0, 0.001]], dtype=np.float32, order="F")
    names = {"video_id": np.array(["a_b", "a_b", "-c"]), "segment": np.array([12, 1, 3], dtype=np.int32)}
    labels = {"y": np.array([1, 0, 1]), "is_test": np.array([False, False, True])}
    expect(cmu_mosi, npz_bytes(text=rows, audio=rows, video=rows, **labels, **names))
    prepare("cmu_mosi", source, root)
    data = load("cmu_mosi", root)
    assert (data.groups, data.split) == (("a_b", "a_b", "-c"), ("train", "train", "test"))
    assert data.labels.tolist() == ["positive", "negative", "positive"]


@pytest.mark.parametrize(
    ("names", "rows", "message"),
    [
        (["a_1", "b-2"], [0, 1, 0], r"transcripts\.csv, line 2, must begin with a video and .*; got 'b-2'"),
        (["a_1", "a_2"], [0, 2, 0], r"text_train\.csv, line 2, must begin with a row of .* from 0 to 1; got 2"),
        (["a_1", "a_2"], [0, 1, -1], r"text_test\.csv, line 1, must begin with a row of .* from 0 to 1; got -1"),
    ],
)
def test_an_utterance_without_a_name_is_refused_by_its_line(source, root, monkeypatch, names, rows, message):
    monkeypatch.setattr(cmu_mosi, "MODALITIES", dict.fromkeys(cmu_mosi.MODALITIES, 2))
    mosi(source, names, rows)
    with pytest.raises(ValueError, match=message):
        prepare("cmu_mosi", source, root)
    assert not list(root.iterdir())


def test_features_of_utterances_of_another_size_are_refused(source, root):
    mosi(source, ["a_1"], [0, 0, 0])
    with pytest.raises(ValueError, match=r"text_train0\.csv must have 101 columns; got 3"):
        prepare("cmu_mosi", source, root)
    (source / "text" / "text_train0.csv").write_text('"1.0","high"\n')
    with pytest.raises(ValueError, match=r"text_train0\.csv must hold numbers separated by commas; got .*high"):
        prepare("cmu_mosi", source, root)


# sources rebuilt from the real files: the result is the real file, bit for bit


def test_the_uci_tables_become_the_real_files(source, root, real_root):
    for name, file, decimals in (
        ("dermatology", "dermatology.data", 2),
        ("hepatitis", "hepatitis.data", 2),
        ("parkinsons", "parkinsons.data", 9),
        ("cervical", "risk_factors_cervical_cancer.csv", 12),
    ):
        module = __import__(f"graphfuse.data.{name}", fromlist=[name])
        table = module.FILES[0].table(real_root)
        text = long_numbers(table.convert_dtypes(), decimals)
        header = ",".join(table.columns) + "\n" if name in ("parkinsons", "cervical") else ""
        (source / file).write_text(header + text)
        prepare(name, source, root)
        assert module.FILES[0].content(root) == module.FILES[0].content(real_root)


def test_the_kidney_table_becomes_the_real_file(source, root, real_root):
    table = ckd.FILES[0].table(real_root)
    lines = [",".join("?" if pd.isna(cell) else f"{cell}\t" for cell in row) for row in table.itertuples(index=False)]
    (source / "chronic_kidney_disease_full.arff").write_text("@relation kidney\n@data\n" + "\n".join(lines))
    prepare("ckd", source, root)
    assert ckd.FILES[0].content(root) == ckd.FILES[0].content(real_root)


@pytest.mark.parametrize("first", [b"", b'""'])
def test_support2_becomes_the_real_file(source, root, real_root, first):
    real = real_root / "support2" / "support2.csv.gz"
    (source / "support2.csv").write_bytes(first + gzip.decompress(real.read_bytes()).removeprefix(b"row"))
    prepare("support2", source, root)
    assert (root / "support2" / "support2.csv.gz").read_bytes() == real.read_bytes()


def test_the_six_files_of_mfeat_become_the_real_one(source, root, real_root):
    arrays = mfeat.FILES[0].arrays(real_root)
    for view in mfeat.VIEWS:
        lines = ["  ".join(map(repr, row)) for row in arrays[view].tolist()]
        (source / f"mfeat-{view}").write_text("\n".join(lines) + "\n")
    prepare("mfeat", source, root)
    assert mfeat.FILES[0].content(root) == mfeat.FILES[0].content(real_root)


def test_the_folder_of_rosmap_becomes_the_real_file(source, root, real_root):
    arrays = rosmap.FILES[0].arrays(real_root)
    for part, rows in (("tr", ~arrays["is_test"]), ("te", arrays["is_test"])):
        np.savetxt(source / f"labels_{part}.csv", arrays["y"][rows])
        for view, number in rosmap.VIEWS.items():
            np.savetxt(source / f"{number}_{part}.csv", arrays[f"X_{view}"][rows], delimiter=",", fmt="%.18e")
            (source / f"{number}_featname.csv").write_text("\n".join(arrays[f"feat_{view}"]) + "\n")
    prepare("rosmap", source, root)
    assert rosmap.FILES[0].content(root) == rosmap.FILES[0].content(real_root)


def test_the_scene_views_become_the_real_file(source, root, real_root):
    arrays = scene15_views.FILES[0].arrays(real_root)
    views = np.empty((1, 3), dtype=object)
    views[0, :] = [np.asfortranarray(arrays[name], dtype=np.float64) for name in scene15_views.VIEWS]
    savemat(source / "Scene-15.mat", {"X": views, "Y": (arrays["y"] + 1).astype(np.uint8)[:, None]})
    prepare("scene15_views", source, root)
    assert scene15_views.FILES[0].content(root) == scene15_views.FILES[0].content(real_root)


def test_the_wikipedia_files_become_the_real_ones(source, root, real_root):
    features = wikipedia_xmodal.FEATURES.arrays(real_root)
    matrices = {name: features[name] for name in ("I_tr", "I_te", "T_tr", "T_te")}
    words = wikipedia_xmodal.load(real_root, text="words")
    documents = wikipedia_xmodal.DOCUMENTS.table(real_root)
    for part, split in (("tr", "train"), ("te", "test")):
        matrices[f"T_tfidf_{part}"] = words.part(split).batch.inputs["text"].double().numpy()
        rows = documents[documents["split"] == split].drop(columns="split")
        rows.to_csv(source / f"{split}set_txt_img_cat.list", sep="\t", header=False, index=False)
    savemat(source / "raw_features.mat", matrices)
    prepare("wikipedia_xmodal", source, root)
    for file in wikipedia_xmodal.FILES:
        assert file.content(root) == file.content(real_root)


def test_the_tables_of_mosi_become_the_real_file(source, root, real_root):
    arrays = cmu_mosi.FILES[0].arrays(real_root)
    names = [f"{video}_{segment}" for video, segment in zip(arrays["video_id"], arrays["segment"], strict=True)]
    listed = sorted(names)
    (source / "transcripts.csv").write_text("".join(f'"{name}","WORDS","93","1"\n' for name in listed))
    for part, rows in (("train", ~arrays["is_test"]), ("test", arrays["is_test"])):
        for view in cmu_mosi.MODALITIES:
            (source / view).mkdir(exist_ok=True)
            table = np.column_stack([arrays[view], arrays["y"]])[rows].astype(np.float64)
            lines = [",".join(f'"{value!r}"' for value in row) for row in table.tolist()]
            (source / view / f"{view}_{part}0.csv").write_text("\n".join(lines) + "\n")
        places = [listed.index(names[i]) for i in np.flatnonzero(rows)]
        np.savetxt(source / f"text_{part}.csv", np.column_stack([places, arrays["text"][rows]]), delimiter=",")
    prepare("cmu_mosi", source, root)
    assert cmu_mosi.FILES[0].content(root) == cmu_mosi.FILES[0].content(real_root)


@pytest.mark.slow
def test_recordings_and_images_become_the_real_pairs(source, root, real_root):
    arrays = audio_visual_digits.RECORDINGS.arrays(real_root)
    for i in range(len(arrays["digit"])):
        name = f"{arrays['digit'][i]}_{arrays['speaker_names'][arrays['speaker'][i]]}_{arrays['take'][i]}.wav"
        record(source / "recordings" / name, arrays["samples"][arrays["offsets"][i] : arrays["offsets"][i + 1]])
    images = audio_visual_digits.IMAGES.arrays(real_root)
    idx(source / "t10k-images-idx3-ubyte.gz", images["images"])
    idx(source / "t10k-labels-idx1-ubyte.gz", images["y"])
    prepare("audio_visual_digits", source, root)
    for file in audio_visual_digits.FILES:
        assert file.content(root) == file.content(real_root)
