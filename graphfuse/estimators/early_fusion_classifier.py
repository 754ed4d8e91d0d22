"""Early fusion for scikit-learn users: one encoder over the columns of all modalities."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ..data import ModalityBatch
from ..fusion import FusionModel, LogarithmicPool
from ..learning import EncoderEnsemble, fit_encoder
from .base import FusionEstimator, draw_seed, encoded
from .inputs import Modalities, encoder_inputs, side_by_side

EARLY = "all modalities"


class EarlyFusionClassifier(FusionEstimator):
    """A classifier over all columns at once; the columns of a missing modality are missing cells.

    Args:
        modalities: As for ``FusionClassifier``.
        encoder: A scikit-learn classifier that reads NaN; ``TabularEncoder``, which imputes with indicators, if None.
        random_state: Seed of encoders that draw and have no seed of their own.

    Example:
        >>> X = np.array([[5.1, 70.0], [nan, 75.0], [9.2, nan], [8.8, 92.0]] * 5)
        >>> EarlyFusionClassifier({"laboratory": [0], "vitals": [1]}).fit(X, [0, 0, 1, 1] * 5).predict(X[:3])
        array([0, 0, 1])

    Reference: Baltrušaitis, Ahuja and Morency (2019), Multimodal machine learning, section 6.1.
    """

    def __init__(self, modalities: Modalities = None, encoder: Any = None, random_state: Any = None) -> None:
        self.modalities = modalities
        self.encoder = encoder
        self.random_state = random_state

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> FusionModel:
        whole = side_by_side(batch, EARLY)
        inputs, present = encoder_inputs(whole, EARLY, flat=True), whole.present[EARLY].numpy()
        encoder = self._encoder("encoder", self.encoder, self.modalities_, draw_seed(generator))
        fitted = fit_encoder(encoder, inputs, states, present, len(self.classes_), EARLY, sample_weight)
        self.encoders_ = {EARLY: fitted}
        return LogarithmicPool({EARLY: nn.Identity()}, self._target(), torch.from_numpy(self.prior_))

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        whole = side_by_side(batch, EARLY)
        return encoded(whole, self.encoders_, EncoderEnsemble.log_probabilities, len(self.classes_))
