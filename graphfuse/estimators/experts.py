"""The encoders that read a modality where nothing else is asked for."""

from __future__ import annotations

from math import prod
from typing import Any

import torch

from ..data import ModalityBatch
from ..data.frames import is_frame
from ..encoders import ImageNetwork
from ..learning import FitSettings
from .boosted_encoder import BoostedEncoder
from .kernel_encoder import KernelEncoder
from .module_encoder import ModuleEncoder
from .tabular_encoder import TabularEncoder

_TREE_COLUMNS, _TREE_SCORES = 64, 5000  # and rows times classes beyond two, up to which trees are worth their time
_LEAST_SIDE, _MOST_CHANNELS = 8, 4  # pixels and colours, from and up to which an array is an image
_EPOCHS, _MOST_SHOWN, _BATCH = (2, 30), 130_000, 64  # of a network: fewest and most, and images shown in all


def default_experts(shape: tuple[int, ...], num_rows: int, num_classes: int) -> dict[str, Any]:
    """By name, unfitted classifiers of several kinds for one modality: what one does not see, another may.

    Args:
        shape: Of the values of a row.
        num_rows: To fit to.
        num_classes: Classes.
    """
    experts: dict[str, Any] = {"linear": TabularEncoder(), "kernel": KernelEncoder(num_folds=3)}
    if prod(shape) <= _TREE_COLUMNS and (num_classes <= 2 or num_rows * num_classes <= _TREE_SCORES):
        experts["boosted"] = BoostedEncoder()
    if len(shape) == 3 and shape[0] <= _MOST_CHANNELS and min(shape[1:]) >= _LEAST_SIDE:
        fewest, most = _EPOCHS
        epochs = min(most, max(fewest, _MOST_SHOWN // max(num_rows, 1)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = ImageNetwork(shape[0], num_classes)
        experts["network"] = ModuleEncoder(network, settings=FitSettings(epochs, _BATCH, 2e-3, 1e-2))
    return experts


def shape_of(batch: ModalityBatch, modality: str) -> tuple[int, ...]:
    """Of the values of one row; text and categories are columns."""
    values = batch.inputs[modality]
    return (int(values.shape[1]),) if is_frame(values) else tuple(values.shape[1:])
