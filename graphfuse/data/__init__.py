"""Rows come in: batches with gaps, mechanisms of missingness, real data sets."""

from .batch import ModalityBatch
from .dataset import Dataset
from .loading import available, load, prepare
from .missingness import (
    MAR,
    MCAR,
    BlockPatterns,
    CellMCAR,
    ExactRate,
    LabelMNAR,
    Missingness,
    MonotoneDropout,
    ValueMNAR,
    drop_modalities,
    missing_rates,
    random_subsets,
    realised_cell_rates,
    realised_rates,
)

__all__ = [
    "MAR",
    "MCAR",
    "BlockPatterns",
    "CellMCAR",
    "Dataset",
    "ExactRate",
    "LabelMNAR",
    "Missingness",
    "ModalityBatch",
    "MonotoneDropout",
    "ValueMNAR",
    "available",
    "drop_modalities",
    "load",
    "missing_rates",
    "prepare",
    "random_subsets",
    "realised_cell_rates",
    "realised_rates",
]
