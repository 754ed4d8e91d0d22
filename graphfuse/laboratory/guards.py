"""What keeps a measurement honest: sides of a split that share nothing, answers that read one row at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import invalid, listed
from ..data import Dataset, ModalityBatch

Answer = Callable[[ModalityBatch], Tensor]

_FEW = 24  # rows that are asked once more, by themselves
_TOLERANCE = 1e-4  # of a probability, wide enough for float32 in another order


def check_split(dataset: Dataset, train: np.ndarray, test: np.ndarray) -> None:
    """Refuse a split with a row, or a group (a person), on both sides, or with nothing on one.

    Raises:
        ValueError: If it is one.

    Example:
        >>> batch = ModalityBatch({"age": [61.0, 48.0, 55.0]}, targets={"flu": [0, 1, 0]})
        >>> from graphfuse import Variable
        >>> visits = Dataset("visits", batch, Variable("flu", 2), groups=("ann", "bob", "ann"))
        >>> check_split(visits, np.array([0, 1]), np.array([2]))
        Traceback (most recent call last):
            ...
        ValueError: the groups of the test rows must not occur among the training rows; got 'ann' on both sides.
    """
    for side, rows in (("training", train), ("test", test)):
        if not len(rows):
            raise invalid(f"the {side} rows", "be at least one", "none")
    shared = np.intersect1d(train, test)
    if len(shared):
        raise invalid("the test rows", "not be among the training rows", f"rows {listed(shared.tolist())} on both")
    both = shared_groups(dataset, train, test)
    if both:
        must = "not occur among the training rows"
        raise invalid("the groups of the test rows", must, f"{listed(both)} on both sides")


def shared_groups(dataset: Dataset, train: np.ndarray, test: np.ndarray) -> list[str]:
    """The groups with rows on both sides, in order; none where the data set has no groups."""
    if dataset.groups is None:
        return []
    sides = [{dataset.groups[row] for row in rows} for rows in (train.tolist(), test.tolist())]
    return sorted(sides[0] & sides[1])


def without_targets(batch: ModalityBatch) -> ModalityBatch:
    """The batch as a model sees it at test time: inputs and gaps, no target."""
    return ModalityBatch(batch.inputs, batch.present, columns=batch.columns)


def blanked(dataset: Dataset) -> Dataset:
    """The rows without the values of what they miss, for a mask alone would leave them to be read.

    Numbers become ``nan``, integers zero, cells of a DataFrame missing.

    Example:
        >>> from graphfuse import Variable
        >>> batch = ModalityBatch({"age": [61.0, 48.0]}, targets={"flu": [0, 1]})
        >>> batch = batch.keep({"age": torch.tensor([True, False])})
        >>> blanked(Dataset("visits", batch, Variable("flu", 2))).batch.inputs["age"]
        tensor([61., nan], dtype=torch.float64)
    """
    batch = dataset.batch
    inputs = {name: _blank(value, batch.present[name]) for name, value in batch.inputs.items()}
    return replace(dataset, batch=ModalityBatch(inputs, batch.present, batch.targets, batch.columns))


def _blank(value: Any, present: Tensor) -> Any:
    if bool(present.all()):
        return value
    if not isinstance(value, Tensor):
        kept = value.iloc[present.numpy().nonzero()[0]]
        return kept.reindex(value.index) if value.index.is_unique else value.where(present.numpy()[:, None])
    rows = present.reshape(-1, *[1] * (value.ndim - 1))
    return value.where(rows, torch.nan if value.is_floating_point() else 0)


def check_reads_rows_alone(answer: Answer, batch: ModalityBatch, log_probs: Tensor) -> None:
    """Refuse a model whose answer for a row changes with the rows beside it: it learns from the test rows.

    A few rows are asked again by themselves, and must get the same probabilities within 1e-4.

    Args:
        answer: The fitted model.
        batch: Test rows.
        log_probs: What it said of them.

    Raises:
        ValueError: If an answer changes.
    """
    rows = np.unique(np.linspace(0, len(batch) - 1, min(_FEW, max(1, len(batch) // 3))).astype(int))
    alone, beside = answer(batch[rows]).exp().double(), log_probs[torch.from_numpy(rows)].exp().double()
    change = (alone - beside).abs().amax(1)
    if bool((change > _TOLERANCE).any()):
        row = int(rows[int(change.argmax())])
        must = "not depend on the other test rows"
        raise invalid(
            "the answer for a row", must, f"a probability that moves by {float(change.max()):.2g} in row {row}"
        )


def unseen_patterns(train: ModalityBatch, test: ModalityBatch) -> Tensor:
    """Which test rows have a set of present modalities that no training row has, bool ``(num_rows,)``.

    Example:
        >>> train = ModalityBatch({"ecg": [0.1, 0.2], "age": [61.0, nan]})
        >>> unseen_patterns(train, ModalityBatch({"ecg": [0.3, nan], "age": [48.0, 50.0]}))
        tensor([False,  True])
    """
    names = train.modalities
    seen = {tuple(row) for row in torch.stack([train.present[name] for name in names], 1).tolist()}
    patterns = torch.stack([test.present[name] for name in names], 1).tolist()
    return torch.tensor([tuple(pattern) not in seen for pattern in patterns], dtype=torch.bool)


def fingerprint(batch: ModalityBatch) -> str:
    """A digest of all that a batch holds, to tell whether a model has changed it."""
    from pandas.util import hash_pandas_object

    found = sha256()
    for name, value in batch.inputs.items():
        cells = value.numpy().tobytes() if isinstance(value, Tensor) else hash_pandas_object(value).to_numpy().tobytes()
        found.update(name.encode() + cells + batch.present[name].numpy().tobytes())
    for name, states in batch.targets.items():
        found.update(name.encode() + states.numpy().tobytes())
    return found.hexdigest()


def check_unchanged(what: str, before: str, batch: ModalityBatch) -> None:
    """Refuse a model that has written into the rows that it was given, for other models read them too.

    Raises:
        ValueError: If the fingerprint is another one.
    """
    if fingerprint(batch) != before:
        raise invalid(what, "be left as they are given", "other values after the model has read them")
