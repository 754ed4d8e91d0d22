"""Counterfactuals of the evidence: the fewest modalities without which the decision would be another."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from ..checks import check_count
from ..data import ModalityBatch
from ..decisions.loss import named_loss
from ..fusion import FusionModel
from .shapley import difference
from .subset_answers import SubsetAnswers, answers_of, labels_of, log_odds

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_VALUES = 2**22  # of subsets times rows that are held at once


def smallest_change(
    model: FusionModel,
    batch: ModalityBatch,
    target: str,
    max_removed: int | None = None,
    loss: ArrayLike | Tensor | pd.DataFrame | None = None,
) -> pd.DataFrame:
    """By row the fewest modalities whose removal changes the decision, among as few those that change it most.

    The decision is the most probable state, or, with a loss, the action of least expected loss; the first of equal
    ones. Most is the largest drop of the log-odds of that state, or the largest excess of the expected loss of that
    action, after the removal, over that of the new one. All subsets are asked, smaller ones first, until the decision
    changes; so a row costs up to two to the number of its modalities answers. An impossible row has no decision and no
    change, and a removal that makes a row impossible counts as none.

    Args:
        model: A fitted model.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        max_removed: How many modalities to remove at most; as many as there are if None.
        loss: What each action costs in each state, ``(num_actions, num_states)``: an array, whose actions are called by
            position, or a DataFrame whose columns are the states and whose index names the actions. One more action
            may be to refer.

    Returns:
        A DataFrame, a row a row: ``decision``, ``removed`` (a tuple of names, None if no removal changes the decision),
        ``decision_after`` (None likewise), ``log_odds`` and ``log_odds_after`` (``nan`` likewise), both of the state
        that is most probable before, against all others, in nats.

    Raises:
        TypeError: If the loss is no array of numbers.
        ValueError: If the target is unknown, ``max_removed`` below one, or the loss has another shape, other states, or
            is not finite.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> prior = TablePotential(torch.tensor([0.0, -1.0]))
        >>> potentials = {"prior": prior, "ecg": ScorePotential(2, "ecg"), "echo": ScorePotential(2, "echo")}
        >>> model = GraphFusion(star(Variable("ill", 2, ("no", "yes")), ["ecg", "echo"]), potentials, ["ill"])
        >>> batch = ModalityBatch({"ecg": [[0.0, 3.0], [0.0, 0.5]], "echo": [[0.0, 0.5], [nan, nan]]})
        >>> smallest_change(model, batch, "ill")
          decision removed decision_after  log_odds  log_odds_after
        0      yes  (ecg,)             no       2.5            -0.5
        1       no    None           None       0.5             NaN
        >>> import pandas as pd
        >>> loss = pd.DataFrame({"no": [0.0, 1.0, 0.2], "yes": [9.0, 0.0, 0.2]}, index=["wait", "treat", "refer"])
        >>> smallest_change(model, batch, "ill", loss=loss)[["decision", "removed", "decision_after"]]
          decision removed decision_after
        0    treat  (ecg,)          refer
        1    refer    None           None

    Reference: Martens and Provost (2014), Explaining data-driven document classifications; Wachter, Mittelstadt and
    Russell (2018), Counterfactual explanations without opening the black box.
    """
    return changes(answers_of(model, batch, target), labels_of(model.targets[target]), max_removed, None, loss)


def changes(
    answers: SubsetAnswers, labels: list[Any], max_removed: int | None = None, index: Any = None, loss: Any = None
) -> pd.DataFrame:
    """As ``smallest_change``, of answers that are there already.

    Args:
        answers: Of some rows.
        labels: What to call the states.
        max_removed: How many modalities to remove at most.
        index: Labels of the rows.
        loss: ``(num_actions, num_states)``.
    """
    import pandas as pd

    if max_removed is not None:
        check_count("max_removed", max_removed)
    table, actions = (None, labels) if loss is None else named_loss(loss, labels)
    search = _Search(answers, None if table is None else table.numpy())
    num_rows = len(answers.present)
    first, state, after = np.full((3, num_rows), -1)
    odds, odds_after = np.full((2, num_rows), np.nan)
    removed: list[tuple[str, ...] | None] = [None] * num_rows
    for players, rows in answers.patterns():
        whole = answers.present[rows[:1]]
        [(_, [log_probs])] = answers.in_parts(rows, whole)
        state[rows], first[rows] = log_probs.argmax(-1), search.decisions(log_probs)
        odds[rows] = log_odds(log_probs, state[rows])
        waiting = rows[first[rows] >= 0]
        for size in range(1, min(len(players), max_removed or len(players)) + 1):
            sets = np.array(list(combinations(players, size)))
            step = max(1, _VALUES // len(sets))
            for some in (waiting[start : start + step] for start in range(0, len(waiting), step)):
                best, after[some], odds_after[some] = search.largest_change(
                    some, whole, sets, first[some], state[some], odds[some]
                )
                for row, which in zip(some[after[some] >= 0], best[after[some] >= 0], strict=True):
                    removed[row] = tuple(answers.modalities[i] for i in sets[which])
            waiting = waiting[after[waiting] < 0]
            if not len(waiting):
                break
    names = [*actions, None]  # at -1 there is none
    found = pd.DataFrame(index=range(num_rows) if index is None else index)
    for name, values in (
        ("decision", [names[action] for action in first]),
        ("removed", removed),
        ("decision_after", [names[action] for action in after]),
    ):
        found[name] = pd.Series(values, index=found.index, dtype=object)
    return found.assign(log_odds=odds, log_odds_after=odds_after)


@dataclass(frozen=True, eq=False)
class _Search:
    """What is decided of some rows under subsets of their modalities.

    Args:
        answers: Of the rows.
        loss: ``(num_actions, num_states)``; None for the most probable state.
    """

    answers: SubsetAnswers
    loss: np.ndarray | None

    def decisions(self, log_probs: np.ndarray) -> np.ndarray:
        """The first of the best actions ``(*batch,)``, -1 if impossible, of ``(*batch, num_states)``."""
        best = log_probs.argmax(-1) if self.loss is None else (np.exp(log_probs) @ self.loss.T).argmin(-1)
        return np.where(np.isfinite(log_probs).any(-1), best, -1)

    def largest_change(
        self,
        rows: np.ndarray,
        whole: np.ndarray,
        sets: np.ndarray,
        first: np.ndarray,
        state: np.ndarray,
        odds: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By row which set changes the first decision most; the decision after, -1 if none does, and odds after."""
        kept = np.repeat(whole, len(sets), axis=0)
        kept[np.arange(len(sets))[:, None], sets] = False
        best, after = np.zeros(len(rows), dtype=int), np.full(len(rows), -1)
        largest, odds_after = np.full(len(rows), -np.inf), np.full(len(rows), np.nan)
        for part, log_probs in self.answers.in_parts(rows, kept):
            decided, found = self.decisions(log_probs), log_odds(log_probs, state)
            changed = (decided != first) & (decided >= 0)
            sizes = np.where(changed, self._sizes(log_probs, first, difference(odds, found)), -np.inf)
            top = sizes.argmax(0)
            every = np.arange(len(rows))
            better = changed[top, every] & ((after < 0) | (sizes[top, every] > largest))
            best[better] = part.start + top[better]
            largest[better], after[better] = sizes[top, every][better], decided[top, every][better]
            odds_after[better] = found[top, every][better]
        return best, after, odds_after

    def _sizes(self, log_probs: np.ndarray, first: np.ndarray, drops: np.ndarray) -> np.ndarray:
        """How large each change is ``(num_sets, rows)``, by drops of the odds unless there is a loss."""
        if self.loss is None:
            return drops
        expected = np.exp(log_probs) @ self.loss.T
        return np.take_along_axis(expected, np.broadcast_to(first, drops.shape)[..., None], -1)[..., 0] - expected.min(
            -1
        )
