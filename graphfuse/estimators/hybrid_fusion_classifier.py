"""Hybrid fusion for scikit-learn users: an early expert over all columns beside one late expert per modality."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import ModalityBatch
from ..fusion import FusionModel, HybridFusion, LogarithmicPool
from ..learning import EncoderEnsemble, fit_encoder
from .base import FusionEstimator, draw_seed, encoded
from .early_fusion_classifier import EARLY
from .inputs import Modalities, encoder_inputs, side_by_side
from .late_fusion_classifier import fit_encoders


class HybridFusionClassifier(FusionEstimator):
    """The geometric mean of an early classifier over all columns and of the logarithmic pool of the modalities.

    Args:
        modalities: As for ``FusionClassifier``.
        encoders: As for ``FusionClassifier``, for the late experts.
        early_encoder: As the encoder of ``EarlyFusionClassifier``.
        random_state: Seed of encoders that draw and have no seed of their own.

    Example:
        >>> X = np.array([[5.1, 70.0], [nan, 75.0], [9.2, nan], [8.8, 92.0]] * 5)
        >>> HybridFusionClassifier({"laboratory": [0], "vitals": [1]}).fit(X, [0, 0, 1, 1] * 5).predict(X[:3])
        array([0, 0, 1])

    Reference: Atrey et al. (2010), Multimodal fusion for multimedia analysis, section 3.1.
    """

    def __init__(
        self, modalities: Modalities = None, encoders: Any = None, early_encoder: Any = None, random_state: Any = None
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.early_encoder = early_encoder
        self.random_state = random_state

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> FusionModel:
        num_states = len(self.classes_)
        self.encoders_ = fit_encoders(self._unfitted_encoders(generator), batch, states, num_states, sample_weight)
        whole = side_by_side(batch, EARLY)
        inputs, present = encoder_inputs(whole, EARLY, flat=True), whole.present[EARLY].numpy()
        encoder = self._encoder("early_encoder", self.early_encoder, self.modalities_, draw_seed(generator))
        self.early_ = {EARLY: fit_encoder(encoder, inputs, states, present, num_states, EARLY, sample_weight)}
        target, prior = self._target(), torch.from_numpy(self.prior_)
        early = LogarithmicPool({EARLY: nn.Identity()}, target, prior)
        late = LogarithmicPool({name: nn.Identity() for name in self.encoders_}, target, prior)
        return HybridFusion(early, late)

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        say, num_states = EncoderEnsemble.log_probabilities, len(self.classes_)
        late = encoded(batch, self.encoders_, say, num_states)
        early = encoded(side_by_side(batch, EARLY), self.early_, say, num_states)
        return ModalityBatch({**late.inputs, **early.inputs}, {**late.present, **early.present})
