"""The latest result, for another question about the same numbers; kept no longer than the tensors they are from."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar
from weakref import ref

import torch
from torch import Tensor

Result = TypeVar("Result")


class Latest(Generic[Result]):
    """One result, by the numbers it was computed from: they are compared, so that it matters not how they changed.

    Two queries of the same tables, one clamped and one free, so share what does not depend on the evidence, also where
    the tables are being learned. Threads may share it.

    Example:
        >>> sums, table = Latest(), torch.ones(3, requires_grad=True)
        >>> sums.get([table.detach().clone()], lambda: 1.0, [table])
        1.0
        >>> sums.get([table.detach().clone()], lambda: 2.0, [table])
        1.0
        >>> table.data += 1.0
        >>> sums.get([table.detach().clone()], lambda: 3.0, [table])
        3.0
    """

    def __init__(self) -> None:
        self._kept: tuple[Sequence[Tensor], Hashable, Result, list[ref[Tensor]]] | None = None

    def get(
        self, numbers: Sequence[Tensor], compute: Callable[[], Result], sources: Sequence[Tensor], *more: Hashable
    ) -> Result:
        """What was computed of these numbers, and of whatever else distinguishes the question.

        Args:
            numbers: Kept, and not changed by anybody.
            compute: Called unless the result is there.
            sources: The tensors that the numbers are from; when one of them is gone, so is the result.
            more: Compared as well.
        """
        kept = self._kept
        if kept is not None and kept[1] == more and all(map(_same, kept[0], numbers)):
            return kept[2]
        found = compute()
        self._kept = numbers, more, found, [ref(source, self._forget) for source in sources]
        return found

    def _forget(self, gone: ref[Tensor]) -> None:
        kept = self._kept
        if kept is not None and any(one is gone for one in kept[3]):
            self._kept = None


def _same(one: Tensor, other: Tensor) -> bool:
    return one.dtype == other.dtype and torch.equal(one, other)
