"""Photographs of fifteen scenes in three weak feature views.

Source: images of Lazebnik, Schmid and Ponce (2006) and their forerunners; features from the literature on multi-view
clustering, ``data/Scene-15.mat`` of https://github.com/XLearning-SCU/2021-CVPR-Completer.
License: MIT on that repository; none is stated for the features or the images. Use it for research.
Sizes: 4485 photographs in fifteen classes of 210 to 410; modalities ``v20``, ``v59`` and ``v40``, named by their number
of columns.
Split: none for these features; random 80/20 is common. The rows are ordered by class, so shuffle them. ``groups`` keep
the 18 pairs of identical rows together.
Missing: none; drop modalities to study gaps.
Caveats: what the views are is not documented (papers list GIST, PHOG and LBP, whose numbers of columns do not all fit).
Each row of a view sums to its number of columns, so the columns are linearly dependent. One of the 18 pairs has two
different labels (rows 1493 and 2872). The features are weak, no view alone above 65 %: a good test of fusion, a poor
proof of image understanding.
Layout: ``<root>/scene15_views/scene15.npz``, which ``prepare`` makes of ``Scene-15.mat``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checks import invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file, source_matlab

SOURCE = "https://github.com/XLearning-SCU/2021-CVPR-Completer, data/Scene-15.mat"
FILES = (
    DataFile(
        "scene15_views/scene15.npz",
        "ec89347f62f874c5739beecde422341442cc4370cf6d98c7a78d484c822b9fbf",
        f"{SOURCE} (graphfuse.data.prepare makes it of that file)",
    ),
)
SCENES = (
    *("suburb", "coast", "forest", "highway", "insidecity", "mountain", "opencountry", "street", "tallbuilding"),
    *("office", "bedroom", "industrial", "kitchen", "livingroom", "store"),
)
TARGET = Variable("scene", 15, states=SCENES)
VIEWS = ("v20", "v59", "v40")


def load(root: str | Path | None = None) -> Dataset:
    """The 4485 photographs, as float32 tensors ``(4485, num_columns)``; the target is ``scene``.

    Each row is its own group, but for the pairs of identical rows, which share one.

    Args:
        root: Folder that holds ``scene15_views/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Lazebnik, Schmid and Ponce (2006), Beyond bags of features: spatial pyramid matching for recognizing
    natural scene categories.
    """
    arrays = FILES[0].arrays(root)
    batch = ModalityBatch({view: arrays[view] for view in VIEWS}, targets={TARGET.name: arrays["y"]})
    first_of = {int(second): int(first) for first, second in arrays["duplicate_pairs"]}
    groups = tuple(f"photograph {first_of.get(row, row)}" for row in range(len(batch)))
    return Dataset("scene15_views", batch, TARGET, groups, SOURCE)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``Scene-15.mat``: views as float32, labels from 0, and the pairs of identical rows.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ValueError: If it is no such MATLAB file, or the result is not the expected one.
    """
    path = source_file(source, "Scene-15.mat")
    found = source_matlab(path, ("X", "Y"))
    views = list(found["X"].ravel())
    if len(views) != len(VIEWS):
        raise invalid(f"the file {path}", f"hold {len(VIEWS)} views in X", len(views))
    arrays = {name: view.astype(np.float32, order="C") for name, view in zip(VIEWS, views, strict=True)}
    arrays["y"] = found["Y"].ravel().astype(np.int64) - 1
    arrays["class_names"] = np.array(SCENES)
    first_of: dict[bytes, int] = {}
    rows = [row.tobytes() for row in np.concatenate(views, axis=1)]
    pairs = sorted((first, row) for row, key in enumerate(rows) if (first := first_of.setdefault(key, row)) != row)
    arrays["duplicate_pairs"] = np.array(pairs, dtype=np.int64)
    FILES[0].write(root, npz_bytes(**arrays))
