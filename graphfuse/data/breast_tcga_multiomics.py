"""Subtypes of breast cancer in three omics views, of which one is absent for every patient of the test part.

Source: the data ``breast.TCGA`` of the R package mixOmics, https://github.com/mixOmicsTeam/mixOmics, which its authors
filtered from level-3 data of The Cancer Genome Atlas.
License: the package is under the GPL, version 2 or later; the data of the Atlas are open access.
Sizes: 220 patients, subtypes Basal 66, Her2 44 and LumA 110; modalities ``mrna`` (200 genes), ``mirna`` (184),
``protein`` (142).
Split: published, 150 to train (45, 30, 75) and 70 to test (21, 14, 35).
Missing: ``protein`` for all 70 patients of the test part and for nobody else, 32 % of the rows.
Caveats: the split is not random: patients with protein data were put into training. The subtypes (PAM50) are computed
from mRNA, so that view is privileged, and what the others say without it is the telling question. The authors left out
LumB and normal-like patients. 132 of the patients also occur in ``brca_tcga_348``: never train on one and test on the
other.
Layout: ``<root>/breast_tcga_multiomics/breast_tcga.npz``; there is no converter from the R package's ``.rda`` file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "the data breast.TCGA of the R package mixOmics, https://github.com/mixOmicsTeam/mixOmics"
FILES = (
    DataFile(
        "breast_tcga_multiomics/breast_tcga.npz",
        "2334461326cf32f2ff161432349f0ab52dc4f19742df8245ac382d5a7cad348e",
        f"{SOURCE} (converted from R to npz)",
    ),
)
TARGET = Variable("subtype", 3, states=("Basal", "Her2", "LumA"))
VIEWS = ("mrna", "mirna", "protein")


def load(root: str | Path | None = None) -> Dataset:
    """The 220 patients, as float64 tensors ``(220, num_columns)``; the target is ``subtype``.

    They are split into train and test.

    Args:
        root: Folder that holds ``breast_tcga_multiomics/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Singh et al. (2019), DIABLO: an integrative approach for identifying key molecular drivers from
    multi-omics assays.
    """
    arrays = FILES[0].arrays(root)
    batch = ModalityBatch(
        {view: arrays[f"X_{view}"] for view in VIEWS},
        targets={TARGET.name: arrays["y"]},
        columns={view: arrays[f"feat_{view}"].tolist() for view in VIEWS},
    )
    split = np.where(arrays["is_test"], "test", "train").tolist()
    return Dataset("breast_tcga_multiomics", batch, TARGET, source=SOURCE, split=split)
