"""A data set: a batch of modalities, what to predict, how the rows are split, and where they come from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import check_known, check_name, check_type, check_unique, invalid, listed
from ..graph import Variable
from .batch import ModalityBatch


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows of several modalities with a target or more, as the loaders return them.

    Rows are selected as in a ``ModalityBatch``; a single integer gives a data set of one row. Most data sets have one
    target; where there are several, ``target`` is the first of ``targets``.

    Args:
        name: Name of the data set.
        batch: Its rows; ``batch.targets[target.name]`` holds the states of the target, int64 ``(num_rows,)``.
        target: The variable to predict, with the names of its classes as states.
        groups: By row, what it shares with others (a person, an article), for splits that keep groups together.
        source: Where the data come from.
        split: By row, the part it belongs to, ``"train"`` and ``"test"`` or the number of its fold; None if the rows
            are not split. Rows of a fold are the test rows of that fold.
        other_targets: Further variables to predict, each with its states in ``batch.targets``.
        sites: By row, where it comes from (a hospital), for questions about places that were never seen.

    Raises:
        ValueError: If the batch lacks a target or holds a state beyond it, two targets share a name, or groups,
            split or sites do not match the rows.

    Example:
        >>> import torch
        >>> batch = ModalityBatch({"age": [61.0, 48.0, 55.0]}, targets={"flu": [0, 1, 0]})
        >>> data = Dataset("visits", batch, Variable("flu", 2, states=("absent", "present")))
        >>> data.labels
        array(['absent', 'present', 'absent'], dtype='<U7')
        >>> len(data[data.batch.inputs["age"] > 50])
        2
        >>> data = Dataset("visits", batch, data.target, split=("train", "test", "train"))
        >>> len(data.part("train"))
        2
    """

    name: str
    batch: ModalityBatch
    target: Variable
    groups: tuple[str, ...] | None = None
    source: str = ""
    split: tuple[str, ...] | None = None
    other_targets: tuple[Variable, ...] = ()
    sites: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_name("the name of a data set", self.name)
        check_type("batch", self.batch, ModalityBatch, "be a ModalityBatch")
        if len(self.batch.shape) != 1:
            raise invalid("batch", "have one batch dimension", f"shape {tuple(self.batch.shape)}")
        object.__setattr__(self, "other_targets", tuple(self.other_targets))
        self._check_target("target", self.target)
        for i, variable in enumerate(self.other_targets):
            self._check_target(f"other_targets[{i}]", variable)
        check_unique("the names of target and other_targets", [variable.name for variable in self.targets])
        for argument, what in (("groups", "group"), ("split", "part"), ("sites", "site")):
            names = getattr(self, argument)
            if names is not None:
                object.__setattr__(self, argument, tuple(names))
                if len(names) != len(self.batch):
                    raise invalid(argument, f"name the {what} of each of {len(self.batch)} rows", f"{len(names)} names")

    def _check_target(self, argument: str, variable: Variable) -> None:
        check_type(argument, variable, Variable, "be a Variable")
        check_known(f"the name of {argument}", variable.name, self.batch.targets)
        states = self.batch.targets[variable.name]
        if len(states) and int(states.max()) >= variable.num_states:
            must = f"be below num_states, {variable.num_states}"
            raise invalid(f"batch.targets[{variable.name!r}]", must, int(states.max()))

    @property
    def targets(self) -> tuple[Variable, ...]:
        """Everything to predict, ``target`` first."""
        return (self.target, *self.other_targets)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the split, in alphabetical order; none if the rows are not split."""
        return tuple(sorted(set(self.split or ())))

    def part(self, *names: str) -> Dataset:
        """The rows of these parts of the split, in their order.

        Raises:
            ValueError: If the data set is not split, or has no such part.
        """
        if self.split is None:
            raise invalid("split", "be given for a data set to have parts", f"None in the data set {self.name!r}")
        for name in names:
            check_known("each part", name, self.parts)
        return self[np.array([part in names for part in self.split], dtype=bool)]

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
        rows = self.batch[kept]
        groups, split, sites = (
            None if names is None else tuple(names[i] for i in kept) for names in (self.groups, self.split, self.sites)
        )
        return Dataset(self.name, rows, self.target, groups, self.source, split, self.other_targets, sites)

    def __iter__(self) -> Iterator[Dataset]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        targets = listed(variable.name for variable in self.targets)
        groups = f", groups: {len(set(self.groups))}" if self.groups is not None else ""
        groups += f", sites: {len(set(self.sites))}" if self.sites is not None else ""
        split = ", ".join(f"{name} {self.split.count(name)}" for name in self.parts) if self.split is not None else ""
        return f"Dataset({self.name!r}, target={targets}{groups}{split and ', split: ' + split}, {self.batch!r})"
