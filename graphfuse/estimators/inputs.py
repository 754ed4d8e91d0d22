"""What scikit-learn users hold, as a batch: DataFrames, arrays, dictionaries of arrays, lists of samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch import Tensor

from ..checks import check_count, check_known, check_names, check_type, check_unique, invalid
from ..data import ModalityBatch
from ..data.frames import is_frame

Modalities = Mapping[str, Sequence[Any]] | Sequence[str] | None


def as_batch(estimator: BaseEstimator, X: Any, modalities: Modalities, reset: bool) -> ModalityBatch:
    """X as a batch of the wanted modalities; the estimator remembers the features of fit, and is held to them after.

    Raises:
        ValueError: If X does not have a modality or column, has other columns than in fit, or is infinite.
        TypeError: If X or ``modalities`` is of a wrong kind.
    """
    if not issparse(X) and (isinstance(X, ModalityBatch | Mapping) or _is_list_of_samples(X)):
        batch = _from_modalities(X)
        if modalities is None:
            return batch
        names = list(modalities) if isinstance(modalities, Mapping) else check_names("modalities", modalities)
        return batch.select([name for name in names if reset or name in batch.inputs])
    if modalities is not None:
        check_type("modalities", modalities, Mapping, "be a mapping from modalities to columns where X is a table")
    if is_frame(X) and X.ndim == 2:
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        if not len(X):
            raise invalid("X", "hold at least one sample", "0 samples")
        return ModalityBatch.from_frame(X, modalities)  # type: ignore[arg-type]
    array = validate_data(estimator, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
    groups = {"features": list(range(array.shape[1]))} if modalities is None else _positions(array, modalities)
    return ModalityBatch({name: array[:, group] for name, group in groups.items()})


def like(batch: ModalityBatch, template: ModalityBatch) -> ModalityBatch:
    """The batch with exactly the modalities of the template; one that it lacks is missing in every row.

    Raises:
        ValueError: If the batch has a modality that the template lacks, or values of another shape.
    """
    for name in batch.modalities:
        check_known("each modality in X", name, template.inputs)
    inputs, present = {}, {}
    for name, expected in template.inputs.items():
        found = batch.inputs.get(name)
        present[name] = batch.present.get(name, torch.zeros(len(batch), dtype=torch.bool))
        if found is None:
            fill_value = torch.nan if is_frame(expected) or expected.is_floating_point() else 0
            found = torch.full((len(batch), *expected.shape[1:]), fill_value)
        if found.shape[1:] != expected.shape[1:]:
            raise invalid(
                f"modality {name!r} of X",
                f"have {tuple(expected.shape[1:])} values per row, as in fit",
                found.shape[1:],
            )
        if is_frame(found) and not is_frame(expected):
            raise invalid(f"modality {name!r} of X", "hold numbers only, as in fit", "text or categories")
        inputs[name] = _frame(found, expected.columns) if is_frame(expected) and not is_frame(found) else found
    return ModalityBatch(inputs, present, columns=template.columns)


def encoder_inputs(batch: ModalityBatch, modality: str, flat: bool) -> Any:
    """The values of a modality as an encoder reads them: a DataFrame where columns have names, else an array.

    Args:
        batch: Rows ``(n,)``.
        modality: Which.
        flat: Whether the encoder reads tables ``(rows, columns)``; torch modules read ``(rows, *features)``.
    """
    values = batch.inputs[modality]
    if not isinstance(values, Tensor):
        return values
    if not flat:
        return values.detach().cpu().numpy()
    values = values.reshape(len(values), -1)
    return _frame(values, batch.columns[modality]) if modality in batch.columns else values.detach().cpu().numpy()


def side_by_side(batch: ModalityBatch, name: str) -> ModalityBatch:
    """All modalities as the columns of one, with missing cells where a source is missing."""
    blocks = []
    for modality in batch.modalities:
        block, present = encoder_inputs(batch, modality, flat=True), batch.present[modality].numpy()
        if is_frame(block):
            kept = block.loc[present].set_axis(np.flatnonzero(present), axis=0)
            blocks.append(kept.reindex(range(len(batch))).add_prefix(f"{modality}/"))
        else:
            blocks.append(np.where(present[:, None], block, np.nan))
    if any(is_frame(block) for block in blocks):
        import pandas as pd

        whole: Any = pd.concat([block if is_frame(block) else pd.DataFrame(block) for block in blocks], axis=1)
        whole.columns = whole.columns.astype(str)
    else:
        whole = np.concatenate(blocks, axis=1)
    return ModalityBatch({name: whole}, {name: torch.stack(list(batch.present.values())).any(0)})


def _frame(values: Tensor, columns: Sequence[str]) -> Any:
    import pandas as pd

    return pd.DataFrame(values.detach().cpu().numpy(), columns=list(columns))


def _is_list_of_samples(X: Any) -> bool:
    return isinstance(X, list | tuple) and len(X) > 0 and all(isinstance(sample, Mapping) for sample in X)


def _from_modalities(X: Any) -> ModalityBatch:
    if isinstance(X, Mapping):
        X = ModalityBatch(X)
    elif not isinstance(X, ModalityBatch):
        X = ModalityBatch.from_samples(X)
    if len(X.shape) != 1:
        raise invalid("X", "have one batch dimension, rows", f"batch shape {tuple(X.shape)}")
    if not len(X):
        raise invalid("X", "hold at least one sample", "0 samples")
    return X


def _positions(array: np.ndarray, modalities: Any) -> dict[str, list[int]]:
    groups = {}
    for name, group in modalities.items():
        argument = f"modalities[{name!r}]"
        if isinstance(group, str) or not len(group):
            raise invalid(argument, "be a list of at least one column", repr(group))
        for column in group:
            check_count(f"each column in {argument}, where X is an array,", column, minimum=0)
            check_known(f"each column in {argument}", column, range(array.shape[1]))
        check_unique(argument, list(group))
        groups[name] = [int(column) for column in group]
    return groups
