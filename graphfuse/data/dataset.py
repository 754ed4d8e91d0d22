"""A data set: a batch of modalities, the variable to predict, and where the rows come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_known, check_name, check_type, invalid
from ..graph import Variable
from .batch import ModalityBatch


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of several modalities with one target, as the loaders return them.

    Rows are selected as in a ``ModalityBatch``; a single integer gives a data set of one row.

    Args:
        name: Name of the data set.
        batch: Its rows; ``batch.targets[target.name]`` holds the states of the target, int64 ``(num_rows,)``.
        target: The variable to predict, with the names of its classes as states.
        groups: By row, what it shares with others (a hospital, a person), for splits that keep groups together.
        source: Where the data come from.

    Raises:
        ValueError: If the batch lacks the target or holds a state beyond it, or groups do not match the rows.

    Example:
        >>> import torch
        >>> batch = ModalityBatch({"age": [61.0, 48.0, 55.0]}, targets={"flu": [0, 1, 0]})
        >>> data = Dataset("visits", batch, Variable("flu", 2, states=("absent", "present")))
        >>> data.labels
        array(['absent', 'present', 'absent'], dtype='<U7')
        >>> len(data[data.batch.inputs["age"] > 50])
        2
    """

    name: str
    batch: ModalityBatch
    target: Variable
    groups: tuple[str, ...] | None = None
    source: str = ""

    def __post_init__(self) -> None:
        check_name("the name of a data set", self.name)
        check_type("batch", self.batch, ModalityBatch, "be a ModalityBatch")
        check_type("target", self.target, Variable, "be a Variable")
        check_known("the name of target", self.target.name, self.batch.targets)
        if len(self.batch.shape) != 1:
            raise invalid("batch", "have one batch dimension", f"shape {tuple(self.batch.shape)}")
        states = self.batch.targets[self.target.name]
        if len(states) and int(states.max()) >= self.target.num_states:
            must = f"be below num_states, {self.target.num_states}"
            raise invalid(f"batch.targets[{self.target.name!r}]", must, int(states.max()))
        if self.groups is not None:
            object.__setattr__(self, "groups", tuple(self.groups))
            if len(self.groups) != len(self.batch):
                raise invalid(
                    "groups", f"name the group of each of {len(self.batch)} rows", f"{len(self.groups)} names"
                )

    @property
    def labels(self) -> np.ndarray:
        """The class name of each row, as scikit-learn takes it; the empty string where the target is unknown.

        A target without state names has its state numbers as text.
        """
        names = self.target.states or tuple(map(str, range(self.target.num_states)))
        found: np.ndarray = np.array([*names, ""])[self.batch.targets[self.target.name].cpu().numpy()]
        return found

    def __len__(self) -> int:
        return len(self.batch)

    def __getitem__(self, rows: Any) -> Dataset:
        kept = ModalityBatch({"row": np.arange(len(self))})[rows].inputs["row"].reshape(-1).tolist()
        groups = None if self.groups is None else tuple(self.groups[i] for i in kept)
        return Dataset(self.name, self.batch[kept], self.target, groups, self.source)

    def __iter__(self) -> Iterator[Dataset]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        num_groups = f", groups: {len(set(self.groups))}" if self.groups is not None else ""
        return f"Dataset({self.name!r}, target={self.target.name!r}{num_groups}, {self.batch!r})"
