"""Questions on radiology images that are answered by yes or no: an image and a question each.

Source: J. J. Lau, S. Gayen, A. Ben Abacha and D. Demner-Fushman (2018), VQA-RAD, https://osf.io/89kps; images and split
by way of https://github.com/Awenbocc/med-vqa. The images stem from MedPix (US National Library of Medicine).
License: CC0 1.0.
Sizes: 1964 of the 3515 questions are closed and answered by yes (947) or no (1017); they concern 294 of the 315 images.
Modalities ``image`` (one channel, 128 by 128 pixels) and ``question`` (one column of text).
Split: that of the literature, 1713 to train and 251 to test (133 no, 118 yes). ``groups`` are the images.
Missing: none; drop modalities to study gaps.
Caveats: 129 of the 135 images of the test part have questions in the training part as well (with open questions, all):
the split measures questions, not new patients; split by group for that. Many training questions are template
rephrasings of others. Open questions, and closed ones with other answers than yes and no, are left out. Images as small
as these say little without a pretrained encoder.
Layout: ``<root>/vqa_rad/images_128.npz`` and ``vqa_rad_split.csv.gz``, which ``prepare`` makes of the repository's
folder ``data`` (commit 0cca681) with Pillow.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ..checks import invalid, listed
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_gz_bytes, npz_bytes, source_file
from .thumbnails import thumbnail

SOURCE = "VQA-RAD, https://osf.io/89kps, by way of https://github.com/Awenbocc/med-vqa"
IMAGES = DataFile(
    "vqa_rad/images_128.npz",
    "d6b0a1382a1793a5984428d48c4c689b2954d345699bb8703c17bad799efe64b",
    f"{SOURCE} (graphfuse.data.prepare makes it of data/images)",
)
QUESTIONS = DataFile(
    "vqa_rad/vqa_rad_split.csv.gz",
    "413034aaf1fa23454e4f7cf57fb0114a252b634a31629f5a43f8da4d08b874d9",
    f"{SOURCE} (graphfuse.data.prepare makes it of data/trainset.json and data/testset.json)",
)
FILES = (IMAGES, QUESTIONS)
ANSWERS = ("no", "yes")
TARGET = Variable("answer", 2, states=ANSWERS)
SIDE = 128  # of the images, in pixels
FIELDS = (  # of a question in the source
    *("qid", "phrase_type", "image_name", "image_organ", "question_type", "answer_type", "question", "answer"),
)
COLUMNS = ("split", *FIELDS[:3], "image_index", *FIELDS[3:])  # of the table


def load(root: str | Path | None = None) -> Dataset:
    """The 1964 closed questions; the target is ``answer``, split into train and test, and groups are the images.

    ``image`` is float32 ``(1964, 1, 128, 128)`` in [0, 1], padded to a square, 129 MB because each question has its own
    copy; ``question`` is a DataFrame with the column ``question``.

    Args:
        root: Folder that holds ``vqa_rad/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is damaged.

    Reference: Lau et al. (2018), A dataset of clinically generated visual questions and answers about radiology images.
    """
    frame = QUESTIONS.table(root)
    answers = frame["answer"].str.strip().str.lower()
    kept = (frame["answer_type"] == "CLOSED") & answers.isin(ANSWERS)
    frame, answers = frame[kept].reset_index(drop=True), answers[kept]
    images = IMAGES.arrays(root)["images"]
    batch = ModalityBatch(
        {
            "image": images[frame["image_index"].to_numpy(), None].astype(np.float32) / 255,
            "question": frame[["question"]],
        },
        targets={TARGET.name: (answers == "yes").to_numpy(dtype="int64")},
    )
    return Dataset("vqa_rad", batch, TARGET, tuple(frame["image_name"]), SOURCE, tuple(frame["split"]))


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``trainset.json``, ``testset.json`` and ``images/*.jpg``.

    Images are ordered by name, also those that no question asks about; blanks around texts are stripped.

    Raises:
        ModuleNotFoundError: If Pillow is not installed.
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file is not what its name says, or a result is not the expected one.
    """
    import pandas as pd

    frames = []
    for split in ("train", "test"):
        frame = pd.DataFrame(_questions(source_file(source, f"{split}set.json")), columns=list(FIELDS))
        frame.insert(0, "split", split)
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    asked = [source_file(source, f"images/{name}") for name in table["image_name"].unique()]
    paths = sorted({*asked, *(Path(source).expanduser() / "images").glob("*.jpg")})
    names = [path.name for path in paths]
    table["image_index"] = table["image_name"].map(names.index)
    images, sizes = zip(*(thumbnail(path, SIDE) for path in paths), strict=True)
    arrays = {"images": np.stack(images), "image_name": np.array(names), "orig_size": np.array(sizes, dtype=np.int32)}
    IMAGES.write(root, npz_bytes(**arrays))
    QUESTIONS.write(root, csv_gz_bytes(table[list(COLUMNS)], Path(QUESTIONS.path).name))


def _questions(path: Path) -> list[list[str]]:
    """By question, its fields."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise invalid(f"the file {path}", "be a JSON file", error) from None
    if not isinstance(found, list) or not found:
        raise invalid(f"the file {path}", "hold a list of questions", repr(found)[:80])
    for i, each in enumerate(found, 1):
        if not isinstance(each, dict) or not set(FIELDS) <= set(each):
            raise invalid(f"the file {path}, question {i},", f"have the fields {listed(FIELDS)}", repr(each)[:80])
    return [[str(each[field]).strip() for field in FIELDS] for each in found]
