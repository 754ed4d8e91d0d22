"""What training minimizes: one function an objective, from a model and a batch to a scalar in nats per row."""

from collections.abc import Callable

import torch
from torch import Tensor

from ..data import ModalityBatch, random_subsets
from ..fusion import FusionModel

Objective = Callable[[FusionModel, ModalityBatch, torch.Generator], Tensor]


def target_nll(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
    """Mean negative log-likelihood of the known targets, given the modalities as they are.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"ecg": torch.zeros(3, 2)}, targets={"y": torch.tensor([0, 1, 1])})
        >>> target_nll(model, batch, torch.Generator())
        tensor(0.6931)
    """
    return -model.log_likelihood(batch).mean()


def random_subset_nll(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
    """Mean negative log-likelihood of the known targets, given a random subset of the modalities of each row.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> batch = ModalityBatch({"ecg": torch.zeros(3, 2)}, targets={"y": torch.tensor([0, 1, 1])})
        >>> random_subset_nll(model, batch, torch.Generator().manual_seed(0))
        tensor(0.6931)

    Reference: Wu and Goodman (2018), Multimodal generative models for scalable weakly-supervised learning, section 2.2.
    """
    return target_nll(model, random_subsets(batch, generator), generator)
