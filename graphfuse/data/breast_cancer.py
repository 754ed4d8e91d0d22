"""Breast cancer in Wisconsin: three summaries of the same cell nuclei as three modalities, ten measurements each.

Source: W. H. Wolberg, W. N. Street and O. L. Mangasarian, Breast Cancer Wisconsin (Diagnostic), UCI Machine Learning
Repository (1995), as it comes with scikit-learn; nothing is downloaded.
License: CC BY 4.0.
Sizes: 569 rows (212 malignant, 357 benign); modalities ``mean``, ``error`` and ``worst``, ten columns each.
Missing: none; drop modalities to study gaps.
Caveats: the three modalities summarize the same ten quantities of the same image (their mean, the standard error of the
mean, the mean of the three largest values), so they are strongly dependent given the diagnosis.
"""

from __future__ import annotations

from pathlib import Path

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset

TARGET = Variable("diagnosis", 2, states=("benign", "malignant"))
GROUPS = ("mean", "error", "worst")


def load(root: str | Path | None = None) -> Dataset:
    """The 569 biopsies, as float64 tensors ``(569, 10)`` in the units of the source; the target is ``diagnosis``.

    Args:
        root: Not read: the data come with scikit-learn.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> data = load()
        >>> data.batch.columns["worst"][:2]
        ('worst radius', 'worst texture')
        >>> data.labels[:3]
        array(['malignant', 'malignant', 'malignant'], dtype='<U9')

    Reference: Street, Wolberg and Mangasarian (1993), Nuclear feature extraction for breast tumor diagnosis.
    """
    from sklearn.datasets import load_breast_cancer

    table = load_breast_cancer()
    names = [str(name) for name in table.feature_names]
    columns = {group: [name for name in names if group in name.split()] for group in GROUPS}
    inputs = {group: table.data[:, [names.index(name) for name in columns[group]]] for group in GROUPS}
    states = (table.target_names[table.target] == "malignant").astype("int64")
    batch = ModalityBatch(inputs, targets={TARGET.name: states}, columns=columns)
    return Dataset("breast_cancer", batch, TARGET, source="UCI Machine Learning Repository, by way of scikit-learn")
