"""Complete training rows, and test rows with noise in one modality."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ...data import Dataset
from ...data.frames import is_frame
from .base import Protocol, Trial
from .levels import checked_levels, level_name


@dataclass(frozen=True)
class Noise(Protocol):
    """Trained on rows as they come, a model is asked for the test rows with Gaussian noise in one modality at a time.

    A level is the standard deviation of the noise, in those of the feature over the training rows that observe it. Gaps
    stay gaps. At all levels the noise of a modality is the same but for its scale. Every tensor of floating point takes
    its turn; DataFrames and tensors of integers are left as they are. Rows without noise are the reference.

    Args:
        sigmas: Levels, of at most two decimals; without noise is always asked.

    Raises:
        TypeError: If a level is no number.
        ValueError: If a level is negative, has more than two decimals or is given twice, or there is none.

    Example:
        >>> from graphfuse import load
        >>> data = load("breast_cancer")
        >>> trial = Noise(sigmas=(0.5,)).draw(data[:400], data[400:], "complete", torch.Generator().manual_seed(0))
        >>> trial.levels
        {'clean': 0.0, 'mean 0.50': 0.5, 'error 0.50': 0.5, 'worst 0.50': 0.5}

    Reference: Liang et al. (2021), MultiBench: Multiscale Benchmarks for Multimodal Representation Learning.
    """

    question = "How do scores fall as one modality gets noisier at test time?"
    axis = "noise, in standard deviations of each feature"

    sigmas: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigmas", checked_levels("sigmas", self.sigmas))

    def refusal(self, dataset: Dataset) -> str | None:
        if any(_takes_noise(value) for value in dataset.batch.inputs.values()):
            return None
        return f"it takes a modality that is a tensor of floating point; {dataset.name!r} has none"

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("complete",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        batch, tests, levels = test.batch, {"clean": test}, {"clean": 0.0}
        for modality, value in batch.inputs.items():
            if not _takes_noise(value):
                continue
            scales = _deviations(train.batch.inputs[modality], train.batch.present[modality]).to(value.dtype)
            noise = scales * torch.randn(value.shape, generator=generator, dtype=value.dtype)
            for sigma in filter(None, self.sigmas):
                name = level_name(modality, sigma)
                inputs = {**batch.inputs, modality: value + sigma * noise}
                tests[name], levels[name] = replace(test, batch=replace(batch, inputs=inputs)), sigma
        return Trial(train, tests, levels)


def _takes_noise(value: object) -> bool:
    return not is_frame(value) and isinstance(value, Tensor) and value.is_floating_point()


def _deviations(value: Tensor, present: Tensor) -> Tensor:
    """Of each feature the standard deviation over the rows that observe it; 0 where none does."""
    rows = value[present].double()
    num_observed = (~rows.isnan()).sum(0).clamp(min=1)
    return ((rows - rows.nansum(0) / num_observed).square().nansum(0) / num_observed).sqrt()
