"""What a fitted FusionClassifier says of rows that are scored already, its joint expert silent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
import torch
from torch import Tensor

from ..data import ModalityBatch
from ..explanations.acquisition import Answer
from ..explanations.reference_rows import ReferenceRows
from ..explanations.subset_answers import GraphAnswers, SubsetAnswers
from ..fusion import GraphFusion
from .subset_answers import ClassifierAnswers
from .unseen import seen_parts

_MOST_REFERENCE = 1000  # training rows whose scores are kept


class ScoreAnswers(ClassifierAnswers):
    """Answers as ``ClassifierAnswers`` gives them without a joint expert, of scores instead of rows to encode.

    Args:
        scored: By source, scores.
        model: The graph over scores.
        target: Its target.
        sources: By source, the modality that it reads.
        modalities: Their names.
        seen_together: Which modalities, in alphabetical order, were seen together.
    """

    def __init__(
        self,
        scored: ModalityBatch,
        model: GraphFusion,
        target: str,
        sources: Mapping[str, str],
        modalities: Sequence[str],
        seen_together: np.ndarray,
    ) -> None:
        SubsetAnswers.__init__(self, tuple(modalities), heard_by(scored, sources, modalities))
        self.sources, self.seen_together = sources, seen_together
        self.joint = dict.fromkeys(name for name in model.modalities if name not in sources)  # type: ignore[assignment]
        self.num_states = model.targets[target].num_states
        self.graph = GraphAnswers(model, with_silent(scored, model, self.num_states), target)
        self.heard = np.ones(len(self.modalities), dtype=bool)

    def _joint_scores(self, name: str, rows: np.ndarray, asked: np.ndarray, whole: np.ndarray) -> tuple[Tensor, Tensor]:
        shape = (len(asked), len(rows))
        return torch.zeros(*shape, self.num_states, dtype=torch.float64), torch.zeros(shape, dtype=torch.bool)


def heard_by(scored: ModalityBatch, sources: Mapping[str, str], modalities: Sequence[str]) -> np.ndarray:
    """Of which modalities some source speaks in each row, bool ``(rows, num_modalities)``."""
    found = np.zeros((len(scored), len(modalities)), dtype=bool)
    for name, modality in sources.items():
        found[:, list(modalities).index(modality)] |= scored.present[name].numpy()
    return found


def with_silent(scored: ModalityBatch, model: GraphFusion, num_states: int) -> ModalityBatch:
    """Scored rows with the sources of the graph that they lack, silent."""
    absent = [name for name in model.modalities if name not in scored.inputs]
    nothing, nobody = (
        torch.zeros(len(scored), num_states, dtype=torch.float64),
        torch.zeros(len(scored), dtype=torch.bool),
    )
    inputs = {**scored.inputs, **dict.fromkeys(absent, nothing)}
    return ModalityBatch(inputs, {**scored.present, **dict.fromkeys(absent, nobody)}, scored.targets)


def answer_of(model: GraphFusion, target: str, sources: Mapping[str, str], seen_together: np.ndarray) -> Answer:
    """What the graph says of scored rows with the same modalities; if never seen together, the mean over parts.

    Args:
        model: The graph over scores.
        target: Its target.
        sources: By source, the modality that it reads.
        seen_together: Which modalities, in alphabetical order, were seen together.
    """
    modalities = sorted(set(sources.values()))

    def answer(scored: ModalityBatch) -> Tensor:
        [mask] = heard_by(scored[:1], sources, modalities)
        parts = [mask] if seen_together[np.ix_(mask, mask)].all() else seen_parts(mask, seen_together)
        found = []
        for part in parts:
            kept = dict(zip(modalities, part.tolist(), strict=True))
            masks = {name: torch.full((len(scored),), kept[modality]) for name, modality in sources.items()}
            found.append(model(with_silent(scored.keep(masks), model, model.targets[target].num_states))[target])
        return found[0] if len(found) == 1 else torch.stack(found).logsumexp(0) - log(len(found))

    return answer


def kept_reference(scored: ModalityBatch, target: str, weights: np.ndarray | None) -> ReferenceRows:
    """Out-of-fold scores of the training rows, of a thousand evenly spaced within their classes if there are more."""
    return ReferenceRows.of(scored, target, weights).thinned(_MOST_REFERENCE)
