"""A log-linear model of a clique: weighted features of the joint state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from ..checks import check_type, invalid
from ..tensor_checks import check_tensor
from .base import Potential, check_shape


class LogLinearPotential(Potential):
    """The sum of features of the joint state, each times a trained weight: few parameters on a large scope.

    The gradient of ``log_partition`` in a weight is the expectation of its feature. Features that are linearly
    dependent, or sum to a constant, share one optimum among many weights; a penalty on the weights picks one.

    Args:
        features: ``(*scope, num_features)``, finite and floating-point; kept as it is.
        weights: Where training starts, ``(num_features,)`` in nats per unit of the feature; zeros if None.

    Raises:
        ValueError: If shapes disagree, or a feature is not finite.

    Example:
        >>> same, both = torch.eye(2), torch.tensor([[0.0, 0.0], [0.0, 1.0]])
        >>> LogLinearPotential(torch.stack([same, both], dim=-1), torch.tensor([0.5, 1.0]))().detach()
        tensor([[0.5000, 0.0000],
                [0.0000, 1.5000]])

    Reference: Della Pietra, Della Pietra and Lafferty (1997), Inducing features of random fields; Koller and Friedman
    (2009), Probabilistic Graphical Models, section 4.4.1.
    """

    features: Tensor

    def __init__(self, features: Tensor, weights: Tensor | None = None) -> None:
        super().__init__()
        check_tensor("features", features)
        if not features.is_floating_point():
            raise invalid("features", "be a floating-point tensor", features.dtype, TypeError)
        if not features.ndim or not features.shape[-1]:
            must = "have shape (*scope, num_features), with at least one feature"
            raise invalid("features", must, tuple(features.shape))
        if not bool(features.isfinite().all()):
            raise invalid("features", "be finite (a table of -inf forbids a joint state)", "nan or an infinity")
        weights = features.new_zeros(features.shape[-1]) if weights is None else weights
        check_tensor("weights", weights)
        if weights.shape != features.shape[-1:]:
            raise invalid("weights", f"have shape {tuple(features.shape[-1:])}", tuple(weights.shape))
        self.register_buffer("features", features.detach().clone())
        self.weights = nn.Parameter(weights.detach().clone())

    @classmethod
    def from_functions(cls, shape: Sequence[int], functions: Sequence[Callable[..., Tensor]]) -> LogLinearPotential:
        """The potential of features written as functions of the states, with weights of zero.

        Args:
            shape: Numbers of states of the scope.
            functions: Each takes one int64 tensor of states per variable, which broadcast, and returns the feature.

        Raises:
            ValueError: If a function's values do not broadcast over the scope.

        Example:
            >>> LogLinearPotential.from_functions((2, 3), [lambda a, b: (a - b).abs()]).features[..., 0]
            tensor([[0., 1., 2.],
                    [1., 0., 1.]])
        """
        shape = check_shape(shape)
        check_type("functions", functions, Sequence, "be a sequence of functions")
        if not functions:
            raise invalid("functions", "hold at least one function", "none")
        states = torch.meshgrid(*(torch.arange(size) for size in shape), indexing="ij")
        values = [torch.as_tensor(function(*states)) for function in functions]
        for i, value in enumerate(values):
            aligned = zip(reversed(value.shape), reversed(shape), strict=False)
            if value.ndim > len(shape) or any(found not in (1, size) for found, size in aligned):
                raise invalid(f"the values of functions[{i}]", f"broadcast over {shape}", tuple(value.shape))
        dtype = torch.get_default_dtype()
        return cls(torch.stack([value.to(dtype).expand(shape) for value in values], dim=-1))

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return self.features @ self.weights

    def extra_repr(self) -> str:
        return f"shape={tuple(self.features.shape[:-1])}, num_features={self.features.shape[-1]}"
