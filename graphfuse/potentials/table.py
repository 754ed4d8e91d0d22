"""A table of free log-values, one per joint state of the scope."""

from torch import Tensor, nn

from ..tensor_checks import check_log_values
from .base import Potential


class TablePotential(Potential):
    """A constant table whose entries are trained as they are.

    Args:
        log_values: Where training starts, ``(*scope)`` in nats; ``-inf`` forbids a joint state for good.

    Raises:
        ValueError: If an entry is ``nan`` or ``+inf``.

    Example:
        >>> TablePotential(torch.zeros(2, 3))().shape
        torch.Size([2, 3])
    """

    def __init__(self, log_values: Tensor) -> None:
        super().__init__()
        check_log_values("log_values", log_values)
        self.log_values = nn.Parameter(log_values.detach().clone())

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        return self.log_values

    def extra_repr(self) -> str:
        return f"shape={tuple(self.log_values.shape)}"
