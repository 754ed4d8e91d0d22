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
from .frames import (
    as_column,
    as_tensor_or_frame,
    check_finite_frame,
    column_groups,
    column_names,
    is_frame,
    observed_rows,
)

if TYPE_CHECKING:
    import pandas as pd

_COLUMN_TYPES = "graphfuse_column_types"
Input = Any  # a Tensor (*batch, *features), or a DataFrame of mixed columns, one row per row of the batch


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
            values[name] = _as_input(f"inputs[{name!r}]", value)
            masks[name] = _mask(name, values[name], present.get(name))
        states = {name: _states(f"targets[{name!r}]", value) for name, value in (targets or {}).items()}
        names = {name: _names(f"columns[{name!r}]", group) for name, group in (columns or {}).items()}
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
            rows = {i: _as_input(f"samples[{i}][{name!r}]", value) for i, value in found.items()}
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
            {name: _stack([sample.inputs[name] for sample in samples]) for name in first.inputs},
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
        rows = _row_index(key, len(self))
        return self._trusted(
            {name: _rows(value, rows) for name, value in self.inputs.items()},
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


def _tensor(array: np.ndarray) -> Tensor:
    """An array as a tensor, copied where torch cannot share it: read-only, reversed, or in the other byte order."""
    shared = array.flags.writeable and array.dtype.isnative and all(stride >= 0 for stride in array.strides)
    return torch.as_tensor(array if shared else np.array(array, dtype=array.dtype.newbyteorder("=")))


def _names(argument: str, group: Any) -> tuple[str, ...]:
    if isinstance(group, str):
        raise invalid(argument, "be a sequence of names", repr(group), TypeError)
    return tuple(map(str, group))


def _row_index(key: Any, num_rows: int) -> Any:
    """An index of rows as an int, a slice of positive step, or an int64 or bool tensor."""
    if isinstance(key, slice):
        return key if key.step is None or key.step > 0 else torch.arange(num_rows)[np.arange(num_rows)[key].copy()]
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        return int(key)
    if not isinstance(key, Tensor):
        array = np.asarray(key)
        key = _tensor(array if array.size else array.astype(np.int64)) if array.dtype.kind in "biuf" else key
    if not isinstance(key, Tensor) or key.is_floating_point() or (key.dtype == torch.bool and not key.ndim):
        must = "be integers, a slice, or an array of integers or booleans"
        raise invalid("the index of a ModalityBatch", must, key, TypeError)
    if not key.ndim:
        return int(key)
    return key if key.dtype == torch.bool else key.long()


def _as_input(argument: str, value: Any) -> Input:
    if is_frame(value):
        value = as_column(value)
    if is_frame(value):
        check_finite_frame(argument, value)
        return value
    if not isinstance(value, Tensor):
        must = "be a tensor, an array of numbers or a DataFrame"
        try:
            array = np.asarray(value)
            array = array.astype(np.float64) if array.dtype == object else array
        except (TypeError, ValueError) as error:
            raise invalid(argument, must, error, TypeError) from None
        if array.dtype.kind not in "biufc":
            raise invalid(argument, must, f"dtype {array.dtype}", TypeError)
        value = _tensor(array)
    if value.is_complex():
        raise invalid(argument, "be real", value.dtype, TypeError)
    if value.is_floating_point() and bool(value.isinf().any()):
        raise invalid(argument, "be finite, or nan where a cell is missing", "infinity")
    return value


def _array(argument: str, value: Any, must: str) -> Tensor:
    array = np.asarray(value)
    if array.dtype.kind not in "biuf":
        raise invalid(argument, must, f"dtype {array.dtype}", TypeError)
    return _tensor(array)


def _mask(name: str, value: Input, given: Any | None) -> Tensor:
    if is_frame(value):
        observed = torch.from_numpy(observed_rows(value).copy())
    elif given is None and not value.ndim:
        raise invalid(f"inputs[{name!r}]", "have a batch dimension, or a mask in present", "a scalar")
    else:
        num_batch = 1 if given is None else np.ndim(given)
        observed = torch.ones(value.shape[:num_batch], dtype=torch.bool, device=value.device)
        if value.is_floating_point():
            observed = ~value.isnan().reshape(*observed.shape, -1).all(-1) if value.numel() else observed
    if given is None:
        return observed
    mask = given if isinstance(given, Tensor) else _array(f"present[{name!r}]", given, "be boolean")
    if mask.dtype != torch.bool:
        raise invalid(f"present[{name!r}]", "be boolean", mask.dtype, TypeError)
    if mask.shape != observed.shape:
        raise invalid(f"present[{name!r}]", f"have shape {tuple(observed.shape)}", tuple(mask.shape))
    return mask.to(observed.device) & observed


def _states(argument: str, value: Any) -> Tensor:
    states = value if isinstance(value, Tensor) else _array(argument, value, "be integers, -1 where unknown")
    if states.is_floating_point() or states.dtype == torch.bool:
        raise invalid(argument, "be integers, -1 where unknown", states.dtype, TypeError)
    if states.numel() and int(states.min()) < -1:
        raise invalid(argument, "be at least -1 (unknown)", int(states.min()))
    return states.long()


def _rows(value: Input, key: Any) -> Input:
    if isinstance(value, Tensor):
        return value[key.to(value.device) if isinstance(key, Tensor) else key]
    found = value.iloc[key.cpu().numpy() if isinstance(key, Tensor) else key]
    if found.ndim < value.ndim:
        found.attrs[_COLUMN_TYPES] = value.dtypes.to_dict()  # a row of mixed columns cannot hold them itself
    return found


def _stack(values: list[Input]) -> Input:
    if isinstance(values[0], Tensor):
        return torch.stack(values)
    return type(values[0].to_frame())(values).astype(values[0].attrs[_COLUMN_TYPES])


def _collate(samples: Any, *, collate_fn_map: Any = None) -> ModalityBatch:
    return samples if isinstance(samples, ModalityBatch) else ModalityBatch.stack(samples)


default_collate_fn_map[ModalityBatch] = _collate
