"""The contract of a protocol: how the rows of a data set become training rows and test conditions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch

from ...checks import invalid
from ...data import Dataset
from ..splits import random_split


@dataclass(frozen=True, eq=False)
class Trial:
    """Training rows, and the same test rows under one condition or more; what every model of a trial sees.

    Args:
        train: Rows to fit on, with their gaps.
        tests: By name of the condition, the test rows under it. The first is the reference that others are compared
            with.
        levels: By name of the condition, its place on the axis of a figure; none where conditions have no order.
    """

    train: Dataset
    tests: Mapping[str, Dataset]
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Protocol(ABC):
    """A question asked of every model, as frozen settings with defaults.

    A protocol has one training condition or more, each drawn from the same split of the rows by a generator of the same
    seed: what it draws first, and as often, is the same under all of them.

    Attributes:
        question: What it asks, as a sentence for readers.
        axis: What the levels of its test conditions are, for the axis of a figure.
        reads_labels: Whether gaps or changes may depend on the labels; all others give the same ones whatever they are.
        keeps_groups: Whether whole groups stay on one side of its splits; where not, the groups on both are reported.
    """

    question: ClassVar[str]
    axis: ClassVar[str] = ""
    reads_labels: ClassVar[bool] = False
    keeps_groups: ClassVar[bool] = True

    def refusal(self, dataset: Dataset) -> str | None:
        """Why it cannot be asked of a data set; None if it can."""
        return None

    def num_splits(self, dataset: Dataset, num_seeds: int) -> int:
        """How often the rows are split."""
        return num_seeds

    def split(self, dataset: Dataset, split: int, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Training and test rows of one split, as positions."""
        return random_split(dataset, split, test_fraction, seed)

    def split_name(self, dataset: Dataset, split: int) -> str:
        """What readers call a split."""
        return f"split {split}"

    @abstractmethod
    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        """The training conditions, cheap to tell."""

    @abstractmethod
    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        """The trial of one training condition, of training and test rows with the gaps that they came with."""

    def _check_condition(self, dataset: Dataset, condition: str) -> None:
        if condition not in self.conditions(dataset):
            raise invalid("condition", f"be one of {self.conditions(dataset)}", repr(condition))
