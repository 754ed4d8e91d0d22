"""Rows come in: batches with gaps, mechanisms of missingness, real data sets."""

from .batch import ModalityBatch
from .missingness import drop_modalities, random_subsets

__all__ = ["ModalityBatch", "drop_modalities", "random_subsets"]
