"""Whole combinations of labels that training rows share: one more variable of the graph, with experts of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import ModalityBatch
from ..evidence import Evidence
from ..fusion import GraphFusion
from ..inference import decode, log_score
from ..learning.sample_weights import weights_of_rows

COMBINATION = "combination of all targets"
_FEWEST_TARGETS = 3  # an edge says all about two
_FEWEST_ROWS = 2  # that share a combination
_MOST = 256  # combinations, the most frequent
_PSEUDO_COUNT = 0.5  # rows that every combination begins with


@dataclass(frozen=True, eq=False)
class Combinations:
    """The combinations that several training rows share; the variable has one state for each, and a last one for none.

    In its last state the variable says nothing of the targets, in every other it fixes them all. It is latent: a row
    with a listed combination may owe it to either.

    Args:
        states: The states of all targets ``(num_combinations, num_targets)``.
        of_rows: By training row its state of the variable ``(rows,)``; -1 where some label is unknown.
        log_ratios: How much more frequent each is than if targets were independent, in nats ``(num_combinations,)``.
    """

    states: np.ndarray
    of_rows: np.ndarray
    log_ratios: np.ndarray

    @property
    def log_prior(self) -> Tensor:
        """Where the table of the variable starts ``(num_combinations + 1,)``."""
        return torch.from_numpy(np.append(self.log_ratios, 0.0))

    def pinned(self, target: int, num_states: int) -> Tensor:
        """The constant table over the variable and one target: zero where they go together, else ``-inf``."""
        table = torch.full((len(self.states) + 1, num_states), -torch.inf, dtype=torch.float64)
        table[torch.arange(len(self.states)), torch.from_numpy(self.states[:, target])] = 0.0
        table[-1] = 0.0
        return table


def shared_combinations(
    states: Mapping[Any, np.ndarray], frequencies: Mapping[Any, np.ndarray], sample_weight: np.ndarray | None = None
) -> Combinations | None:
    """The combinations of labels that training rows share; None if fewer than two are, or of fewer than three targets.

    Args:
        states: By target the state of every row, -1 where it is unknown ``(rows,)``.
        frequencies: By target those of its classes.
        sample_weight: How much each row counts, positive ``(rows,)``; alike if None.

    Example:
        >>> labels = {name: np.array([0, 1, 1, 0, 0, name == "flu"]) for name in ("flu", "cold", "cough")}
        >>> labels["cough"][4] = 1
        >>> found = shared_combinations(labels, dict.fromkeys(labels, np.array([0.5, 0.5])))
        >>> found.states.tolist(), found.of_rows.tolist()
        ([[0, 0, 0], [1, 1, 1]], [0, 1, 1, 0, 2, 2])
    """
    every = np.stack(list(states.values()), axis=1)
    known = np.all(every >= 0, axis=1)
    if every.shape[1] < _FEWEST_TARGETS or not known.any():
        return None
    listed, which, num_rows = np.unique(every[known], axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(-num_rows, kind="stable")[:_MOST]
    order = order[num_rows[order] >= _FEWEST_ROWS]
    while len(order) and known.sum() - num_rows[order].sum() < _FEWEST_ROWS:
        order = order[:-1]  # some rows have to teach what all other combinations look like
    kept = np.sort(order)
    if len(kept) < 2:
        return None
    place = np.full(len(listed), len(kept))
    place[kept] = np.arange(len(kept))
    of_rows = np.full(len(every), -1)
    of_rows[known] = place[which.reshape(-1)]
    weights = weights_of_rows(sample_weight, np.flatnonzero(known))
    counts = np.bincount(which.reshape(-1), weights, len(listed))[kept]
    expected = float(np.sum(known if weights is None else weights)) * np.prod(
        [frequencies[name][listed[kept, i]] for i, name in enumerate(states)], axis=0
    )
    log_ratios = np.log((counts + _PSEUDO_COUNT) / (expected + _PSEUDO_COUNT))
    return Combinations(listed[kept], of_rows, log_ratios)


def most_probable(model: GraphFusion, batch: ModalityBatch, combinations: Combinations) -> dict[str, Tensor]:
    """By target, its state in a most probable joint assignment of the targets, int64 ``(rows,)``; -1 if impossible.

    Either it is listed, or the best of the graph without the combinations: what a listed one gains from its state of
    the latent variable is added to what it has without it, so the maximum is that of the targets alone.

    Args:
        model: A graph with the variable.
        batch: Scored rows.
        combinations: Those that the model was made with.

    Reference: Koller and Friedman (2009), Probabilistic Graphical Models, section 13.2.3 (marginal MAP).
    """
    tables, last = model.log_potentials(batch), len(combinations.states)
    alone = [name for name, scope in model.graph.scopes.items() if scope == (COMBINATION,)]
    says = torch.stack([tables[name].expand(len(batch), -1) for name in alone]).sum(0)
    posterior = model.posterior(batch, [COMBINATION])
    listed = posterior.log_marginals[COMBINATION][..., :-1]
    gain = says[:, :-1] - says[:, -1:]
    score, best = (listed + torch.nn.functional.softplus(-gain)).max(-1)
    seen = Evidence({COMBINATION: torch.full((len(batch),), last)})
    without = decode(model.graph, tables, seen, method=model.method)
    possible = without[COMBINATION] >= 0
    other = log_score(model.graph, tables, {name: states.clamp(min=0) for name, states in without.items()})
    other = torch.where(possible, other - posterior.log_partition, -torch.inf)
    chosen = torch.from_numpy(combinations.states)[best]
    impossible = posterior.impossible.expand(len(batch))
    return {
        name: torch.where(score >= other, chosen[:, i], without[name]).masked_fill(impossible, -1)
        for i, name in enumerate(model.targets)
    }


def labels_of(combinations: Combinations | None, classes: Mapping[Any, np.ndarray]) -> Any:
    """The listed combinations as a DataFrame of labels, one column a target; none if there are no combinations."""
    import pandas as pd

    states = np.zeros((0, len(classes)), dtype=np.int64) if combinations is None else combinations.states
    return pd.DataFrame({name: labels[states[:, i]] for i, (name, labels) in enumerate(classes.items())})
