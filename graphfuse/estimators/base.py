"""The scikit-learn face that all fusion classifiers share: inputs, labels, encoders, probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from warnings import warn

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d
from torch import Tensor, nn

from ..checks import check_known, invalid, listed
from ..data import ModalityBatch
from ..data.frames import is_frame
from ..fusion import FusionModel
from ..graph import Variable
from ..learning import EncoderEnsemble
from ..learning.sample_weights import class_frequencies
from .column_numbers import ColumnNumbers
from .counted_rows import counted_rows
from .inputs import Modalities, as_batch, encoder_inputs, like
from .module_encoder import ModuleEncoder
from .tabular_encoder import TabularEncoder

TARGET = "target"  # the name of the predicted variable in every graph of an estimator


class ModalityEstimator(BaseEstimator):
    """An estimator that is fitted to modalities and labels, and reads new rows of the same modalities."""

    modalities: Modalities
    random_state: Any

    def _labeled_rows(self, X: Any, y: Any) -> ModalityBatch:
        """The rows of X that a fit is given, which needs labels too."""
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None.")
        return as_batch(self, X, self.modalities)

    def _begin(self, batch: ModalityBatch) -> torch.Generator:
        """Remember the modalities of the rows that a fit uses; returns the source of all that it draws."""
        self.modalities_ = batch.modalities
        self._template = batch[[]]  # a copy, where a slice would keep all training rows alive
        return torch.Generator().manual_seed(int(check_random_state(self.random_state).randint(2**31 - 1)))

    def _new_rows(self, X: Any) -> ModalityBatch:
        """Rows after the fit, with exactly its modalities."""
        check_is_fitted(self)
        return like(as_batch(self, X, self.modalities, self._template), self._template)


class FusionEstimator(ClassifierMixin, ModalityEstimator, ABC):
    """A classifier whose rows may miss any modality, at fit and at predict; without any, a row gets the prior."""

    encoders: Any

    @abstractmethod
    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
    ) -> FusionModel:
        """Fit the encoders, and return the model that fuses what they say.

        Rows count by their weights ``(rows,)``, positive and of mean one; alike if None.
        """

    @abstractmethod
    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        """What the fitted encoders say of present rows, as the batch that the model reads."""

    def _log_probs(self, batch: ModalityBatch) -> Tensor:
        """Log-probabilities ``(rows, num_classes)`` of rows with the modalities of fit."""
        return self.model_(self._encode(batch))[TARGET]

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Fit encoders and fusion.

        Args:
            X: A DataFrame, an array ``(rows, columns)``, a ModalityBatch, a dict of arrays or DataFrames by modality,
                or a list of dicts by modality; NaN, None and NA are missing.
            y: One label per row, of at least two classes.
            sample_weight: How much each row counts beside the others in all that is learned, at least 0 ``(rows,)``;
                only ratios matter. Rows of weight zero are left out, all count alike if None. Not weighted is the mean
                that stands for a gap where an encoder refuses NaN.

        Returns:
            The estimator itself.

        Raises:
            ValueError: If a modality or column is unknown, a value or weight infinite, a weight negative or ``nan``, or
                y has one class in rows that count.
            TypeError: If weights differ, and an encoder does not take ``sample_weight`` in its own ``fit``.
        """
        return self._fit(X, y, sample_weight)

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any = None) -> Any:
        batch = self._labeled_rows(X, y)
        self.classes_, states = _classes(X, len(batch), y)
        counted = counted_rows(sample_weight, groups, len(batch))
        if len(counted.rows) < len(batch):
            batch = batch[counted.rows]
            self.classes_, states = _classes_that_count(self.classes_, states[counted.rows])
        generator, weights = self._begin(batch), counted.sample_weight
        self.prior_ = class_frequencies(states, len(self.classes_), weights)
        together = {} if counted.groups is None else {"groups": counted.groups}
        self.model_ = self._fit_model(batch, states, generator, weights, **together).eval()
        return self

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Log-probabilities ``(rows, num_classes)`` in nats, in the order of ``classes_``."""
        batch = self._new_rows(X)
        with torch.no_grad():
            log_probs = self._log_probs(batch).numpy()
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
        names = tuple(str(label) for label in self.classes_)
        return Variable(TARGET, len(names), names if all(names) and len(set(names)) == len(names) else None)

    def _unfitted_encoders(self, generator: torch.Generator) -> dict[str, Any]:
        """By modality, its encoder as a scikit-learn classifier, with a seed where it has none of its own."""
        given, seed = self.encoders, draw_seed(generator)
        if not isinstance(given, Mapping):
            return {name: self._encoder("encoders", given, [name], seed) for name in self.modalities_}
        for name in given:
            check_known("each modality in encoders", name, self.modalities_)
        return {name: self._encoder(f"encoders[{name!r}]", given.get(name), [name], seed) for name in self.modalities_}

    def _encoder(self, argument: str, encoder: Any, modalities: Sequence[str], seed: int) -> Any:
        """A clone of one encoder, for these modalities, as a scikit-learn classifier; the default for None."""
        if encoder is None:
            return TabularEncoder()
        if isinstance(encoder, nn.Module):
            return ModuleEncoder(encoder, len(self.classes_), random_state=seed, name=argument)
        if isinstance(encoder, ModuleEncoder):
            seed = seed if encoder.random_state is None else encoder.random_state
            return clone(encoder).set_params(num_classes=len(self.classes_), random_state=seed, name=argument)
        methods = ("fit", "predict_proba", "get_params")
        if isinstance(encoder, type) or not all(hasattr(encoder, method) for method in methods):
            must = "be a scikit-learn classifier with predict_proba, or a torch module"
            raise invalid(argument, must, repr(encoder), TypeError)
        encoder = clone(encoder)
        settings = encoder.get_params().items()
        unset = [name for name, value in settings if name.split("__")[-1] == "random_state" and value is None]
        encoder.set_params(**dict.fromkeys(unset, seed))
        mixed = any(is_frame(self._template.inputs[name]) for name in modalities)
        first = encoder.steps[0][1] if isinstance(encoder, Pipeline) else encoder  # what reads text and gaps
        if mixed and first is not encoder:  # it may name columns, which only a DataFrame has
            return encoder
        reads = get_tags(first).input_tags
        if reads.allow_nan or (mixed and (reads.string or reads.categorical)):
            return encoder
        imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
        return make_pipeline(ColumnNumbers(), imputer, encoder) if mixed else make_pipeline(imputer, encoder)


def draw_seed(generator: torch.Generator) -> int:
    """A seed for what draws by itself."""
    return int(torch.randint(2**31 - 1, (), generator=generator))


def _classes(X: Any, num_rows: int, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """The classes of labels, and the state of every row."""
    y = column_or_1d(y, warn=True)
    if len(y) != num_rows:
        advice = " (a dict of arrays is not split by scikit-learn's tools; a ModalityBatch is)"
        must = f"have one label per row of X, {num_rows}"
        raise invalid("y", must + advice if isinstance(X, Mapping) else must, f"{len(y)} labels")
    if y.dtype == object and any(label is None or label != label for label in y):
        raise invalid("y", "have a label in every row", "None or nan")
    try:
        check_classification_targets(y)
        classes, states = np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise invalid("y", "hold labels of one type", f"labels of types {listed(kinds)}", TypeError) from None
    if len(classes) < 2:
        raise invalid("y", "have at least two classes", f"one class, {classes.tolist()[0]!r}")
    return classes, states


def _classes_that_count(classes: np.ndarray, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes that rows of positive weight have, of those of all rows, and the state of each of these rows."""
    used, states = np.unique(states, return_inverse=True)
    if len(used) < 2:
        must = "have at least two classes in rows whose sample_weight is not zero"
        raise invalid("y", must, f"one class, {classes[used].tolist()[0]!r}")
    return classes[used], states


def encoded(
    batch: ModalityBatch,
    ensembles: Mapping[str, EncoderEnsemble],
    say: Callable[[EncoderEnsemble, Any], np.ndarray],
    num_states: int,
    modality_of: Mapping[str, str] | None = None,
) -> ModalityBatch:
    """By source, what its ensemble says of the present rows, ``(rows, num_states)``; missing if it has no member.

    A source reads the modality of its own name where ``modality_of`` does not tell another one.
    """
    tables, present = {}, {}
    for name, ensemble in ensembles.items():
        modality = name if modality_of is None else modality_of[name]
        tables[name] = torch.zeros(len(batch), num_states, dtype=torch.float64)
        present[name] = batch.present[modality] & bool(ensemble.members)
        rows = present[name].numpy().nonzero()[0]
        if len(rows):
            flat = not any(isinstance(member, ModuleEncoder) for member in ensemble.members)
            inputs = encoder_inputs(batch[rows].select([modality]), modality, flat)
            tables[name][rows] = torch.from_numpy(say(ensemble, inputs))
    return ModalityBatch(tables, present)
