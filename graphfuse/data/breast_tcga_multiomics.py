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
Layout: ``<root>/breast_tcga_multiomics/breast_tcga.npz``, which ``prepare`` makes of the R package's
``breast.TCGA.rda``; it needs rdata (``pip install graphfuse[r]``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..checks import check_known, invalid, listed
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, npz_bytes, source_file
from .formats import source_r

if TYPE_CHECKING:
    import pandas as pd

SOURCE = "the data breast.TCGA of the R package mixOmics, https://github.com/mixOmicsTeam/mixOmics"
FILES = (
    DataFile(
        "breast_tcga_multiomics/breast_tcga.npz",
        "2334461326cf32f2ff161432349f0ab52dc4f19742df8245ac382d5a7cad348e",
        f"{SOURCE} (graphfuse.data.prepare makes it of data/breast.TCGA.rda)",
    ),
)
SUBTYPES = ("Basal", "Her2", "LumA")
TARGET = Variable("subtype", 3, states=SUBTYPES)
VIEWS = ("mrna", "mirna", "protein")
PARTS = ("breast.TCGA/data.train", "breast.TCGA/data.test")  # of the R data file
ORDERS: dict[str, Literal["C", "F"]] = {"mirna": "F", "mrna": "F", "protein": "C"}  # in which the npz stores the views


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


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``breast.TCGA.rda``: the patients to train, then those to test, who lack ``protein``.

    Raises:
        FileNotFoundError: If the file or the root is not there.
        ModuleNotFoundError: If rdata is not installed.
        ValueError: If it is no such R data file, or the result is not the expected one.
    """
    path = source_file(source, "breast.TCGA.rda")
    names = [f"{part}/{view}" for part in PARTS for view in ORDERS]
    names.remove(f"{PARTS[1]}/protein")
    tables, subtypes = source_r(path, names, [f"{part}/subtype" for part in PARTS])
    views = {
        view: _joined(path, view, [tables[name] for name in names if name.endswith(f"/{view}")]) for view in ORDERS
    }
    patients = views["mrna"].index
    arrays: dict[str, np.ndarray] = {}
    for view, order in ORDERS.items():
        arrays[f"X_{view}"] = views[view].reindex(patients).to_numpy().copy(order=order)  # nan where a view is absent
        arrays[f"feat_{view}"] = np.array(list(views[view]), dtype=str)
    labels = [str(label) for part in subtypes.values() for label in part]
    for label in labels:
        check_known(f"each subtype in the file {path}", label, SUBTYPES)
    arrays["y"] = np.array([SUBTYPES.index(label) for label in labels])
    arrays["class_names"] = np.array(SUBTYPES)
    arrays["sample_id"] = np.array(list(patients), dtype=str)
    arrays["is_test"] = np.repeat([False, True], [len(part) for part in subtypes.values()])
    FILES[0].write(root, npz_bytes(**arrays))


def _joined(path: Path, view: str, parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The patients of all parts, by name; a part with other columns, or a patient who comes twice, is refused."""
    import pandas as pd

    for part in parts[1:]:
        if list(part) != list(parts[0]):
            raise invalid(f"the file {path}", f"have the same columns of {view} in both parts", listed(part))
    joined = pd.concat(parts)
    if not joined.index.is_unique:
        raise invalid(f"the file {path}", "name each patient once", listed(joined.index[joined.index.duplicated()]))
    return joined
