"""The contract of a potential: a module that fills the table of one factor."""

from abc import ABC, abstractmethod

from torch import Tensor, nn


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
