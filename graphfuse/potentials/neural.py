"""The output of any torch module, as a table over the scope of a factor."""

from collections.abc import Sequence
from math import prod

from torch import Tensor, nn

from ..checks import check_name, check_type, invalid
from ..tensor_checks import check_module_input, check_tensor
from .base import Potential, check_shape


class NeuralPotential(Potential):
    """What an encoder says of the variables of a factor.

    A row whose modality is missing is encoded as zeros and then silenced; layers that pool statistics over the batch,
    such as batch normalization, see those zeros. Missing cells of a present row reach the encoder as ``nan``.

    Args:
        encoder: Any module from ``(batch, *features)`` to ``(batch, num_entries)`` or ``(batch, *shape)``.
        shape: Numbers of states of the scope.
        modality: The source that it reads.

    Raises:
        ValueError: On a call, if the encoder's output does not fit the scope.

    Example:
        >>> NeuralPotential(nn.Linear(5, 6), shape=(2, 3), modality="ecg")(torch.zeros(4, 5)).shape
        torch.Size([4, 2, 3])
    """

    def __init__(self, encoder: nn.Module, shape: Sequence[int], modality: str) -> None:
        check_type("encoder", encoder, nn.Module, "be a torch module")
        check_name("modality", modality)
        super().__init__(modality)
        self.encoder = encoder
        self.shape = check_shape(shape)

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        if inputs is None:
            raise invalid("inputs", f"be the values of modality {self.modality!r}", None)
        check_module_input(f"the values of modality {self.modality!r}", inputs, self.encoder)
        output = self.encoder(inputs)
        check_tensor(f"the output of the encoder of {self.modality!r}", output)
        if tuple(output.shape[-len(self.shape) :]) == self.shape:
            return output
        entries = prod(self.shape)
        if not output.ndim or output.shape[-1] != entries:
            raise invalid(
                f"the output of the encoder of {self.modality!r}",
                f"have {entries} entries per row, for a scope of shape {self.shape}",
                f"shape {tuple(output.shape)}",
            )
        return output.reshape(*output.shape[:-1], *self.shape)

    def extra_repr(self) -> str:
        return f"modality={self.modality!r}, shape={self.shape}"
