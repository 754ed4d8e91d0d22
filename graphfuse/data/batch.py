"""Rows of several modalities, each row with its own gaps: what every model takes in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data._utils.collate import default_collate_fn_map

from ..checks import check_known, check_name, check_names, check_type, invalid, listed
from .checked_inputs import Input, as_input, mask_of, names_of, states_of
from .frames import as_tensor_or_frame, column_groups, column_names
from .rows import row_index, stacked, take

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class ModalityBatch:
    """By modality its inputs, which rows have it, and by target the states of the rows.

    A row whose values are all missing lacks the modality; a row with some missing values has it, with missing cells.
    Indexing by integers, slices, integer or boolean arrays goes along the first batch dimension, so torch's
    ``DataLoader`` and scikit-learn's splitters take a batch as they take an array.

    Args:
        inputs: By modality, a tensor or array ``(*batch, *features)`` in which ``nan`` is a missing cell, or a
            DataFrame for columns that no tensor holds (text, categories); a Series is a single column.
        present: By modality, bool ``(*batch,)``; a modality left out is present wherever it has an observed value, and
            its batch is then its first dimension.
        targets: By name, int64 ``(*batch,)``; -1 is unknown.
        columns: By modality, the names of the last dimension of its tensor, where it has names.

    Raises:
        TypeError: If an input is no tensor, array or DataFrame, or a mask is not boolean.
        ValueError: If shapes disagree, an input is infinite, or a name is unknown.

    Example:
        >>> batch = ModalityBatch({"ecg": [[0.1, np.nan], [np.nan, np.nan]], "age": [61.0, 48.0]})
        >>> batch.present["ecg"], len(batch)
        (tensor([ True, False]), 2)
    """

    inputs: Mapping[str, Input]
    present: Mapping[str, Tensor]
    targets: Mapping[str, Tensor] = field(default_factory=dict)
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __init__(
        self,
        inputs: Mapping[str, Input],
        present: Mapping[str, Any] | None = None,
        targets: Mapping[str, Any] | None = None,
        columns: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        check_type("inputs", inputs, Mapping, "be a mapping from modalities to tensors or DataFrames")
        if not inputs:
            raise invalid("inputs", "hold at least one modality", "none")
        present = present or {}
        for name in present:
            check_known("each modality in present", name, inputs)
        values, masks = {}, {}
        for name, value in inputs.items():
            check_name("each modality in inputs", name)
            values[name] = as_input(f"inputs[{name!r}]", value)
            masks[name] = mask_of(name, values[name], present.get(name))
        states = {name: states_of(f"targets[{name!r}]", value) for name, value in (targets or {}).items()}
        names = {name: names_of(f"columns[{name!r}]", group) for name, group in (columns or {}).items()}
        self._set(values, masks, states, names)
        self._check_shapes()

    def _set(self, *values: object) -> None:
        for name, value in zip(("inputs", "present", "targets", "columns"), values, strict=True):
            object.__setattr__(self, name, value)

    def _check_shapes(self) -> None:
        first = next(iter(self.present))
        tensors = {f"inputs[{name!r}]": mask for name, mask in self.present.items()}
        tensors |= {f"targets[{name!r}]": states for name, states in self.targets.items()}
        for argument, tensor in tensors.items():
            if tensor.shape != self.shape:
                raise invalid(
                    argument,
                    f"have the batch shape {tuple(self.shape)} of inputs[{first!r}] (dictionaries of arrays are not "
                    "split by scikit-learn's tools; a ModalityBatch is)",
                    tuple(tensor.shape),
                )
        for name, group in self.columns.items():
            check_known("each modality in columns", name, self.inputs)
            features = self.inputs[name].shape[len(self.shape) :]
            if not features or features[-1] != len(group):
                width = f"{features[-1]} columns" if features else "no columns (its values are single numbers)"
                raise invalid(f"columns[{name!r}]", f"name {width}", f"{len(group)} names")

    @classmethod
    def _trusted(
        cls,
        inputs: Mapping[str, Input],
        present: Mapping[str, Tensor],
        targets: Mapping[str, Tensor],
        columns: Mapping[str, tuple[str, ...]],
    ) -> ModalityBatch:
        batch = object.__new__(cls)
        batch._set(inputs, present, targets, columns)
        return batch

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        modalities: Mapping[str, Sequence[Any]] | None = None,
        targets: Mapping[str, Any] | None = None,
    ) -> ModalityBatch:
        """One row per row of a DataFrame, whose columns are grouped into modalities.

        NaN, None and NA are missing. Groups of numbers and booleans become float tensors, groups with text or
        categories stay DataFrames.

        Args:
            frame: The table.
            modalities: By modality, its columns; the first level of the columns if None and there are several levels,
                else one modality named ``"features"``.
            targets: As for ``ModalityBatch``.

        Raises:
            ValueError: If a column is unknown or infinite, or a modality has none.

        Example:
            >>> import pandas as pd
            >>> frame = pd.DataFrame({"age": [61, None], "sex": [1.0, None], "ecg": [None, 0.3]})
            >>> batch = ModalityBatch.from_frame(frame, {"person": ["age", "sex"], "heart": ["ecg"]})
            >>> batch.present["person"].tolist(), batch.present["heart"].tolist()
            ([True, False], [False, True])
        """
        groups = column_groups(frame, modalities)
        columns = {name: column_names(group, modalities is None) for name, group in groups.items()}
        blocks = {
            name: as_tensor_or_frame(frame[list(group)].set_axis(list(columns[name]), axis=1))
            for name, group in groups.items()
        }
        return cls(blocks, targets=targets, columns=columns)

    @classmethod
    def from_samples(cls, samples: Sequence[Mapping[str, Any]]) -> ModalityBatch:
        """One row per sample; a modality whose key is absent or None is missing in that row.

        A modality has the widest dtype among its samples.

        Raises:
            ValueError: If there is no sample, the values of a modality differ in shape, or no sample has it.

        Example:
            >>> ModalityBatch.from_samples([{"ecg": [0.1, 0.2]}, {"age": 48.0, "ecg": None}]).present
            {'ecg': tensor([ True, False]), 'age': tensor([False,  True])}
        """
        if not len(samples):
            raise invalid("samples", "hold at least one sample", "none")
        for i, sample in enumerate(samples):
            check_type(f"samples[{i}]", sample, Mapping, "be a mapping from modalities to values")
        inputs, present = {}, {}
        for name in dict.fromkeys(name for sample in samples for name in sample):
            found = {i: sample[name] for i, sample in enumerate(samples) if sample.get(name) is not None}
            if not found:
                raise invalid(f"samples[...][{name!r}]", "be given in at least one sample", "None in every sample")
            rows = {i: as_input(f"samples[{i}][{name!r}]", value) for i, value in found.items()}
            shape = next(iter(rows.values())).shape
            dtype = reduce(torch.promote_types, (value.dtype for value in rows.values()))
            column = torch.zeros(len(samples), *shape, dtype=dtype)
            mask = torch.zeros(len(samples), dtype=torch.bool)
            for i, value in rows.items():
                if value.shape != shape:
                    raise invalid(f"samples[{i}][{name!r}]", f"have shape {tuple(shape)}", tuple(value.shape))
                column[i], mask[i] = value, True
            inputs[name], present[name] = column, mask
        return cls(inputs, present)

    @classmethod
    def stack(cls, samples: Sequence[ModalityBatch]) -> ModalityBatch:
        """Batches of one shape and the same modalities, stacked along a new first dimension."""
        if not len(samples):
            raise invalid("samples", "hold at least one batch", "none")
        first = samples[0]
        for sample in samples:
            if sample.modalities != first.modalities or tuple(sample.targets) != tuple(first.targets):
                raise invalid("samples", f"all have the modalities {listed(first.inputs)}", listed(sample.inputs))
        return cls._trusted(
            {name: stacked([sample.inputs[name] for sample in samples]) for name in first.inputs},
            {name: torch.stack([sample.present[name] for sample in samples]) for name in first.inputs},
            {name: torch.stack([sample.targets[name] for sample in samples]) for name in first.targets},
            first.columns,
        )

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names of the modalities, in order."""
        return tuple(self.inputs)

    @property
    def shape(self) -> torch.Size:
        """The batch shape."""
        return next(iter(self.present.values())).shape

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a ModalityBatch of a single row has no len(); index its parent by a slice instead.")
        return self.shape[0]

    def __getitem__(self, key: Any) -> ModalityBatch:
        if isinstance(key, str):
            raise invalid("the index of a ModalityBatch", "select rows (modalities are in .inputs)", repr(key))
        if isinstance(key, tuple) and len(key) == 2 and key[1] is Ellipsis:
            key = key[0]
        rows = row_index(key, len(self))
        return self._trusted(
            {name: take(value, rows) for name, value in self.inputs.items()},
            {name: mask[rows] for name, mask in self.present.items()},
            {name: states[rows] for name, states in self.targets.items()},
            self.columns,
        )

    def __getitems__(self, rows: list[int]) -> ModalityBatch:
        return self[rows]

    def __iter__(self) -> Iterator[ModalityBatch]:
        return (self[i] for i in range(len(self)))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> ModalityBatch:
        """The batch on another device, its floating-point inputs in another dtype; DataFrames stay as they are."""

        def move(value: Input) -> Input:
            if not isinstance(value, Tensor):
                return value
            return value.to(device=device, dtype=dtype if value.is_floating_point() else None)

        return self._trusted(
            {name: move(value) for name, value in self.inputs.items()},
            {name: mask.to(device=device) for name, mask in self.present.items()},
            {name: states.to(device=device) for name, states in self.targets.items()},
            self.columns,
        )

    def keep(self, kept: Mapping[str, Tensor]) -> ModalityBatch:
        """The batch in which a modality is present where it was and ``kept`` (*batch) says so; others stay as they are.

        Example:
            >>> batch = ModalityBatch({"age": [61.0, 48.0]})
            >>> batch.keep({"age": torch.tensor([True, False])}).present
            {'age': tensor([ True, False])}
        """
        for name, mask in kept.items():
            check_known("each modality in kept", name, self.inputs)
            check_type(f"kept[{name!r}]", mask, Tensor, "be a bool tensor")
            if mask.dtype != torch.bool or mask.shape != self.shape:
                raise invalid(
                    f"kept[{name!r}]",
                    f"be bool of shape {tuple(self.shape)}",
                    f"{mask.dtype} of shape {tuple(mask.shape)}",
                )
        present = {name: mask & kept[name] if name in kept else mask for name, mask in self.present.items()}
        return self._trusted(self.inputs, present, self.targets, self.columns)

    def to_frame(self) -> pd.DataFrame:
        """All modalities as the columns of one DataFrame, (modality, column), missing where a modality is.

        Raises:
            ValueError: If the batch has more than one dimension.

        Example:
            >>> ModalityBatch({"ecg": [[0.1, np.nan], [np.nan, np.nan]], "age": [61.0, 48.0]}).to_frame()
               ecg      age
                 0   1    0
            0  0.1 NaN 61.0
            1  NaN NaN 48.0
        """
        import pandas as pd

        if len(self.shape) != 1:
            raise invalid("a batch for a DataFrame", "have one dimension, rows", f"shape {tuple(self.shape)}")
        blocks = {}
        for name, value in self.inputs.items():
            if isinstance(value, Tensor):
                cells = value.detach().cpu().reshape(len(self), value.shape[1:].numel()).numpy()
                value = pd.DataFrame(cells, columns=list(self.columns.get(name, range(cells.shape[1]))))
            present = self.present[name].cpu().numpy()
            kept = value.set_axis(np.arange(len(self)), axis=0)
            blocks[name] = kept if present.all() else kept.loc[present].reindex(kept.index)
        return pd.concat(blocks, axis=1)

    def select(self, modalities: Sequence[str]) -> ModalityBatch:
        """The batch with these modalities only, in this order; at least one."""
        modalities = check_names("modalities", modalities)
        if not modalities:
            raise invalid("modalities", "name at least one modality", "none")
        for name in modalities:
            check_known("each of modalities", name, self.inputs)
        return self._trusted(
            {name: self.inputs[name] for name in modalities},
            {name: self.present[name] for name in modalities},
            self.targets,
            {name: self.columns[name] for name in modalities if name in self.columns},
        )

    def __repr__(self) -> str:
        rates = ", ".join(
            f"{name} {tuple(self.inputs[name].shape[len(self.shape) :])} {mask.double().mean():.0%}"
            for name, mask in self.present.items()
        )
        return f"ModalityBatch(shape={tuple(self.shape)}, present: {rates}; targets: {listed(self.targets)})"


def _collate(samples: Any, *, collate_fn_map: Any = None) -> ModalityBatch:
    return samples if isinstance(samples, ModalityBatch) else ModalityBatch.stack(samples)


default_collate_fn_map[ModalityBatch] = _collate
