"""The encoders that read a table where nothing else is asked for."""

from __future__ import annotations

from typing import Any

from .boosted_encoder import BoostedEncoder
from .kernel_encoder import KernelEncoder
from .tabular_encoder import TabularEncoder

_TREE_CLASSES, _TREE_COLUMNS = 2, 64  # up to which boosted trees are worth their time


def default_experts(num_columns: int, num_classes: int) -> dict[str, Any]:
    """By name, unfitted classifiers of several kinds for one table: what one does not see, another may."""
    experts: dict[str, Any] = {"linear": TabularEncoder(), "kernel": KernelEncoder(num_folds=3)}
    if num_classes <= _TREE_CLASSES and num_columns <= _TREE_COLUMNS:
        experts["boosted"] = BoostedEncoder()
    return experts
