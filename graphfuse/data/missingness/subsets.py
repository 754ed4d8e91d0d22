"""Random subsets of the modalities of each row, for training on sparse and rich rows alike."""

import torch

from ..batch import ModalityBatch


def random_subsets(batch: ModalityBatch, generator: torch.Generator) -> ModalityBatch:
    """The batch in which each row keeps a random subset of its modalities, sparse and rich ones alike.

    Each row draws its own rate uniformly from [0, 1], so every number of modalities is equally likely to remain.

    Args:
        batch: Any batch.
        generator: Source of the draws.

    Example:
        >>> batch = ModalityBatch({"ecg": torch.zeros(3000), "age": torch.zeros(3000)})
        >>> kept = random_subsets(batch, torch.Generator().manual_seed(0)).present
        >>> (kept["ecg"].int() + kept["age"].int()).bincount().div(1000).round()
        tensor([1., 1., 1.])
    """
    rate = torch.rand(batch.shape, generator=generator, device=generator.device)
    draws = (torch.rand(batch.shape, generator=generator, device=generator.device) for _ in batch.modalities)
    kept = {name: draw >= rate for name, draw in zip(batch.modalities, draws, strict=True)}
    return batch.keep({name: mask.to(batch.present[name].device) for name, mask in kept.items()})
