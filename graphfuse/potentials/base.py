"""The contract of a potential: a module that fills the table of one factor."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn

from ..checks import check_count, check_type


class Potential(nn.Module, ABC):
    """What one factor says, in nats, as a table over its scope.

    ``modality`` names the source that it reads, or is None for a constant table. Where the source is missing the
    model silences the table; a potential never learns of it.
    """

    def __init__(self, modality: str | None = None) -> None:
        super().__init__()
        self.modality = modality

    @abstractmethod
    def forward(self, inputs: Tensor | None = None) -> Tensor:
        """The table ``(*batch, *scope)`` for inputs ``(*batch, *features)``, or ``(*scope)`` if constant."""


def check_shape(shape: object) -> tuple[int, ...]:
    """Numbers of states of a scope as a tuple; anything but a sequence of counts is refused."""
    check_type("shape", shape, Sequence, "be a sequence of numbers of states")
    assert isinstance(shape, Sequence)
    for size in shape:
        check_count("each of shape", size)
    return tuple(shape)
