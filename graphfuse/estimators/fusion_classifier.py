"""Graph fusion for scikit-learn users: cross-fitted encoders on a factor graph, any subset of modalities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from typing import Any

import numpy as np
import torch
from torch import nn

from ..checks import check_type, invalid, listed
from ..data import ModalityBatch, random_subsets
from ..fusion import FusionModel, GraphFusion
from ..graph import Factor, FactorGraph, Variable, star
from ..learning import EncoderEnsemble, cross_fit, map_estimate
from ..potentials import NeuralPotential, Potential, ScorePotential, TablePotential
from .base import TARGET, FusionEstimator, draw_seed, encoded
from .inputs import Modalities, encoder_inputs
from .module_encoder import ModuleEncoder

Structure = FactorGraph | Callable[[Variable, Sequence[str]], FactorGraph] | None

_NUM_FOLDS = 5
_SUBSETS_PER_ROW = 16  # random subsets of its modalities under which each training row is seen
_MAX_ROWS = 200_000  # rows times subsets that one fit of the fusion reads


class FusionClassifier(FusionEstimator):
    """A classifier that fuses modalities by exact inference on a factor graph; rows may miss anything.

    Every modality's encoder is cross-fitted, so that each training row is scored by encoders that never saw it. The
    scores, log density ratios log p(y | x) - log p(y), fill one factor per modality; the weights of the factors, and
    the tables of all other factors, are set by the exact conditional likelihood of the labels given random subsets of
    the modalities. A missing modality multiplies by one; a row without any gets the class frequencies.

    Args:
        modalities: By modality its columns: names where X is a DataFrame, positions where X is an array. None takes
            the first level of the columns where there are several levels, else the keys of a dict X, else one modality
            of all columns. Names select and order the modalities where X is a dict or a ModalityBatch.
        encoders: A scikit-learn classifier or a torch module (to logits, one per class) for all modalities, or a dict
            by modality; those left out, and all if None, get ``TabularEncoder``. Only clones are fitted. Absent rows
            are never shown to an encoder; missing cells of present rows reach it as NaN, or, where a classifier refuses
            NaN, as the mean beside an indicator.
        structure: A graph with a variable ``"target"``, one state per class, and a factor named after every modality;
            or a function that makes it of the target variable and the names of the modalities. ``star`` if None. A
            graph in which the target has modalities only gets a prior beside them.
        random_state: Seed of folds and subsets, and of encoders that draw and have no seed of their own.

    Attributes:
        classes_: The labels.
        modalities_: Names of the modalities.
        graph_: The factor graph.
        model_: The fitted ``GraphFusion`` over scores.
        encoders_: By modality, its fitted ``EncoderEnsemble``.
        weights_: By modality whose factor is over one variable with a state per class, the weight of its scores: 1
            takes them at their word, less takes back what others say too.
        prior_: The class frequencies.

    Example:
        >>> import pandas as pd
        >>> X = pd.DataFrame({"glucose": [5.1, None, 9.2, 8.8] * 5, "pulse": [70, 75, None, 92] * 5})
        >>> y = ["well", "well", "ill", "ill"] * 5
        >>> groups = {"laboratory": ["glucose"], "vitals": ["pulse"]}
        >>> FusionClassifier(groups, random_state=0).fit(X, y).predict(X[:3])
        array(['well', 'well', 'ill'], dtype='<U4')
    """

    def __init__(
        self,
        modalities: Modalities = None,
        encoders: Any = None,
        structure: Structure = None,
        random_state: Any = None,
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.structure = structure
        self.random_state = random_state

    def _fit_model(self, batch: ModalityBatch, states: np.ndarray, generator: torch.Generator) -> FusionModel:
        self.graph_ = self._graph()
        encoders, seed = self._unfitted_encoders(generator), draw_seed(generator)
        scores, self.encoders_ = {}, {}
        for name in sorted(self.modalities_):  # whatever is drawn does not depend on how the modalities were listed
            inputs = encoder_inputs(batch, name, flat=not isinstance(encoders[name], ModuleEncoder))
            scores[name], self.encoders_[name] = cross_fit(
                encoders[name],
                inputs,
                states,
                batch.present[name].numpy(),
                len(self.classes_),
                _NUM_FOLDS,
                torch.Generator().manual_seed(seed),
                name,
            )
        present = {name: batch.present[name] for name in scores}
        scored = ModalityBatch(scores, present, targets={TARGET: torch.from_numpy(states)})
        model = self._untrained(generator).double()
        self._set_prior(model)
        copies = max(1, min(_SUBSETS_PER_ROW, _MAX_ROWS // len(scored)))
        rows = np.tile(np.arange(len(scored)), copies)
        map_estimate(model, random_subsets(scored[rows], generator), num_rows=len(scored))
        self._set_prior(model)
        weighted = {name: p for name, p in model.potential_of.items() if isinstance(p, ScorePotential)}
        self.weights_ = {name: float(weighted[name].log_weight.detach().exp()) for name in weighted}
        return model

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        return encoded(batch, self.encoders_, EncoderEnsemble.scores, len(self.classes_))

    def _graph(self) -> FactorGraph:
        graph = star if self.structure is None else self.structure
        if not isinstance(graph, FactorGraph):
            if not callable(graph):
                raise invalid("structure", "be a FactorGraph or a function that makes one", repr(graph), TypeError)
            graph = graph(self._target(), list(self.modalities_))
            check_type("the result of structure", graph, FactorGraph, "be a FactorGraph")
        if graph.num_states.get(TARGET) != len(self.classes_):
            raise invalid(
                "structure",
                f"have a variable {TARGET!r} with {len(self.classes_)} states, one per class",
                f"variables {graph.num_states}",
            )
        states = next(variable.states for variable in graph.variables if variable.name == TARGET)
        if states is not None and states != tuple(str(label) for label in self.classes_):
            must = f"name the states of {TARGET!r} as the sorted labels of y, {listed(self.classes_.tolist())}"
            raise invalid("structure", must, listed(states))
        absent = [name for name in self.modalities_ if name not in graph.scopes]
        if absent:
            raise invalid("structure", "have a factor named after every modality", f"none for {listed(absent)}")
        if any(TARGET in scope and name not in self.modalities_ for name, scope in graph.scopes.items()):
            return graph
        prior = "prior"
        while prior in graph.scopes:
            prior += "_"
        return FactorGraph(graph.variables, [*graph.factors, Factor(prior, (TARGET,))])

    def _untrained(self, generator: torch.Generator) -> GraphFusion:
        scopes = sorted(self.graph_.scopes.items())  # in an order that does not depend on that of the modalities
        potentials = {name: self._potential(name, scope, generator) for name, scope in scopes}
        return GraphFusion(self.graph_, potentials, [TARGET])

    def _potential(self, name: str, scope: tuple[str, ...], generator: torch.Generator) -> Potential:
        """The potential of a factor where training starts."""
        shape, num_classes = self.graph_.shape(scope), len(self.classes_)
        if name in self.modalities_ and shape == (num_classes,):
            return ScorePotential(num_classes, name)
        if name in self.modalities_:
            linear = nn.Linear(num_classes, self.graph_.size(scope), bias=False, dtype=torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.randn(linear.weight.shape, generator=generator, dtype=torch.float64))
            return NeuralPotential(linear, shape, name)
        if scope == (TARGET,):
            return TablePotential(torch.zeros(shape, dtype=torch.float64)).requires_grad_(False)
        start = 0.1 * torch.randn(shape, generator=generator, dtype=torch.float64)
        if TARGET in scope and shape == (num_classes, num_classes):  # a reading of the target, right nine times in ten
            start = start + log(9.0 * (num_classes - 1)) * torch.eye(num_classes, dtype=torch.float64)
        return TablePotential(start)

    def _set_prior(self, model: GraphFusion) -> None:
        """Shift a constant table of the target so that without any modality the target has the class frequencies."""
        for name, potential in model.potential_of.items():
            scope = self.graph_.scopes[name]
            if TARGET in scope and isinstance(potential, TablePotential):
                nothing = torch.zeros(1, len(self.classes_), dtype=torch.float64)
                silent = ModalityBatch(
                    dict.fromkeys(self.modalities_, nothing), dict.fromkeys(self.modalities_, torch.tensor([False]))
                )
                with torch.no_grad():
                    shift = torch.from_numpy(np.log(self.prior_)) - model(silent)[TARGET][0]
                    others = [1] * (len(scope) - scope.index(TARGET) - 1)
                    potential.log_values.add_(shift.reshape(-1, *others))
                return
