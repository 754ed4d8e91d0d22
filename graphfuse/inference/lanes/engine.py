"""Log-partitions of many rows side by side, and how often every entry of every table is met in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import exp, log
from typing import Any

import numpy as np
import torch
from torch import Tensor, from_numpy

from ...graph import FactorGraph
from ..rows.status import LEAST
from .flat import Layout, lines
from .program import Program, Terms, make_program, num_lines

_WIDEST = 600.0  # nats between the largest entry of a table and its smallest positive one


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables as probabilities up to a constant.

    Args:
        layout: Where their entries are.
        fixed: Entries of the tables that rows share, one after the other.
        own: Entries of the others, ``(blocks, num_entries, width)``.
        log_scale: What entries were divided by, in nats, ``(blocks, width)``.
        log_joint_states: Of all variables.
        safe: Whether in no row products of entries of all tables vanish.
        beyond: ``(blocks, width)``, rows with a table that reaches beyond what probabilities hold.
        dtype: Of the tables as they were given.
    """

    layout: Layout
    fixed: np.ndarray
    own: np.ndarray
    log_scale: np.ndarray
    log_joint_states: float
    safe: bool
    beyond: np.ndarray
    dtype: np.dtype


def scaled(graph: FactorGraph, layout: Layout, fixed: np.ndarray, own: np.ndarray) -> Tables:
    """Tables from their log entries, as they were laid out."""
    entries, (fixed_scale, fixed_least) = np.empty(len(fixed)), np.zeros((2, len(layout.fixed_ends) - 1))
    lines().scale_shared(layout.fixed_ends, fixed, entries, fixed_scale, fixed_least)
    values = np.empty(own.shape)
    log_scale, least, deepest = np.zeros((3, layout.num_blocks, layout.width))
    lines().scale_own(layout.own_ends, own, values, np.empty((2, layout.width)), log_scale, least, deepest)
    floor, log_joint_states = least.min(initial=0.0) + fixed_least.sum(), sum(map(log, graph.num_states.values()))
    beyond = np.minimum(deepest, fixed_least.min(initial=0.0)) < -_WIDEST
    safe = bool(floor - log_joint_states > log(LEAST))
    return Tables(layout, entries, values, log_scale + fixed_scale.sum(), log_joint_states, safe, beyond, own.dtype)


@dataclass(frozen=True, eq=False)
class Lanes:
    """Messages of rows that were collected, and what is needed to send them back.

    Args:
        log_values: ``(rows, num_asked)`` in nats: the log-partition with the variable asked for at each of its states,
            or over all states if none is; ``-inf`` where nothing is possible.
        weak: Rows ``(rows,)`` beyond what probabilities hold, in which nothing is to be relied on.
    """

    log_values: np.ndarray
    weak: np.ndarray
    _program: Program
    _tables: Tables
    _sent: np.ndarray

    def expected_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gradient of the weighted sum of ``log_values`` in the log of every entry.

        Args:
            weights: ``(rows, num_asked)``.

        Returns:
            As the tables are laid out; weak rows are left out.
        """
        program, tables = self._program, self._tables
        weights = np.where((self.log_values > -np.inf) & ~self.weak[:, None], weights, 0.0)
        fixed_counts, own_counts = np.zeros(len(tables.fixed)), np.empty(tables.own.shape, dtype=tables.dtype)
        counts, sent_counts = np.empty(tables.own.shape[1:]), np.empty(self._sent.shape[1:])
        room = _room(program, tables.layout.width)
        for block, (own, sent) in enumerate(zip(tables.own, self._sent, strict=True)):
            rows = slice(block * tables.layout.width, (block + 1) * tables.layout.width)
            numbers = tables.fixed, own, sent, *room, counts, sent_counts
            kernel().distribute(program, *numbers, weights[rows], fixed_counts)
            own_counts[block] = counts
        return fixed_counts.astype(tables.dtype), own_counts


def collect(graph: FactorGraph, tables: Tables, states: Mapping[str, Tensor], target: str | None = None) -> Lanes:
    """Messages of all rows.

    Args:
        graph: Which variables there are.
        tables: What multiplies.
        states: By variable with evidence its states ``(*batch,)``, -1 where hidden.
        target: Variable asked for, if any.
    """
    layout = tables.layout
    program = _program(graph, layout.terms, tuple(states), target)
    sent = np.empty((layout.num_blocks, num_lines(program), layout.width))
    if states:
        columns = [each if each.shape == layout.batch else each.expand(layout.batch) for each in states.values()]
        seen = torch.stack(columns).reshape(len(columns), layout.num_rows)
        lines().observe(program.seen_ptr, seen.int().numpy(), sent)
    weak = tables.beyond.copy()
    kernel().collect(program, tables.fixed, tables.own, sent, *_room(program, layout.width), tables.safe, weak)
    log_values = _log_values(program, sent, tables)
    return Lanes(log_values[: layout.num_rows], weak.ravel()[: layout.num_rows], program, tables, sent)


def _log_values(program: Program, sent: np.ndarray, tables: Tables) -> np.ndarray:
    log_scale = _log_product(sent[:, program.scales[0] :], tables.log_joint_states) + from_numpy(tables.log_scale)
    values = from_numpy(sent[:, program.messages[-1] : program.scales[0]]).log() + log_scale[:, None]
    return values.transpose(1, 2).reshape(-1, values.shape[1]).numpy()


def _log_product(scales: np.ndarray, log_joint_states: float) -> Tensor:
    """Of scales ``(blocks, nodes, width)``, which together grow no larger than there are joint states."""
    product = scales.prod(axis=1)
    found = from_numpy(product).log()
    lost = ~((product > LEAST * exp(min(log_joint_states, -log(LEAST)))) & (product < np.inf))
    if lost.any():  # some part of the product may have vanished, or grown beyond all numbers
        found[from_numpy(lost)] = from_numpy(scales.transpose(0, 2, 1)[lost]).log().sum(1)
    return found


def _room(program: Program, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    deepest = program.steps.shape[1]
    return np.empty((3, deepest + 1, width)), np.empty(program.num_states.max()), np.zeros(deepest, dtype=np.int64)


@lru_cache(maxsize=256)
def _program(graph: FactorGraph, terms: Terms, seen: tuple[str, ...], target: str | None) -> Program:
    return make_program(graph, terms, seen, target)


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled loops; numba is loaded when rows are first asked for."""
    return import_module(".kernel", __package__)
