"""Inside a modality: what each of its columns adds to the log-odds that its encoder gives."""

from __future__ import annotations

from collections.abc import Sequence
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
    than 0.01 nats. Any other classifier is asked: columns are changed one by one, in random orders, from those of
    a random row of the reference to those of the row, and a column earns the mean of the changes; a row sums to its
    log-odds minus the mean log-odds of the rows drawn. Of several encoders the mean is explained.

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
    terms = _linear_terms(encoder, inputs, reference)
    if terms is not None:
        return terms if state == 1 else -terms
    check_type("generator", generator, torch.Generator, f"be a torch.Generator for a {type(encoder).__name__}")
    assert generator is not None
    return _by_asking(encoder, inputs, state, reference, generator, num_pairs)


def _linear_terms(encoder: Any, inputs: Any, reference: Any) -> np.ndarray | None:
    """Terms of the log-odds by column, less their mean over the reference; None if the encoder is not linear."""
    coef, intercept = getattr(encoder, "coef_", None), getattr(encoder, "intercept_", None)
    if coef is None or intercept is None or np.ndim(coef) != 2 or len(coef) != 1:
        return None
    try:
        columns, compared = _features(encoder, inputs), _features(encoder, reference)
    except (TypeError, ValueError):  # not numbers
        return None
    ends = np.cumsum([column.shape[1] for column in columns])
    if ends[-1] != coef.shape[1]:
        return None
    said = np.concatenate(columns, axis=1) @ coef[0] + np.ravel(intercept)[0]
    with np.errstate(over="ignore"):
        linear = 1 / (1 + np.exp(-said))
    if not np.allclose(linear, encoder.predict_proba(inputs)[:, 1], rtol=0.0, atol=_SAME):
        return None
    weights = np.split(coef[0], ends[:-1])
    pairs = zip(columns, compared, weights, strict=True)
    return np.stack([values @ weight - (others @ weight).mean() for values, others, weight in pairs], axis=1)


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
    found, gaps = integrated_gradients(module, rows, others.nanmean(0), state_of(target_state, labels))
    widest = float(gaps.abs().max()) if len(gaps) else 0.0
    if widest > _GAP:
        warn(f"integrated gradients miss the difference of a row by up to {widest:.3g} nats.", stacklevel=4)
    return found.flatten(1).double().cpu().numpy()


def _tensor(values: Any) -> Tensor:
    return values.detach() if isinstance(values, Tensor) else torch.as_tensor(np.array(values, dtype=np.float64))


def _by_asking(
    encoder: Any, inputs: Any, state: int, reference: Any, generator: torch.Generator, num_pairs: int
) -> np.ndarray:
    """Mean changes of the log-odds as columns are set one by one to those of the row."""
    values: Any = inputs if is_frame(inputs) else np.asarray(inputs)
    others: Any = reference if is_frame(reference) else np.asarray(reference)
    num_rows, num_columns = values.shape
    total = np.zeros((num_rows, num_columns))
    start: Any = None
    for i, order in enumerate(antithetic_orders(num_columns, num_pairs, generator)):
        if i % 2 == 0:  # an order and itself backwards start from the same rows
            drawn = torch.randint(len(others), (num_rows,), generator=generator, device=generator.device).cpu().numpy()
            start = others.iloc[drawn].reset_index(drop=True) if is_frame(others) else others[drawn]
        mixed = start.copy()
        before = _asked(encoder, mixed, state)
        for j in order:
            if is_frame(mixed):
                mixed.isetitem(j, values.iloc[:, j].reset_index(drop=True))
            else:
                mixed[:, j] = values[:, j]
            after = _asked(encoder, mixed, state)
            total[:, j] += after - before
            before = after
    return total / (2 * num_pairs)


def _asked(encoder: Any, inputs: Any, state: int) -> np.ndarray:
    probabilities = np.clip(encoder.predict_proba(inputs), _SMALLEST, None)
    return log_odds(np.log(probabilities), state)
