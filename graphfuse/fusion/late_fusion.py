"""Late fusion: every modality predicts by itself, and the predictions are pooled."""

from abc import abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..checks import invalid
from ..graph import Variable
from ..logspace import logsumexp
from ..tensor_checks import check_tensor
from .encoded import EncodedFusion


class LateFusion(EncodedFusion):
    """Pooled predictions of the present modalities; the prior where none is present.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to logits ``(rows, num_states)``.
        target: The variable to predict.
        prior: Probabilities ``(num_states,)`` for a row without any modality.

    Raises:
        ValueError: If the prior is no distribution over the states of the target.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], target: Variable, prior: Tensor) -> None:
        super().__init__(encoders, target, dict.fromkeys(encoders, target.num_states))
        check_tensor("prior", prior)
        if prior.shape != (target.num_states,) or not bool((prior >= 0).all()) or abs(float(prior.sum()) - 1) > 1e-5:
            raise invalid("prior", f"be {target.num_states} probabilities that sum to 1", prior.tolist())
        self.register_buffer("prior", prior.detach().clone())

    @abstractmethod
    def pool(self, log_probs: Tensor, weights: Tensor) -> Tensor:
        """Pooled predictions ``(rows, num_states)``, up to a constant per row, of ``(modalities, rows, num_states)``.

        ``weights`` ``(modalities, rows, 1)`` sum to one over the present modalities and are zero for the others.
        """

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        masks = present.T.unsqueeze(-1)
        opinions = torch.where(masks, torch.stack(outputs).log_softmax(-1), 0.0)
        count = masks.sum(0)
        pooled = self.pool(opinions, masks / count.clamp(min=1).to(opinions.dtype))
        pooled = pooled - logsumexp(pooled, (-1,)).unsqueeze(-1)
        return torch.where(count > 0, pooled, self.prior.log().to(pooled.dtype))  # type: ignore[operator]


class MeanPool(LateFusion):
    """The mean of the probabilities of the present modalities.

    Example:
        >>> from graphfuse import MeanPool, ModalityBatch, Variable
        >>> scores = {"a": torch.tensor([[0.8, 0.2]]).log(), "b": torch.tensor([[0.4, 0.6]]).log()}
        >>> model = MeanPool({"a": nn.Identity(), "b": nn.Identity()}, Variable("y", 2), torch.tensor([0.5, 0.5]))
        >>> model(ModalityBatch(scores))["y"].exp()
        tensor([[0.6000, 0.4000]])

    Reference: Stone (1961), The opinion pool.
    """

    def pool(self, log_probs: Tensor, weights: Tensor) -> Tensor:
        return (weights * log_probs.exp()).sum(0).clamp(min=torch.finfo(log_probs.dtype).tiny).log()


class LogarithmicPool(LateFusion):
    """The normalized geometric mean of the probabilities of the present modalities.

    Example:
        >>> from graphfuse import LogarithmicPool, ModalityBatch, Variable
        >>> scores = {"a": torch.tensor([[0.8, 0.2]]).log(), "b": torch.tensor([[0.2, 0.8]]).log()}
        >>> encoders = {"a": nn.Identity(), "b": nn.Identity()}
        >>> LogarithmicPool(encoders, Variable("y", 2), torch.tensor([0.5, 0.5]))(ModalityBatch(scores))["y"].exp()
        tensor([[0.5000, 0.5000]])

    Reference: Genest and Zidek (1986), Combining probability distributions.
    """

    def pool(self, log_probs: Tensor, weights: Tensor) -> Tensor:
        return (weights * log_probs).sum(0)
