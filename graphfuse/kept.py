"""Results that are kept as long as the tensors they were computed from are the same and unchanged."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Generic, TypeVar

from torch import Tensor

Result = TypeVar("Result")


class Kept(Generic[Result]):
    """The latest results, each by the very tensors it was computed from, which it keeps alive.

    A tensor that was changed in place counts as another, unless it was changed behind the back of PyTorch: through
    ``.data``, or an array that shares its memory. Of tensors that are being learned nothing is kept. Threads may share
    it.

    Args:
        limit: Results at most.

    Example:
        >>> import torch
        >>> sums, table = Kept(limit=2), torch.ones(3)
        >>> [float(sums.get([table], lambda: table.sum())) for _ in range(2)], float(table.mul_(2).sum())
        ([3.0, 3.0], 6.0)
        >>> float(sums.get([table], lambda: table.sum()))
        6.0
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: OrderedDict[Hashable, tuple[tuple[Tensor, ...], Result]] = OrderedDict()
        self._lock = Lock()

    def get(self, tensors: Sequence[Tensor], compute: Callable[[], Result], *more: Hashable) -> Result:
        """What was computed of these tensors, and of whatever else distinguishes the question."""
        if any(tensor.requires_grad or tensor.is_inference() for tensor in tensors):
            return compute()
        key = more, tuple([(id(tensor), tensor._version) for tensor in tensors])
        with self._lock:
            if key in self.entries:
                self.entries.move_to_end(key)
                return self.entries[key][1]
        found = compute()
        with self._lock:
            self.entries[key] = tuple(tensors), found
            while len(self.entries) > self.limit:
                self.entries.popitem(last=False)
        return found
