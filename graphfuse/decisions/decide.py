"""The action of least expected loss, of one variable or of several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..checks import check_names, check_type, invalid
from ..inference import Posterior
from ..tensor_checks import check_log_values
from .loss import checked_loss

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_SAME = 1e-3  # how close to one the sum of probabilities is


@dataclass(frozen=True, eq=False)
class Decision:
    """What to do in each row, and what each action is expected to cost.

    Args:
        actions: The action of least expected loss, the first of equal ones, int64 ``(*batch,)``; -1 in a row that is
            impossible.
        expected_losses: ``(*batch, num_actions)`` in the unit of the loss; ``nan`` in a row that is impossible.
    """

    actions: Tensor
    expected_losses: Tensor

    @property
    def expected_loss(self) -> Tensor:
        """That of the action taken, ``(*batch,)``."""
        return self.expected_losses.min(-1).values


def decide(log_probs: Tensor, loss: ArrayLike | Tensor) -> Decision:
    """The action of least expected loss in every row.

    To abstain is one more action: ``with_referral`` adds it to a loss.

    Args:
        log_probs: Normalized log-probabilities ``(*batch, num_states)`` in nats; all ``-inf`` in a row that is
            impossible.
        loss: What each action costs in each state, ``(num_actions, num_states)``, in any one unit; gains are negative.

    Raises:
        TypeError: If ``log_probs`` is no floating-point tensor.
        ValueError: If the loss has another number of states, no action, or an entry that is not finite, or
            ``log_probs`` has no dimension, is ``nan`` or ``inf``, or a row of it is not normalized, as probabilities
            without their logarithm are not.

    Example:
        >>> log_probs = torch.tensor([[0.95, 0.05], [0.6, 0.4]]).log()
        >>> decision = decide(log_probs, [[0.0, 9.0], [1.0, 0.0]])  # a miss costs nine times a false alarm
        >>> decision.actions
        tensor([0, 1])
        >>> decision.expected_loss
        tensor([0.4500, 0.6000])

    Reference: Berger (1985), Statistical Decision Theory and Bayesian Analysis, chapter 4.
    """
    check_log_values("log_probs", log_probs)
    if not log_probs.ndim or not log_probs.shape[-1]:
        raise invalid("log_probs", "have shape (*batch, num_states) with at least one state", tuple(log_probs.shape))
    totals = log_probs.detach().exp().sum(-1)
    odd = ((totals - 1).abs() > _SAME) & log_probs.isfinite().any(-1)
    if bool(odd.any()):
        must = "be normalized log-probabilities, whose exponentials sum to 1 (of probabilities, take the logarithm)"
        raise invalid("log_probs", must, f"a sum of {float(totals[odd].flatten()[0]):.4g}")
    table = checked_loss(loss, (log_probs.shape[-1],))
    return _decision(log_probs, table)


def decide_jointly(posterior: Posterior, names: Sequence[str], loss: ArrayLike | Tensor) -> Decision:
    """The action of least expected loss where the loss depends on several variables of a graph together.

    Args:
        posterior: Of a query about these variables at least.
        names: The variables, in the order of the dimensions of the loss.
        loss: ``(num_actions, *scope)``, one dimension per variable, in any one unit.

    Raises:
        TypeError: If ``posterior`` is no ``Posterior``.
        ValueError: If a name is unknown or repeated, or the loss does not have the states of the variables.

    Example:
        >>> from graphfuse import Factor, FactorGraph, Variable, infer
        >>> graph = FactorGraph([Variable("ill", 2), Variable("allergic", 2)], [Factor("both", ("ill", "allergic"))])
        >>> posterior = infer(graph, {"both": torch.tensor([[0.3, 0.1], [0.2, 0.4]]).log()})
        >>> wait, drug = [[0.0, 0.0], [4.0, 4.0]], [[1.0, 9.0], [0.0, 9.0]]
        >>> decide_jointly(posterior, ["ill", "allergic"], [wait, drug]).expected_losses
        tensor([2.4000, 4.8000])

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, chapter 22.
    """
    check_type("posterior", posterior, Posterior, "be a Posterior")
    names = check_names("names", names)
    if not names:
        raise invalid("names", "name at least one variable", "none")
    log_joint = posterior.log_joint(names)
    table = checked_loss(loss, tuple(log_joint.shape[log_joint.ndim - len(names) :]))
    return _decision(log_joint.flatten(-len(names)), table.flatten(1))


def _decision(log_probs: Tensor, loss: Tensor) -> Decision:
    expected = log_probs.exp() @ loss.to(log_probs).T
    impossible = ~log_probs.isfinite().any(-1)
    return Decision(
        expected.argmin(-1).masked_fill(impossible, -1),
        expected.masked_fill(impossible.unsqueeze(-1), torch.nan),
    )
