"""Alzheimer's disease against normal controls in three omics views.

Source: T. Wang et al., MOGONET (2021), folder ROSMAP of https://github.com/txWang/MOGONET: features chosen and scaled
by its authors from the Religious Orders Study and Memory and Aging Project (Rush University; AMP-AD Knowledge Portal).
License: MIT on that repository; the study itself is access-controlled. Use it for research, do not pass it on, and do
not join it with anything.
Sizes: 351 persons, 169 controls and 182 with the disease; modalities ``mrna`` (gene expression), ``meth`` (DNA
methylation) and ``mirna`` (microRNA), 200 columns each, scaled to [0, 1].
Split: published, 245 to train (118 and 127) and 106 to test (51 and 55).
Missing: none; drop modalities to study gaps.
Caveats: one row of the test part is about 1 % of accuracy, so report intervals; take a validation part from the 245,
for many papers tuned on the test part. ``mrna`` alone is nearly as good as all three: report single views as well.
Layout: ``<root>/rosmap_multiomics/rosmap.npz``, which ``prepare`` makes of the repository's folder.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file, source_numbers

SOURCE = "https://github.com/txWang/MOGONET, folder ROSMAP"
FILES = (
    DataFile(
        "rosmap_multiomics/rosmap.npz",
        "44a38277685a90ddedeb380ef40bc43ef0df26ac1b95c92cfe8245ebb77eba63",
        f"{SOURCE} (graphfuse.data.prepare makes it of the files there)",
    ),
)
TARGET = Variable("diagnosis", 2, states=("Normal Control", "Alzheimer's Disease"))
VIEWS = {"mrna": 1, "meth": 2, "mirna": 3}  # by modality its number in the file names of the source


def load(root: str | Path | None = None) -> Dataset:
    """The 351 persons, as float64 tensors ``(351, 200)``; the target is ``diagnosis``, split into train and test.

    Args:
        root: Folder that holds ``rosmap_multiomics/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Wang et al. (2021), MOGONET integrates multi-omics data using graph convolutional networks allowing
    patient classification and biomarker identification.
    """
    arrays = FILES[0].arrays(root)
    batch = ModalityBatch(
        {view: arrays[f"X_{view}"] for view in VIEWS},
        targets={TARGET.name: arrays["y"]},
        columns={view: arrays[f"feat_{view}"].tolist() for view in VIEWS},
    )
    split = np.where(arrays["is_test"], "test", "train").tolist()
    return Dataset("rosmap", batch, TARGET, source=SOURCE, split=split)


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of the files ``{1,2,3}_{tr,te}.csv``, ``labels_{tr,te}.csv`` and ``{1,2,3}_featname.csv``.

    None of them has a header; the rows of ``tr`` come first.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file holds anything but numbers, or the result is not the expected one.
    """
    arrays: dict[str, np.ndarray] = {}
    for view, number in VIEWS.items():
        parts = [source_numbers(source_file(source, f"{number}_{part}.csv"), ",") for part in ("tr", "te")]
        arrays[f"X_{view}"] = np.concatenate(parts)
        names = source_file(source, f"{number}_featname.csv").read_text(encoding="utf-8").splitlines()
        arrays[f"feat_{view}"] = np.array([name.strip() for name in names if name.strip()])
    labels = [source_numbers(source_file(source, f"labels_{part}.csv"), ",")[:, 0] for part in ("tr", "te")]
    arrays["y"] = np.concatenate(labels).astype(np.int64)
    arrays["is_test"] = np.repeat([False, True], [len(part) for part in labels])
    arrays["class_names"] = np.array(TARGET.states)
    FILES[0].write(root, npz_bytes(**arrays))
