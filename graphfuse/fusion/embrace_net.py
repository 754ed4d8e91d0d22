"""EmbraceNet: every feature is taken from one present modality, drawn at random in training."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ..checks import check_count, check_known, invalid
from ..graph import Variable
from .encoded import EncodedFusion


class EmbraceNet(EncodedFusion):
    """Docking layers of a common size, of which each feature is taken from one of the present modalities.

    In training the modality of each feature is drawn, as dropout draws, from torch's global generator: seed it by
    ``torch.manual_seed``. In evaluation each feature is its expectation over the draws, so answers are deterministic.
    Without any modality all features are zero. Caveats: the answer of expected features is not the expected answer of
    the draws; and the authors' published code draws in evaluation too, so this expectation departs from it.

    Args:
        encoders: By modality, any module from ``(rows, *features)`` to features ``(rows, size)``.
        sizes: By modality, the size of its features.
        target: The variable to predict.
        embracement_size: How many features to embrace.
        probabilities: By modality, how readily a feature is taken from it, above zero and up to a constant factor; in
            each row they are normalized over the present modalities. Equal if None.

    Raises:
        ValueError: If a size or a probability is missing, or a probability is not above zero.

    Example:
        >>> from graphfuse import ModalityBatch, Variable
        >>> from graphfuse.fusion import EmbraceNet
        >>> encoders = {"ecg": nn.Linear(3, 4), "age": nn.Linear(1, 2)}
        >>> model = EmbraceNet(encoders, {"ecg": 4, "age": 2}, Variable("ill", 2), embracement_size=8).eval()
        >>> model(ModalityBatch({"ecg": torch.zeros(2, 3), "age": torch.tensor([[nan], [1.0]])}))["ill"].shape
        torch.Size([2, 2])

    Reference: Choi and Lee (2019), EmbraceNet: a robust deep learning architecture for multimodal classification.
    """

    selection: Tensor

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        sizes: Mapping[str, int],
        target: Variable,
        embracement_size: int,
        probabilities: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(encoders, target, sizes)
        check_count("embracement_size", embracement_size)
        probabilities = dict.fromkeys(encoders, 1.0) if probabilities is None else probabilities
        for name in probabilities:
            check_known("each modality in probabilities", name, encoders)
        for name in encoders:
            if not probabilities.get(name, 0.0) > 0:
                raise invalid(f"the probability of {name!r}", "be given and above 0", probabilities.get(name, "none"))
        self.register_buffer("selection", torch.tensor([float(probabilities[name]) for name in encoders]))
        self.docking = nn.ModuleList(nn.Linear(size, embracement_size) for size in self.sizes)
        self.output = nn.Linear(embracement_size, target.num_states)

    def log_probs(self, outputs: list[Tensor], present: Tensor) -> Tensor:
        docked = [dock(output).relu() for dock, output in zip(self.docking, outputs, strict=True)]
        return self.output(self.embrace(torch.stack(docked, 1), present)).log_softmax(-1)

    def embrace(self, docked: Tensor, present: Tensor) -> Tensor:
        """Features ``(rows, size)`` of ``(rows, modalities, size)``: drawn in training, expected in evaluation."""
        weights = present * self.selection.to(docked.dtype)
        total = weights.sum(-1, keepdim=True)
        weights = weights / torch.where(total > 0, total, 1.0)
        if not self.training:
            return (weights.unsqueeze(-1) * docked).sum(1)
        somewhere = torch.where(total > 0, weights, 1.0)  # multinomial refuses a row of zeros
        size = docked.shape[-1]
        drawn = (
            torch.multinomial(somewhere, size, replacement=True) if len(docked) else present.new_zeros(0, size).long()
        )
        taken = docked.gather(1, drawn.unsqueeze(1)).squeeze(1)
        return torch.where(total > 0, taken, torch.zeros_like(taken))
