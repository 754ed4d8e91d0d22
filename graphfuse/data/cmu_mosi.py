"""The sign of the sentiment of spoken opinions, from text, audio and video.

Source: CMU-MOSI (Zadeh et al., 2016), with the utterance-level features of Poria et al. (2017) from
https://github.com/declare-lab/contextual-utterance-level-multimodal-sentiment-analysis.
License: none is stated there. Research use; the opinions are those of real speakers, so neither the transcripts nor the
names of the videos are to be passed on.
Sizes: 2199 utterances of 93 videos, 1176 positive and 1023 negative; modalities ``text`` (100 columns of a
convolutional network), ``audio`` (73 of openSMILE), ``video`` (100 of a 3-D convolutional network).
Split: published and independent of the speaker, 1447 to train (738 negative, 709 positive; 62 videos) and 752 to test
(285, 467; 31 videos). ``groups`` are the videos.
Missing: none; drop modalities to study gaps.
Caveats: the text and video features were learned with the training labels: on the training rows they nearly separate
the classes, on the test rows they do not. Weights, reliabilities or calibration fitted on all training rows over-trust
them; fit these on held-out videos, and expect optimism even there. The share of positives goes from 49 % to 62 %. 32
video columns are constant. The intensities from -3 to 3 are not in this source.
Layout: ``<root>/cmu_mosi/mosi_utterances.npz``, which ``prepare`` makes of the repository's folder ``data``.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from ..checks import invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file, source_numbers

SOURCE = "https://github.com/declare-lab/contextual-utterance-level-multimodal-sentiment-analysis"
FILES = (
    DataFile(
        "cmu_mosi/mosi_utterances.npz",
        "f41858863340c3ad63d2f2316ebcbadbc491f2c0904c4ef41c9c4cb583f651ac",
        f"{SOURCE} (graphfuse.data.prepare makes it of the folder data there)",
    ),
)
TARGET = Variable("sentiment", 2, states=("negative", "positive"))
MODALITIES = {"text": 100, "audio": 73, "video": 100}  # by modality its number of columns
PARTS = ("train", "test")


def load(root: str | Path | None = None) -> Dataset:
    """The 2199 utterances, as float32 tensors ``(2199, num_columns)``; the target is ``sentiment``.

    They are split into train and test; groups are the videos.

    Args:
        root: Folder that holds ``cmu_mosi/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Poria et al. (2017), Context-dependent sentiment analysis in user-generated videos.
    """
    arrays = FILES[0].arrays(root)
    batch = ModalityBatch({name: arrays[name] for name in MODALITIES}, targets={TARGET.name: arrays["y"]})
    split = np.where(arrays["is_test"], "test", "train").tolist()
    return Dataset("cmu_mosi", batch, TARGET, tuple(arrays["video_id"].tolist()), SOURCE, split)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``{text,audio,video}/*_{train,test}0.csv``, ``text_{train,test}.csv`` and ``transcripts.csv``.

    None of them has a header. The last column of the features is the label; the first of ``text_{train,test}.csv`` is
    the row of ``transcripts.csv``, whose first column names the utterance.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file is not what its name says, or the result is not the expected one.
    """
    arrays: dict[str, np.ndarray] = {}
    for view, num_columns in MODALITIES.items():
        paths = [source_file(source, f"{view}/{view}_{part}0.csv") for part in PARTS]
        rows = np.concatenate([source_numbers(path, ",", num_columns + 1) for path in paths])
        arrays[view] = np.asfortranarray(rows[:, :-1].astype(np.float32))  # as the file stores it
    arrays["y"] = rows[:, -1].astype(np.int64)  # the labels of the three views agree
    utterances = [_utterances(source, part) for part in PARTS]
    arrays["is_test"] = np.repeat([False, True], [len(part) for part in utterances])
    videos, _, segments = zip(*(name.rpartition("_") for part in utterances for name in part), strict=True)
    arrays["video_id"] = np.array(videos)
    arrays["segment"] = np.array(segments, dtype=np.int32)
    FILES[0].write(root, npz_bytes(**arrays))


def _utterances(source: str | Path, part: str) -> list[str]:
    """By row of a part, the name of the utterance: the video and the number of the segment, joined by ``_``."""
    names = _names(source_file(source, "transcripts.csv"))
    path = source_file(source, f"text_{part}.csv")
    rows = source_numbers(path, ",", MODALITIES["text"] + 1)[:, 0].astype(int).tolist()
    for i, row in enumerate(rows, 1):
        if not 0 <= row < len(names):
            must = f"begin with a row of transcripts.csv, from 0 to {len(names) - 1}"
            raise invalid(f"the file {path}, line {i},", must, row)
    return [names[row] for row in rows]


def _names(path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        names = [row[0] if row else "" for row in csv.reader(file)]
    for i, name in enumerate(names, 1):
        if not name.rpartition("_")[2].isdecimal():
            must = "begin with a video and the number of a segment, joined by _"
            raise invalid(f"the file {path}, line {i},", must, repr(name[:80]))
    return names
