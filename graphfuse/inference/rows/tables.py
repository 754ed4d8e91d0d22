"""The tables of a query as flat arrays of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, prod

import numpy as np
import torch
from torch import Tensor

from ...evidence import Evidence
from ...graph import FactorGraph
from ...kept import Kept
from .status import LEAST

Terms = tuple[tuple[tuple[str, ...], bool], ...]  # by term its scope, and whether it has a table per row

_WIDEST = 600.0  # nats between the largest entry of a table and its smallest positive one
_ONE = 1e-12  # from one, of a sum that is taken to be one
_SIDE_BY_SIDE = 64  # variables whose states are put in place together

_FLAT: Kept[Tensor] = Kept(limit=16)
_PREPARED: Kept[tuple[np.ndarray, np.ndarray, float, tuple[bool, ...], bool]] = Kept(limit=16)


@dataclass(frozen=True, eq=False)
class RowTables:
    """Probabilities up to a constant.

    Args:
        fixed: Entries of the constant tables, one after the other.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        fixed_least: By constant table its least positive entry.
        varying_least: By table per row its least positive entry, ``(rows, num_tables)``.
        safe: Rows ``(rows,)`` in which not even the product of the least entries would vanish.
        log_scale: What the entries were divided by, in nats, ``(rows,)`` or ``()``; also tables without variables.
        closed: By term, whether it sums to one over its last variable, whatever the others are.
        beyond: Rows ``(rows,)``, or ``()`` for all, with a table that reaches beyond what probabilities hold.
    """

    fixed: np.ndarray
    varying: np.ndarray
    fixed_least: np.ndarray
    varying_least: np.ndarray
    safe: np.ndarray
    log_scale: np.ndarray
    closed: tuple[bool, ...]
    beyond: np.ndarray


def split_terms(
    scoped: Sequence[tuple[tuple[str, ...], Tensor]], num_rows: int, batch: Sequence[int]
) -> tuple[Terms, Tensor, Tensor]:
    """Which tables are constant and which are not; the log entries of the first, and of the others by row."""
    terms = tuple((scope, table.ndim > len(scope)) for scope, table in scoped)
    constant = [table for (_, table), (_, per_row) in zip(scoped, terms, strict=True) if not per_row]
    varying = []
    for scope, table in scoped:
        if table.ndim > len(scope):
            own = table.shape[table.ndim - len(scope) :]
            size = own.numel()
            whole = table if table.numel() == num_rows * size else table.expand(*batch, *own)
            varying.append(whole.reshape(num_rows, size))
    nothing = torch.zeros(num_rows, 0, dtype=torch.float64)
    return terms, _FLAT.get(constant, lambda: _flat(constant)), torch.cat(varying, dim=1) if varying else nothing


def unsplit(
    scoped: Sequence[tuple[tuple[str, ...], Tensor]], batch: Sequence[int], fixed: Tensor, varying: Tensor
) -> list[Tensor]:
    """By table its part of flat entries, summed over rows that have it in common; the reverse of ``split_terms``."""
    dtype = scoped[0][1].dtype
    sizes: tuple[list[int], list[int]] = [], []
    for scope, table in scoped:
        sizes[table.ndim > len(scope)].append(table.shape[table.ndim - len(scope) :].numel())
    parts = iter(fixed.to(dtype).split(sizes[False])), iter(varying.to(dtype).split(sizes[True], dim=1))
    found = []
    for scope, table in scoped:
        part = next(parts[table.ndim > len(scope)])
        if part.numel() == table.numel():
            part = part.reshape(table.shape)
        else:
            part = part.reshape(*batch, *table.shape[table.ndim - len(scope) :]).sum_to_size(table.shape)
        found.append(part if table.dtype == dtype else part.to(table.dtype))
    return found


def row_tables(graph: FactorGraph, terms: Terms, fixed: Tensor, varying: Tensor) -> RowTables:
    """Tables divided by their largest entries, as probabilities."""
    scopes = tuple(scope for scope, per_row in terms if not per_row)
    constant = _PREPARED.get([fixed], lambda: _prepared(graph, scopes, fixed), graph, scopes)
    entries, constant_least, constant_scale, closed, constant_beyond = constant
    logs = varying.detach().double().numpy()
    values, least = np.empty_like(logs), np.empty((len(logs), len(terms) - len(scopes)))
    log_scale, beyond, stop = np.full((), constant_scale), np.full((), constant_beyond), 0
    for rank, scope in enumerate(scope for scope, per_row in terms if per_row):
        start, stop = stop, stop + prod(graph.shape(scope))
        values[:, start:stop], peak, lowest = _scaled(logs[:, start:stop], not scope, False)
        least[:, rank] = lowest
        log_scale, beyond = log_scale + peak, beyond | (lowest < -_WIDEST)
    known = iter(closed)
    closed = tuple(not per_row and next(known) for _, per_row in terms)
    deepest = least.sum(axis=1) + constant_least.sum() - sum(map(log, graph.num_states.values()))
    safe = deepest > log(LEAST)
    return RowTables(entries, values, np.exp(constant_least), np.exp(least), safe, log_scale, closed, beyond)


def _flat(tables: Sequence[Tensor]) -> Tensor:
    parts = [table.reshape(-1) for table in tables]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.float64)


def _prepared(
    graph: FactorGraph, scopes: Sequence[tuple[str, ...]], fixed: Tensor
) -> tuple[np.ndarray, np.ndarray, float, tuple[bool, ...], bool]:
    """Constant tables as entries, with the logs of the least and of what they were divided by.

    Then which sum to one, and whether one reaches too far.
    """
    logs = fixed.detach().double().numpy()
    entries, least, log_scale, closed, beyond, stop = np.empty_like(logs), [], 0.0, [], False, 0
    for scope in scopes:
        start, stop = stop, stop + prod(graph.shape(scope))
        with np.errstate(over="ignore"):
            last = graph.num_states[scope[-1]] if scope else 1
            sums = np.exp(logs[start:stop]).reshape(-1, last).sum(axis=1)
        closed.append(bool(scope) and bool(np.abs(sums - 1).max() < _ONE))
        values, peak, lowest = _scaled(logs[None, start:stop], not scope, closed[-1])
        entries[start:stop] = values[0]
        least.append(float(lowest[0]))
        log_scale += float(peak[0])
        beyond |= bool(lowest[0] < -_WIDEST)
    return entries, np.array(least), log_scale, tuple(closed), beyond


def _scaled(logs: np.ndarray, alone: bool, closed: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a table as probabilities, what they were divided by, and the least positive one; the latter in nats."""
    peak = logs.max(axis=1)
    if alone:
        return np.ones_like(logs), peak, np.zeros_like(peak)  # one entry, which is all scale
    peak = np.where((peak == -np.inf) | closed, 0.0, peak)  # what may be summed to one is left as it is
    values = logs - peak[:, None]
    lowest = np.where(values == -np.inf, 0.0, values).min(axis=1)
    return np.exp(values, out=values), peak, lowest


def observed_states(graph: FactorGraph, evidence: Evidence, num_rows: int, batch: Sequence[int]) -> np.ndarray:
    """States ``(rows, num_variables)``, -1 where hidden."""
    if not batch:
        known = [evidence.hard.get(name) for name in graph.variable_names]
        return np.array([[-1 if state is None else state.item() for state in known]], dtype=np.int32)
    hidden, shape = torch.full((), -1, dtype=torch.int32), tuple(batch)
    columns = [evidence.hard.get(name, hidden) for name in graph.variable_names]
    columns = [column if column.shape == shape else column.expand(shape) for column in columns]
    states = torch.empty(num_rows, len(columns), dtype=torch.int32)
    for start in range(0, len(columns), _SIDE_BY_SIDE):
        part = columns[start : start + _SIDE_BY_SIDE]
        states[:, start : start + len(part)] = torch.stack(part).reshape(len(part), num_rows).t()
    return states.numpy()
