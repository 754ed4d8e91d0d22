"""Sets of several labels a row with fixed folds: what emotions, yeast and scene share.

Source: the Mulan library, with the folds of N. Di Mauro, A. Vergari and F. Esposito (2016),
https://github.com/nicoladimauro/dcsn, folder ``data/multilabel``.
License: GPL, version 2, on that repository; none is stated for the data. Use them for research.
Split: five published folds; the rows of a fold are its test rows, the other four are for training.
Caveats: the source stores its folds with two-valued inputs only. Its ``cross_validation.py`` deals the rows that have
the rarest label to the folds in turn, then the others. So dealt, the rows are those of its fold files, in their order.
Layout: ``<root>/multilabel_folds/{emotions,yeast,scene}.npz``, each of which the ``prepare`` of its module makes of
``<set>.orig.arff.gz`` and ``<set>.discr.arff.gz``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..checks import invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file
from .formats import source_arff

SOURCE = "https://github.com/nicoladimauro/dcsn, data/multilabel"
ORIGIN = f"{SOURCE} (graphfuse.data.prepare makes it of *.orig.arff.gz and *.discr.arff.gz)"
NUM_FOLDS = 5


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


def prepare_folds(
    file: DataFile, modalities: Mapping[str, slice], num_labels: int, source: str | Path, root: str | Path | None
) -> None:
    """Make the layout of ``<set>.orig.arff.gz``, inputs then labels, and ``<set>.discr.arff.gz``, two-valued.

    Args:
        file: The npz file to make, named after the set.
        modalities: By modality, its columns of the inputs.
        num_labels: Number of labels; the two-valued file has them before the inputs.
        source: Folder of the two files.
        root: Folder of the data sets; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    name = Path(file.path).stem
    num_inputs = max(columns.stop for columns in modalities.values())
    originals, binaries = (source_file(source, f"{name}.{kind}.arff.gz") for kind in ("orig", "discr"))
    names, rows = _numbers(originals, num_inputs + num_labels)
    binary = _numbers(binaries, num_labels + num_inputs)[1]
    if len(binary) != len(rows):
        raise invalid(f"the file {binaries}", f"have {len(rows)} rows, as {originals.name} has", len(binary))
    labels = np.asfortranarray(rows[:, num_inputs:].astype(np.uint8))
    content = npz_bytes(
        X=np.asfortranarray(rows[:, :num_inputs].astype(np.float32)),  # in the order in which the file stores it
        Y=labels,
        X_binary=binary[:, num_labels:].astype(np.uint8),
        fold=_folds(labels),
        feature_names=np.array(names[:num_inputs]),
        label_names=np.array(names[num_inputs:]),
    )
    file.write(root, content)


def _numbers(path: Path, num_columns: int) -> tuple[list[str], np.ndarray]:
    """The names of the columns and the numbers ``(num_rows, num_columns)`` of an ARFF file."""
    names, rows = source_arff(path, num_columns)
    numbers = np.empty((len(rows), num_columns))
    for place, (line, row) in zip(numbers, rows.items(), strict=True):
        try:
            place[:] = [float(cell) for cell in row]
        except ValueError as error:
            raise invalid(f"the file {path}, line {line},", "hold numbers", error) from None
    return names, numbers


def _folds(labels: np.ndarray) -> np.ndarray:
    """By row its fold: rows that have the rarest label are dealt to the folds in turn, and so are the others."""
    rarest = labels[:, labels.sum(axis=0).argmin()]
    folds = np.empty(len(labels), dtype=np.int64)
    for rows in (np.flatnonzero(rarest == 1), np.flatnonzero(rarest != 1)):
        folds[rows] = np.arange(len(rows)) % NUM_FOLDS
    return folds
