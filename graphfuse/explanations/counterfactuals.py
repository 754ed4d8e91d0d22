"""Counterfactuals of the evidence: the fewest modalities without which the decision would be another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import check_count
from ..data import ModalityBatch
from ..fusion import FusionModel
from .shapley import difference
from .subset_answers import SubsetAnswers, answers_of, labels_of, log_odds

if TYPE_CHECKING:
    import pandas as pd

_VALUES = 2**22  # of subsets times rows that are held at once


def smallest_change(
    model: FusionModel, batch: ModalityBatch, target: str, max_removed: int | None = None
) -> pd.DataFrame:
    """By row the fewest modalities whose removal changes the decision, among as few those that change the odds most.

    The decision is the most probable state, the first of equally probable ones. All subsets are asked, smaller ones
    first, until the decision changes; so a row costs up to two to the number of its modalities answers. An impossible
    row has no decision and no change, and a removal that makes a row impossible counts as none.

    Args:
        model: A fitted model.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        max_removed: How many modalities to remove at most; as many as there are if None.

    Returns:
        A DataFrame, a row a row: ``decision``, ``removed`` (a tuple of names, None if no removal changes the decision),
        ``decision_after`` (None likewise), ``log_odds`` and ``log_odds_after`` (``nan`` likewise), both of the first
        decision against all other states, in nats.

    Raises:
        ValueError: If the target is unknown, or ``max_removed`` below one.

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

    Reference: Martens and Provost (2014), Explaining data-driven document classifications; Wachter, Mittelstadt and
    Russell (2018), Counterfactual explanations without opening the black box.
    """
    return changes(answers_of(model, batch, target), labels_of(model.targets[target]), max_removed)


def changes(
    answers: SubsetAnswers, labels: list[Any], max_removed: int | None = None, index: Any = None
) -> pd.DataFrame:
    """As ``smallest_change``, of answers that are there already.

    Args:
        answers: Of some rows.
        labels: What to call the states.
        max_removed: How many modalities to remove at most.
        index: Labels of the rows.
    """
    import pandas as pd

    if max_removed is not None:
        check_count("max_removed", max_removed)
    num_rows = len(answers.present)
    first, after = np.full((2, num_rows), -1)
    odds, odds_after = np.full((2, num_rows), np.nan)
    removed: list[tuple[str, ...] | None] = [None] * num_rows
    for players, rows in answers.patterns():
        whole = answers.present[rows[:1]]
        [(_, [log_probs])] = answers.in_parts(rows, whole)
        first[rows] = np.where(np.isfinite(log_probs).any(-1), log_probs.argmax(-1), -1)
        odds[rows] = log_odds(log_probs, np.maximum(first[rows], 0))
        waiting = rows[first[rows] >= 0]
        for size in range(1, min(len(players), max_removed or len(players)) + 1):
            sets = np.array(list(combinations(players, size)))
            step = max(1, _VALUES // len(sets))
            for some in (waiting[start : start + step] for start in range(0, len(waiting), step)):
                best, after[some], odds_after[some] = _largest_swing(
                    answers, some, whole, sets, first[some], odds[some]
                )
                for row, which in zip(some[after[some] >= 0], best[after[some] >= 0], strict=True):
                    removed[row] = tuple(answers.modalities[i] for i in sets[which])
            waiting = waiting[after[waiting] < 0]
            if not len(waiting):
                break
    names = [*labels, None]  # at -1 there is none
    found = pd.DataFrame(index=range(num_rows) if index is None else index)
    for name, values in (
        ("decision", [names[state] for state in first]),
        ("removed", removed),
        ("decision_after", [names[state] for state in after]),
    ):
        found[name] = pd.Series(values, index=found.index, dtype=object)
    return found.assign(log_odds=odds, log_odds_after=odds_after)


def _largest_swing(
    answers: SubsetAnswers, rows: np.ndarray, whole: np.ndarray, sets: np.ndarray, first: np.ndarray, odds: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By row which set changes the decision with the largest swing of the odds; the decision, -1 if none, and odds."""
    kept = np.repeat(whole, len(sets), axis=0)
    kept[np.arange(len(sets))[:, None], sets] = False
    best, after = np.zeros(len(rows), dtype=int), np.full(len(rows), -1)
    largest, odds_after = np.full(len(rows), -np.inf), np.full(len(rows), np.nan)
    for part, log_probs in answers.in_parts(rows, kept):
        states, found = log_probs.argmax(-1), log_odds(log_probs, first)
        changed = (states != first) & np.isfinite(log_probs).any(-1)
        swings = np.where(changed, difference(odds, found), -np.inf)
        top = swings.argmax(0)
        every = np.arange(len(rows))
        better = changed[top, every] & ((after < 0) | (swings[top, every] > largest))
        best[better] = part.start + top[better]
        largest[better], after[better] = swings[top, every][better], states[top, every][better]
        odds_after[better] = found[top, every][better]
    return best, after, odds_after
