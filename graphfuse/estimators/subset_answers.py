"""What a fitted FusionClassifier says of rows when only some of their modalities are shown to it."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

import numpy as np
import torch
from torch import Tensor

from ..data import ModalityBatch
from ..explanations.subset_answers import GraphAnswers, SubsetAnswers
from ..fusion import GraphFusion
from ..learning import EncoderEnsemble
from .base import encoded
from .joint_expert import JointExpert, presence
from .joint_subsets import JointSubsets
from .unseen import seen_parts


class ClassifierAnswers(SubsetAnswers):
    """Answers as ``predict_log_proba`` gives them where modalities are blanked; modalities are encoded once.

    The joint expert alone is asked again under every subset.

    Args:
        batch: Rows with the modalities of fit.
        model: The graph over scores.
        target: Its target.
        encoders: By source, its fitted encoders.
        sources: By source, the modality that it reads.
        joint: The joint expert by the name of its source, if there is one.
        seen_together: Which modalities, in alphabetical order, were seen together.
    """

    def __init__(
        self,
        batch: ModalityBatch,
        model: GraphFusion,
        target: str,
        encoders: Mapping[str, EncoderEnsemble],
        sources: Mapping[str, str],
        joint: Mapping[str, JointExpert],
        seen_together: np.ndarray,
    ) -> None:
        super().__init__(batch.modalities, presence(batch, batch.modalities))
        self.sources, self.joint, self.seen_together = sources, joint, seen_together
        num_states = model.targets[target].num_states
        scored = encoded(batch, encoders, EncoderEnsemble.scores, num_states, sources)
        for name in joint:
            silent = torch.zeros(len(batch), num_states, dtype=torch.float64), torch.zeros(len(batch), dtype=torch.bool)
            scored = ModalityBatch({**scored.inputs, name: silent[0]}, {**scored.present, name: silent[1]})
        self.graph = GraphAnswers(model, scored, target)
        self.joint_scores = {name: JointSubsets(each, each.tables.numbers(batch)) for name, each in joint.items()}
        heard = {sources[name] for name, ensemble in encoders.items() if ensemble.members}
        self.heard = np.array([name in heard for name in self.modalities])

    def log_probs(self, rows: np.ndarray, kept: np.ndarray) -> Tensor:
        """As for ``SubsetAnswers``: of a subset with modalities never seen together, the mean over its parts."""
        parts = [self._parts(mask) for mask in kept]
        owners = np.repeat(np.arange(len(kept)), [len(each) for each in parts])
        asked = np.concatenate(parts)
        whole = np.array([len(each) == 1 for each in parts])[owners]
        masks = {name: asked[:, self.modalities.index(modality)] for name, modality in self.sources.items()}
        changing = {name: self._joint_scores(name, rows, asked, whole) for name in self.joint}
        found = self.graph.log_marginals(rows, masks, changing)
        if whole.all():
            return found
        return torch.stack([self._mean(found[torch.from_numpy(owners == i)]) for i in range(len(kept))])

    def _mean(self, answers: Tensor) -> Tensor:
        return answers[0] if len(answers) == 1 else answers.logsumexp(0) - log(len(answers))

    def _parts(self, mask: np.ndarray) -> np.ndarray:
        """The subset itself, or the parts of it whose modalities were seen together, bool ``(num_parts, ...)``."""
        order = sorted(range(len(self.modalities)), key=lambda i: self.modalities[i])
        shown = (mask & self.heard)[order]
        if self.seen_together[np.ix_(shown, shown)].all():
            return mask[None]
        found = np.zeros((0, len(mask)), dtype=bool)
        for part in seen_parts(shown, self.seen_together):
            back = np.zeros((1, len(mask)), dtype=bool)
            back[0, order] = part
            found = np.concatenate([found, back])
        return found

    def _joint_scores(self, name: str, rows: np.ndarray, asked: np.ndarray, whole: np.ndarray) -> tuple[Tensor, Tensor]:
        """Scores ``(num_subsets, num_rows, num_states)`` of a joint expert, and where it speaks."""
        expert = self.joint[name]
        read = asked[:, [self.modalities.index(modality) for modality in expert.tables.columns]]
        speaks = whole & (read.sum(1) > 1) & bool(expert.ensemble.members)
        scores = np.zeros((len(asked), len(rows), len(expert.ensemble.prior)))
        if speaks.any():
            different, which = np.unique(read[speaks], axis=0, return_inverse=True)
            scores[speaks] = self.joint_scores[name].scores(rows, different)[which.reshape(-1)]
        speaking = np.repeat(speaks[:, None], len(rows), axis=1)
        return torch.from_numpy(scores), torch.from_numpy(speaking)
