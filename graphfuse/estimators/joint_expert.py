"""An expert that reads the columns of all modalities of a row together, and is silent where a row has only one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..data import ModalityBatch
from ..data.frames import is_frame
from ..learning import EncoderEnsemble
from ..learning.cross_fit import fit_folds
from ..learning.folds import stratified_folds
from ..learning.sample_weights import class_frequencies
from .averaged_encoder import AveragedEncoder
from .balanced_presence import balanced
from .experts import default_experts
from .tables import Tables

_SUBSETS_PER_ROW = 4  # under which the expert is fitted to each row; the first is the row as it came
JOINT = "joint expert"  # its name among the sources


@dataclass(frozen=True, eq=False)
class JointExpert:
    """A fitted expert over several modalities.

    Args:
        tables: How the modalities become columns.
        ensemble: What reads them.
    """

    tables: Tables
    ensemble: EncoderEnsemble

    def scores(self, batch: ModalityBatch) -> tuple[Tensor, Tensor]:
        """Log density ratios ``(rows, num_states)`` in nats, and where it speaks: rows with two modalities or more."""
        present = presence(batch, self.tables.columns)
        speaks = (present.sum(1) > 1) & bool(self.ensemble.members)
        found = np.zeros((len(batch), len(self.ensemble.prior)))
        rows = np.flatnonzero(speaks)
        if len(rows):
            found[rows] = self.ensemble.scores(self.tables.side_by_side(batch[rows]))
        return torch.from_numpy(found), torch.from_numpy(speaks)


def readable(batch: ModalityBatch, modalities: Sequence[str]) -> tuple[str, ...]:
    """Those of the modalities that are tables, one row of columns per row."""
    return tuple(name for name in modalities if is_frame(batch.inputs[name]) or batch.inputs[name].ndim <= 2)


def default_joint_encoder(num_classes: int) -> AveragedEncoder:
    """An average of a linear encoder and of one that sees effects across columns."""
    experts = default_experts((1,), 0, num_classes)
    second = "boosted" if num_classes <= 2 else "kernel"
    return AveragedEncoder({name: experts[name] for name in ("linear", second)})


def cross_fit_jointly(
    encoder: Any,
    batch: ModalityBatch,
    states: np.ndarray,
    subsets: Sequence[Mapping[str, Tensor]],
    num_states: int,
    num_folds: int,
    generator: torch.Generator,
    sample_weight: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> tuple[Tensor, Tensor, JointExpert]:
    """Out-of-fold scores of every row under every subset of its modalities, and the expert for new rows.

    It is fitted to each row under several subsets. Before, modalities are taken from rows of the classes in which they
    are more often present, until all classes have them alike: so it learns from values, and not from who is missing,
    which may mean something else elsewhere. Folds keep a row together. In rows that no fold holds out it is silent.

    Args:
        encoder: Unfitted classifier.
        batch: Rows of the modalities that it reads.
        states: Classes ``(rows,)``, each with two rows at least.
        subsets: By modality, which rows keep it, bool ``(rows,)``; the first are the rows as they came.
        num_states: Classes.
        num_folds: Folds at most.
        generator: Source of all that is drawn.
        sample_weight: How much each row counts, positive ``(rows,)``; alike if None.
        groups: What each row belongs to ``(rows,)``; rows of one group are in one fold.

    Returns:
        Scores ``(num_subsets, rows, num_states)``, whether it speaks ``(num_subsets, rows)``, the expert.
    """
    tables = Tables.learn(batch)
    cells = tables.numbers(batch)
    masks = np.stack([np.stack([np.asarray(kept[name]) for name in cells], axis=1) for kept in subsets], axis=1)
    seen = balanced(masks[:, :_SUBSETS_PER_ROW], states, num_states, generator, sample_weight)
    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    fold = stratified_folds(states, num_folds, seed, groups)
    copies = seen.shape[1]
    columns, repeated = _columns(cells, seen, np.arange(len(states))), np.repeat(states, copies)
    weights = None if sample_weight is None else np.repeat(sample_weight, copies)
    members = fit_folds(encoder, columns, repeated, np.repeat(fold, copies), JOINT, weights)
    scores = np.zeros((masks.shape[1], len(states), num_states))
    for k, member in enumerate(members):
        held = np.flatnonzero(fold == k)
        alone = EncoderEnsemble((member,), class_frequencies(states, num_states, sample_weight, fold != k))
        found = alone.scores(_columns(cells, masks, held))
        scores[:, held] = found.reshape(len(held), masks.shape[1], num_states).swapaxes(0, 1)
    frequencies = class_frequencies(states, num_states, sample_weight)
    expert = JointExpert(tables, EncoderEnsemble(tuple(members), frequencies))
    speaks = torch.from_numpy((masks.sum(2).T > 1) & (fold >= 0))
    return torch.from_numpy(scores) * speaks.unsqueeze(-1), speaks, expert


def presence(batch: ModalityBatch, modalities: Sequence[str] | Mapping[str, Any]) -> np.ndarray:
    """Which modalities each row has, bool ``(rows, num_modalities)``."""
    return torch.stack([batch.present[name] for name in modalities], dim=1).numpy()


def _columns(cells: Mapping[str, np.ndarray], masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Rows, each under its subsets one after the other, ``(rows * num_subsets, columns)``."""
    parts = []
    for i, values in enumerate(cells.values()):
        kept = masks[rows, :, i].reshape(-1, 1)
        parts.append(np.where(kept, np.repeat(values[rows], masks.shape[1], axis=0), np.nan))
    return np.concatenate(parts, axis=1)
