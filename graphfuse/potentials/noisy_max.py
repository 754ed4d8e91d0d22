"""A noisy-MAX: independent causes of several grades, whose strongest result is the state of the effect."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import logsigmoid

from ..checks import check_type, invalid
from ..logspace import log, log_complement, logsumexp
from ..tensor_checks import check_log_values
from .base import Potential
from .conditional import check_rows


class NoisyMaxPotential(Potential):
    """P(effect | causes) over ``(*causes, effect)``, whose states are ordered from 0, absent, to the strongest.

    Every present cause draws a state of the effect of its own, and so does the leak, which stands for all causes that
    are not named; the effect takes the highest. A cause in state 0 draws 0. The rows sum to one; the number of
    parameters grows with the sum, the table with the product of the numbers of states. With two states throughout it
    is the noisy-OR. The order must mean something: for effects without order take a conditional table.

    Args:
        log_weights: By cause, where training starts, ``(num_states - 1, num_effect_states)`` in nats, up to a constant
            per row: the states of the effect that each state of the cause but 0 draws. ``-inf`` excludes one for good.
        leak_log_weights: The same ``(num_effect_states,)`` for the leak.

    Raises:
        ValueError: If shapes disagree, or a row has no possible state.

    Example:
        >>> mild, severe = [0.3, 0.6, 0.1], [0.1, 0.2, 0.7]
        >>> fever = NoisyMaxPotential.from_probabilities([torch.tensor([mild, severe])], torch.tensor([0.9, 0.1, 0.0]))
        >>> fever().exp()
        tensor([[0.9000, 0.1000, 0.0000],
                [0.2700, 0.6300, 0.1000],
                [0.0900, 0.2100, 0.7000]], grad_fn=<ExpBackward0>)

    Reference: Henrion (1989), Some practical issues in constructing belief networks; Díez (1993), Parameter
    adjustment in Bayes networks: the generalized noisy OR-gate.
    """

    def __init__(self, log_weights: Sequence[Tensor], leak_log_weights: Tensor) -> None:
        super().__init__()
        check_type("log_weights", log_weights, Sequence, "be a sequence of tensors, one per cause")
        _check_weights("leak_log_weights", leak_log_weights, 1)
        size = len(leak_log_weights)
        for i, weights in enumerate(log_weights):
            _check_weights(f"log_weights[{i}]", weights, 2)
            if weights.shape[-1] != size:
                must = f"have shape (num_states - 1, {size}), for an effect of {size} states"
                raise invalid(f"log_weights[{i}]", must, tuple(weights.shape))
        self.log_weights = nn.ParameterList(weights.detach().clone() for weights in log_weights)
        self.leak_log_weights = nn.Parameter(leak_log_weights.detach().clone())

    @classmethod
    def from_probabilities(cls, tables: Sequence[Tensor], leak: Tensor) -> NoisyMaxPotential:
        """The potential of given probabilities.

        Args:
            tables: By cause, ``(num_states - 1, num_effect_states)``: P(effect | this cause alone, no leak) for every
                state of the cause but 0.
            leak: P(effect | no cause), ``(num_effect_states,)``.

        Raises:
            ValueError: If an entry is negative, or a row does not sum to one within 1e-6.
        """
        check_type("tables", tables, Sequence, "be a sequence of tensors, one per cause")
        for i, table in enumerate(tables):
            check_rows(f"tables[{i}]", table)
        check_rows("leak", leak)
        return cls([log(table) for table in tables], log(leak))

    def forward(self, inputs: Tensor | None = None) -> Tensor:
        log_cumulative, log_ratio = _cumulative(self.leak_log_weights)
        for weights in self.log_weights:
            cumulative, ratio = _cumulative(weights)
            log_cumulative = log_cumulative.unsqueeze(-2) + _with_absent(cumulative)
            log_ratio = log_ratio.unsqueeze(-2) + _with_absent(ratio)
        log_rest = log_cumulative[..., 1:] + log_complement(log_ratio)
        return torch.cat([log_cumulative[..., :1], log_rest], dim=-1)

    def extra_repr(self) -> str:
        shape = (*(len(weights) + 1 for weights in self.log_weights), len(self.leak_log_weights))
        return f"shape={shape}"


def _check_weights(argument: str, weights: Tensor, num_dims: int) -> None:
    check_log_values(argument, weights)
    if weights.ndim != num_dims or not weights.shape[-1]:
        expected = "(num_states - 1, num_effect_states)" if num_dims > 1 else "(num_effect_states,)"
        raise invalid(argument, f"have shape {expected}", tuple(weights.shape))
    if bool((weights.amax(-1) == -torch.inf).any()):
        raise invalid(argument, "have a finite entry in every row", weights.tolist())


def _cumulative(log_weights: Tensor) -> tuple[Tensor, Tensor]:
    """log P(at most k) for every k, and log P(at most k-1 | at most k) for every k but 0.

    A state's own probability is P(at most k) times the complement of the ratio. Ratios multiply over causes as the
    cumulative probabilities do, and keep the precision that a difference of two cumulative products loses.
    """
    size = log_weights.shape[-1]
    below = log_weights.new_ones(size, size, dtype=torch.bool).tril()
    rows = log_weights.unsqueeze(-2)
    at_most = logsumexp(rows.masked_fill(~below, -torch.inf), (-1,))
    above = logsumexp(rows.masked_fill(below, -torch.inf), (-1,))
    return _log_share(at_most, above), _log_share(at_most[..., :-1], log_weights[..., 1:])


def _with_absent(rows: Tensor) -> Tensor:
    """The rows of a cause with that of its state 0 in front, which draws 0 for sure: log 1 throughout."""
    return torch.cat([rows.new_zeros(1, rows.shape[-1]), rows])


def _log_share(part: Tensor, rest: Tensor) -> Tensor:
    """log(a / (a + b)) of log-weights; zero where both are impossible, where the cumulative is ``-inf`` already."""
    possible = torch.maximum(part, rest) > -torch.inf
    odds = torch.where(possible, part, 0.0) - torch.where(possible, rest, 0.0)
    return torch.where(possible, logsigmoid(odds), 0.0)
