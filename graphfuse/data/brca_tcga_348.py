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
Layout: ``<root>/brca_tcga_348/brca_tcga_348.npz``, which ``prepare`` makes of the R package's ``BRCA_data.rda`` and the
Atlas's ``BRCA.datafreeze.20120227.txt``, for example that of https://github.com/numpde/as; it needs rdata
(``pip install graphfuse[r]``).
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..checks import check_known, invalid, listed
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file
from .formats import source_r

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "the R package r.jive, https://github.com/cran/r.jive, and The Cancer Genome Atlas"
FILES = (
    DataFile(
        "brca_tcga_348/brca_tcga_348.npz",
        "3589c00d4e3956fa7765a82ebcdf52c903794c51fa356d578a01bede2ec7a32a",
        f"{SOURCE} (graphfuse.data.prepare makes it of BRCA_data.rda and BRCA.datafreeze.20120227.txt)",
    ),
)
PAM50 = ("Basal", "Her2", "LumA", "LumB", "Normal")  # the states as the source spells them
TARGET = Variable("subtype", 5, states=(*PAM50[:-1], "Normal-like"))
VIEWS = {"mrna": "Data/Expression", "meth": "Data/Methylation", "mirna": "Data/miRNA"}  # by modality its R matrix
LEN_BARCODE = 16  # of a sample, such as TCGA-A1-A0SH-01A; what follows names the portion and the plate


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


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``BRCA_data.rda``, a patient a column, and of the table ``BRCA.datafreeze.20120227.txt``.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ModuleNotFoundError: If rdata is not installed.
        ValueError: If a file is not what its name says, or the result is not the expected one.
    """
    path = source_file(source, "BRCA_data.rda")
    clinical = _clinical(source_file(source, "BRCA.datafreeze.20120227.txt"))
    tables, vectors = source_r(path, list(VIEWS.values()), ["clusts"])
    barcodes = [name[:LEN_BARCODE].replace(".", "-") for name in map(str, tables[VIEWS["mrna"]])]
    absent = [barcode for barcode in barcodes if barcode not in clinical.index]
    if absent:
        raise invalid(f"the file {path}", "hold patients of BRCA.datafreeze.20120227.txt", listed(absent))
    clinical = clinical.loc[barcodes]
    states = np.array([PAM50.index(label) for label in clinical["PAM50"]])
    arrays = {
        "y": states,
        "class_names": np.array(PAM50),
        "is_test": _is_test(barcodes, states),
        "sample_id": np.array(barcodes),
        "cluster": vectors["clusts"].astype(np.int64),
        "batch": clinical["Batch"].to_numpy(dtype=np.int64),
    }
    for view, name in VIEWS.items():
        arrays[f"X_{view}"] = tables[name].to_numpy().T.astype(np.float32, order="C")
        if view == "meth":
            arrays["feat_meth"] = np.array(list(tables[name].index), dtype=str)
    FILES[0].write(root, npz_bytes(**arrays))


def _clinical(path: Path) -> pd.DataFrame:
    """By barcode, the subtype ``PAM50`` and the ``Batch``."""
    import pandas as pd

    columns = ["Sample", "PAM50", "Batch"]
    try:
        found = pd.read_csv(path, sep="\t", usecols=columns, keep_default_na=False, dtype={"Batch": np.int64})
    except ValueError as error:
        must = f"be a table separated by tabs, with the columns {listed(columns)}"
        raise invalid(f"the file {path}", must, str(error).strip()) from None
    for barcode, label in zip(found["Sample"], found["PAM50"], strict=True):
        check_known(f"the subtype of {barcode} in the file {path}", label, PAM50)
    return found.drop_duplicates("Sample").set_index("Sample")


def _is_test(barcodes: Sequence[str], states: np.ndarray) -> np.ndarray:
    """By patient, whether to be tested: of each class the 30 % whose SHA-1 of the barcode sorts first."""
    keys = [sha1(barcode.encode()).hexdigest() for barcode in barcodes]
    chosen = np.zeros(len(keys), dtype=bool)
    for state in range(TARGET.num_states):
        rows = sorted(np.flatnonzero(states == state), key=keys.__getitem__)
        chosen[rows[: round(0.3 * len(rows))]] = True
    return chosen
