"""Late fusion for scikit-learn users: one classifier per modality, their probabilities pooled."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ..checks import check_known
from ..data import ModalityBatch
from ..fusion import FusionModel, LogarithmicPool, MeanPool
from ..learning import EncoderEnsemble, fit_encoder
from .base import FusionEstimator, encoded
from .inputs import Modalities, encoder_inputs
from .module_encoder import ModuleEncoder

POOLS = {"mean": MeanPool, "logarithmic": LogarithmicPool}


class LateFusionClassifier(FusionEstimator):
    """A classifier that averages what the present modalities predict, each by itself.

    Args:
        modalities: As for ``FusionClassifier``.
        encoders: As for ``FusionClassifier``.
        pool: ``"mean"`` of the probabilities, or ``"logarithmic"``: their normalized geometric mean.
        random_state: Seed of encoders that draw and have no seed of their own.

    Example:
        >>> X = np.array([[5.1, 70.0], [nan, 75.0], [9.2, nan], [8.8, 92.0]] * 5)
        >>> LateFusionClassifier({"laboratory": [0], "vitals": [1]}).fit(X, [0, 0, 1, 1] * 5).predict(X[:3])
        array([0, 0, 1])

    Reference: Kittler et al. (1998), On combining classifiers; Genest and Zidek (1986), Combining probability
    distributions.
    """

    def __init__(
        self, modalities: Modalities = None, encoders: Any = None, pool: str = "mean", random_state: Any = None
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.pool = pool
        self.random_state = random_state

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> FusionModel:
        check_known("pool", self.pool, POOLS)
        encoders = self._unfitted_encoders(generator)
        self.encoders_ = fit_encoders(encoders, batch, states, len(self.classes_), sample_weight)
        ready = {name: nn.Identity() for name in self.encoders_}
        return POOLS[self.pool](ready, self._target(), torch.from_numpy(self.prior_))

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        return encoded(batch, self.encoders_, EncoderEnsemble.log_probabilities, len(self.classes_))


def fit_encoders(
    encoders: dict[str, Any],
    batch: ModalityBatch,
    states: np.ndarray,
    num_states: int,
    sample_weight: np.ndarray | None = None,
) -> dict[str, EncoderEnsemble]:
    """By modality, its encoder fitted to all rows that have it, which count by their weights."""
    fitted = {}
    for name, encoder in encoders.items():
        inputs = encoder_inputs(batch, name, flat=not isinstance(encoder, ModuleEncoder))
        present = batch.present[name].numpy()
        fitted[name] = fit_encoder(encoder, inputs, states, present, num_states, name, sample_weight)
    return fitted
