"""A fusion model whose rows count by weights, whatever objective averages them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ..data import ModalityBatch
from ..fusion import FusionModel

PLACE = "place of the row"  # the name under which a batch says which of the weights is whose


class WeightedRows(FusionModel):
    """The same model, with the log-likelihood of every row times its weight, to be trained in its stead.

    Args:
        model: The model that is trained.
        weights: Positive, of mean one ``(num_rows,)``.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable, target_nll
        >>> model = LogarithmicPool({"ecg": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> rows = ModalityBatch({"ecg": torch.tensor([[0.0, 9.0], [9.0, 0.0]])}, targets={"y": [1, 1], PLACE: [0, 1]})
        >>> target_nll(WeightedRows(model, torch.tensor([1.9, 0.1])), rows, torch.Generator())
        tensor(0.4501)
    """

    def __init__(self, model: FusionModel, weights: Tensor) -> None:
        super().__init__(list(model.targets.values()))
        self.model = model
        self.weights = weights

    def forward(self, batch: ModalityBatch) -> dict[str, Tensor]:
        found: dict[str, Tensor] = self.model(batch)
        return found

    def log_likelihood(self, batch: ModalityBatch) -> Tensor:
        """The weighted log-likelihood ``(*batch,)`` in nats."""
        return self._weighted(self.model.log_likelihood(batch), batch)

    def subset_log_likelihoods(self, batch: ModalityBatch, subsets: Sequence[Collection[str]]) -> Tensor:
        """The weighted log-likelihood ``(num_subsets, *batch)`` in nats."""
        return self._weighted(self.model.subset_log_likelihoods(batch, subsets), batch)

    def _weighted(self, log_likelihoods: Tensor, batch: ModalityBatch) -> Tensor:
        places = batch.targets[PLACE]
        return log_likelihoods * torch.take(self.weights, places).to(log_likelihoods)
