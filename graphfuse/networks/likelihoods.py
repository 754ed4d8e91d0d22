"""Likelihoods by label, among labels: evidence that only hints at a state."""

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..checks import check_known, invalid
from ..graph import FactorGraph, Variable
from .labels import Labels, state_number


def split_likelihoods(graph: FactorGraph, labels: Labels) -> tuple[Labels, dict[str, Tensor]]:
    """Labels without the likelihoods among them, and these as tables.

    A likelihood is a mapping from labels to numbers, up to a common factor; a label left out has none. It stands in
    the place of a label, in one row or in all, or its numbers are sequences, one number a row.

    Args:
        graph: The graph whose variables are named.
        labels: A data frame, or a mapping from variables to labels or likelihoods.

    Returns:
        Labels, unobserved where a likelihood was; and by variable log-likelihoods, float64 ``(*batch, num_states)`` in
        nats, zeros where a label was.

    Raises:
        TypeError: If a likelihood is no number.
        ValueError: If a label is unknown or named twice; if a likelihood is negative or not finite, or all are zero.

    Example:
        >>> from graphfuse import star
        >>> graph = star(Variable("flu", 2, states=("no", "yes")), sources=[])
        >>> labels, soft = split_likelihoods(graph, {"flu": ["yes", {"no": 0.5, "yes": 1.0}]})
        >>> labels, soft["flu"].exp()
        ({'flu': ['yes', None]}, tensor([[1.0000, 1.0000],
                [0.5000, 1.0000]], dtype=torch.float64))
    """
    if not isinstance(labels, Mapping) and not (hasattr(labels, "iloc") and hasattr(labels, "columns")):
        return labels, {}  # refused where labels are read
    columns: list[tuple[Any, Any]] = list(labels.items())
    rows_named = None if isinstance(labels, Mapping) else list(labels.index)
    others: dict[Any, Any] = {}
    soft: dict[str, Tensor] = {}
    for name, column in columns:
        alone = isinstance(column, Mapping)
        cells = [] if alone else _cells(column)
        rows = [row for row, cell in enumerate(cells) if isinstance(cell, Mapping)]
        if alone or rows:
            check_known("each variable in labels", name, graph.num_states)
        if alone:
            soft[name] = _table(f"labels[{name!r}]", graph.variable(name), column)
        elif rows:
            soft[name] = _by_row(name, graph.variable(name), cells, rows, rows_named)
            others[name] = [None if isinstance(cell, Mapping) else cell for cell in cells]
        elif rows_named is None:
            others[name] = column
    if not soft:
        return labels, {}
    return (others if isinstance(labels, Mapping) else labels.assign(**others)), soft


def _by_row(
    name: str, variable: Variable, cells: Sequence[Any], rows: Sequence[int], rows_named: Sequence[Any] | None
) -> Tensor:
    """Log-likelihoods ``(rows, num_states)`` of the rows that have one, zeros in the others."""
    table = torch.zeros(len(cells), variable.num_states, dtype=torch.float64)
    for row in rows:
        argument = f"labels[{name!r}] in row {row if rows_named is None else rows_named[row]!r}"
        found = _table(argument, variable, cells[row])
        if found.ndim > 1:
            raise invalid(argument, "hold one number a label", f"{found.shape[0]} of them")
        table[row] = found
    return table


def _cells(column: Any) -> Sequence[Any]:
    """What may hold likelihoods: a sequence of objects."""
    if hasattr(column, "dtype"):
        return list(column) if column.dtype == object else ()
    return column if isinstance(column, Sequence) and not isinstance(column, str) else ()


def _table(argument: str, variable: Variable, likelihood: Mapping[Any, Any]) -> Tensor:
    """Log-likelihoods ``(*rows, num_states)``."""
    columns = {}
    for label, value in likelihood.items():
        number = state_number(f"each label in {argument}", variable, label)
        if number in columns:
            raise invalid(argument, "name each state once", f"{label!r} again")
        columns[number] = _numbers(f"{argument}[{label!r}]", value)
    lengths = {len(values) for values in columns.values() if values.ndim}
    if len(lengths) > 1:
        raise invalid(f"sequences in {argument}", "have the same length", sorted(lengths))
    table = torch.zeros(*lengths, variable.num_states, dtype=torch.float64)
    for number, values in columns.items():
        table[..., number] = values
    if not bool((table > 0).any(-1).all()):
        raise invalid(argument, "hold a positive likelihood in every row", "none")
    return table.log()


def _numbers(argument: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    if not isinstance(value, Real) and not (hasattr(value, "__len__") and not isinstance(value, str)):
        raise invalid(argument, "be a number, or one a row", repr(value), TypeError)
    try:
        found = torch.from_numpy(np.array(value, dtype=np.float64))
    except (TypeError, ValueError):
        raise invalid(argument, "be a number, or one a row", repr(value), TypeError) from None
    if found.ndim > 1 or not bool(((found >= 0) & found.isfinite()).all()):
        raise invalid(argument, "be a finite number of at least 0, or one a row", repr(value))
    return found
