"""Rows come in: batches with gaps, mechanisms of missingness, real data sets."""

from .batch import ModalityBatch
from .dataset import Dataset
from .loading import available, load, prepare
from .missingness import drop_modalities, random_subsets

__all__ = ["Dataset", "ModalityBatch", "available", "drop_modalities", "load", "prepare", "random_subsets"]
