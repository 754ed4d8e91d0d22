"""A noisy-OR: independent causes, any one of which brings the effect about; one number per cause."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ..checks import check_fraction, invalid
from ..logspace import log_complement
from ..tensor_checks import check_tensor
from .base import Potential


class NoisyOrPotential(Potential):
    """P(effect | causes) over ``(*causes, effect)``, two states each, where 1 means present.

    The effect is absent if every present cause fails, each independently of the others, and so does the leak, which
    stands for all causes that are not named. The rows sum to one. A probability of exactly 0 or 1 keeps its value
    in training. There is one parameter per cause, yet the table has an entry for every joint state: twenty causes are
    two million entries. Causes that inhibit or strengthen each other do not fit this form.

    Args:
        logits: Where training starts, ``(num_causes,)``: log-odds that a cause alone brings the effect about.
        leak_logit: The same ``()`` for the leak; ``-inf`` is no leak.

    Raises:
        ValueError: If the shapes are others, or an entry is ``nan``.

    Example:
        >>> flu_or_cold = NoisyOrPotential.from_probabilities(torch.tensor([0.8, 0.5]), leak=0.1)
        >>> flu_or_cold()[..., 1].exp()  # P(cough | flu, cold)
        tensor([[0.1000, 0.5500],
                [0.8200, 0.9100]], grad_fn=<ExpBackward0>)

    Reference: Pearl (1988), Probabilistic Reasoning in Intelligent Systems, section 4.3.2; Henrion (1989), Some
    practical issues in constructing belief networks, for the leak.
    """

    def __init__(self, logits: Tensor, leak_logit: Tensor) -> None:
        super().__init__()
        _check_shape("logits", logits, "(num_causes,)", 1)
        _check_shape("leak_logit", leak_logit, "()", 0)
        if bool(logits.isnan().any()) or bool(leak_logit.isnan()):
            raise invalid("logits and leak_logit", "be free of nan", "nan")
        self.logits = nn.Parameter(logits.detach().clone())
        self.leak_logit = nn.Parameter(leak_logit.detach().clone())

    @classmethod
    def from_probabilities(cls, probabilities: Tensor, leak: float = 0.0) -> NoisyOrPotential:
        """The potential in which cause i, alone and without leak, brings the effect about with ``probabilities[i]``.

        Args:
            probabilities: ``(num_causes,)``, between 0 and 1.
            leak: Probability of the effect when every cause is absent.

        Raises:
            ValueError: If a probability lies outside [0, 1].
        """
        _check_shape("probabilities", probabilities, "(num_causes,)", 1)
        for value in probabilities.tolist():
            check_fraction("each of probabilities", value)
        check_fraction("leak", leak)
        return cls(probabilities.logit(), probabilities.new_tensor(leak).logit())

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        log_absent = logsigmoid(-self.leak_logit)
        for log_failure in logsigmoid(-self.logits):
            log_absent = log_absent.unsqueeze(-1) + torch.stack([torch.zeros_like(log_failure), log_failure])
        return torch.stack([log_absent, log_complement(log_absent)], dim=-1)

    def extra_repr(self) -> str:
        return f"num_causes={len(self.logits)}"


def _check_shape(argument: str, values: Tensor, shape: str, num_dims: int) -> None:
    check_tensor(argument, values)
    if values.ndim != num_dims or not values.is_floating_point():
        found = f"{values.dtype} of shape {tuple(values.shape)}"
        raise invalid(argument, f"be a floating-point tensor of shape {shape}", found)
