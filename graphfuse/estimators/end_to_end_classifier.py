"""End-to-end training for scikit-learn users: networks read raw modalities, a graph fuses them, all learn together."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any
from warnings import warn

import numpy as np
import torch
from torch import Tensor, nn

from ..checks import check_count, check_known, check_type, invalid
from ..data import ModalityBatch, random_subsets
from ..data.frames import is_frame
from ..encoders import MLP
from ..fusion import FusionModel, GraphFusion
from ..fusion.ensemble import Ensemble
from ..graph import FactorGraph, star
from ..learning import FitSettings, every_subset_nll, fit, random_subset_nll
from ..learning.fit import History
from ..learning.folds import stratified_folds
from .base import TARGET, FusionEstimator, draw_seed
from .inputs import Modalities
from .network_inputs import NetworkInputs
from .neural_graphs import neural_graph, with_prior_of
from .score_graphs import Structure, checked_graph
from .weighted_rows import PLACE, WeightedRows

_MOST_SUMMED = 5  # modalities, up to which the objective is the exact mean over all subsets
_SUBSETS_PER_ROW = 4  # under which a row held out is seen, the same in every epoch
_HIDDEN, _DROPOUT = (32,), 0.2  # of the ready networks
_DEFAULT = FitSettings(60, 64, 2e-3, 1e-2, validation_fraction=0.2, patience=15)
_ROWS_AT_ONCE = 4096


class EndToEndClassifier(FusionEstimator):
    """A classifier whose networks read raw modalities and are trained together, through inference on a factor graph.

    Every modality fills the factor of its name. Training minimizes the mean negative log-likelihood over all subsets of
    the modalities of every row, exactly up to five modalities, else over subsets drawn at each step; so each network
    also learns to stand alone, and rows may miss anything. A part of the training rows is held out to choose the epoch.
    A row without any modality gets the class frequencies.

    ``FusionClassifier`` fits its encoders one by one and learns how far they say the same; here they make up among
    themselves who says what. ``ValidatedChoice`` says which of the two serves better.

    Args:
        modalities: As for ``FusionClassifier``.
        encoders: By modality a torch module to logits, ``(rows, *features)`` to ``(rows, num_classes)``; or a function
            without arguments that makes one, called once for each member. A module reads values as they are, a copy is
            trained, and its parameters are where training starts. In a structure whose factor is over other variables,
            it returns one number per entry of the factor's table. Tables left out, and all if None, get a small MLP of
            their own: numbers are scaled by the rows that are trained on, gaps marked, categories one-hot, and columns
            of strings of several words, most of them different, become counts of words. One module, or function, that
            is not in a dict serves every modality, in a copy each.
        structure: As for ``FusionClassifier``; a ``star`` by default.
        settings: How to train. ``validation_fraction`` is about the share of the rows that is held out, stratified, to
            choose the epoch by; with 0, or where none can be held out, the last epoch is kept. If None, at most 60
            epochs in batches of 64, a fifth held out, and a patience of 15.
        num_members: How many times to train, from different seeds; the answer is the mean of the probabilities.
        random_state: Seed of the part held out, of first weights of ready networks and of those that functions make,
            of the order of the rows, of subsets, and of layers that draw.

    Attributes:
        classes_: The labels.
        modalities_: Names of the modalities.
        inputs_: What makes tensors of the modalities, the fitted ``NetworkInputs``.
        graph_: The factor graph.
        model_: The fitted ``GraphFusion`` over these tensors, in evaluation mode; an ``Ensemble`` of several members.
        held_out_: Which training rows chose the epoch, bool; of those with positive weight.
        histories_: By member the objective and the score of every epoch.
        prior_: The class frequencies, by the weights of rows.

    Example:
        >>> from functools import partial
        >>> from graphfuse.encoders import CNN
        >>> y = np.arange(60) % 2
        >>> image = y[:, None, None, None] * np.tri(6) + np.random.default_rng(0).normal(size=(60, 1, 6, 6))
        >>> X = {"image": image, "blood": y[:, None] + np.random.default_rng(1).normal(size=(60, 2))}
        >>> model = EndToEndClassifier(encoders={"image": partial(CNN, 1, 2)}, random_state=0).fit(X, y)
        >>> model.predict([{"image": np.tri(6)[None]}, {"image": 0 * np.tri(6)[None]}])
        array([1, 0])
        >>> model.predict_proba([{}])
        array([[0.5, 0.5]])

    Reference: Lafferty, McCallum and Pereira (2001), Conditional random fields; Wu and Goodman (2018), section 2.2, on
    subsets; Lakshminarayanan, Pritzel and Blundell (2017), on deep ensembles.
    """

    def __init__(
        self,
        modalities: Modalities = None,
        encoders: Any = None,
        structure: Structure = star,
        settings: FitSettings | None = None,
        num_members: int = 1,
        random_state: Any = None,
    ) -> None:
        self.modalities = modalities
        self.encoders = encoders
        self.structure = structure
        self.settings = settings
        self.num_members = num_members
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None) -> EndToEndClassifier:
        """Train the networks together; torch's global source of randomness is left as it was.

        Args:
            X: As for ``FusionClassifier``.
            y: One label per row, of at least two classes.
            sample_weight: How much each row counts in the objective, in the choice of the epoch and in the class
                frequencies, at least 0 ``(rows,)``; only ratios matter. Rows of weight zero are left out. Tables are
                scaled by rows that count alike.
            groups: What each row belongs to ``(rows,)``, such as a person with several visits; the epoch is chosen by
                rows whose groups were not trained on.

        Returns:
            The estimator itself.

        Raises:
            ValueError: As for ``FusionClassifier``; or if a modality that is no table has no encoder, or an encoder
                does not fit its modality or its factor.
            TypeError: If an encoder is neither a torch module nor a function that makes one, or settings are none.
            FloatingPointError: If training diverges.
        """
        return self._fit(X, y, sample_weight, groups)

    def _fit_model(
        self,
        batch: ModalityBatch,
        states: np.ndarray,
        generator: torch.Generator,
        sample_weight: np.ndarray | None = None,
        groups: np.ndarray | None = None,
    ) -> FusionModel:
        check_count("num_members", self.num_members)
        settings = _DEFAULT if self.settings is None else self.settings
        check_type("settings", settings, FitSettings, "be a FitSettings, or None")
        self.graph_: FactorGraph = checked_graph(self.structure, self._target(), self.modalities_)
        given = self._given(batch)
        self.held_out_ = _held_out(states, settings.validation_fraction, draw_seed(generator), groups)
        self._heard = _heard(batch, states, ~self.held_out_)
        tables = [name for name, encoder in given.items() if encoder is None]
        dtypes = {name: _dtype(name, encoder) for name, encoder in given.items() if encoder is not None}
        self.inputs_ = NetworkInputs.learn(batch[~self.held_out_], tables, dtypes)
        targets = {TARGET: torch.from_numpy(states), PLACE: torch.arange(len(states))}
        read = self._encode(batch)
        rows = ModalityBatch(read.inputs, read.present, targets)
        members = [self._member(rows, given, settings, generator, sample_weight) for _ in range(self.num_members)]
        self.histories_ = tuple(history for _, history in members)
        models = [model for model, _ in members]
        return models[0] if len(models) == 1 else Ensemble(*models)

    def _member(
        self,
        rows: ModalityBatch,
        given: Mapping[str, Any],
        settings: FitSettings,
        generator: torch.Generator,
        sample_weight: np.ndarray | None,
    ) -> tuple[GraphFusion, History]:
        """One training from a seed of its own."""
        own = torch.Generator().manual_seed(draw_seed(generator))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(draw_seed(own))
            encoders = {
                name: self._ready(name, rows) if encoder is None else _made(name, encoder)
                for name, encoder in given.items()
            }
        model = neural_graph(self.graph_, self._target(), encoders, self.prior_, own)
        held = np.flatnonzero(self.held_out_)
        judged = random_subsets(rows[np.tile(held, _SUBSETS_PER_ROW)], own) if len(held) else None
        trained: FusionModel = model
        if sample_weight is not None:
            trained = WeightedRows(model, torch.from_numpy(sample_weight))
        objective = every_subset_nll if len(given) <= _MOST_SUMMED else random_subset_nll
        settings = replace(settings, validation_fraction=0.0)
        history = fit(trained, rows[~self.held_out_], objective, own, settings, judged)
        return with_prior_of(model, TARGET, self.prior_).eval(), history

    def _encode(self, batch: ModalityBatch) -> ModalityBatch:
        found = self.inputs_(batch)
        silent = torch.zeros(len(batch), dtype=torch.bool)
        return found.keep({name: silent for name in found.modalities if name not in self._heard})

    def _log_probs(self, batch: ModalityBatch) -> Tensor:
        parts = np.split(np.arange(len(batch)), range(_ROWS_AT_ONCE, len(batch), _ROWS_AT_ONCE))
        return torch.cat([self.model_(self._encode(batch[rows]))[TARGET] for rows in parts])

    def _ready(self, name: str, rows: ModalityBatch) -> nn.Module:
        return MLP(rows.inputs[name].shape[1], self.graph_.size(self.graph_.scopes[name]), _HIDDEN, _DROPOUT)

    def _given(self, batch: ModalityBatch) -> dict[str, Any]:
        """By modality a module, or what makes one; None where a ready network reads a table."""
        given, each = self.encoders, isinstance(self.encoders, Mapping)
        for name in given if each else ():
            check_known("each modality in encoders", name, self.modalities_)
        found = {name: given.get(name) if each else given for name in self.modalities_}
        for name, encoder in found.items():
            argument, values = f"encoders[{name!r}]" if each else "encoders", batch.inputs[name]
            if encoder is None and values.ndim > 2:
                must = f"hold a torch module for modality {name!r}, which is no table (graphfuse.encoders has some)"
                raise invalid("encoders", must, f"none for values of shape {tuple(values.shape[1:])} per row")
            if encoder is not None and not callable(encoder):  # a module is callable
                raise invalid(argument, "be a torch module, or a function that makes one", repr(encoder), TypeError)
            if encoder is not None and is_frame(values):
                must = f"leave modality {name!r}, which holds text or categories, to a ready network"
                raise invalid("encoders", must, type(encoder).__name__)
        return found


def _made(name: str, encoder: Any) -> nn.Module:
    """A module to train: a copy of the one given, or one that the function makes."""
    if isinstance(encoder, nn.Module):
        return deepcopy(encoder)
    found = encoder()
    check_type(f"the result of encoders[{name!r}]", found, nn.Module, "be a torch module")
    assert isinstance(found, nn.Module)
    return found


def _dtype(name: str, encoder: Any) -> torch.dtype:
    """What floating-point values become for an encoder to read them."""
    with torch.random.fork_rng(devices=[]):
        module = encoder if isinstance(encoder, nn.Module) else _made(name, encoder)
    return next((each.dtype for each in module.parameters() if each.is_floating_point()), torch.float32)


def _held_out(states: np.ndarray, fraction: float, seed: int, groups: np.ndarray | None) -> np.ndarray:
    """Which rows choose the epoch, bool ``(rows,)``; the others show every class."""
    if not fraction:
        return np.zeros(len(states), dtype=bool)
    fold = stratified_folds(states, max(2, round(1 / fraction)), seed, groups)
    return (fold == 0) & (fold.max() > 0)


def _heard(batch: ModalityBatch, states: np.ndarray, trained: np.ndarray) -> frozenset[str]:
    """The modalities of which the rows that are trained on show two classes; a warning names the others."""
    rows = {name: trained & mask.numpy() for name, mask in batch.present.items()}
    found = frozenset(name for name, mask in rows.items() if len(np.unique(states[mask])) > 1)
    for name in rows:
        if name not in found:
            count = rows[name].sum()
            told = f"modality {name!r} says nothing: its {count} rows show fewer than two classes. "
            warn(told + "Leave it out, or fit to rows of other classes that have it.", stacklevel=5)
    return found
