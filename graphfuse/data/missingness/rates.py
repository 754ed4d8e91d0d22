"""What went missing, to be reported: rates of modalities and of cells, before and after a mechanism."""

from __future__ import annotations

import torch
from torch import Tensor

from ...checks import check_known, check_type, invalid
from ..batch import ModalityBatch
from .cell_values import observed_cells


def missing_rates(batch: ModalityBatch) -> dict[str, float]:
    """By modality, the share of the rows without it; ``nan`` of no rows.

    The mean over the modalities is the missing rate of CPM-Nets.

    Args:
        batch: Any batch.

    Example:
        >>> missing_rates(ModalityBatch({"ecg": [0.1, nan, nan, 0.3], "age": [61.0, 48.0, 50.0, 70.0]}))
        {'ecg': 0.5, 'age': 0.0}

    Reference: Zhang et al. (2019), CPM-Nets: Cross Partial Multi-View Networks.
    """
    check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
    return {name: _share(~mask, torch.ones_like(mask)) for name, mask in batch.present.items()}


def realised_rates(before: ModalityBatch, after: ModalityBatch) -> dict[str, float]:
    """By modality, the share of the rows that had it and lost it; ``nan`` where none had it.

    Args:
        before: The batch given to a mechanism.
        after: What it returned.

    Raises:
        ValueError: If the batches differ in their modalities or their shape.

    Example:
        >>> before = ModalityBatch({"ecg": [0.1, 0.2, nan, 0.3]})
        >>> after = before.keep({"ecg": torch.tensor([False, True, False, True])})
        >>> round(realised_rates(before, after)["ecg"], 3)
        0.333
    """
    _check_same_rows(before, after)
    return {name: _share(had & ~after.present[name], had) for name, had in before.present.items()}


def realised_cell_rates(before: ModalityBatch, after: ModalityBatch) -> dict[str, float]:
    """By modality, the share of the observed cells that were lost, be it alone or with the modality.

    Args:
        before: The batch given to a mechanism.
        after: What it returned.

    Returns:
        By modality, a share; ``nan`` where no cell was observed.

    Raises:
        ValueError: If the batches differ in their modalities or their shape.

    Example:
        >>> before = ModalityBatch({"blood": [[0.1, 0.2], [nan, 0.4], [nan, nan]]})
        >>> after = ModalityBatch({"blood": [[0.1, nan], [nan, 0.4], [nan, nan]]})
        >>> round(realised_cell_rates(before, after)["blood"], 3)
        0.333
    """
    _check_same_rows(before, after)
    rates = {}
    for name in before.modalities:
        had, has = (_cells(batch, name) for batch in (before, after))
        rates[name] = _share(had & ~has, had)
    return rates


def _cells(batch: ModalityBatch, name: str) -> Tensor:
    cells, present = observed_cells(batch.inputs[name]), batch.present[name]
    return cells & present.to(cells.device).reshape(*present.shape, *[1] * (cells.ndim - present.ndim))


def _share(part: Tensor, whole: Tensor) -> float:
    num_whole = int(whole.sum())
    return int(part.sum()) / num_whole if num_whole else float("nan")


def _check_same_rows(before: ModalityBatch, after: ModalityBatch) -> None:
    for argument, batch in (("before", before), ("after", after)):
        check_type(argument, batch, ModalityBatch, "be a ModalityBatch")
    for name in before.modalities:
        check_known("each modality of before", name, after.inputs)
    if before.shape != after.shape:
        raise invalid("after", f"have the batch shape {tuple(before.shape)} of before", tuple(after.shape))
