"""The experts of one of several targets: what each says of rows that it was not fitted to, and of new rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from torch import Tensor

from ..checks import check_known, invalid
from ..data import ModalityBatch
from ..fusion import FusionModel
from ..learning import EncoderEnsemble, cross_fit
from .base import FusionEstimator, draw_seed, encoded
from .experts import default_experts, shape_of
from .inputs import encoder_inputs
from .joint_expert import JointExpert, cross_fit_jointly, readable
from .module_encoder import ModuleEncoder
from .score_graphs import independent_scores
from .tabular_encoder import TabularEncoder

_NUM_FOLDS = 5
ALL_COLUMNS = "all columns"  # the expert that reads the columns of several modalities side by side


class TargetExperts(FusionEstimator):
    """A classifier of one target alone, the product of its experts, that keeps what they say out of fold.

    Args:
        encoders: As for ``FusionClassifier``; those left out are linear, a ``TabularEncoder``.
        joint_encoder: A classifier that reads the columns of all tables side by side; ``"default"`` is a linear one
            where several modalities are tables without encoders of their own, None is none.
        subsets: By modality, which training rows keep it, bool ``(rows,)``, one mapping a subset; the first are the
            rows as they came.
        several: Whether a modality without an encoder gets experts of several kinds, as for ``FusionClassifier``, and
            not a linear one alone.
        random_state: Seed of folds.

    Attributes:
        encoders_: By source, its fitted ``EncoderEnsemble``.
        sources_: By source that reads one modality, which.
        joint_: The fitted ``JointExpert``; None if there is none.
        scored_: The training rows under each subset: by source out-of-fold scores ``(rows, num_classes)`` in nats.
    """

    def __init__(
        self,
        encoders: Any = None,
        joint_encoder: Any = "default",
        subsets: Sequence[Mapping[str, Tensor]] = (),
        random_state: Any = None,
        several: bool = False,
    ) -> None:
        self.modalities = None
        self.encoders = encoders
        self.joint_encoder = joint_encoder
        self.subsets = subsets
        self.random_state = random_state
        self.several = several

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> TargetExperts:
        """Fit the experts; the arguments are those of ``FusionClassifier.fit``."""
        return self._fit(X, y, sample_weight, groups)

    def say(self, batch: ModalityBatch) -> ModalityBatch:
        """What every source says of rows with the modalities of fit, ``(rows, num_classes)`` in nats."""
        scored = encoded(batch, self.encoders_, EncoderEnsemble.scores, len(self.classes_), self.sources_)
        return scored if self.joint_ is None else _beside(scored, *self.joint_.scores(batch))

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        return self.say(batch)

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> FusionModel:
        experts, seed = self._unfitted_experts(batch, generator), draw_seed(generator)
        scores, present, self.encoders_, self.sources_ = {}, {}, {}, {}
        for (source, modality), encoder in sorted(experts.items(), key=lambda item: item[0]):
            scores[source], self.encoders_[source] = cross_fit(
                encoder,
                encoder_inputs(batch, modality, flat=not isinstance(encoder, ModuleEncoder)),
                states,
                batch.present[modality].numpy(),
                len(self.classes_),
                _NUM_FOLDS,
                torch.Generator().manual_seed(seed),
                modality,
                sample_weight,
                groups,
            )
            self.sources_[source] = modality
            present[source] = batch.present[modality] & bool(self.encoders_[source].members)
        kept = [dict(batch.present), *self.subsets[1:]]
        scored = ModalityBatch(scores, present)
        self.scored_ = [scored.keep({name: each[read] for name, read in self.sources_.items()}) for each in kept]
        self.joint_: JointExpert | None = None
        encoder, names = self._all_columns(batch, draw_seed(generator))
        if encoder is not None and np.bincount(states).min() > 1:
            masks = [{name: each[name] for name in names} for each in kept]
            tables, num_classes = batch.select(names), len(self.classes_)
            said, speaks, self.joint_ = cross_fit_jointly(
                encoder, tables, states, masks, num_classes, _NUM_FOLDS, generator, sample_weight, groups
            )
            self.scored_ = [_beside(*each) for each in zip(self.scored_, said, speaks, strict=True)]
        return independent_scores(self._target(), self.scored_[0].modalities)

    def _unfitted_experts(self, batch: ModalityBatch, generator: torch.Generator) -> dict[tuple[str, str], Any]:
        """By source and the modality that it reads, an unfitted classifier."""
        given = self.encoders if isinstance(self.encoders, Mapping) else dict.fromkeys(self.modalities_, self.encoders)
        for name in given:
            check_known("each modality in encoders", name, self.modalities_)
        seed, found = draw_seed(generator), {}
        for modality in self.modalities_:
            argument = f"encoders[{modality!r}]" if isinstance(self.encoders, Mapping) else "encoders"
            encoder = given.get(modality)
            if encoder is None and self.several:
                encoder = default_experts(shape_of(batch, modality), len(batch), len(self.classes_))
            if not isinstance(encoder, Mapping):
                found[modality, modality] = self._encoder(argument, encoder, [modality], seed)
                continue
            if not encoder:
                raise invalid(argument, "hold at least one classifier", "none")
            for name, expert in encoder.items():
                found[f"{modality}/{name}", modality] = self._encoder(f"{argument}[{name!r}]", expert, [modality], seed)
        return found

    def _all_columns(self, batch: ModalityBatch, seed: int) -> tuple[Any, tuple[str, ...]]:
        """The encoder that reads all columns, None if there is none, and the modalities that it reads."""
        names = readable(batch, sorted(self.modalities_))
        if isinstance(self.joint_encoder, str) and self.joint_encoder != "default":
            must = 'be "default", None for none, or a classifier with predict_proba'
            raise invalid("joint_encoder", must, repr(self.joint_encoder))
        if isinstance(self.joint_encoder, str):
            given = self.encoders if isinstance(self.encoders, Mapping) else dict.fromkeys(names, self.encoders)
            names = tuple(name for name in names if given.get(name) is None)
        if self.joint_encoder is None or len(names) < 2:
            return None, ()
        if isinstance(self.joint_encoder, str):
            return clone(TabularEncoder()), names
        return self._encoder("joint_encoder", self.joint_encoder, names, seed), names


def _beside(scored: ModalityBatch, scores: Tensor, speaks: Tensor) -> ModalityBatch:
    """Scored rows with one more source, the expert of all columns."""
    return ModalityBatch({**scored.inputs, ALL_COLUMNS: scores}, {**scored.present, ALL_COLUMNS: speaks})
