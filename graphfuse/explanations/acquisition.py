"""The next test: what reading an unobserved modality is expected to be worth, alone or as the first of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_count, check_known, check_type, invalid
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..decisions.loss import named_loss
from ..fusion import FusionModel
from .reference_rows import ReferenceRows
from .subset_answers import labels_of

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike

Answer = Callable[[ModalityBatch], Tensor]  # rows that all have the same modalities -> log-probabilities
_ROWS, _VALUES = 2**14, 2**24  # with a reading added that are asked at once, and what they hold, at most
_ROUNDING = 1e-9  # how close two net values are that are equal; up to it nothing is gained
_MOST_READINGS = (256, 24, 8)  # of a modality that are tried at each step, by horizon; the last for all that go further


def next_modality(
    model: FusionModel,
    batch: ModalityBatch,
    target: str,
    reference: ModalityBatch,
    costs: Mapping[str, float] | None = None,
    horizon: int = 1,
    budget: ArrayLike | None = None,
    loss: ArrayLike | Tensor | None = None,
    max_readings: int | None = None,
    reference_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """By row what reading each unobserved modality is expected to be worth net of its cost, and which to read next.

    Worth is how much less the best action costs than the action that is best now, both judged by what is known after
    the reading. Without a loss it is the logarithmic one, in nats: the information gained about the target, which is
    the expected drop of its entropy where the expected probabilities after a reading are those before it. So no
    reading is worth less than nothing before its cost. With a horizon of several readings, a value is that of the best
    policy that begins with this modality: which one follows, or none, depends on what the one before showed. Reading
    nothing is worth 0, and where no net value is above it there is no next one.

    What a reading will show is not known; the readings of reference rows stand for it. Row i of state k is as probable
    as p(y = k | observed) divided by the number of rows of this state: so the reading is taken to be independent of
    what was observed given the target, and a modality that repeats an observed one is valued too highly where the
    model does not itself discount it.

    Args:
        model: A fitted model; one whose layers draw should be in evaluation mode.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        reference: Rows with known states of the target, best those that the model was not fitted to; a modality that
            none of them has is worth nothing.
        costs: By modality, what reading it costs, in the unit of the value, a mapping or a Series; those left out are
            free.
        horizon: How many readings to look ahead; rows with fewer unobserved modalities look as far as these go.
        budget: What the readings of a row may cost together, one number or ``(rows,)``; one that costs more than what
            is left is not offered. Unlimited if None.
        loss: What each action costs in each state, ``(num_actions, num_states)``, an array, or a DataFrame whose
            columns are the states; the value is in its unit. The logarithmic loss if None.
        max_readings: About how many reference readings of a modality are tried at each step, evenly spaced within each
            state; 256 where the horizon is 1, 24 where it is 2, else 8, if None. The cost of a row grows with the power
            ``horizon`` of this number times the unobserved modalities.
        reference_weight: How much each reference row counts within its state, at least 0 ``(rows,)``; alike if None.

    Returns:
        A DataFrame, a row a row: by modality its net value, ``nan`` where it is observed or not offered or the row is
        impossible; ``next``, the modality of the highest net value, the first of equal ones, None if none is above 0.

    Raises:
        TypeError: If an argument is of a wrong kind.
        ValueError: If the target or a modality in ``costs`` is unknown, a cost is negative or not finite, a budget is
            negative or ``nan``, the loss has another shape, ``horizon`` is below one or beyond the unobserved
            modalities of every row, a modality is called ``"next"``, or ``reference`` lacks the target or modalities.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), "ecg": ScorePotential(2, "ecg")}
        >>> potentials["echo"] = ScorePotential(2, "echo")
        >>> model = GraphFusion(star(Variable("ill", 2), ["ecg", "echo"]), potentials, ["ill"])
        >>> right_nine_in_ten = torch.tensor([[9.0, 1.0]] * 10 + [[1.0, 9.0]] * 10).log()
        >>> states = [0] * 9 + [1] + [1] * 9 + [0]
        >>> reference = ModalityBatch(dict.fromkeys(["ecg", "echo"], right_nine_in_ten), targets={"ill": states})
        >>> batch = ModalityBatch({"ecg": [[0.0, 1.0]], "echo": [[nan, nan]]})
        >>> next_modality(model, batch, "ill", reference, costs={"echo": 0.1}).round(3)
           ecg   echo  next
        0  NaN  0.198  echo

    Reference: Lindley (1956), On a measure of the information provided by an experiment; Raiffa and Schlaifer (1961),
    Applied Statistical Decision Theory; Heckerman, Horvitz and Middleton (1993), An approximate nonmyopic computation
    for value of information.
    """
    check_type("model", model, FusionModel, "be a FusionModel")
    check_type("batch", batch, ModalityBatch, "be a ModalityBatch")
    check_known("target", target, model.targets)
    if len(batch.shape) != 1:
        raise invalid("batch", "have one dimension, rows", f"batch shape {tuple(batch.shape)}")
    rows = ReferenceRows.of(reference, target, reference_weight)
    for name in batch.modalities:
        check_known("each modality of batch", name, rows.batch.inputs)
    groups = {name: (name,) for name in batch.modalities}
    return net_values(
        lambda some: model(some)[target],
        batch,
        groups,
        rows,
        labels_of(model.targets[target]),
        costs=costs,
        horizon=horizon,
        budget=budget,
        loss=loss,
        max_readings=max_readings,
    )


def net_values(
    answer: Answer,
    batch: ModalityBatch,
    groups: Mapping[str, Sequence[str]],
    reference: ReferenceRows,
    labels: Sequence[Any],
    *,
    costs: Mapping[str, float] | None = None,
    horizon: int = 1,
    budget: ArrayLike | None = None,
    loss: ArrayLike | Tensor | None = None,
    max_readings: int | None = None,
    index: Any = None,
) -> pd.DataFrame:
    """As ``next_modality``, of any answer to rows that all have the same modalities.

    Args:
        answer: Log-probabilities ``(rows, num_states)`` of such rows.
        batch: Rows ``(rows,)``.
        groups: By modality, the sources in the batch that are read with it.
        reference: Rows with the same sources.
        labels: Of the states of the target.
        costs: As for ``next_modality``, as are the others.
        horizon: Readings.
        budget: One number, or one a row.
        loss: ``(num_actions, num_states)``.
        max_readings: Of a modality.
        index: Labels of the rows.
    """
    import pandas as pd

    if "next" in groups:
        raise invalid("modalities", "not be called 'next', as another column is", "'next'")
    present = np.stack(
        [torch.stack([batch.present[each] for each in sources]).any(0).cpu().numpy() for sources in groups.values()],
        axis=1,
    )
    check_count("horizon", horizon)
    most = max(1, int((~present).sum(1).max(initial=0)))
    if horizon > most:
        raise invalid("horizon", f"be at most {most}, the unobserved modalities of the row with most", horizon)
    if max_readings is None:
        max_readings = _MOST_READINGS[min(horizon, len(_MOST_READINGS)) - 1]
    check_count("max_readings", max_readings)
    search = _Search(
        answer,
        groups,
        {name: reference.having(sources).thinned(max_readings) for name, sources in groups.items()},
        _checked_costs(costs, groups),
        None if loss is None else named_loss(loss, labels)[0].numpy(),
    )
    left = _checked_budget(budget, len(batch))
    found = np.full((len(batch), len(groups)), np.nan)
    for mask in np.unique(present, axis=0):
        rows = np.flatnonzero((present == mask).all(1))
        if not mask.all():
            found[rows] = search.first_step(batch[rows], left[rows], horizon).T
    table = pd.DataFrame(found, columns=list(groups), index=index)
    values, names = np.where(np.isnan(found), -np.inf, found), [*groups]
    highest = values.max(1, keepdims=True)
    first = (values >= highest - _ROUNDING).argmax(1)
    chosen = [names[i] if top > _ROUNDING else None for i, top in zip(first, highest[:, 0], strict=True)]
    return table.assign(next=pd.Series(chosen, index=table.index, dtype=object))


@dataclass(frozen=True, eq=False)
class _Search:
    """The best policy over readings, by going through all sequences of them.

    Args:
        answer: Of rows with the same modalities.
        groups: By modality, its sources.
        readings: By modality, reference rows that have it.
        costs: By modality.
        loss: ``(num_actions, num_states)``, None for the logarithmic one.
    """

    answer: Answer
    groups: Mapping[str, Sequence[str]]
    readings: Mapping[str, ReferenceRows]
    costs: Mapping[str, float]
    loss: np.ndarray | None

    def first_step(self, batch: ModalityBatch, left: np.ndarray, horizon: int) -> np.ndarray:
        """Net values ``(num_modalities, rows)``.

        Args:
            batch: Rows that all have the same modalities.
            left: Of the budget ``(rows,)``.
            horizon: Readings to look ahead.
        """
        log_probs = self._asked(batch)
        stay = -log_probs if self.loss is None else self.loss[(np.exp(log_probs) @ self.loss.T).argmin(1)]
        found = self._net(batch, log_probs, stay, left, horizon)
        found[:, ~np.isfinite(log_probs).any(1)] = np.nan
        return found

    def _net(
        self, batch: ModalityBatch, log_probs: np.ndarray, stay: np.ndarray, left: np.ndarray, steps: int
    ) -> np.ndarray:
        """Net values ``(num_modalities, rows)`` where ``stay`` (rows, num_states) is what the present action costs."""
        found = np.full((len(self.groups), len(batch)), np.nan)
        for i, (name, sources) in enumerate(self.groups.items()):
            if any(bool(batch.present[each][:1].any()) for each in sources):
                continue
            offered = np.flatnonzero(self.costs[name] <= left)
            at_once = min(_ROWS, _VALUES // _num_values(batch))
            size = max(1, at_once // max(1, len(self.readings[name])))
            for start in range(0, len(offered), size):
                rows = offered[start : start + size]
                worth = self._worth(name, batch[rows], log_probs[rows], stay[rows], left[rows], steps)
                found[i, rows] = worth - self.costs[name]
        return found

    def _worth(
        self, name: str, batch: ModalityBatch, log_probs: np.ndarray, stay: np.ndarray, left: np.ndarray, steps: int
    ) -> np.ndarray:
        """What a reading is expected to be worth ``(rows,)``, before its cost."""
        readings = self.readings[name]
        num_readings = len(readings)
        if not num_readings:
            return np.zeros(len(batch))
        shown = _shown(batch, readings.batch)
        after, stay = self._asked(shown), np.repeat(stay, num_readings, axis=0)
        values = self._gain(after, stay)
        if steps > 1:
            left = np.repeat(left - self.costs[name], num_readings)
            values = np.fmax.reduce([values, *self._net(shown, after, stay, left, steps - 1)])
        values = values.reshape(len(batch), num_readings)
        weights = np.where(np.isfinite(values), readings.probabilities(np.exp(log_probs)), 0.0)
        total = weights.sum(1)
        worth = (weights * np.where(np.isfinite(values), values, 0.0)).sum(1)
        return np.divide(worth, total, out=np.zeros_like(worth), where=total > 0)

    def _gain(self, log_probs: np.ndarray, stay: np.ndarray) -> np.ndarray:
        """How much less the best action costs than the first ``(rows,)``; ``nan`` if impossible."""
        probs = np.exp(log_probs)
        with np.errstate(invalid="ignore"):
            if self.loss is None:
                found = np.where(probs > 0, probs * (stay + log_probs), 0.0).sum(1)
            else:
                found = (probs * stay).sum(1) - (probs @ self.loss.T).min(1)
        return np.where(np.isfinite(log_probs).any(1), np.maximum(found, 0.0), np.nan)

    @torch.no_grad()
    def _asked(self, batch: ModalityBatch) -> np.ndarray:
        return self.answer(batch).double().cpu().numpy()


def _num_values(batch: ModalityBatch) -> int:
    """Numbers of a row, or other cells, at least 1."""
    return max(1, sum(prod(values.shape[1:]) for values in batch.inputs.values()))


def _shown(batch: ModalityBatch, readings: ModalityBatch) -> ModalityBatch:
    """Every row with every reading ``(rows * num_readings,)``, the readings of a row one after the other."""
    num_rows, num_readings = len(batch), len(readings)
    again = batch.select([name for name in batch.modalities if name not in readings.inputs] or batch.modalities)
    again, added = (
        again[np.repeat(np.arange(num_rows), num_readings)],
        readings[np.tile(np.arange(num_readings), num_rows)],
    )
    inputs = {name: (added if name in added.inputs else again).inputs[name] for name in batch.modalities}
    present = {name: (added if name in added.inputs else again).present[name] for name in batch.modalities}
    frames = {name: value.reset_index(drop=True) for name, value in inputs.items() if is_frame(value)}
    return ModalityBatch({**inputs, **frames}, present, columns=batch.columns)


def _checked_costs(costs: Any, modalities: Mapping[str, Any]) -> dict[str, float]:
    if costs is not None and not is_frame(costs):
        check_type("costs", costs, Mapping, "be a mapping, or a Series, from modalities to numbers")
    given = {} if costs is None else dict(costs.items())
    for name, cost in given.items():
        check_known("each modality in costs", name, modalities)
        is_number = isinstance(cost, Real)
        if not is_number or not 0 <= float(cost) < np.inf:
            kind = ValueError if is_number else TypeError
            raise invalid(f"costs[{name!r}]", "be a finite number of at least 0", repr(cost), kind)
    return {name: float(given.get(name, 0.0)) for name in modalities}


def _checked_budget(budget: ArrayLike | None, num_rows: int) -> np.ndarray:
    try:
        found = np.asarray(np.inf if budget is None else budget, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid("budget", "be one number, or one a row", repr(budget), TypeError) from None
    if found.shape not in {(), (num_rows,)}:
        raise invalid("budget", f"be one number or have shape ({num_rows},), one a row", f"shape {found.shape}")
    if not (found >= 0).all():
        raise invalid("budget", "be at least 0", float(found[~(found >= 0)].flat[0]))
    return np.broadcast_to(found, (num_rows,))
