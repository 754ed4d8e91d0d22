"""Loss matrices: what each action costs in each state, one more action that refers, and the thresholds implied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, invalid, listed

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_SAME = 1e-12  # how close two probabilities are that are taken for one threshold


def checked_loss(loss: ArrayLike | Tensor, shape: tuple[int, ...]) -> Tensor:
    """A loss as float64 ``(num_actions, *shape)``.

    Args:
        loss: In any one unit, the higher the worse.
        shape: States of the variables that it depends on.

    Raises:
        TypeError: If it is no array of numbers.
        ValueError: If it has another shape, no action, or an entry that is not finite.
    """
    found = _numbers(loss)
    if found.ndim != 1 + len(shape) or found.shape[1:] != shape or not len(found):
        expected = ", ".join(["num_actions", *map(str, shape)])
        raise invalid("loss", f"have shape ({expected}) with at least one action", tuple(found.shape))
    if not bool(found.isfinite().all()):
        raise invalid("loss", "be finite", float(found[~found.isfinite()][0]))
    return found


def named_loss(loss: ArrayLike | Tensor | pd.DataFrame, labels: Sequence[Any]) -> tuple[Tensor, list[Any]]:
    """A loss as float64 ``(num_actions, num_states)``, its states in the order of the labels, and names of its actions.

    The columns of a DataFrame are the labels, in any order, or numbered from 0 on; its index names the actions. Actions
    of an array are positions.

    Args:
        loss: In any one unit, the higher the worse.
        labels: Of the states.

    Raises:
        TypeError: If it is no array of numbers.
        ValueError: If it has other columns or another shape, no action, or an entry that is not finite.
    """
    table: Any = loss
    if hasattr(table, "columns") and hasattr(table, "index"):
        columns, places = list(table.columns), list(range(len(labels)))
        if columns != places or set(labels) == set(places):
            if len(columns) != len(labels) or set(columns) != set(labels):
                raise invalid("the columns of loss", f"be the labels {listed(labels)}", listed(columns))
            places = [columns.index(label) for label in labels]
        return checked_loss(loss, (len(labels),))[:, places], list(table.index)
    found = checked_loss(loss, (len(labels),))
    return found, list(range(len(found)))


def with_referral(loss: ArrayLike | Tensor, cost: float) -> Tensor:
    """The loss with one more action, the last, that costs the same in every state: to refer instead of deciding.

    Args:
        loss: ``(num_actions, *scope)``, in any one unit.
        cost: Of referring, in the unit of the loss.

    Returns:
        Float64 ``(num_actions + 1, *scope)``.

    Raises:
        ValueError: If the loss has no action or no state, or a number is not finite.

    Example:
        >>> with_referral([[0.0, 5.0], [1.0, 0.0]], cost=0.4)
        tensor([[0.0000, 5.0000],
                [1.0000, 0.0000],
                [0.4000, 0.4000]], dtype=torch.float64)

    Reference: Chow (1970), On optimum recognition error and reject tradeoff.
    """
    found = _numbers(loss)
    if found.ndim < 2 or 0 in found.shape:
        must = "have shape (num_actions, *scope) with at least one action and one state"
        raise invalid("loss", must, tuple(found.shape))
    found = checked_loss(found, tuple(found.shape[1:]))
    if not abs(cost) < float("inf"):
        raise invalid("cost", "be finite", cost)
    return torch.cat([found, found.new_full((1, *found.shape[1:]), cost)])


def _numbers(loss: Any) -> Tensor:
    try:
        return torch.as_tensor(loss if isinstance(loss, Tensor) else np.array(loss, np.float64), dtype=torch.float64)
    except (TypeError, ValueError):
        must = "be an array of numbers, a row an action and a column a state"
        raise invalid("loss", must, repr(loss), TypeError) from None


def thresholds(loss: ArrayLike | Tensor) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The actions worth taking as one of two states becomes more probable, and where each hands over to the next.

    Below the first threshold, in the probability of the second state, the first action has the least expected loss;
    between the first two, the second; and so on. An action that is nowhere alone the best is left out, and among those
    of equal loss throughout all but the first.

    Args:
        loss: ``(num_actions, 2)``, in any one unit.

    Returns:
        The actions, and one threshold fewer, rising, strictly between 0 and 1.

    Raises:
        ValueError: If the loss has another shape, or is not finite.

    Example:
        >>> actions, at = thresholds([[0.0, 9.0], [1.0, 0.0]])  # a miss costs nine times a false alarm
        >>> actions, [round(each, 3) for each in at]
        ((0, 1), [0.1])
        >>> actions, at = thresholds(with_referral([[0.0, 9.0], [1.0, 0.0]], cost=0.45))
        >>> actions, [round(each, 3) for each in at]
        ((0, 2, 1), [0.05, 0.55])

    Reference: Pauker and Kassirer (1980), The threshold approach to clinical decision making.
    """
    lines = checked_loss(loss, (2,))
    starts, slopes = lines[:, 0], lines[:, 1] - lines[:, 0]
    check_count("the number of actions in loss", len(lines))
    order = sorted(range(len(lines)), key=lambda i: (float(starts[i]), float(slopes[i]), i))
    actions, here = [order[0]], 0.0
    places: list[float] = []
    while True:
        now = actions[-1]
        falls = slopes < slopes[now]
        meets = torch.where(falls, (starts - starts[now]) / (slopes[now] - slopes), torch.inf)
        nearest = float(meets.min())
        if not nearest < 1 - _SAME:
            return tuple(actions), tuple(places)
        steepest = min(torch.nonzero(meets <= nearest + _SAME).flatten().tolist(), key=lambda i: (float(slopes[i]), i))
        if nearest > here + _SAME:
            actions.append(steepest)
            places.append(nearest)
        else:  # it takes over before the action was alone the best
            actions[-1] = steepest
        here = max(here, nearest)
