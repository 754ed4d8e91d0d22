"""What scikit-learn users hold, as a batch: DataFrames, arrays, dictionaries of arrays, lists of samples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data
from torch import Tensor

from ..checks import check_count, check_known, check_names, check_type, check_unique, invalid, listed
from ..data import ModalityBatch
from ..data.frames import as_tensor_or_frame, column_names, is_frame

Modalities = Mapping[str, Sequence[Any]] | Sequence[str] | None


def as_batch(
    estimator: BaseEstimator, X: Any, modalities: Modalities, template: ModalityBatch | None = None
) -> ModalityBatch:
    """X as a batch of the wanted modalities; the estimator remembers the features of fit, and is held to them after.

    Args:
        estimator: Whose features are remembered.
        X: What the user passed.
        modalities: As for ``FusionClassifier``.
        template: The modalities of fit, in a batch of any size; None while fitting.

    Raises:
        ValueError: If X does not have a modality or column, has other columns than in fit, or is infinite.
        TypeError: If X or ``modalities`` is of a wrong kind.
    """
    if not issparse(X) and (isinstance(X, ModalityBatch | Mapping) or _is_list_of_samples(X)):
        names = None if modalities is None else _names(modalities)
        with _called_x():
            batch = _from_modalities(X, template)
        if names is None:
            return batch
        return batch.select([name for name in names if name in batch.inputs] if template is not None else names)
    if modalities is not None:
        check_type("modalities", modalities, Mapping, "be a mapping from modalities to columns where X is a table")
        _check_groups(modalities)  # type: ignore[arg-type]
    if is_frame(X) and X.ndim == 2:
        validate_data(estimator, X, skip_check_array=True, reset=template is None)
        if not len(X):
            raise invalid("X", "hold at least one sample", "0 samples")
        with _called_x():
            return ModalityBatch.from_frame(X, modalities)  # type: ignore[arg-type]
    if isinstance(X, list | tuple) and any(isinstance(each, str) or np.ndim(each) > 1 for each in X):
        found = "names" if any(isinstance(each, str) for each in X) else "arrays"
        must = (
            "be a table, a dict of arrays by modality, a list of dicts by modality or a ModalityBatch (of these, "
            "scikit-learn's tools split all but a dict of arrays, of which they take the keys for rows)"
        )
        raise invalid("X", must, f"a {type(X).__name__} of {found}", TypeError)
    array = validate_data(estimator, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=template is None)
    groups = {"features": list(range(array.shape[1]))} if modalities is None else _positions(array, modalities)
    return ModalityBatch({name: array[:, group] for name, group in groups.items()})


def like(batch: ModalityBatch, template: ModalityBatch) -> ModalityBatch:
    """The batch with exactly the modalities of the template; one that it lacks is missing in every row.

    Columns with names are put in the order of the template.

    Raises:
        ValueError: If the batch has a modality that the template lacks, or values of another shape, or other columns.
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
        if is_frame(expected) and expected.shape[1] == 1 and found.ndim == 1:
            found = found.unsqueeze(1)  # a single column of text, in which no cell is observed
        if found.shape[1:] != expected.shape[1:]:
            raise invalid(
                f"modality {name!r} of X",
                f"have {tuple(expected.shape[1:])} values per row, as in fit",
                tuple(found.shape[1:]),
            )
        found = _in_order(found, _column_names(batch, name), _column_names(template, name), name)
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
    """All modalities as the columns of one table, with missing cells where a source is missing."""
    whole = batch.to_frame()
    whole.columns = ["/".join(map(str, column)) for column in whole.columns]
    return ModalityBatch({name: whole}, {name: torch.stack(list(batch.present.values())).any(0)})


def _frame(values: Tensor, columns: Sequence[str]) -> Any:
    import pandas as pd

    return pd.DataFrame(values.detach().cpu().numpy(), columns=list(columns))


def _is_list_of_samples(X: Any) -> bool:
    return isinstance(X, list | tuple) and len(X) > 0 and all(isinstance(sample, Mapping) for sample in X)


def _from_modalities(X: Any, template: ModalityBatch | None) -> ModalityBatch:
    if isinstance(X, Mapping):
        given = {name: value for name, value in X.items() if value is not None or template is None}
        if not given:
            raise invalid("X", "hold at least one modality (a dict of none has no rows; a list of dicts has)", "none")
        batch = ModalityBatch(given)
    else:
        batch = X if isinstance(X, ModalityBatch) else _from_samples(X, template)
    if len(batch.shape) != 1:
        raise invalid("X", "have one batch dimension, rows", f"batch shape {tuple(batch.shape)}")
    if not len(batch):
        raise invalid("X", "hold at least one sample", "0 samples")
    inputs, columns = dict(batch.inputs), dict(batch.columns)
    for name, value in batch.inputs.items():
        if 0 in value.shape[1:]:
            raise invalid(f"inputs[{name!r}]", "have at least one column", "0 feature(s)")
        if is_frame(value):
            inputs[name] = as_tensor_or_frame(value)
            if isinstance(inputs[name], Tensor):
                columns[name] = tuple(column_names(list(value.columns), inner=False))
    return ModalityBatch(inputs, batch.present, columns=columns).to("cpu")


def _from_samples(samples: Sequence[Mapping[str, Any]], template: ModalityBatch | None) -> ModalityBatch:
    if template is None:
        return ModalityBatch.from_samples(samples)
    given = [{name: value for name, value in sample.items() if value is not None} for sample in samples]
    for name in {name for sample in samples for name in sample}:
        check_known("each modality in X", name, template.inputs)
    if any(given):
        return ModalityBatch.from_samples(given)
    name, expected = next(iter(template.inputs.items()))
    nothing = torch.full((len(given), *expected.shape[1:]), torch.nan)
    return ModalityBatch({name: nothing}, {name: torch.zeros(len(given), dtype=torch.bool)})


@contextmanager
def _called_x() -> Iterator[None]:
    """Errors of a batch that is made of X, in which the batch's own arguments are called X."""
    try:
        yield
    except (TypeError, ValueError) as error:
        text = re.sub(r"^((?:each modality in |columns of )?)(?:inputs|samples|frame)\b", r"\1X", str(error))
        raise type(error)(text.replace(" of inputs[", " of X[")) from error


def _column_names(batch: ModalityBatch, name: str) -> list[str] | None:
    value = batch.inputs.get(name)
    if value is not None and is_frame(value):
        return column_names(list(value.columns), inner=False)
    return list(batch.columns[name]) if name in batch.columns else None


def _in_order(found: Any, names: list[str] | None, expected: list[str] | None, modality: str) -> Any:
    """Columns in the order that is expected, where both have names; the modality names a single column well enough."""
    if names is None or expected is None or names == expected or len(expected) == 1:
        return found
    if sorted(names) != sorted(expected) or len(set(names)) != len(names):
        raise invalid(f"modality {modality!r} of X", f"have the columns {listed(expected)}, as in fit", listed(names))
    order = [names.index(column) for column in expected]
    return found.iloc[:, order] if is_frame(found) else found[..., order]


def _names(modalities: Modalities) -> tuple[str, ...]:
    names = check_names("modalities", list(modalities) if isinstance(modalities, Mapping) else modalities)
    if not names:
        raise invalid("modalities", "name at least one modality", "none")
    return names


def _check_groups(modalities: Mapping[str, Sequence[Any]]) -> None:
    for name in _names(modalities):
        group = modalities[name]
        if isinstance(group, str) or not hasattr(group, "__len__") or not len(group):
            raise invalid(f"modalities[{name!r}]", "be a list of at least one column", repr(group))


def _positions(array: np.ndarray, modalities: Any) -> dict[str, list[int]]:
    groups = {}
    for name, group in modalities.items():
        argument = f"modalities[{name!r}]"
        for column in group:
            check_count(f"each column in {argument}, where X is an array,", column, minimum=0)
            check_known(f"each column in {argument}", column, range(array.shape[1]))
        check_unique(argument, list(group))
        groups[name] = [int(column) for column in group]
    return groups
