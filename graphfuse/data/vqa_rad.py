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
Layout: ``<root>/vqa_rad/images_128.npz`` and ``vqa_rad_split.csv.gz``; there is no converter from the release.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "VQA-RAD, https://osf.io/89kps, by way of https://github.com/Awenbocc/med-vqa"
IMAGES = DataFile(
    "vqa_rad/images_128.npz",
    "d6b0a1382a1793a5984428d48c4c689b2954d345699bb8703c17bad799efe64b",
    f"{SOURCE} (data/images, resized)",
)
QUESTIONS = DataFile(
    "vqa_rad/vqa_rad_split.csv.gz",
    "413034aaf1fa23454e4f7cf57fb0114a252b634a31629f5a43f8da4d08b874d9",
    f"{SOURCE} (data/trainset.json and data/testset.json, as one table)",
)
FILES = (IMAGES, QUESTIONS)
ANSWERS = ("no", "yes")
TARGET = Variable("answer", 2, states=ANSWERS)


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
