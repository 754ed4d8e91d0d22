"""The evidence ledger: what each modality adds to the log-odds of a row, so that every row adds up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..checks import check_count, check_known, invalid, listed
from ..data import ModalityBatch
from ..fusion import FusionModel
from .shapley import (
    all_subsets,
    antithetic_orders,
    difference,
    prefixes,
    sampled_shapley_values,
    shapley_values,
)
from .subset_answers import SubsetAnswers, answers_of, labels_of, state_of

if TYPE_CHECKING:
    import pandas as pd

EFFECTS = ("shapley", "alone", "removal")
MOST_EXACT = 12  # modalities of a row up to which all its subsets are asked
_VALUES = 2**22  # of subsets times rows that are held at once
Divide = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
_OTHER_COLUMNS = ("prior", "missingness", "interactions")


def explain(
    model: FusionModel,
    batch: ModalityBatch,
    target: str,
    target_state: Any = None,
    effects: str = "shapley",
    generator: torch.Generator | None = None,
    num_pairs: int = 64,
) -> pd.DataFrame:
    """What the prior and each modality add to the log-odds of a state, by row, in nats; every row sums to them.

    The log-odds are those of the state against all others, given what the row has. ``"shapley"`` divides them by
    Shapley values: the mean, over all orders of the modalities of the row, of the change that each makes when it is
    shown after those before it. ``"alone"`` says what each modality would change if it were the only one, and
    ``"removal"`` what would be lost without it; what these leave of the sum is ``interactions``. A missing modality
    earns exactly 0. ``missingness`` is what the graph concludes from who is missing, which is zero in a graph without
    nodes for it.

    Where evidence settles the target, its log-odds are infinite, and so is the entry of who settles it; a change from
    infinity to the same infinity is 0. A row that is impossible, also under one of the subsets that are asked, and
    one with infinities of both signs, is ``nan`` throughout.

    Args:
        model: A fitted model; one whose layers draw should be in evaluation mode.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        target_state: Its state: a name, or a position where states have no names; the second of two if None.
        effects: How the log-odds are divided: ``"shapley"``, ``"alone"`` or ``"removal"``.
        generator: Source of the orders; needed where a row has more than 12 modalities and ``effects`` is "shapley".
        num_pairs: Orders that are drawn then, in pairs of one and itself backwards, at least 2.

    Returns:
        A DataFrame, a row a row: ``prior``, every modality of the batch, ``missingness``, ``interactions``.

    Raises:
        ValueError: If the target, its state or ``effects`` is unknown, a state is not named among more than two, a
            modality is called like another column, or a generator is missing.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> prior = TablePotential(torch.tensor([0.0, -1.0]))
        >>> potentials = {"prior": prior, "ecg": ScorePotential(2, "ecg"), "echo": ScorePotential(2, "echo")}
        >>> model = GraphFusion(star(Variable("ill", 2), ["ecg", "echo"]), potentials, ["ill"])
        >>> batch = ModalityBatch({"ecg": [[0.0, 2.0], [0.0, 0.5]], "echo": [[0.0, 1.5], [nan, nan]]})
        >>> explain(model, batch, "ill")
           prior  ecg  echo  missingness  interactions
        0   -1.0  2.0   1.5          0.0           0.0
        1   -1.0  0.5   0.0          0.0           0.0

    Reference: Shapley (1953), A value for n-person games; Štrumbelj and Kononenko (2014), Explaining prediction models
    and individual predictions with feature contributions; Good (1985), Weight of evidence: a brief survey.
    """
    answers = answers_of(model, batch, target)
    state = state_of(target_state, labels_of(model.targets[target]))
    return ledger(answers, state, effects, generator, num_pairs)


def shapley_standard_errors(
    model: FusionModel,
    batch: ModalityBatch,
    target: str,
    target_state: Any = None,
    *,
    generator: torch.Generator,
    num_pairs: int = 64,
) -> pd.DataFrame:
    """Standard errors in nats of the Shapley values that ``explain`` estimates, by row and modality.

    Zero in rows with at most 12 modalities, whose values are exact. A generator of the same seed draws the orders that
    it draws in ``explain``.

    Args:
        model: As for ``explain``, as are the others.
        batch: Rows ``(rows,)``.
        target: Which of the model's targets.
        target_state: Its state.
        generator: Source of the orders.
        num_pairs: Orders, in pairs, at least 2.

    Returns:
        A DataFrame, a row a row and a column a modality.

    Raises:
        ValueError: As for ``explain``.

    Example:
        >>> from graphfuse import GraphFusion, ScorePotential, TablePotential, Variable, star
        >>> names = [f"m{i}" for i in range(13)]
        >>> potentials = {"prior": TablePotential(torch.zeros(2)), **{name: ScorePotential(2, name) for name in names}}
        >>> model = GraphFusion(star(Variable("ill", 2), names), potentials, ["ill"])
        >>> batch = ModalityBatch({name: torch.tensor([[0.0, 1.0]]) for name in names})
        >>> errors = shapley_standard_errors(model, batch, "ill", generator=torch.Generator().manual_seed(0))
        >>> bool((errors < 1e-6).all(axis=None))  # in a star the order does not matter
        True

    Reference: Castro, Gómez and Tejada (2009), Polynomial calculation of the Shapley value based on sampling.
    """
    answers = answers_of(model, batch, target)
    return ledger_errors(answers, state_of(target_state, labels_of(model.targets[target])), generator, num_pairs)


def ledger(
    answers: SubsetAnswers,
    state: int,
    effects: str,
    generator: torch.Generator | None,
    num_pairs: int = 64,
    index: Any = None,
) -> pd.DataFrame:
    """As ``explain``, of answers that are there already.

    Args:
        answers: Of some rows.
        state: Position of the state.
        effects: As for ``explain``, as are generator and ``num_pairs``.
        generator: Source of the orders.
        num_pairs: Orders, in pairs.
        index: Labels of the rows.
    """
    import pandas as pd

    check_known("effects", effects, EFFECTS)
    check_count("num_pairs", num_pairs, minimum=2)
    taken = [name for name in answers.modalities if name in _OTHER_COLUMNS]
    if taken:
        raise invalid("modalities", f"not be called {listed(_OTHER_COLUMNS)}, as other columns are", listed(taken))
    prior, interactions = np.zeros((2, len(answers.present)))
    entries = np.zeros(answers.present.shape)
    for players, rows in answers.patterns():
        subsets, divide = _division(effects, len(players), len(rows), generator, num_pairs)
        for part, values in _values(answers, players, rows, subsets, state):
            prior[part] = values[~subsets.any(1)][0]
            gains, interactions[part] = divide(values)
            entries[np.ix_(part, players)] = gains.T
    columns = {"prior": prior, **dict(zip(answers.modalities, entries.T, strict=True))}
    columns |= {"missingness": np.zeros(len(prior)), "interactions": interactions}
    found = pd.DataFrame(columns, index=index)
    with np.errstate(invalid="ignore"):  # infinities of both signs have no sum
        whole = found.to_numpy().sum(axis=1)
    found.loc[np.isnan(whole)] = np.nan
    return found


def ledger_errors(
    answers: SubsetAnswers, state: int, generator: torch.Generator | None, num_pairs: int = 64, index: Any = None
) -> pd.DataFrame:
    """As ``shapley_standard_errors``, of answers that are there already.

    Args:
        answers: Of some rows.
        state: Position of the state.
        generator: Source of the orders.
        num_pairs: Orders, in pairs.
        index: Labels of the rows.
    """
    import pandas as pd

    check_count("num_pairs", num_pairs, minimum=2)
    found = np.zeros(answers.present.shape)
    for players, rows in answers.patterns():
        if len(players) > MOST_EXACT:
            orders, subsets, which = _drawn(len(players), len(rows), generator, num_pairs)
            for part, values in _values(answers, players, rows, subsets, state):
                found[np.ix_(part, players)] = sampled_shapley_values(values, orders, which)[1].T
    return pd.DataFrame(found, columns=list(answers.modalities), index=index)


def _values(
    answers: SubsetAnswers, players: np.ndarray, rows: np.ndarray, subsets: np.ndarray, state: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some of the rows at a time, and their log-odds ``(num_subsets, num_rows)`` under subsets of their modalities."""
    kept = np.zeros((len(subsets), len(answers.modalities)), dtype=bool)
    kept[:, players] = subsets
    size = max(1, _VALUES // len(subsets))
    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        yield part, answers.log_odds(part, kept, state)


def _division(
    effects: str, num_players: int, num_rows: int, generator: torch.Generator | None, num_pairs: int
) -> tuple[np.ndarray, Divide]:
    """The subsets to ask, and how their values become the gain of each player and what is left."""
    if effects != "shapley":
        nobody, every = np.zeros((1, num_players), dtype=bool), np.eye(num_players, dtype=bool)
        subsets = np.concatenate([nobody, every if effects == "alone" else ~every, ~nobody])
        return subsets, partial(_one_by_one, effects=effects)
    if num_players <= MOST_EXACT:
        return all_subsets(num_players), lambda values: (shapley_values(values, num_players), np.zeros(1))
    orders, subsets, which = _drawn(num_players, num_rows, generator, num_pairs)
    return subsets, lambda values: (sampled_shapley_values(values, orders, which)[0], np.zeros(1))


def _drawn(
    num_players: int, num_rows: int, generator: torch.Generator | None, num_pairs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orders, the subsets that they run through, and which of them each has after each step."""
    if not isinstance(generator, torch.Generator):
        must = f"be a torch.Generator where a row has more than {MOST_EXACT} modalities"
        raise invalid("generator", must, f"{generator!r}, and {num_rows} rows with {num_players}")
    orders = antithetic_orders(num_players, num_pairs, generator)
    return orders, *prefixes(orders)


def _one_by_one(values: np.ndarray, effects: str) -> tuple[np.ndarray, np.ndarray]:
    """Gains of each player alone, or losses without it, and what they leave of the whole change."""
    nobody, each, everyone = values[0], values[1:-1], values[-1]
    gains = difference(each, nobody) if effects == "alone" else difference(everyone, each)
    with np.errstate(invalid="ignore"):
        return gains, difference(difference(everyone, nobody), gains.sum(0))
