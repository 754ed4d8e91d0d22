"""Photographs with six kinds of scene at once: three colour bands as three modalities.

Source: M. R. Boutell, J. Luo, X. Shen and C. M. Brown (2004), by way of the source of ``multilabel_folds``, where
license and layout are told.
Sizes: 2407 photographs, 1.074 scenes a photograph in 15 combinations; modalities ``L``, ``u`` and ``v`` (98 columns
each: 49 means, then 49 variances, of a grid of 7 by 7). Photographs of each scene: Beach 427, Sunset 364, FallFoliage
397, Field 433, Mountain 533, Urban 431.
Split: five published folds of 482, 482, 482, 481 and 480 test rows.
Missing: none; drop modalities to study gaps.
Caveats: 9 pairs of rows have identical inputs, and 7 of the pairs lie in different folds; two pairs differ in their
labels. The order of bands, means and variances is not told by the source.
"""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .files import DataFile
from .multilabel_folds import ORIGIN, prepare_folds, read_folds

FILES = (
    DataFile(
        "multilabel_folds/scene.npz",
        "54c87bbbd1ef12a46111850b733b8711fe2fb82bf18db1191d978a96e33744d1",
        ORIGIN,
    ),
)
MODALITIES = {"L": slice(0, 98), "u": slice(98, 196), "v": slice(196, 294)}
NUM_LABELS = 6


def load(root: str | Path | None = None) -> Dataset:
    """The 2407 photographs, as float32 tensors ``(2407, 98)``; the six scenes are the targets.

    Args:
        root: Folder that holds ``multilabel_folds/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Boutell et al. (2004), Learning multi-label scene classification.
    """
    return read_folds("multilabel_scene", FILES[0], MODALITIES, root)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``scene.orig.arff.gz`` and ``scene.discr.arff.gz``.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    prepare_folds(FILES[0], MODALITIES, NUM_LABELS, source, root)
