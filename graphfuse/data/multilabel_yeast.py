"""Genes of yeast with fourteen functional classes at once: expression and phylogenetic profile as two modalities.

Source: A. Elisseeff and J. Weston (2001), by way of the source of ``multilabel_folds``, where license and layout are
told.
Sizes: 2417 genes, 4.237 classes a gene in 198 combinations; modalities ``expression`` (79 columns) and ``profile``
(24). Genes of ``Class1`` to ``Class14``: 762, 1038, 983, 862, 722, 597, 428, 480, 178, 253, 289, 1816, 1799, 34.
Split: five published folds of 484, 484, 484, 483 and 482 test rows.
Missing: none; drop modalities to study gaps.
Caveats: each row has length 1 over all columns, so the length of one modality tells that of the other: rescale each
modality. The two groups of columns are not named in the source. ``Class12`` and ``Class13`` agree in 99.3 % of the
rows.
"""

from __future__ import annotations

from pathlib import Path

from .dataset import Dataset
from .files import DataFile
from .multilabel_folds import ORIGIN, prepare_folds, read_folds

FILES = (
    DataFile(
        "multilabel_folds/yeast.npz",
        "1e38741ece2b24ef7852fbc06e182739b6c300539f064dd5649c8138b864a437",
        ORIGIN,
    ),
)
MODALITIES = {"expression": slice(0, 79), "profile": slice(79, 103)}
NUM_LABELS = 14


def load(root: str | Path | None = None) -> Dataset:
    """The 2417 genes, as float32 tensors ``(2417, num_columns)``; the fourteen classes are the targets.

    Args:
        root: Folder that holds ``multilabel_folds/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Elisseeff and Weston (2001), A kernel method for multi-labelled classification.
    """
    return read_folds("multilabel_yeast", FILES[0], MODALITIES, root)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``yeast.orig.arff.gz`` and ``yeast.discr.arff.gz``.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    prepare_folds(FILES[0], MODALITIES, NUM_LABELS, source, root)
