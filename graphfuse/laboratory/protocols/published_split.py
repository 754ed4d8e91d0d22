"""The split that a data set is published with, for figures that compare with published ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...checks import check_count, invalid
from ...data import Dataset
from .base import Protocol, Trial


@dataclass(frozen=True)
class PublishedSplit(Protocol):
    """The rows are split as their source splits them, and left as they come; nothing is drawn.

    If there are parts ``"train"`` and ``"test"`` there is one split, whatever the seeds; rows of any other part, as
    those for validation, are training rows. Else parts are folds, and each is the test rows of one split, in the order
    of ``dataset.parts``. Groups are on both sides where the source has them there.

    Example:
        >>> from graphfuse import Variable
        >>> from graphfuse.data import ModalityBatch
        >>> batch = ModalityBatch({"age": [61.0, 48.0, 55.0]}, targets={"flu": [0, 1, 0]})
        >>> visits = Dataset("visits", batch, Variable("flu", 2), split=("train", "test", "train"))
        >>> protocol = PublishedSplit()
        >>> train, test = protocol.split(visits, 0, test_fraction=0.3, seed=0)
        >>> protocol.num_splits(visits, 10), train.tolist(), test.tolist()
        (1, [0, 2], [1])

    Reference: The module of each data set in ``graphfuse.data`` says where its split comes from.
    """

    question = "How does a model do on the split that others report?"
    keeps_groups = False

    def refusal(self, dataset: Dataset) -> str | None:
        if dataset.split is None:
            return f"it takes a split that comes with the data; {dataset.name!r} has none"
        if len(dataset.parts) < 2:
            return f"it takes two parts; {dataset.name!r} has {len(dataset.parts)}"
        return None

    def num_splits(self, dataset: Dataset, num_seeds: int) -> int:
        return len(_tested(dataset))

    def split(self, dataset: Dataset, split: int, test_fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        check_count("split", split, minimum=0)
        tested = _tested(dataset)
        if split >= len(tested):
            raise invalid("split", f"be below the number of published splits, {len(tested)}", split)
        is_test = np.array([part == tested[split] for part in dataset.split or ()], dtype=bool)
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("published",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        return Trial(train, {"published": test})


def _tested(dataset: Dataset) -> tuple[str, ...]:
    """By split, the part whose rows are tested."""
    if dataset.split is None:
        raise invalid("split", "come with the data", f"None in the data set {dataset.name!r}")
    return ("test",) if {"train", "test"} <= set(dataset.parts) else dataset.parts
