"""The contracts of a potential: a module that fills the table of one factor, from one source or from several."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor, nn

from ..checks import check_count, check_names, check_type, invalid


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


class JointPotential(nn.Module, ABC):
    """What one factor says of several sources together, in nats, as a table over its scope.

    It is told which sources each row has, and must say of these what is left when the others are summed out, or what
    holds given that they are missing. Where a row has none of them the model silences the table.

    Args:
        modalities: Names of the sources that it reads.
    """

    def __init__(self, modalities: Sequence[str]) -> None:
        super().__init__()
        self.modalities = check_names("modalities", modalities)
        if not self.modalities:
            raise invalid("modalities", "name at least one modality", "none")

    @abstractmethod
    def forward(self, inputs: Sequence[Tensor], present: Tensor) -> Tensor:
        """The table ``(*batch, *scope)``.

        Args:
            inputs: By source ``(*batch, *features)``, in the order of ``modalities``; zeros where one is missing.
            present: Which sources each row has, bool ``(*batch, num_modalities)``.
        """

    def prepared(self, inputs: Sequence[Tensor], present: Tensor) -> Callable[[], Tensor]:
        """The table of these inputs, to be asked for again and again while parameters change.

        What does not depend on parameters may be computed once.
        """
        return partial(self, inputs, present)


def check_shape(shape: object) -> tuple[int, ...]:
    """Numbers of states of a scope as a tuple; anything but a sequence of counts is refused."""
    check_type("shape", shape, Sequence, "be a sequence of numbers of states")
    assert isinstance(shape, Sequence)
    for size in shape:
        check_count("each of shape", size)
    return tuple(shape)
