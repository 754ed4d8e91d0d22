"""What the experts of several targets say of the same rows, as one batch that a graph reads."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ..data import ModalityBatch, random_subsets
from .base import draw_seed
from .counted_rows import CountedRows
from .target_experts import ALL_COLUMNS, TargetExperts

_SUBSETS_PER_ROW = 4  # of its modalities, under which each training row is seen: as it came, at random, none


def cross_fitted_targets(
    encoders: Any,
    joint_encoder: Any,
    batch: ModalityBatch,
    states: Mapping[Any, np.ndarray],
    counted: CountedRows,
    generator: torch.Generator,
    several: Collection[Any] = (),
) -> tuple[dict[Any, TargetExperts], list[ModalityBatch]]:
    """The fitted experts of every target, and what they say of each row out of fold, under subsets of its modalities.

    A row that does not know a label was shown to no expert of it, so all of them may speak of it, if they were shown no
    other row of its group.

    Args:
        encoders: As for ``TargetExperts``.
        joint_encoder: As for ``TargetExperts``.
        batch: Rows.
        states: By target the state of every row, -1 where it is unknown ``(rows,)``.
        counted: How much the rows count, and what they belong to.
        generator: Of subsets and folds.
        several: Targets whose modalities get experts of several kinds where they have no encoder.
    """
    drawn = [random_subsets(batch, generator).present for _ in range(_SUBSETS_PER_ROW - 2)]
    none = {name: torch.zeros_like(mask) for name, mask in batch.present.items()}
    kept = [dict(batch.present), *drawn, none]
    fitted: dict[Any, TargetExperts] = {}
    said: list[dict[Any, ModalityBatch]] = [{} for _ in kept]
    for name, known in states.items():
        rows, others = np.flatnonzero(known >= 0), np.flatnonzero(known < 0)
        subsets = [{modality: mask[rows] for modality, mask in each.items()} for each in kept]
        experts = TargetExperts(encoders, joint_encoder, subsets, draw_seed(generator), name in several)
        shown = counted.some(rows)
        fitted[name] = experts.fit(batch[rows], known[rows], shown.sample_weight, shown.groups)
        speak = torch.from_numpy(_strangers(counted, rows, others))
        for i, each in enumerate(kept):
            new = experts.say(batch[others].keep({modality: mask[others] & speak for modality, mask in each.items()}))
            order = np.argsort(np.concatenate([rows, others]))
            found = _stacked(experts.scored_[i], new)[order]
            first = said[0].get(name, found)  # no subset changes what one modality says: held once for all
            alike = {source: first.inputs[source] for source in experts.sources_}
            said[i][name] = ModalityBatch({**found.inputs, **alike}, found.present)
        experts.subsets, experts.scored_ = (), []
    return fitted, [together(batch.keep(each), by) for each, by in zip(kept, said, strict=True)]


def sources_of(target: str, experts: TargetExperts) -> dict[str, str]:
    """By source of one target, as the graph knows it, the modality that it reads, or itself."""
    names = [*experts.sources_, *([] if experts.joint_ is None else [ALL_COLUMNS])]
    return {_source(name, target): experts.sources_.get(name, name) for name in names}


def together(batch: ModalityBatch, said: Mapping[Any, ModalityBatch]) -> ModalityBatch:
    """The scores of all targets, and, by modality, which rows have it."""
    nothing = torch.zeros(len(batch), 1, dtype=torch.float64)
    inputs, present = dict.fromkeys(batch.modalities, nothing), dict(batch.present)
    for target, each in said.items():
        inputs |= {_source(name, str(target)): values for name, values in each.inputs.items()}
        present |= {_source(name, str(target)): mask for name, mask in each.present.items()}
    return ModalityBatch(inputs, present)


def with_targets(scored: ModalityBatch, states: Mapping[Any, np.ndarray]) -> ModalityBatch:
    """Scored rows, and what is known of their targets."""
    targets = {str(name): torch.from_numpy(each) for name, each in states.items()}
    return ModalityBatch(scored.inputs, scored.present, targets)


def _source(name: str, target: str) -> str:
    return f"{name} of {target!r}"


def _stacked(first: ModalityBatch, second: ModalityBatch) -> ModalityBatch:
    """The rows of one batch, then those of another."""
    return ModalityBatch(
        {name: torch.cat([values, second.inputs[name]]) for name, values in first.inputs.items()},
        {name: torch.cat([mask, second.present[name]]) for name, mask in first.present.items()},
    )


def _strangers(counted: CountedRows, shown: np.ndarray, others: Sequence[int] | np.ndarray) -> np.ndarray:
    """Which of the other rows belong to no group that was shown, bool ``(others,)``."""
    if counted.groups is None:
        return np.ones(len(others), dtype=bool)
    return ~np.isin(counted.groups[others], counted.groups[shown])
