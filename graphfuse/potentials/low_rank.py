"""A table of low non-negative rank: a sum of few products of one-variable tables."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..checks import check_count, check_type, invalid
from ..logspace import logsumexp
from ..tensor_checks import check_log_values
from .base import Potential, check_shape


class LowRankPotential(Potential):
    """A table over two or more variables, the log of ``sum_r prod_v exp(log_factors[v][:, r])``.

    It ties large variables with ``rank`` numbers per state. It is what remains of a hidden variable of ``rank`` states,
    each variable tied to it, once that is summed out. This saves parameters, not the size of the table: to save
    inference as well, put the hidden variable into the graph. A pair table is reached exactly if the rank is that of
    its smaller side, and no later than that; the non-negative rank may exceed the rank of linear algebra. Equal
    columns get equal gradients, so start from unequal ones.

    Args:
        log_factors: By variable, where training starts, ``(num_states, rank)`` in nats; ``-inf`` is zero for good.

    Raises:
        ValueError: If the ranks differ, or an entry is ``nan`` or ``+inf``.

    Example:
        >>> left, right = torch.tensor([[1.0], [2.0]]), torch.tensor([[1.0], [3.0], [5.0]])
        >>> LowRankPotential([left.log(), right.log()])().exp()
        tensor([[ 1.,  3.,  5.],
                [ 2.,  6., 10.]], grad_fn=<ExpBackward0>)

    Reference: Savický and Vomlel (2007), Exploiting tensor rank-one decomposition in probabilistic inference; Cohen and
    Rothblum (1993), Nonnegative ranks, decompositions, and factorizations of nonnegative matrices.
    """

    def __init__(self, log_factors: Sequence[Tensor]) -> None:
        super().__init__()
        check_type("log_factors", log_factors, Sequence, "be a sequence of tensors, one per variable")
        if not log_factors:
            raise invalid("log_factors", "hold a tensor for every variable", "none")
        for i, factor in enumerate(log_factors):
            check_log_values(f"log_factors[{i}]", factor)
            if factor.ndim != 2 or not factor.numel():
                must = "have shape (num_states, rank), none of them 0"
                raise invalid(f"log_factors[{i}]", must, tuple(factor.shape))
            if factor.shape[1] != log_factors[0].shape[1]:
                must = f"have the rank of log_factors[0], {log_factors[0].shape[1]}"
                raise invalid(f"log_factors[{i}]", must, factor.shape[1])
        self.log_factors = nn.ParameterList(factor.detach().clone() for factor in log_factors)

    @classmethod
    def from_shape(cls, shape: Sequence[int], rank: int, generator: torch.Generator) -> LowRankPotential:
        """A potential near the table of zeros, its columns made unequal by small Gaussian noise.

        Args:
            shape: Numbers of states of the scope.
            rank: Number of products.
            generator: Draws the noise.

        Example:
            >>> LowRankPotential.from_shape((50, 80), 3, torch.Generator().manual_seed(0))().shape
            torch.Size([50, 80])
        """
        shape = check_shape(shape)
        check_count("rank", rank)
        check_type("generator", generator, torch.Generator, "be a torch.Generator")
        factors = [0.1 * torch.randn(size, rank, generator=generator, device=generator.device) for size in shape]
        share = torch.tensor(float(rank)).log() / max(len(shape), 1)
        return cls([factor - share.to(factor.device) for factor in factors])

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        first, *rest = self.log_factors
        log_terms = first
        for factor in rest:
            log_terms = log_terms.unsqueeze(-2) + factor
        return logsumexp(log_terms, (-1,))

    def extra_repr(self) -> str:
        shape = tuple(len(factor) for factor in self.log_factors)
        return f"shape={shape}, rank={self.log_factors[0].shape[1]}"
