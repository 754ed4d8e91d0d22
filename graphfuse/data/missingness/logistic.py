"""Probabilities of a loss that grow with values: a logistic curve through a standardized score, met at a given rate."""

import torch
from torch import Tensor

from ...checks import check_known, invalid
from ..batch import ModalityBatch
from ..frames import as_numbers, is_frame

_CONSTANT = 1e-12  # relative deviation below which a column says nothing
_BISECTIONS = 100


def row_scores(batch: ModalityBatch, modalities: tuple[str, ...]) -> Tensor:
    """By row the mean standardized value of the modalities, standardized over the rows; float64 ``(*batch,)``.

    A modality counts once however many columns it has: its columns are standardized over the rows that have them and
    averaged over its observed cells. A row with none of the modalities scores 0, the mean. Of a DataFrame the columns
    of numbers count.

    Raises:
        ValueError: If a modality is a DataFrame without numbers.
    """
    means = torch.stack([_standardized(_cells(batch, name)).nanmean(-1).cpu() for name in modalities], -1)
    scores = _standardized(means.nanmean(-1, keepdim=True)).squeeze(-1)
    return scores.nan_to_num(0.0).reshape(batch.shape)


def loss_probabilities(scores: Tensor, rows: Tensor, rate: float, strength: float) -> Tensor:
    """``sigmoid(bias + strength · score)`` by row, with the bias at which the mean over ``rows`` is the rate."""
    if not bool(rows.any()) or rate in (0.0, 1.0):
        return torch.full_like(scores, rate)
    logits = strength * scores
    among = logits[rows]
    centre = torch.logit(logits.new_tensor(rate))
    low, high = centre - among.max(), centre - among.min()
    for _ in range(_BISECTIONS):
        bias = (low + high) / 2
        below = torch.sigmoid(bias + among).mean() < rate
        low, high = torch.where(below, bias, low), torch.where(below, high, bias)
    return torch.sigmoid((low + high) / 2 + logits)


def check_numbers(argument: str, name: str, batch: ModalityBatch) -> None:
    """Refuse a modality that the batch lacks, or that holds no numbers."""
    check_known(argument, name, batch.inputs)
    if is_frame(batch.inputs[name]) and not _numeric_columns(batch.inputs[name]):
        raise invalid(argument, "hold numbers", f"{name!r}, without a column of numbers")


def _numeric_columns(frame: object) -> list[Tensor]:
    columns = (as_numbers(frame.iloc[:, i]) for i in range(frame.shape[1]))  # type: ignore[attr-defined]
    return [torch.from_numpy(column).double() for column in columns if column is not None]


def _cells(batch: ModalityBatch, name: str) -> Tensor:
    """The numbers of a modality, float64 ``(rows, columns)``, ``nan`` where a cell or the modality is missing."""
    value, present = batch.inputs[name], batch.present[name].flatten()
    if is_frame(value):
        value = torch.stack(_numeric_columns(value), -1)
    cells = value.detach().double().reshape(len(present), value.shape[len(batch.shape) :].numel())
    return cells.masked_fill(~present.to(cells.device)[:, None], torch.nan)


def _standardized(values: Tensor) -> Tensor:
    mean = values.nanmean(0)
    centred = values - mean
    deviation = centred.square().nanmean(0).sqrt()
    constant = deviation <= _CONSTANT * mean.abs()
    return centred / torch.where(constant, torch.inf, deviation)
