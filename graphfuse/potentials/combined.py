"""What products and mixtures share: members over one scope, of which some may read one modality."""

from abc import ABC
from collections.abc import Sequence

from torch import Tensor, nn

from ..checks import check_type, invalid, listed
from .base import Potential, check_shape


class CombinedPotential(Potential, ABC):
    """Members over one scope, each constant or reading the one modality that the others read.

    Where that modality is missing the whole table is silenced, the constant members with it: what must hold all the
    same, such as a prior, is a factor of its own.
    """

    def __init__(self, members: Sequence[Potential], shape: Sequence[int]) -> None:
        check_type("members", members, Sequence, "be a sequence of potentials")
        for i, member in enumerate(members):
            check_type(f"members[{i}]", member, Potential, "be a Potential")
        if not members:
            raise invalid("members", "hold at least one potential", "none")
        read = list(dict.fromkeys(member.modality for member in members if member.modality is not None))
        if len(read) > 1:
            raise invalid("members", "read one modality at most (give others factors of their own)", listed(read))
        super().__init__(read[0] if read else None)
        self.members = nn.ModuleList(members)
        self.shape = check_shape(shape)

    def tables(self, inputs: Tensor | None) -> list[Tensor]:
        """The tables of the members, ``(*batch, *scope)`` or ``(*scope)``.

        Raises:
            ValueError: If a member's table does not fit the scope.
        """
        tables = []
        for i, member in enumerate(self.members):
            constant = member.modality is None
            table = member(None if constant else inputs)
            if tuple(table.shape if constant else table.shape[-len(self.shape) or table.ndim :]) != self.shape:
                expected = ", ".join([*([] if constant else ["*batch"]), *map(str, self.shape)])
                raise invalid(f"the table of members[{i}]", f"have shape ({expected})", tuple(table.shape))
            tables.append(table)
        return tables

    def extra_repr(self) -> str:
        return (f"modality={self.modality!r}, " if self.modality else "") + f"shape={self.shape}"
