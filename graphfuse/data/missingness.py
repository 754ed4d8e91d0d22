"""Mechanisms by which modalities go missing."""

from collections.abc import Mapping

import torch

from ..checks import check_fraction, check_known
from .batch import ModalityBatch


def drop_modalities(
    batch: ModalityBatch, rate: float | Mapping[str, float], generator: torch.Generator
) -> ModalityBatch:
    """The batch in which each present modality of each row is dropped independently; a row may lose everything.

    Args:
        batch: Any batch.
        rate: Probability of a drop, for all modalities or by modality (one left out is kept).
        generator: Source of the draws.

    Raises:
        ValueError: If a rate is outside [0, 1] or names an unknown modality.

    Example:
        >>> batch = ModalityBatch({"age": torch.zeros(1000)})
        >>> kept = drop_modalities(batch, 0.3, torch.Generator().manual_seed(0)).present["age"]
        >>> 650 < int(kept.sum()) < 750
        True
    """
    rates = rate if isinstance(rate, Mapping) else dict.fromkeys(batch.modalities, rate)
    kept = {}
    for name, each in rates.items():
        check_known("each modality in rate", name, batch.inputs)
        check_fraction(f"rate of {name!r}", each)
        drawn = torch.rand(batch.shape, generator=generator, device=generator.device)
        kept[name] = (drawn >= each).to(batch.present[name].device)
    return batch.keep(kept)


def random_subsets(batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
    """The batch in which each row keeps a random subset of its modalities, sparse and rich ones alike.

    Each row draws its own rate uniformly from [0, 1], so every number of modalities is equally likely to remain.
    """
    rate = torch.rand(batch.shape, generator=generator, device=generator.device)
    draws = (torch.rand(batch.shape, generator=generator, device=generator.device) for _ in batch.modalities)
    kept = {name: draw >= rate for name, draw in zip(batch.modalities, draws, strict=True)}
    return batch.keep({name: mask.to(batch.present[name].device) for name, mask in kept.items()})
