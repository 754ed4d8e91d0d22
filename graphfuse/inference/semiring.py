"""How tables multiply and how they are summed out; one algorithm serves every semiring."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor

from ..logspace import logsumexp
from ..tensor_checks import broadcast_shapes

Scope = tuple[str, ...]


def align(table: Tensor, scope: Scope, onto: Scope) -> Tensor:
    """A table ``(*batch, *scope)`` as ``(*batch, *onto)``, with size one for each variable that it does not read."""
    num_batch = table.ndim - len(scope)
    order = sorted(range(len(scope)), key=lambda i: onto.index(scope[i]))
    table = table.permute([*range(num_batch), *(num_batch + i for i in order)])
    sizes = iter(table.shape[num_batch:])
    return table.reshape([*table.shape[:num_batch], *(next(sizes) if name in scope else 1 for name in onto)])


class Semiring(ABC):
    """Log-tables whose product is a sum, and whose sum over states is for the subclass to say.

    Reference: Aji and McEliece (2000), The generalized distributive law.
    """

    @abstractmethod
    def reduce(self, table: Tensor, dims: tuple[int, ...]) -> Tensor:
        """The table summed, in this semiring, over ``dims``."""

    def sum_product(self, tables: Sequence[Tensor], scopes: Sequence[Scope], keep: Scope) -> Tensor:
        """The product of the tables, summed over all variables but those to keep.

        Args:
            tables: At least one, each ``(*batch, *scope)`` in nats; batch dimensions broadcast.
            scopes: One per table.
            keep: Variables of the result, in order; each must be in some scope.

        Returns:
            A table ``(*batch, *keep)``.
        """
        union = keep + tuple(dict.fromkeys(name for scope in scopes for name in scope if name not in keep))
        product, own = align(tables[0], scopes[0], union), False
        for table, scope in zip(tables[1:], scopes[1:], strict=True):
            factor = align(table, scope, union)
            if own and broadcast_shapes(product.shape, factor.shape) == product.shape:
                product += factor  # a large table is not written twice
            else:
                product, own = product + factor, True
        return self.reduce(product, tuple(range(len(keep) - len(union), 0)))


class LogSemiring(Semiring):
    """Sums of probabilities, in logarithms: partition functions and marginals."""

    def reduce(self, table: Tensor, dims: tuple[int, ...]) -> Tensor:
        return logsumexp(table, dims)


class MaxSemiring(Semiring):
    """Maxima of probabilities, in logarithms: most probable assignments."""

    def reduce(self, table: Tensor, dims: tuple[int, ...]) -> Tensor:
        return table.amax(dims) if dims else table
