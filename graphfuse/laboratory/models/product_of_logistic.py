"""The product of cross-validated logistic regressions, one per modality, each divided by its own prior."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from ...data import ModalityBatch
from ...estimators import TabularEncoder
from ...estimators.base import FusionEstimator, encoded
from ...estimators.inputs import Modalities
from ...estimators.late_fusion_classifier import fit_encoders
from ...fusion import FusionModel, ProductOfExperts
from ...learning import EncoderEnsemble
from ..encoder_cache import EncoderCache
from .base import ModelEntry
from .estimators import Estimated

_LEAST = 1e-12  # probability of an expert, so that none alone rules a class out


class ProductOfLogistic(FusionEstimator):
    """Sums log p_v(y | x) - log p_v(y) over the present modalities onto log p(y).

    An expert's prior p_v are the class frequencies of the training rows that have its modality; of a class without
    such rows it says nothing.

    Args:
        modalities: As for ``FusionClassifier``.
        encoders: As for ``FusionClassifier``.
        random_state: Seed of encoders that draw and have no seed of their own.

    Reference: Kittler et al. (1998), On combining classifiers, section 3.1.
    """

    def __init__(self, modalities: Modalities = None, encoders: Any = None, random_state: Any = None) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.random_state = random_state

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> FusionModel:
        unfitted = self._unfitted_encoders(generator)
        self.encoders_ = fit_encoders(unfitted, batch, states, len(self.classes_), sample_weight)
        ready = {name: nn.Identity() for name in self.encoders_}
        return ProductOfExperts(ready, self._target(), torch.from_numpy(self.prior_))

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        return encoded(batch, self.encoders_, self._opinions, len(self.classes_))

    def _opinions(self, ensemble: EncoderEnsemble, inputs: Any) -> np.ndarray:
        """What a modality would say were the classes as frequent among its rows as among all, unnormalized."""
        likely = np.log(np.maximum(ensemble.probabilities(inputs), _LEAST))
        seen = ensemble.prior > 0
        own = np.log(np.where(seen, ensemble.prior, 1.0))
        return np.where(seen, likely - own, 0.0) + np.log(self.prior_)


def _product(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: ProductOfLogistic(encoders=encoder, random_state=seed))


MODELS = {
    "product-of-logistic": ModelEntry("product of logistic regressions, each divided by its own prior", _product, 0.15)
}
