"""The contract of a mechanism of missingness: a frozen set of settings that hides parts of a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from ...checks import check_fraction, check_known, check_name, check_type, invalid
from ..batch import ModalityBatch
from .cell_values import hide_cells, observed_cells


@dataclass(frozen=True)
class Missingness(ABC):
    """A mechanism by which modalities go missing, and its settings.

    What was missing stays missing, and rates are of what was present. A subclass draws in ``_draw``, which is given
    batches of at least one dimension.

    Args:
        at_least_one: Whether a row that had something and loses everything gets one of its modalities back, drawn
            uniformly among those it had. The realised rates are then below those asked for.
    """

    at_least_one: bool = field(default=False, kw_only=True)

    def apply(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        """The batch with what the mechanism hides missing; the batch given is unchanged.

        Args:
            batch: Any batch.
            generator: Source of the draws.

        Raises:
            TypeError: If the batch or the generator is something else.
            ValueError: If a setting names an unknown modality or target, or a rate is not reachable.
        """
        check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
        check_type("generator", generator, torch.Generator, "be a torch.Generator")
        if not batch.shape:
            return self.apply(ModalityBatch.stack([batch]), generator)[0]
        drawn = self._draw(batch, generator)
        return _give_one_back(batch, drawn, generator) if self.at_least_one else drawn

    @abstractmethod
    def _draw(self, batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
        """The batch after the draws, before any modality is given back."""


def uniform(shape: Iterable[int], generator: torch.Generator) -> Tensor:
    """Numbers drawn uniformly from [0, 1), on the device of the generator."""
    return torch.rand(tuple(shape), generator=generator, device=generator.device)


def drop(
    batch: ModalityBatch, probabilities: Mapping[str, float | Tensor], generator: torch.Generator
) -> ModalityBatch:
    """The batch in which each row loses each modality independently, with a probability that may differ by row."""
    kept = {}
    for name, probability in probabilities.items():
        kept[name] = uniform(batch.shape, generator).to(batch.present[name].device) >= probability
    return batch.keep(kept)


def checked_rate(argument: str, rate: Any) -> float:
    """A rate as a float; refused if it is no number, or outside [0, 1]."""
    if not hasattr(rate, "__float__"):
        raise invalid(argument, "be a number between 0 and 1", repr(rate), TypeError)
    check_fraction(argument, rate)
    return float(rate)


def checked_rates(rate: float | Mapping[str, float]) -> float | dict[str, float]:
    """One rate for all modalities, or one by modality."""
    if not isinstance(rate, Mapping):
        return checked_rate("rate", rate)
    for name in rate:
        check_name("each modality in rate", name)
    return {name: checked_rate(f"rate of {name!r}", each) for name, each in rate.items()}


def by_modality(rate: float | Mapping[str, float], batch: ModalityBatch) -> dict[str, float]:
    """The rates by modality, of all modalities of the batch if there is one rate; unknown modalities are refused."""
    if not isinstance(rate, Mapping):
        return dict.fromkeys(batch.modalities, rate)
    for name in rate:
        check_known("each modality in rate", name, batch.inputs)
    return dict(rate)


def check_strength(strength: float) -> None:
    """Refuse a strength that is no finite number."""
    if not hasattr(strength, "__float__"):
        raise invalid("strength", "be a number", repr(strength), TypeError)
    if not isfinite(strength):
        raise invalid("strength", "be finite", strength)


def _give_one_back(before: ModalityBatch, after: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
    device = generator.device
    had = torch.stack([mask.to(device) for mask in before.present.values()])
    has = torch.stack([mask.to(device) for mask in after.present.values()])
    chosen = uniform(had.shape, generator).masked_fill(~had, -1).argmax(0)
    lost_all = had.any(0) & ~has.any(0)
    back = {
        name: (lost_all & (chosen == i)).to(before.present[name].device) for i, name in enumerate(before.modalities)
    }
    present = {name: mask | back[name] for name, mask in after.present.items()}
    changed = [name for name in before.modalities if after.inputs[name] is not before.inputs[name]]
    if not changed:
        return before.keep(present)
    inputs = dict(before.inputs)
    for name in changed:
        rows = back[name].reshape(*before.shape, *[1] * (before.inputs[name].ndim - len(before.shape)))
        inputs[name] = hide_cells(before.inputs[name], ~observed_cells(after.inputs[name]) & ~rows)
    return ModalityBatch(inputs, present, before.targets, before.columns)
