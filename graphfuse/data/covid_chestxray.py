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
Layout: ``<root>/covid_chestxray/images_128.npz`` and ``metadata.csv.gz``, which ``prepare`` makes of the fork's
``metadata.csv`` and ``images/`` (commit 173779d, 27 June 2020) with Pillow. ``LEFT_OUT`` names nine licensed X-rays
that the layout lacks.
"""

from __future__ import annotations

from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..checks import invalid, listed
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_gz_bytes, npz_bytes, source_file
from .thumbnails import thumbnail

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "Cohen et al., COVID-19 image data collection, https://github.com/s-mostafa-a/covid-chestxray-dataset"
IMAGES = DataFile(
    "covid_chestxray/images_128.npz",
    "9f49de5cbfff8f6f778a5e95197916d8e0781f39772675945338990ab46cf37a",
    f"{SOURCE} (graphfuse.data.prepare makes it of metadata.csv and images/)",
)
METADATA = DataFile(
    "covid_chestxray/metadata.csv.gz",
    "baab9225b87d4f6869ba57aa305c92a3e35e1e57aa1661ad92e27a12fc5599c8",
    f"{SOURCE} (graphfuse.data.prepare makes it of metadata.csv and images/)",
)
FILES = (IMAGES, METADATA)
TARGET = Variable("covid19", 2, states=("absent", "present"))
TABLE = ("sex", "age", "offset", "temperature", "pO2_saturation", "neutrophil_count", "lymphocyte_count")
MASKED = r"(?i)[\w/+-]*(?:covid|corona|sars|ncov|pcr)[\w/+-]*"  # whole words that say the diagnosis or its test
SIDE = 128  # of the images, in pixels
LICENSE = r"CC BY(?!.*ND)"  # how a license that allows adaptations begins
LEFT_OUT = (  # licensed X-rays that the layout lacks
    *("cavitating-pneumonia-4-day28-L.png", "cavitating-pneumonia-4-day28-PA.png"),
    *("chlamydia-pneumonia-L.png", "chlamydia-pneumonia-PA.png"),
    *("covid-19-pneumonia-14-PA.png", "covid-19-pneumonia-24-day6.jpg"),
    *("parapneumonic-effusion-1-L.png", "parapneumonic-effusion-1-PA.png"),
    "pneumocystis-jiroveci-pneumonia-4-PA.png",
)
TEST_SHARE = 0.3  # of the patients
NUMBERS = (
    *("offset", "age", "temperature", "pO2_saturation", "leukocyte_count", "neutrophil_count", "lymphocyte_count"),
)
COLUMNS = (  # of the source that are kept
    *("patientid", "offset", "sex", "age", "finding", "survival", "intubated", "intubation_present", "went_icu"),
    *("in_icu", "needed_supplemental_O2", "extubated", "temperature", "pO2_saturation", "leukocyte_count"),
    *("neutrophil_count", "lymphocyte_count", "view", "modality", "date", "location", "folder", "filename", "doi"),
    *("url", "license", "clinical_notes", "other_notes"),
)


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


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``metadata.csv`` and ``images/``.

    Kept are the X-rays whose license allows adaptations; of rows with the same image, the first. Of the patients who
    ever had COVID-19, and of the others, the first 30 % in the order of the SHA-1 of their number are the test part.

    Raises:
        ModuleNotFoundError: If Pillow is not installed.
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file is not what its name says, or a result is not the expected one.
    """
    frame = _x_rays(source_file(source, "metadata.csv"))
    found = [thumbnail(source_file(source, f"images/{name}"), SIDE) for name in frame["filename"]]
    images, sizes = zip(*found, strict=True)
    frame.insert(0, "row", range(len(frame)))
    frame["orig_width"], frame["orig_height"] = zip(*sizes, strict=True)
    frame["is_test"] = _in_test(frame)
    IMAGES.write(root, npz_bytes(images=np.stack(images)))
    METADATA.write(root, csv_gz_bytes(frame, Path(METADATA.path).name))


def _x_rays(path: Path) -> pd.DataFrame:
    """The rows that are kept, an image each, with numbers where the columns hold numbers."""
    import pandas as pd

    try:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False).fillna("")
    except ValueError as error:
        raise invalid(f"the file {path}", "be a table separated by commas", str(error).strip()) from None
    for column in COLUMNS:
        if column not in frame:
            raise invalid(f"the file {path}", f"have the column {column!r}", listed(frame.columns))
    licensed = frame["license"].str.match(LICENSE) & ~frame["filename"].isin(LEFT_OUT)
    frame = frame[licensed & (frame["modality"] == "X-ray")].drop_duplicates("filename")
    if frame.empty:
        raise invalid(f"the file {path}", "hold X-rays whose license allows adaptations", "none")
    frame = frame[list(COLUMNS)].reset_index(drop=True)
    for column in NUMBERS:
        try:
            frame[column] = frame[column].replace("", "nan").astype(float)
        except ValueError as error:
            raise invalid(f"the file {path}, column {column!r},", "hold numbers", error) from None
    return frame


def _in_test(frame: pd.DataFrame) -> pd.Series:
    """By row, whether the patient is in the test part."""
    ever = frame["finding"].str.contains("COVID").groupby(frame["patientid"]).any()
    chosen: list[str] = []
    for patients in (ever.index[ever], ever.index[~ever]):
        ordered = sorted(patients, key=lambda patient: sha1(patient.encode()).hexdigest())
        chosen += ordered[: round(TEST_SHARE * len(ordered))]
    return frame["patientid"].isin(chosen)
