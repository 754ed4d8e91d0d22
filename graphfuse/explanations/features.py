"""Inside a modality: what each of its columns adds to the log-odds that its encoder gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from warnings import warn

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_count, check_type, invalid
from ..data.frames import is_frame
from .integrated_gradients import integrated_gradients
from .shapley import antithetic_orders
from .subset_answers import log_odds, state_of

if TYPE_CHECKING:
    import pandas as pd

_SMALLEST = 1e-9  # probability that counts: log-odds reach 20.7 nats either way
_SAME = 1e-9  # how close two probabilities of one row are
_VALUES = 2**20  # that are asked at once
_GAP = 0.01  # nats by which integrated gradients may miss the difference of a row without a warning


def explain_features(
    encoder: Any,
    inputs: Any,
    target_state: Any = None,
    reference: Any = None,
    generator: torch.Generator | None = None,
    num_pairs: int = 8,
) -> pd.DataFrame:
    """What each column of a modality adds to the log-odds of its encoder, beside what it adds in other rows, in nats.

    A linear classifier of two classes is taken apart exactly: coefficients times scaled values, less their mean over
    the reference; a row sums to its log-odds minus the mean log-odds of the reference. So does a ``TabularEncoder``,
    whose indicators and categories count to their column. A torch module gets integrated gradients from the mean row
    of the reference; a row sums to the difference of log-odds to that row, and a warning says if it misses it by more
    than 0.01 nats. A missing cell earns 0; where a module cannot read one, it is set to its mean. Any other classifier
    is asked: columns are changed one by one, in random orders, from those of rows of the reference, drawn once for all
    rows, to those of the row, and a column earns the mean of the changes; a row sums to its log-odds minus the mean
    log-odds of the rows drawn. Of several encoders the mean is explained.

    Args:
        encoder: A fitted classifier with ``predict_proba``, a torch module to logits, or several, such as the members
            of one of ``FusionClassifier.encoders_``.
        inputs: Values of the modality: a DataFrame, or an array ``(rows, columns)``, or ``(rows, *features)`` for a
            torch module.
        target_state: Whose log-odds against all others: one of the encoder's ``classes_``, or a position for a torch
            module; the second of two if None.
        reference: Rows to compare with, as ``inputs``; the inputs themselves if None.
        generator: Source of orders and rows, needed for classifiers that are asked.
        num_pairs: Orders that are drawn then, in pairs of one and itself backwards.

    Returns:
        A DataFrame, a row a row and a column a column of the modality, features of more dimensions in one line.

    Raises:
        ValueError: If the state is unknown, or a generator is missing.

    Example:
        >>> from graphfuse import TabularEncoder
        >>> X = np.array([[0.0, 1.0], [1.0, 0.0], [2.0, 1.0], [3.0, 0.0]])
        >>> encoder = TabularEncoder().fit(X, [0, 0, 1, 1])
        >>> found = explain_features(encoder, X)
        >>> p = encoder.predict_proba(X)
        >>> odds = np.log(p[:, 1] / p[:, 0])
        >>> bool(np.allclose(found.sum(axis=1), odds - odds.mean()))
        True

    Reference: Štrumbelj and Kononenko (2014), Explaining prediction models and individual predictions with feature
    contributions; Sundararajan, Taly and Yan (2017), Axiomatic attribution for deep networks.
    """
    import pandas as pd

    check_count("num_pairs", num_pairs)
    reference = inputs if reference is None else reference
    members = list(encoder) if isinstance(encoder, Sequence) else [encoder]
    if not members:
        raise invalid("encoder", "be a fitted encoder, or several", "none")
    if not len(reference):
        raise invalid("reference", "hold at least one row", "none")
    parts = [_explained(each, inputs, target_state, reference, generator, num_pairs) for each in members]
    found = np.mean(parts, axis=0)
    if is_frame(inputs):
        return pd.DataFrame(found, columns=inputs.columns, index=inputs.index)
    return pd.DataFrame(found)


def _explained(
    encoder: Any, inputs: Any, target_state: Any, reference: Any, generator: torch.Generator | None, num_pairs: int
) -> np.ndarray:
    """``(rows, columns)``."""
    module = encoder if isinstance(encoder, nn.Module) else getattr(encoder, "module_", None)
    if isinstance(module, nn.Module):
        labels = None if module is encoder else np.asarray(encoder.classes_).tolist()
        return _along_a_path(module, inputs, target_state, reference, labels)
    if not hasattr(encoder, "predict_proba") or not hasattr(encoder, "classes_"):
        raise invalid(
            "encoder", "be a fitted classifier with predict_proba, or a torch module", repr(encoder), TypeError
        )
    state = state_of(target_state, np.asarray(encoder.classes_).tolist())
    terms, others = linear_terms(encoder, inputs), linear_terms(encoder, reference)
    if terms is not None and others is not None:
        found = terms[0] - others[0].mean(0)
        return found if state == 1 else -found
    check_type("generator", generator, torch.Generator, f"be a torch.Generator for a {type(encoder).__name__}")
    assert generator is not None
    return by_asking(lambda rows: _asked(encoder, rows, state), inputs, reference, generator, num_pairs)[0]


def linear_terms(encoder: Any, inputs: Any) -> tuple[np.ndarray, float] | None:
    """What each column adds to the log-odds of the second of two classes ``(rows, columns)``, and what is constant.

    None if the encoder is not linear.
    """
    coef, intercept = getattr(encoder, "coef_", None), getattr(encoder, "intercept_", None)
    if coef is None or intercept is None or np.ndim(coef) != 2 or len(coef) != 1:
        return None
    try:
        columns = _features(encoder, inputs)
    except (TypeError, ValueError):  # not numbers
        return None
    ends = np.cumsum([column.shape[1] for column in columns])
    if ends[-1] != coef.shape[1]:
        return None
    weights = np.split(coef[0], ends[:-1])
    terms = np.stack([values @ weight for values, weight in zip(columns, weights, strict=True)], axis=1)
    constant = float(np.ravel(intercept)[0])
    with np.errstate(over="ignore"):
        linear = 1 / (1 + np.exp(-terms.sum(1) - constant))
    if not np.allclose(linear, encoder.predict_proba(inputs)[:, 1], rtol=0.0, atol=_SAME):
        return None
    return terms, constant


def _features(encoder: Any, inputs: Any) -> list[np.ndarray]:
    """By column, what a linear encoder multiplies by its coefficients, ``(rows, width)``."""
    values = [inputs.iloc[:, j] for j in range(inputs.shape[1])] if is_frame(inputs) else list(np.asarray(inputs).T)
    if not hasattr(encoder, "columns_"):
        return [np.asarray(column, dtype=np.float64)[:, None] for column in values]
    return [learned.scaled(column) for learned, column in zip(encoder.columns_, values, strict=True)]


def _along_a_path(
    module: nn.Module, inputs: Any, target_state: Any, reference: Any, labels: list[Any] | None
) -> np.ndarray:
    like = next((each for each in module.parameters() if each.is_floating_point()), torch.zeros(()))
    rows, others = (_tensor(values).to(like.device, like.dtype) for values in (inputs, reference))
    if labels is None:
        with torch.no_grad():
            labels = list(range(module(rows[:1]).shape[-1]))
    return along_a_path(module, rows, others, state_of(target_state, labels))


def along_a_path(module: nn.Module, rows: Tensor, reference: Tensor, state: int) -> np.ndarray:
    """Integrated gradients of a module from the mean of a reference, features in one line ``(rows, num_features)``.

    What a row misses of the whole difference by more than 0.01 nats is said in a warning.

    Args:
        module: From ``(rows, *features)`` to logits.
        rows: ``(rows, *features)``; a missing cell that the module cannot read is set to its mean.
        reference: ``(num_reference, *features)``.
        state: Position of the state.
    """
    baseline = reference.nanmean(0)
    with torch.no_grad():
        unread = rows.isnan().flatten(1).any(1) & module(rows).isnan().flatten(1).any(1)
    gaps_of_unread = rows.isnan() & unread.reshape(-1, *[1] * (rows.ndim - 1))
    found, gaps = integrated_gradients(module, torch.where(gaps_of_unread, baseline, rows), baseline, state)
    widest = float(gaps.abs().max()) if len(gaps) else 0.0
    if widest > _GAP:
        warn(f"integrated gradients miss the difference of a row by up to {widest:.3g} nats.", stacklevel=5)
    return found.flatten(1).double().cpu().numpy()


def _tensor(values: Any) -> Tensor:
    return values.detach() if isinstance(values, Tensor) else torch.as_tensor(np.array(values, dtype=np.float64))


def by_asking(
    ask: Callable[[Any], np.ndarray], inputs: Any, reference: Any, generator: torch.Generator, num_pairs: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean changes of the log-odds as columns are set one by one to those of the row, and their standard errors.

    Each pair of orders starts from one row of the reference, the same for all rows, and another one for each pair as
    far as they go. The errors, over pairs, are ``nan`` of a single one.

    Args:
        ask: Log-odds ``(rows,)`` of rows.
        inputs: A DataFrame or array ``(rows, columns)``.
        reference: As ``inputs``.
        generator: Source of orders and rows.
        num_pairs: Orders, in pairs of one and itself backwards.
    """
    values: Any = inputs if is_frame(inputs) else np.asarray(inputs)
    others: Any = reference if is_frame(reference) else np.asarray(reference)
    num_rows, num_columns = values.shape
    orders = antithetic_orders(num_columns, num_pairs, generator)
    drawn = torch.randperm(len(others), generator=generator, device=generator.device).cpu().numpy()
    pairs = np.zeros((num_pairs, num_rows, num_columns))
    for i, order in enumerate(orders):
        place = np.repeat(drawn[i // 2 % len(drawn)], num_rows)
        start = others.iloc[place].reset_index(drop=True) if is_frame(others) else others[place]
        said = _along_an_order(ask, start, values, order)
        pairs[i // 2][:, order] += np.diff(said, axis=0).T / 2
    errors = pairs.std(0, ddof=1) / np.sqrt(num_pairs) if num_pairs > 1 else np.full_like(pairs[0], np.nan)
    return pairs.mean(0), errors


def _along_an_order(ask: Callable[[Any], np.ndarray], start: Any, values: Any, order: np.ndarray) -> np.ndarray:
    """Log-odds ``(columns + 1, rows)`` as columns of the start are set one by one to values; several steps at once."""
    mixed, steps, said = start, [start.copy()], []
    at_once = max(1, _VALUES // max(1, start.shape[0] * start.shape[1]))
    for j in order:
        if is_frame(mixed):
            mixed.isetitem(j, values.iloc[:, j].reset_index(drop=True))
        else:
            mixed[:, j] = values[:, j]
        if len(steps) == at_once:
            said.append(ask(_one_below_the_other(steps)))
            steps = []
        steps.append(mixed.copy())
    said.append(ask(_one_below_the_other(steps)))
    return np.concatenate(said).reshape(len(order) + 1, -1)


def _one_below_the_other(tables: list[Any]) -> Any:
    if not is_frame(tables[0]):
        return np.concatenate(tables)
    import pandas as pd

    return pd.concat(tables, ignore_index=True)


def _asked(encoder: Any, inputs: Any, state: int) -> np.ndarray:
    probabilities = np.clip(encoder.predict_proba(inputs), _SMALLEST, None)
    return log_odds(np.log(probabilities), state)
