"""The classifiers that scikit-learn users hold, over shared cross-validated logistic regressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.utils.validation import has_fit_parameter

from ...data import Dataset, ModalityBatch
from ...estimators import (
    EarlyFusionClassifier,
    FusionClassifier,
    HybridFusionClassifier,
    LateFusionClassifier,
    TabularEncoder,
)
from ...graph import star
from ..encoder_cache import EncoderCache
from .adapting import SeenClasses
from .base import ModelEntry


class Estimated(SeenClasses):
    """A scikit-learn classifier that takes a ``ModalityBatch``.

    Args:
        make: From a seed to an unfitted classifier.
    """

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def _fit(self, train: Dataset, places: np.ndarray, seed: int) -> None:
        estimator = self.make(seed)
        together = {"groups": train.groups} if train.groups and has_fit_parameter(estimator, "groups") else {}
        self.estimator = estimator.fit(train.batch, places, **together)

    def _probabilities(self, batch: ModalityBatch) -> np.ndarray:
        found: np.ndarray = self.estimator.predict_proba(batch)
        return found


def _graph_fusion(cache: EncoderCache) -> Estimated:
    return Estimated(lambda seed: FusionClassifier(random_state=seed))


def _graph_star(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: FusionClassifier(encoders=encoder, structure=star, random_state=seed))


def _early_fusion(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: EarlyFusionClassifier(encoder=encoder, random_state=seed))


def _mean_pool(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: LateFusionClassifier(encoders=encoder, pool="mean", random_state=seed))


def _log_pool(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: LateFusionClassifier(encoders=encoder, pool="logarithmic", random_state=seed))


def _hybrid_fusion(cache: EncoderCache) -> Estimated:
    encoder = cache.share(TabularEncoder())
    return Estimated(lambda seed: HybridFusionClassifier(encoders=encoder, early_encoder=encoder, random_state=seed))


MODELS = {
    "graph-fusion": ModelEntry(
        "correlated scores of several experts per modality, and of a joint one", _graph_fusion, 3.0
    ),
    "graph-star": ModelEntry(
        "weighted product of cross-fitted logistic regressions, one per modality", _graph_star, 0.8
    ),
    "early-fusion": ModelEntry("logistic regression over all columns, gaps marked", _early_fusion, 0.15),
    "mean-pool": ModelEntry("mean of the probabilities of logistic regressions, one per modality", _mean_pool, 0.15),
    "log-pool": ModelEntry("geometric mean of logistic regressions, one per modality", _log_pool, 0.15),
    "hybrid-fusion": ModelEntry("geometric mean of early fusion and the log pool", _hybrid_fusion, 0.25),
}
