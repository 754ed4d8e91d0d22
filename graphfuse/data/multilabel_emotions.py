"""Songs with six emotions at once: timbre and rhythm as two modalities.

Source: K. Trohidis, G. Tsoumakas, G. Kalliris and I. Vlahavas (2008), by way of the source of ``multilabel_folds``,
where license and layout are told.
Sizes: 593 songs, 1.868 emotions a song in 27 combinations; modalities ``timbre`` (64 columns) and ``rhythm`` (8). Songs
of each emotion: amazed-suprised 173, happy-pleased 166, relaxing-calm 264, quiet-still 148, sad-lonely 168,
angry-aggresive 189 (spelling of the source).
Split: five published folds of 119, 119, 119, 118 and 118 test rows.
Missing: none; drop modalities to study gaps.
Caveats: classic splits of the literature are others, so its figures are not comparable to the digit. State Hamming loss
and exact match: joint models gain mostly in the latter.
"""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .files import DataFile
from .multilabel_folds import ORIGIN, prepare_folds, read_folds

FILES = (
    DataFile(
        "multilabel_folds/emotions.npz",
        "4215c120da69016a93afa5a80fa757e03f9247a0ff65e9f5a85851b6bee4c6ea",
        ORIGIN,
    ),
)
MODALITIES = {"timbre": slice(0, 64), "rhythm": slice(64, 72)}
NUM_LABELS = 6


def load(root: str | Path | None = None) -> Dataset:
    """The 593 songs, as float32 tensors ``(593, num_columns)``; the six emotions are the targets.

    Args:
        root: Folder that holds ``multilabel_folds/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Trohidis et al. (2008), Multi-label classification of music into emotions.
    """
    return read_folds("multilabel_emotions", FILES[0], MODALITIES, root)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``emotions.orig.arff.gz`` and ``emotions.discr.arff.gz``.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    prepare_folds(FILES[0], MODALITIES, NUM_LABELS, source, root)
