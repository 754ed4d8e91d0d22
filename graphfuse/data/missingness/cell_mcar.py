"""Cells within a modality missing completely at random; a row that loses all cells of a modality loses the modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from ...checks import invalid
from ..batch import ModalityBatch
from ..frames import is_frame
from .base import Missingness, by_modality, checked_rates, uniform
from .cell_values import hide_cells


@dataclass(frozen=True)
class CellMCAR(Missingness):
    """Each observed cell is lost independently: ``nan`` in a tensor, missing in a DataFrame.

    A row that loses all its cells of a modality loses the modality. Neither values nor labels matter. A column of a
    DataFrame that cannot hold a gap takes on a type that can: integers become floats.

    Args:
        rate: Probability of a loss of a cell, for all modalities or by modality (one left out is kept whole).
        at_least_one: Whether a row that loses everything gets a modality back, with the cells that it had.

    Raises:
        TypeError: If a rate is no number or, in ``apply``, the tensor of a modality cannot hold ``nan``.
        ValueError: If a rate is outside [0, 1] or, in ``apply``, names an unknown modality.

    Example:
        >>> batch = ModalityBatch({"blood": torch.zeros(1000, 2)})
        >>> gaps = CellMCAR(0.5).apply(batch, torch.Generator().manual_seed(0))
        >>> 900 < int(gaps.inputs["blood"].isnan().sum()) < 1100, 700 < int(gaps.present["blood"].sum()) < 800
        (True, True)

    Reference: Rubin (1976), Inference and Missing Data.
    """

    rate: float | Mapping[str, float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", checked_rates(self.rate))

    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        inputs = dict(batch.inputs)
        for name, rate in by_modality(self.rate, batch).items():
            value = inputs[name]
            if not is_frame(value) and not value.is_floating_point():
                must = "be of floating point, or a DataFrame, to lose cells (leave the modality out of rate)"
                raise invalid(f"inputs[{name!r}]", must, value.dtype, TypeError)
            drawn = uniform(value.shape, generator) < rate
            inputs[name] = hide_cells(value, drawn if is_frame(value) else drawn.to(value.device))
        return ModalityBatch(inputs, batch.present, batch.targets, batch.columns)
