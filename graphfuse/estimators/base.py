"""The scikit-learn face that all fusion classifiers share: inputs, labels, encoders, probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any
from warnings import warn

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d
from torch import nn

from ..checks import check_known, invalid
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..fusion import FusionModel
from ..graph import Variable
from ..learning import EncoderEnsemble
from .inputs import Modalities, as_batch, encoder_inputs, like
from .module_encoder import ModuleEncoder
from .tabular_encoder import TabularEncoder

TARGET = "target"  # the name of the predicted variable in every graph of an estimator


class FusionEstimator(ClassifierMixin, BaseEstimator, ABC):
    """A classifier whose rows may miss any modality, at fit and at predict; without any, a row gets the prior."""

    modalities: Modalities
    encoders: Any
    random_state: Any

    @abstractmethod
    def _fit_model(self, batch: ModalityBatch, states: np.ndarray, generator: torch.Generator) -> FusionModel:
        """Fit the encoders, and return the model that fuses what they say."""

    @abstractmethod
    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        """What the fitted encoders say of present rows, as the batch that the model reads."""

    def fit(self, X: Any, y: Any) -> Any:
        """Fit encoders and fusion.

        Args:
            X: A DataFrame, an array ``(rows, columns)``, a ModalityBatch, a dict of arrays or DataFrames by modality,
                or a list of dicts by modality; NaN, None and NA are missing.
            y: One label per row, of at least two classes.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If a modality or column is unknown, a value infinite, or y has one class.
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        batch = as_batch(self, X, self.modalities, reset=True)
        y = column_or_1d(y, warn=True)
        check_consistent_length(batch, y)
        check_classification_targets(y)
        self.classes_, states = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise invalid("y", "have at least two classes", f"one class, {self.classes_[0]!r}")
        self.modalities_ = batch.modalities
        self._template = batch[:0]
        self.prior_ = np.bincount(states) / len(states)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.model_ = self._fit_model(batch, states, torch.Generator().manual_seed(seed)).eval()
        return self

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Log-probabilities ``(rows, num_classes)`` in nats, in the order of ``classes_``."""
        check_is_fitted(self)
        batch = like(as_batch(self, X, self.modalities, reset=False), self._template)
        with torch.no_grad():
            log_probs = self.model_(self._encode(batch))[TARGET].numpy()
        impossible = ~np.isfinite(log_probs).any(1)
        if impossible.any():
            warn(
                f"{impossible.sum()} of {len(batch)} rows are impossible under the model; they get the prior.",
                stacklevel=2,
            )
            log_probs = np.where(impossible[:, None], np.log(self.prior_), log_probs)
        return log_probs

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``, in the order of ``classes_``."""
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        states = self.predict_log_proba(X).argmax(1)
        return self.classes_[states]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _target(self) -> Variable:
        return Variable(TARGET, len(self.classes_), tuple(str(label) for label in self.classes_))

    def _unfitted_encoders(self) -> dict[str, Any]:
        """By modality, its encoder as a scikit-learn classifier."""
        given = self.encoders
        if isinstance(given, Mapping):
            for name in given:
                check_known("each modality in encoders", name, self.modalities_)
        by_name = given if isinstance(given, Mapping) else dict.fromkeys(self.modalities_, given)
        return {name: self._encoder(name, by_name.get(name)) for name in self.modalities_}

    def _encoder(self, name: str, encoder: Any) -> Any:
        """One encoder as a scikit-learn classifier, the default for None."""
        if encoder is None:
            return TabularEncoder()
        if isinstance(encoder, nn.Module):
            return ModuleEncoder(encoder, len(self.classes_))
        if isinstance(encoder, type) or not (hasattr(encoder, "fit") and hasattr(encoder, "predict_proba")):
            raise invalid(
                f"the encoder of {name!r}",
                "be a scikit-learn classifier with predict_proba, or a torch module",
                repr(encoder),
                TypeError,
            )
        if get_tags(encoder).input_tags.allow_nan or is_frame(self._template.inputs.get(name)):
            return encoder
        imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
        return make_pipeline(imputer, encoder)


def encoded(
    batch: ModalityBatch,
    ensembles: Mapping[str, EncoderEnsemble],
    say: Callable[[EncoderEnsemble, Any], np.ndarray],
    num_states: int,
) -> ModalityBatch:
    """By modality, what its ensemble says of the present rows, ``(rows, num_states)``; zeros in the others."""
    tables, present = {}, {}
    for name, ensemble in ensembles.items():
        tables[name] = torch.zeros(len(batch), num_states, dtype=torch.float64)
        present[name] = batch.present[name]
        rows = present[name].numpy().nonzero()[0]
        if len(rows):
            flat = not any(isinstance(member, ModuleEncoder) for member in ensemble.members)
            inputs = encoder_inputs(batch[rows].select([name]), name, flat)
            tables[name][rows] = torch.from_numpy(say(ensemble, inputs))
    return ModalityBatch(tables, present)
