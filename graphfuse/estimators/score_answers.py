"""What a fitted FusionClassifier says of rows that are scored already."""

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
from .joint_expert import JOINT, JointExpert, presence
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


def columns_of(modality: str) -> str:
    """The name of the source that holds what the joint expert reads of a modality."""
    return f"{JOINT}, columns of {modality}"


def with_columns(scored: ModalityBatch, batch: ModalityBatch, joint: JointExpert | None) -> ModalityBatch:
    """Scored rows with what the joint expert reads of them, by modality one more source of numbers."""
    if joint is None:
        return scored
    numbers = joint.tables.numbers(batch)
    inputs = {columns_of(name): torch.from_numpy(np.asarray(values, np.float64)) for name, values in numbers.items()}
    present = {columns_of(name): batch.present[name] for name in numbers}
    return ModalityBatch({**scored.inputs, **inputs}, {**scored.present, **present}, scored.targets)


def answer_of(
    model: GraphFusion,
    target: str,
    sources: Mapping[str, str],
    seen_together: np.ndarray,
    joint: JointExpert | None = None,
) -> Answer:
    """What the graph says of scored rows with the same modalities; if never seen together, the mean over parts.

    The joint expert reads the columns that ``with_columns`` adds to scores, and speaks where it does in
    ``predict_proba``: in rows with two of its modalities that were seen together. Without it, it is silent.

    Args:
        model: The graph over scores.
        target: Its target.
        sources: By source, the modality that it reads.
        seen_together: Which modalities, in alphabetical order, were seen together.
        joint: The joint expert, if it is to speak.
    """
    modalities, num_states = sorted(set(sources.values())), model.targets[target].num_states

    def answer(scored: ModalityBatch) -> Tensor:
        [mask] = heard_by(scored[:1], sources, modalities)
        whole = seen_together[np.ix_(mask, mask)].all()
        heard = scored if joint is None or not whole else _with_joint(scored, joint)
        if whole:
            return model(with_silent(heard, model, num_states))[target]
        found = []
        for part in seen_parts(mask, seen_together):
            kept = dict(zip(modalities, part.tolist(), strict=True))
            masks = {name: torch.full((len(scored),), kept[modality]) for name, modality in sources.items()}
            found.append(model(with_silent(scored.keep(masks), model, num_states))[target])
        return torch.stack(found).logsumexp(0) - log(len(found))

    return answer


def kept_reference(scored: ModalityBatch, target: str, weights: np.ndarray | None) -> ReferenceRows:
    """The training rows, scored out of fold; a thousand, evenly spaced within their classes, if there are more."""
    return ReferenceRows.of(scored, target, weights).thinned(_MOST_REFERENCE)


def _with_joint(scored: ModalityBatch, joint: JointExpert) -> ModalityBatch:
    """Scored rows and their columns with what the joint expert says of these."""
    names = [columns_of(name) for name in joint.tables.columns]
    rows = np.flatnonzero((presence(scored, names).sum(1) > 1) & bool(joint.ensemble.members))
    scores, speaks = np.zeros((len(scored), len(joint.ensemble.prior))), np.zeros(len(scored), dtype=bool)
    if len(rows):
        columns = np.concatenate([scored.inputs[name].numpy()[rows] for name in names], axis=1)
        scores[rows], speaks[rows] = joint.ensemble.scores(columns), True
    inputs = {**scored.inputs, JOINT: torch.from_numpy(scores)}
    return ModalityBatch(inputs, {**scored.present, JOINT: torch.from_numpy(speaks)}, scored.targets)
