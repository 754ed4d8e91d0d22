"""How the state of a variable is seen: exactly, or through a signal whose likelihood is known."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from math import inf, log, pi

import torch
from torch import Tensor

from ..checks import check_count, check_type, invalid
from ..tensor_checks import check_tensor


class Reading(ABC):
    """The contract: draw what is seen in a state, and say how likely what is seen is in every state.

    Readings of different rows are independent given the states. ``num_states`` is that of the variable.
    """

    num_states: int

    @abstractmethod
    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        """What is seen, ``(num_rows, *features)``, in rows whose states are int64 ``(num_rows,)``."""

    @abstractmethod
    def log_likelihoods(self, values: Tensor) -> Tensor:
        """How likely values ``(num_rows, *features)`` are in every state, ``(num_rows, num_states)``.

        Log-probabilities, or log-densities of numbers, in nats and float64; a row of zeros where nothing was seen.

        Raises:
            ValueError: If a value cannot have been drawn by this reading.
        """


@dataclass(frozen=True)
class ExactLabel(Reading):
    """The state itself, as an integer; -1 is missing.

    Args:
        num_states: Of the variable.

    Example:
        >>> ExactLabel(2).log_likelihoods(torch.tensor([1, -1]))
        tensor([[-inf, 0.],
                [0., 0.]], dtype=torch.float64)
    """

    num_states: int

    def __post_init__(self) -> None:
        check_count("num_states", self.num_states)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        return states

    def log_likelihoods(self, values: Tensor) -> Tensor:
        outside = values[(values < -1) | (values >= self.num_states)]
        if len(outside):
            raise invalid("values", f"be between -1 (missing) and {self.num_states - 1}", int(outside[0]))
        excluded = (values.unsqueeze(-1) != torch.arange(self.num_states, device=values.device)) & (
            values.unsqueeze(-1) >= 0
        )
        return torch.zeros(excluded.shape, dtype=torch.float64, device=values.device).masked_fill(excluded, -inf)


@dataclass(frozen=True, eq=False)
class GaussianSignal(Reading):
    """Numbers around the mean of the state, with independent Gaussian noise; ``nan`` is missing, cell by cell.

    Args:
        means: ``(num_states, *features)``, one signal per state.
        scale: Standard deviation of the noise, greater than zero: a number, or a tensor that broadcasts with ``means``.

    Raises:
        TypeError: If the means are no floating-point tensor.
        ValueError: If a mean is not finite, a scale not positive, or their shapes do not broadcast.

    Example:
        >>> thermometer = GaussianSignal(torch.tensor([36.6, 39.0]), 0.5)
        >>> ratio = thermometer.log_likelihoods(torch.tensor([38.5, nan])).diff()
        >>> ratio.flatten()
        tensor([6.7200, 0.0000], dtype=torch.float64)

    Reference: Bishop (2006), Pattern Recognition and Machine Learning, section 2.3.
    """

    means: Tensor
    scale: float | Tensor

    def __post_init__(self) -> None:
        check_tensor("means", self.means)
        if not self.means.is_floating_point():
            raise invalid("means", "be a floating-point tensor", self.means.dtype, TypeError)
        if not self.means.ndim or not bool(self.means.isfinite().all()):
            raise invalid("means", "be finite, of shape (num_states, *features)", f"shape {tuple(self.means.shape)}")
        check_type("scale", self.scale, (int, float, Tensor), "be a number or a tensor")
        scale = torch.as_tensor(self.scale, dtype=self.means.dtype, device=self.means.device)
        if not bool(((scale > 0) & scale.isfinite()).all()):
            raise invalid("scale", "be finite and greater than zero", self.scale)
        try:
            object.__setattr__(self, "scale", scale.expand(self.means.shape))
        except RuntimeError:
            raise invalid("scale", f"broadcast with shape {tuple(self.means.shape)}", tuple(scale.shape)) from None

    @property
    def num_states(self) -> int:  # type: ignore[override]
        """Of the variable."""
        return len(self.means)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        noise = torch.randn(
            (len(states), *self.means.shape[1:]),
            generator=generator,
            dtype=self.means.dtype,
            device=generator.device,
        ).to(self.means.device)
        return self.means[states] + self._scale[states] * noise

    def log_likelihoods(self, values: Tensor) -> Tensor:
        if values.shape[1:] != self.means.shape[1:]:
            must = f"have shape (num_rows, {', '.join(map(str, self.means.shape[1:]))})"
            raise invalid("values", must, tuple(values.shape))
        means, scale = self.means.to(values.device).double(), self._scale.to(values.device).double()
        residual = (values.unsqueeze(1).double() - means) / scale
        cells = torch.where(residual.isnan(), 0.0, -0.5 * residual.square() - scale.log() - 0.5 * log(2 * pi))
        return cells.reshape(len(values), self.num_states, self.means[0].numel()).sum(-1)

    @property
    def _scale(self) -> Tensor:
        assert isinstance(self.scale, Tensor)
        return self.scale
