"""Feature extractors that are used as they are and never trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..checks import check_type


class FrozenFeatures(nn.Module):
    """Any module without gradients, always in evaluation mode; put a trained head behind it.

    The module is held, not copied: its parameters no longer ask for gradients. Dropout and batch statistics stay
    still even while what surrounds it trains. Missing numbers are read as zero, since ready modules know no gaps.
    Features are flattened to ``(batch, num_features)``.

    Args:
        module: From ``(batch, *features)`` to a tensor ``(batch, *features)``.

    Example:
        >>> encoder = nn.Sequential(FrozenFeatures(nn.Linear(3, 8)), nn.Linear(8, 2)).train()
        >>> encoder[0].training, [parameter.requires_grad for parameter in encoder.parameters()]
        (False, [False, False, True, True])
    """

    def __init__(self, module: nn.Module) -> None:
        check_type("module", module, nn.Module, "be a torch module")
        super().__init__()
        self.module = module.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> FrozenFeatures:
        """Stay in evaluation mode, whatever is asked for."""
        super().train(False)
        return self

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        found = self.module(inputs.nan_to_num(nan=0.0) if inputs.is_floating_point() else inputs)
        check_type("the output of module", found, Tensor, "be a tensor of features")
        return found.flatten(1)
