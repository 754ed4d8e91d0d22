"""Log-partitions of many rows side by side, and how often every entry of every table is met in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...graph import FactorGraph
from ..rows.status import LEAST
from .program import Program, Terms, make_program, num_lines, table_ends

_WIDTH = 512  # rows side by side, so that the lines of a small graph stay in the cache
_WIDEST = 600.0  # nats between the largest entry of a table and its smallest positive one


@dataclass(frozen=True, eq=False)
class Tables:
    """Tables as probabilities up to a constant, with rows side by side in blocks.

    Args:
        terms: Scopes, and whether rows have tables of their own.
        fixed: Entries of the tables that rows share, one after the other.
        own: Entries of the others, ``(blocks, num_entries, width)``.
        num_rows: Rows of all blocks; what is left of the last block is of no matter.
        log_scale: What entries were divided by, in nats, ``(blocks, width)``.
        safe: Whether in no row products of entries of all tables vanish, or their sum grows beyond all numbers.
        beyond: ``(blocks, width)``, rows with a table that reaches beyond what probabilities hold.
        dtype: Of the tables of rows as they were given.
    """

    terms: Terms
    fixed: np.ndarray
    own: np.ndarray
    num_rows: int
    log_scale: np.ndarray
    safe: bool
    beyond: np.ndarray
    dtype: np.dtype


def load(graph: FactorGraph, terms: Terms, fixed: Tensor, varying: Tensor) -> Tables:
    """Tables from log entries of those that rows share, and of the others ``(rows, num_entries)``."""
    fixed_ends, own_ends = table_ends(graph, terms)
    num_rows, logs = len(varying), varying.numpy()
    width = min(_WIDTH, max(8, num_rows + -num_rows % 8))
    own = np.empty((-(-num_rows // width), own_ends[-1], width))
    log_scale, least, deepest = np.zeros((3, len(own), width))
    entries, (fixed_scale, fixed_least) = np.empty(len(fixed)), np.zeros((2, len(fixed_ends) - 1))
    kernel().load_shared(fixed_ends, fixed.double().numpy(), entries, fixed_scale, fixed_least)
    kernel().load_own(own_ends, logs, own, np.empty((2, width)), log_scale, least, deepest)
    torch.from_numpy(own).exp_()
    floor, joint_states = least.min(initial=0.0) + fixed_least.sum(), sum(map(log, graph.num_states.values()))
    beyond = np.minimum(deepest, fixed_least.min(initial=0.0)) < -_WIDEST
    safe = bool(floor - joint_states > log(LEAST)) and joint_states < -log(LEAST)
    return Tables(terms, entries, own, num_rows, log_scale + fixed_scale.sum(), safe, beyond, logs.dtype)


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

    def expected_counts(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The gradient of the weighted sum of ``log_values`` in the log of every entry.

        Args:
            weights: ``(rows, num_asked)``.

        Returns:
            Of the tables that rows share, of the others ``(rows, num_entries)``, and the weak rows, which are left out.
        """
        program, (_, num_entries, width) = self._program, self._tables.own.shape
        weights = np.where((self.log_values > -np.inf) & ~self.weak[:, None], weights, 0.0)
        fixed_counts = np.zeros(len(self._tables.fixed))
        varying_counts = np.empty((len(weights), num_entries), dtype=self._tables.dtype)
        own_counts, sent_counts = np.empty((num_entries, width)), np.empty(self._sent.shape[1:])
        room, turn = _room(program, width)
        for block, (own, sent) in enumerate(zip(self._tables.own, self._sent, strict=True)):
            rows = slice(block * width, (block + 1) * width)
            lines = self._tables.fixed, own, sent, room, turn, own_counts, sent_counts
            kernel().distribute(program, *lines, weights[rows], fixed_counts)
            kernel().unload(own_counts, varying_counts[rows])
        return fixed_counts, varying_counts, self.weak


def collect(graph: FactorGraph, tables: Tables, states: Mapping[str, np.ndarray], target: str | None = None) -> Lanes:
    """Messages of all rows.

    Args:
        graph: Which variables there are.
        tables: What multiplies.
        states: By variable with evidence its states ``(rows,)``, -1 where hidden.
        target: Variable asked for, if any.
    """
    program, (num_blocks, _, width) = _program(graph, tables.terms, tuple(states), target), tables.own.shape
    seen = np.empty((len(states), tables.num_rows), dtype=np.int32)
    for line, each in zip(seen, states.values(), strict=True):
        line[:] = each
    sent, weak = np.empty((num_blocks, num_lines(program), width)), tables.beyond.copy()
    kernel().observe(program, seen, sent)
    kernel().collect(program, tables.fixed, tables.own, sent, *_room(program, width), tables.safe, weak)
    log_values = _log_values(program, sent, tables)
    return Lanes(log_values[: tables.num_rows], weak.ravel()[: tables.num_rows], program, tables, sent)


def _log_values(program: Program, sent: np.ndarray, tables: Tables) -> np.ndarray:
    lines = torch.from_numpy(sent)
    scales = lines[:, program.scales[0] :]
    log_scale = (scales.prod(1).log() if tables.safe else scales.log().sum(1)) + torch.from_numpy(tables.log_scale)
    values = lines[:, program.messages[-1] : program.scales[0]].log() + log_scale[:, None]
    return values.transpose(1, 2).reshape(-1, values.shape[1]).numpy()


def _room(program: Program, width: int) -> tuple[np.ndarray, np.ndarray]:
    deepest = program.steps.shape[1]
    return np.empty((3, deepest + 1, width)), np.zeros(deepest, dtype=np.int64)


@lru_cache(maxsize=256)
def _program(graph: FactorGraph, terms: Terms, seen: tuple[str, ...], target: str | None) -> Program:
    return make_program(graph, terms, seen, target)


@lru_cache(maxsize=1)
def kernel() -> Any:
    """The compiled loops; numba is loaded when rows are first asked for."""
    return import_module(".kernel", __package__)
