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
Layout: ``<root>/cmu_mosi/mosi_utterances.npz``; there is no converter from the files of the repository.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "https://github.com/declare-lab/contextual-utterance-level-multimodal-sentiment-analysis"
FILES = (
    DataFile(
        "cmu_mosi/mosi_utterances.npz",
        "f41858863340c3ad63d2f2316ebcbadbc491f2c0904c4ef41c9c4cb583f651ac",
        f"{SOURCE} (its tables of features, converted to npz)",
    ),
)
TARGET = Variable("sentiment", 2, states=("negative", "positive"))
MODALITIES = ("text", "audio", "video")


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
