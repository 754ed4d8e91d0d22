"""Conflict: whether the modalities of a row speak of one state, how surprising it is if not, and which to check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import ModalityBatch
from ..fusion import FusionModel
from .reference_rows import ReferenceRows
from .subset_answers import SubsetAnswers, answers_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

_BORROWED = 20.0  # rows that those under other masks of the same size count for, beside those under the same mask
_SAME = 1e-9  # how close two statistics are that are equal


def conflict(
    model: FusionModel,
    batch: ModalityBatch,
    target: str,
    reference: ModalityBatch,
    reference_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """By row whether its modalities contradict each other, how surprising that is, and which one to check.

    The statistic weighs two accounts of a row: one modality speaks of a state of its own, or all speak of one state.
    It is the largest, over the modalities m that the row has, of ``-log sum_y p(y | m) p(y | the others) / p(y)``: the
    log of how much less probable reading m and the others together is than if each had a state of its own, were they
    independent given the state. It is below 0 where m and the others agree. The culprit is the m of the largest; of two
    modalities the one that is less sure of its state.

    The p-value is the share of reference rows, shown with the same modalities only, whose statistic is at least as
    large. All reference rows that have these modalities count, and beside them, for as much as 20 rows, reference rows
    shown with as many other modalities: so a mask that few have borrows from the others. Among rows like the reference,
    a p-value is at most 0.05 in one of twenty.

    Args:
        model: A fitted model; one whose layers draw should be in evaluation mode.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        reference: Rows without conflict, with known states of the target, that the model was not fitted to.
        reference_weight: How much each reference row counts, at least 0 ``(rows,)``; alike if None.

    Returns:
        A DataFrame, a row a row: ``statistic`` in nats, ``p_value`` above 0 and at most 1, ``culprit``; ``nan`` and
        None in rows with fewer than two modalities, and in those that a single modality makes impossible.

    Raises:
        TypeError: If an argument is of a wrong kind.
        ValueError: If the target is unknown, or ``reference`` lacks it.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> names = ["ecg", "echo", "blood"]
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), **{name: ScorePotential(2, name) for name in names}}
        >>> model = GraphFusion(star(Variable("ill", 2), names), potentials, ["ill"])
        >>> says_no, says_yes = [3.0, 0.0], [0.0, 3.0]
        >>> reference = ModalityBatch(dict.fromkeys(names, [says_no, says_yes] * 50), targets={"ill": [0, 1] * 50})
        >>> batch = ModalityBatch({"ecg": [says_yes], "echo": [says_yes], "blood": [says_no]})
        >>> conflict(model, batch, "ill", reference).round(3)
           statistic  p_value culprit
        0      2.309    0.008   blood

    Reference: Jensen, Chamberlain, Nordahl and Jensen (1991), Analysis in HUGIN of data conflict.
    """
    rows = ReferenceRows.of(reference, target, reference_weight)
    others = answers_of(model, rows.batch.select(batch.modalities), target)
    return conflicts(answers_of(model, batch, target), others, rows.weights)


def conflicts(answers: SubsetAnswers, reference: SubsetAnswers, weights: np.ndarray, index: Any = None) -> pd.DataFrame:
    """As ``conflict``, of answers that are there already.

    Args:
        answers: Of some rows.
        reference: Of reference rows, for the same modalities.
        weights: How much each of these counts ``(rows,)``.
        index: Labels of the rows.
    """
    import pandas as pd

    statistic, p_value = np.full((2, len(answers.present)), np.nan)
    culprit: list[str | None] = [None] * len(statistic)
    by_size: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for players, rows in answers.patterns():
        if len(players) < 2:
            continue
        largest, which = _largest(answers, rows, players)
        size = len(players)
        if size not in by_size:
            by_size[size] = _under_masks_of(size, reference, weights)
        alike = np.flatnonzero(reference.present[:, players].all(1))
        here = _largest(reference, alike, players)[0] if len(alike) else np.zeros(0)
        extreme, known = _at_least(largest, here, weights[alike])
        elsewhere, num_elsewhere = _at_least(largest, *by_size[size])
        borrowed = _BORROWED if num_elsewhere else 0.0
        shares = elsewhere / num_elsewhere if num_elsewhere else 0.0
        statistic[rows] = largest
        p_value[rows] = (1 + extreme + borrowed * shares) / (1 + known + borrowed)
        for row, player in zip(rows, which, strict=True):
            culprit[row] = answers.modalities[player]
    unknown = np.isnan(statistic)
    p_value[unknown] = np.nan
    found = pd.DataFrame({"statistic": statistic, "p_value": p_value}, index=index)
    names = [None if lost else name for name, lost in zip(culprit, unknown, strict=True)]
    return found.assign(culprit=pd.Series(names, index=found.index, dtype=object))


def _largest(answers: SubsetAnswers, rows: np.ndarray, players: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest statistic over the modalities of some rows ``(num_rows,)``, and whose it is."""
    num_players = len(players)
    kept = np.zeros((2 * num_players + 1, len(answers.modalities)), dtype=bool)
    kept[np.arange(num_players), players] = True  # alone, then all others, then nobody
    kept[num_players:-1, players] = ~np.eye(num_players, dtype=bool)
    log_probs = np.concatenate([found for _, found in answers.in_parts(rows, kept)])
    alone, others, prior = log_probs[:num_players], log_probs[num_players:-1], log_probs[-1]
    with np.errstate(invalid="ignore"):  # a state that is impossible by itself adds nothing
        joint = np.where(np.isfinite(prior), alone + others - prior, -np.inf)
        found = -np.logaddexp.reduce(joint, -1)
    possible = np.isfinite(alone).any(-1) & np.isfinite(others).any(-1)
    found = np.where(possible, found, np.nan)
    top = found.max(0)  # nan if one of them is
    with np.errstate(invalid="ignore"):
        tied = found >= top - _SAME
    which = np.where(tied | np.isnan(top), alone.max(-1), np.inf).argmin(0)  # the least sure of those that tie
    return top, players[which]


def _under_masks_of(size: int, reference: SubsetAnswers, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Statistics of reference rows, each shown with some modalities of its own, so many, and their weights."""
    chosen: dict[tuple[int, ...], list[int]] = {}
    for unordered, rows in reference.patterns():
        players = np.array(sorted(unordered, key=lambda player: reference.modalities[player]))
        if len(players) >= size:
            for i, row in enumerate(rows):  # windows along the circle: every modality is as often among them
                window = np.sort(players[(i + np.arange(size)) % len(players)])
                chosen.setdefault(tuple(window.tolist()), []).append(int(row))
    found, counts_for = [np.zeros(0)], [np.zeros(0)]
    for shown, places in chosen.items():
        found.append(_largest(reference, np.array(places), np.array(shown))[0])
        counts_for.append(weights[places])
    return np.concatenate(found), np.concatenate(counts_for)


def _at_least(statistics: np.ndarray, others: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, float]:
    """How much of others, by weights, is at least as large as each statistic, and how much there is."""
    order = np.argsort(others)[: int((~np.isnan(others)).sum())]  # nan comes last
    cumulative = np.concatenate([[0.0], np.cumsum(weights[order])])
    below = np.searchsorted(others[order], statistics - _SAME, side="left")
    return cumulative[-1] - cumulative[below], float(cumulative[-1])
