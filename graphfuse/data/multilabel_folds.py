"""Sets of several labels a row with fixed folds: what emotions, yeast and scene share.

Source: the Mulan library, with the folds of N. Di Mauro, A. Vergari and F. Esposito (2016),
https://github.com/nicoladimauro/dcsn, folder ``data/multilabel``.
License: GPL, version 2, on that repository; none is stated for the data. Use them for research.
Split: five published folds; the rows of a fold are its test rows, the other four are for training.
Layout: ``<root>/multilabel_folds/{emotions,yeast,scene}.npz``; there is no converter, for the folds of the source hold
two-valued inputs, which had to be matched with the original ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "https://github.com/nicoladimauro/dcsn, data/multilabel"
ORIGIN = f"{SOURCE} (original inputs with the folds of the two-valued ones, converted to npz)"


def read_folds(name: str, file: DataFile, modalities: Mapping[str, slice], root: str | Path | None) -> Dataset:
    """A set of several labels, each a target with the states ``no`` and ``yes``, in the order of the file.

    Args:
        name: Name of the data set.
        file: Its npz file.
        modalities: By modality, its columns of the inputs.
        root: Folder that holds ``multilabel_folds/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Di Mauro, Vergari and Esposito (2016), Multi-label classification with cutset networks.
    """
    arrays = file.arrays(root)
    labels = [Variable(str(label), 2, states=("no", "yes")) for label in arrays["label_names"]]
    names = arrays["feature_names"].tolist()
    batch = ModalityBatch(
        {modality: arrays["X"][:, columns] for modality, columns in modalities.items()},
        targets={label.name: arrays["Y"][:, i].astype("int64") for i, label in enumerate(labels)},
        columns={modality: names[columns] for modality, columns in modalities.items()},
    )
    split = tuple(map(str, arrays["fold"].tolist()))
    return Dataset(name, batch, labels[0], source=SOURCE, split=split, other_targets=tuple(labels[1:]))
