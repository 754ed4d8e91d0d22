"""Mixture of experts: every modality predicts, and gates say how much each present one counts in this row."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..data import ModalityBatch
from ..graph import Variable
from .encoded import EncodedFusion


class MixtureOfExperts(EncodedFusion):
    """A weighted mean of the probabilities of the present modalities, with weights by row, learned jointly.

    The gates' scores are normalized over the present modalities and one more expert that reads nothing: the answer
    where no modality is present. Caveats: an average is never sharper than its sharpest expert, so witnesses who agree
    add no certainty; a gate sees its own modality alone; and gates may settle on one expert early, after which the
    others learn little.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``.
        size: The size of the features; an expert and a gate, both linear, stand on them.
        target: The variable to predict.

    Raises:
        ValueError: If there is no encoder, or the size is below one.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import MixtureOfExperts
        >>> model = MixtureOfExperts({"ecg": nn.Linear(3, 4), "age": nn.Linear(1, 4)}, 4, Variable("ill", 2))
        >>> batch = ModalityBatch({"ecg": torch.zeros(2, 3), "age": torch.tensor([[nan], [nan]])})
        >>> model.weights(batch)[:, 1]
        tensor([0., 0.], grad_fn=<SelectBackward0>)

    Reference: Jacobs et al. (1991), Adaptive mixtures of local experts.
    """

    def __init__(self, encoders: Mapping[str, nn.Module], size: int, target: Variable) -> None:
        super().__init__(encoders, target, dict.fromkeys(encoders, size))
        self.experts = nn.ModuleList(nn.Linear(size, target.num_states) for _ in encoders)
        self.gates = nn.ModuleList(nn.Linear(size, 1) for _ in encoders)
        self.without_modality = nn.Parameter(torch.zeros(target.num_states))

    def weights(self, batch: ModalityBatch) -> Tensor:
        """Weights ``(*batch, modalities + 1)`` that sum to one; the last is of the expert that reads nothing."""
        weights = self._log_weights(*self.encode(batch)).exp()
        return weights.reshape(*batch.shape, weights.shape[-1])

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        answers = [expert(output) for expert, output in zip(self.experts, outputs, strict=True)]
        answers.append(self.without_modality.expand(len(present), -1))
        log_answers = torch.stack(answers, 1).log_softmax(-1)
        return (self._log_weights(outputs, present).unsqueeze(-1) + log_answers).logsumexp(1)

    def _log_weights(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        scores = torch.cat([gate(output) for gate, output in zip(self.gates, outputs, strict=True)], -1)
        scores = scores.masked_fill(~present, -torch.inf)
        return torch.cat([scores, scores.new_zeros(len(present), 1)], -1).log_softmax(-1)
