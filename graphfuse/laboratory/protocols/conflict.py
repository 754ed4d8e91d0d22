"""Complete training rows, and test rows of which one modality belongs to another class."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from ...data import Dataset, ModalityBatch
from ...data.frames import is_frame
from .base import Protocol, Trial
from .levels import checked_number, needs_two_modalities


@dataclass(frozen=True)
class Conflict(Protocol):
    """A share of the test rows gets one of its modalities from a test row of another class, drawn uniformly.

    The modality is drawn uniformly among those present in the row that some row of another class has; its missing cells
    come along. A row with fewer than two modalities cannot be in conflict with itself and is left as it is; where too
    few rows remain, fewer than the share are changed. Test rows as they come are the reference; the target stays that
    of the row.

    Args:
        share: Of all test rows, how many are changed, rounded to whole rows.

    Raises:
        TypeError: If the share is no number.
        ValueError: If it is outside [0, 1].

    Example:
        >>> from graphfuse import load
        >>> data = load("breast_cancer")
        >>> trial = Conflict().draw(data[:400], data[400:], "complete", torch.Generator().manual_seed(0))
        >>> before, after = (trial.tests[name].batch.inputs for name in ("clean", "conflict"))
        >>> changed = torch.stack([(before[name] != after[name]).any(1) for name in before])
        >>> int(changed.any(0).sum()), int(changed.sum()), round(0.4 * 169)
        (68, 68, 68)

    Reference: Xu et al. (2024), Reliable Conflictive Multi-View Learning.
    """

    question = "Does a model notice that one modality speaks of something else?"
    reads_labels = True

    share: float = 0.4

    def __post_init__(self) -> None:
        object.__setattr__(self, "share", checked_number("share", self.share))

    def refusal(self, dataset: Dataset) -> str | None:
        return needs_two_modalities(dataset)

    def conditions(self, dataset: Dataset) -> tuple[str, ...]:
        return ("complete",)

    def draw(self, train: Dataset, test: Dataset, condition: str, generator: torch.Generator) -> Trial:
        self._check_condition(train, condition)
        states = test.batch.targets[test.target.name].numpy()
        conflict = _from_rows(test.batch, self._givers(test.batch, states, generator))
        return Trial(train, {"clean": test, "conflict": replace(test, batch=conflict)})

    def _givers(self, batch: ModalityBatch, states: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """The row that each row takes each modality from, ``(modalities, rows)``: itself, but for the changed ones."""
        present = np.stack([mask.numpy() for mask in batch.present.values()])
        rows = np.arange(len(batch))
        order = torch.randperm(len(batch), generator=generator).numpy()
        which = torch.rand(present.shape, generator=generator).numpy()
        giver = torch.rand(len(batch), generator=generator).tolist()
        others = {state: states != state for state in np.unique(states).tolist()}
        can_give = {(i, state): rows[has & other] for i, has in enumerate(present) for state, other in others.items()}
        taken = np.array(
            [[len(can_give[i, state]) > 0 for state in states.tolist()] for i in range(len(present))], bool
        )
        can_take = present & taken & (present.sum(0) >= 2)
        modality = np.where(can_take, which, -1).argmax(0)
        found = np.tile(rows, (len(present), 1))
        for row in order[can_take.any(0)[order]][: round(self.share * len(batch))].tolist():
            givers = can_give[int(modality[row]), int(states[row])]
            found[modality[row], row] = givers[int(giver[row] * len(givers))]
        return found


def _from_rows(batch: ModalityBatch, givers: np.ndarray) -> ModalityBatch:
    """Each modality from the rows that give it; those all have it where it is taken, so the gaps stay."""
    inputs = {}
    for rows, (name, value) in zip(givers, batch.inputs.items(), strict=True):
        inputs[name] = value.iloc[rows].set_axis(value.index) if is_frame(value) else value[torch.from_numpy(rows)]
    return replace(batch, inputs=inputs)
