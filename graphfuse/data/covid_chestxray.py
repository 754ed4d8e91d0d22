"""Chest X-rays of COVID-19 and other pneumonias: an image, a table and notes, the latter two with gaps.

Source: J. P. Cohen et al. (2020), COVID-19 image data collection, state of June 2020, by way of the fork
https://github.com/s-mostafa-a/covid-chestxray-dataset; X-rays whose licence allows adaptations.
License: by image, CC BY-NC-SA 205, CC BY 100, CC BY-SA 1: non-commercial, share alike, attribution through the columns
``doi``, ``url`` and ``license`` of the file. Do not pass the data on.
Sizes: 306 images of 154 patients, 210 with COVID-19 and 96 without; modalities ``image`` (one channel, 128 by 128
pixels), ``table`` (7 columns: sex, age, offset, temperature, pO2_saturation, neutrophil_count, lymphocyte_count),
``notes`` (one column of text).
Split: made with the files, not published: by patient, 209 images to train (108 patients) and 97 to test (46).
``groups`` are the patients.
Missing: ``notes`` in 30 % of the rows; of the table sex 4 %, offset 18 %, age 35 %, pO2_saturation 78 %,
lymphocyte_count 91 %, temperature 94 %.
Caveats: strongly confounded: source, hospital, view and label go together, and what is missing tells of the class
(notes present in 60 % of the rows with COVID-19, in 92 % of the others). Words that name COVID-19, its virus or its
test are masked in the notes; other hints, such as the names of other diseases, remain. Place, date, addresses, file
names and the second column of notes are in no modality, nor is ``leukocyte_count``, which is practically empty. Four
patients have images of both classes. For method work, not for radiology.
Layout: ``<root>/covid_chestxray/images_128.npz`` and ``metadata.csv.gz``; there is no converter from the collection.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "Cohen et al., COVID-19 image data collection, https://github.com/s-mostafa-a/covid-chestxray-dataset"
IMAGES = DataFile(
    "covid_chestxray/images_128.npz",
    "9f49de5cbfff8f6f778a5e95197916d8e0781f39772675945338990ab46cf37a",
    f"{SOURCE} (its licensed X-rays, resized)",
)
METADATA = DataFile(
    "covid_chestxray/metadata.csv.gz",
    "baab9225b87d4f6869ba57aa305c92a3e35e1e57aa1661ad92e27a12fc5599c8",
    f"{SOURCE} (metadata.csv, the rows of these X-rays)",
)
FILES = (IMAGES, METADATA)
TARGET = Variable("covid19", 2, states=("absent", "present"))
TABLE = ("sex", "age", "offset", "temperature", "pO2_saturation", "neutrophil_count", "lymphocyte_count")
MASKED = r"(?i)[\w/+-]*(?:covid|corona|sars|ncov|pcr)[\w/+-]*"  # whole words that say the diagnosis or its test


def load(root: str | Path | None = None) -> Dataset:
    """The 306 images with their tables and notes; the target is ``covid19``, and groups are the patients.

    ``image`` is float32 ``(306, 1, 128, 128)`` in [0, 1], padded to a square with black; ``table`` is float64
    ``(306, 7)``: sex 1 for male, age in years, offset in days since onset; ``notes`` is a DataFrame with the column
    ``clinical_notes``, in which words that name COVID-19 or its test are ``[masked]``.

    Args:
        root: Folder that holds ``covid_chestxray/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is damaged.

    Reference: Cohen et al. (2020), COVID-19 image data collection: prospective predictions are the future.
    """
    frame = METADATA.table(root)
    images = IMAGES.arrays(root)["images"]
    frame["sex"] = frame["sex"].map({"F": 0.0, "M": 1.0})
    notes = frame[["clinical_notes"]].replace(MASKED, "[masked]", regex=True)
    batch = ModalityBatch(
        {
            "image": images[:, None].astype(np.float32) / 255,
            "table": frame[list(TABLE)].to_numpy(dtype=np.float64),
            "notes": notes,
        },
        targets={TARGET.name: frame["finding"].str.contains("COVID").to_numpy(dtype="int64")},
        columns={"table": TABLE},
    )
    split = np.where(frame["is_test"], "test", "train").tolist()
    return Dataset("covid_chestxray", batch, TARGET, tuple(map(str, frame["patientid"])), SOURCE, split)
