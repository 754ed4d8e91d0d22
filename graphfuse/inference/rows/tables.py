"""The tables of a query as flat arrays of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch
from torch import Tensor

from ...evidence import Evidence
from ...graph import FactorGraph

Terms = tuple[tuple[tuple[str, ...], bool], ...]  # by term its scope, and whether it has a table per row

_WIDEST = 600.0  # nats between the largest entry of a table and its smallest positive one
_ONE = 1e-12  # from one, of a sum that is taken to be one


@dataclass(frozen=True, eq=False)
class RowTables:
    """Probabilities up to a constant.

    Args:
        fixed: Entries of the constant tables, one after the other.
        varying: Entries of the tables per row, ``(rows, num_entries)``.
        log_scale: What the entries were divided by, in nats, ``(rows,)`` or ``()``.
        closed: By term, whether it sums to one over its last variable, whatever the others are.
        beyond: Rows ``(rows,)`` with a table that reaches beyond what probabilities hold.
    """

    fixed: np.ndarray
    varying: np.ndarray
    log_scale: np.ndarray
    closed: tuple[bool, ...]
    beyond: np.ndarray


def split_terms(
    scoped: Sequence[tuple[tuple[str, ...], Tensor]], num_rows: int, batch: Sequence[int]
) -> tuple[Terms, Tensor, Tensor]:
    """Which tables are constant and which are not; the log entries of the first, and of the others by row, float64."""
    fixed, varying, terms = [], [], []
    for scope, table in scoped:
        per_row = table.ndim > len(scope)
        terms.append((scope, per_row))
        if per_row:
            table = table.expand(*batch, *table.shape[table.ndim - len(scope) :])
            varying.append(table.reshape(num_rows, prod(table.shape[len(batch) :])).double())
        else:
            fixed.append(table.reshape(-1).double())
    nothing = torch.zeros(num_rows, 0, dtype=torch.float64)
    return (
        tuple(terms),
        torch.cat(fixed) if fixed else nothing.new_zeros(0),
        torch.cat(varying, dim=1) if varying else nothing,
    )


def row_tables(graph: FactorGraph, terms: Terms, fixed: Tensor, varying: Tensor) -> RowTables:
    """Tables divided by their largest entries, as probabilities."""
    fixed_logs, varying_logs = fixed.detach().numpy(), varying.detach().numpy()
    fixed_out, varying_out = np.empty_like(fixed_logs), np.empty_like(varying_logs)
    log_scale, beyond = np.zeros(len(varying_logs) if varying_logs.shape[1] else ()), np.zeros(len(varying), dtype=bool)
    closed, ends = [], [0, 0]
    for scope, per_row in terms:
        start, size = ends[per_row], prod(graph.shape(scope))
        ends[per_row] += size
        logs = varying_logs[:, start : start + size] if per_row else fixed_logs[None, start : start + size]
        with np.errstate(over="ignore"):
            sums = np.zeros(1) if per_row or not scope else np.exp(logs).reshape(-1, graph.num_states[scope[-1]]).sum(1)
        closed.append(bool(np.abs(sums - 1).max(initial=0.0) < _ONE))
        peak = logs.max(axis=1)
        peak = np.where((peak == -np.inf) | closed[-1], 0.0, peak)
        values = logs - peak[:, None]
        out_of_reach = (np.where(values == -np.inf, 0.0, values) < -_WIDEST).any(axis=1)
        np.exp(values, out=values)
        log_scale = log_scale + (peak if per_row else peak[0])
        beyond |= out_of_reach
        if per_row:
            varying_out[:, start : start + size] = values
        else:
            fixed_out[start : start + size] = values[0]
    return RowTables(fixed_out, varying_out, log_scale, tuple(closed), beyond)


def observed_states(graph: FactorGraph, evidence: Evidence, num_rows: int, batch: Sequence[int]) -> np.ndarray:
    """States ``(rows, num_variables)``, -1 where hidden."""
    states = np.full((num_rows, len(graph.variables)), -1, dtype=np.int32)
    for v, name in enumerate(graph.variable_names):
        if name in evidence.hard:
            states[:, v] = evidence.hard[name].expand(tuple(batch)).reshape(-1).numpy()
    return states
