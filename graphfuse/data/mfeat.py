"""Handwritten digits in six views of one image: coefficients, correlations, pixels, moments.

Source: R. Duin (Delft), Multiple Features, UCI Machine Learning Repository, https://doi.org/10.24432/C5HC70.
License: CC BY 4.0.
Sizes: 2000 digits, 200 of each class; modalities ``fou`` (76 Fourier coefficients of the shapes), ``fac`` (216 profile
correlations), ``kar`` (64 Karhunen-Loève coefficients), ``pix`` (240 pixel averages, 0 to 6), ``zer`` (47 Zernike
moments), ``mor`` (6 morphological features).
Split: none; the rows are ordered by class, so shuffle them. The classic protocol trains on half of each class.
Missing: none; drop modalities to study gaps.
Caveats: easy when all views are present. ``fou`` is invariant to rotation, and ``zer`` and ``mor`` hardly tell 6 from
9, so that other views repair them. Scales differ widely (``mor`` goes up to 17572): standardize.
Layout: ``<root>/mfeat/mfeat.npz``, which ``prepare`` makes of the repository's files ``mfeat-fou`` … ``mfeat-mor``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file, source_numbers

SOURCE = "UCI Machine Learning Repository, Multiple Features, https://doi.org/10.24432/C5HC70"
FILES = (
    DataFile(
        "mfeat/mfeat.npz",
        "4d790a0a753dd486df71a2b93e44c4fd12b52da3c6188f69f8f1ae8901dd6d13",
        f"the {SOURCE} (graphfuse.data.prepare makes it of mfeat-fou … mfeat-mor)",
    ),
)
TARGET = Variable("digit", 10, states=tuple("0123456789"))
VIEWS = {"fou": np.float64, "fac": np.int16, "kar": np.float64, "pix": np.int16, "zer": np.float64, "mor": np.float64}
NUM_ROWS = 2000  # ordered by class, 200 each


def load(root: str | Path | None = None) -> Dataset:
    """The 2000 digits, as float64 tensors ``(2000, num_columns)``; the target is ``digit``.

    Args:
        root: Folder that holds ``mfeat/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: van Breukelen, Duin, Tax and den Hartog (1998), Handwritten digit recognition by combined classifiers.
    """
    arrays = FILES[0].arrays(root)
    inputs = {view: arrays[view].astype(np.float64) for view in VIEWS}
    return Dataset("mfeat", ModalityBatch(inputs, targets={TARGET.name: arrays["y"]}), TARGET, source=SOURCE)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of the six files ``mfeat-<view>``: numbers separated by blanks, one digit a line.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    arrays = {}
    for view, dtype in VIEWS.items():
        found = source_numbers(source_file(source, f"mfeat-{view}"), " ")
        arrays[view] = np.asfortranarray(found.astype(dtype))  # as the file stores it
    FILES[0].write(root, npz_bytes(**arrays, y=np.arange(NUM_ROWS) // (NUM_ROWS // TARGET.num_states)))
