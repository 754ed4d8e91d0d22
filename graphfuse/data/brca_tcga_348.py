"""Five subtypes of breast cancer in three complete omics views.

Source: the data ``BRCA_data`` of the R package r.jive (https://github.com/cran/r.jive), with the subtypes of The Cancer
Genome Atlas (2012, Comprehensive molecular portraits of human breast tumours).
License: the package is under the GPL, version 3; the data of the Atlas are open access.
Sizes: 348 patients, subtypes Basal 66, Her2 42, LumA 154, LumB 81 and Normal-like 5; modalities ``mrna`` (645 columns,
centred log ratios), ``meth`` (574, DNA methylation), ``mirna`` (423, log scale).
Split: made with the files, not published: within each class the 30 % of patients whose SHA-1 of the barcode sorts first
are to be tested; 243 to train (46, 29, 108, 57, 3), 105 to test (20, 13, 46, 24, 2).
Missing: none; drop modalities to study gaps.
Caveats: the subtypes (PAM50) are computed from mRNA, so that view is privileged. Five patients are normal-like: report
macro scores with and without them. Processing batches differ by class, so gains may be effects of the batch. 132 of the
patients also occur in ``breast_tcga_multiomics``.
Layout: ``<root>/brca_tcga_348/brca_tcga_348.npz``; there is no converter from the R package's ``.rda`` file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "the R package r.jive, https://github.com/cran/r.jive, and The Cancer Genome Atlas"
FILES = (
    DataFile(
        "brca_tcga_348/brca_tcga_348.npz",
        "3589c00d4e3956fa7765a82ebcdf52c903794c51fa356d578a01bede2ec7a32a",
        f"{SOURCE} (converted from R to npz and joined with the subtypes)",
    ),
)
TARGET = Variable("subtype", 5, states=("Basal", "Her2", "LumA", "LumB", "Normal-like"))
VIEWS = ("mrna", "meth", "mirna")


def load(root: str | Path | None = None) -> Dataset:
    """The 348 patients, as float32 tensors ``(348, num_columns)``; the target is ``subtype``.

    They are split into train and test.

    Args:
        root: Folder that holds ``brca_tcga_348/``; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        FileNotFoundError: If the file is not there.
        ValueError: If the file is damaged.

    Reference: Lock and Dunson (2013), Bayesian consensus clustering.
    """
    arrays = FILES[0].arrays(root)
    batch = ModalityBatch(
        {view: arrays[f"X_{view}"] for view in VIEWS},
        targets={TARGET.name: arrays["y"]},
        columns={"meth": arrays["feat_meth"].tolist()},
    )
    split = np.where(arrays["is_test"], "test", "train").tolist()
    return Dataset("brca_tcga_348", batch, TARGET, source=SOURCE, split=split)
