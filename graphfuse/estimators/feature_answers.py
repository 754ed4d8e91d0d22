"""Inside a modality: what each of its columns adds to what a fitted classifier says by this modality alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..data import ModalityBatch
from ..data.frames import is_frame
from ..explanations.features import along_a_path, by_asking, linear_terms
from ..explanations.reference_rows import ReferenceRows
from ..explanations.subset_answers import log_odds
from ..fusion import GraphFusion
from ..learning import EncoderEnsemble
from ..learning.cross_fit import log_density_ratio_along
from .base import encoded
from .inputs import encoder_inputs
from .module_encoder import ModuleEncoder

_MOST_EXAMPLES = 100  # training rows whose inputs are kept, of a modality
_FEWEST_EXAMPLES, _MOST_VALUES = 10, 2**20  # rows that are kept however wide, and numbers beyond them
_NODES = (8, 16, 32, 64, 128)  # of the path, until no row misses more than this of the whole difference
_GAP = 1e-10


class ModalityAlone(nn.Module):
    """Log-probabilities of rows that show one modality, by what its experts say, as scores or from the beginning.

    Args:
        model: The graph over scores.
        target: Its target.
        encoders: By source that reads the modality and has a say, its fitted encoders.
        modality: Its name.
    """

    def __init__(self, model: GraphFusion, target: str, encoders: Mapping[str, EncoderEnsemble], modality: str) -> None:
        super().__init__()
        self.graph, self.target, self.encoders, self.modality = model, target, encoders, modality
        self.num_states = model.targets[target].num_states

    def of_scores(self, scored: ModalityBatch) -> Tensor:
        """Log-probabilities ``(rows, num_states)`` of the scores of the experts."""
        nothing = torch.zeros(len(scored), self.num_states, dtype=torch.float64)
        nobody = torch.zeros(len(scored), dtype=torch.bool)
        others = [name for name in self.graph.modalities if name not in scored.inputs]
        inputs = {**scored.inputs, **dict.fromkeys(others, nothing)}
        return self.graph(ModalityBatch(inputs, {**scored.present, **dict.fromkeys(others, nobody)}))[self.target]

    def of_probabilities(self, probabilities: Mapping[str, Tensor]) -> Tensor:
        """As ``of_scores``, of what each member of each expert says ``(members, rows, num_states)``."""
        scores = {
            name: log_density_ratio_along(each.mean(0), torch.from_numpy(self.encoders[name].prior))
            for name, each in probabilities.items()
        }
        return self.of_scores(ModalityBatch(scores))

    def log_odds(self, batch: ModalityBatch, state: int) -> np.ndarray:
        """Log-odds ``(rows,)`` of values; a row without any shows nothing."""
        modality_of = dict.fromkeys(self.encoders, self.modality)
        scored = encoded(batch, self.encoders, EncoderEnsemble.scores, self.num_states, modality_of)
        with torch.no_grad():
            return log_odds(self.of_scores(scored).numpy(), state)

    def forward(self, inputs: Tensor) -> Tensor:
        """As logits, where all encoders are torch modules, of ``(rows, *features)``; ``nan`` where one says ``nan``."""
        said = {}
        for name, ensemble in self.encoders.items():
            said[name] = torch.stack([_said(member.module_, inputs) for member in ensemble.members])
        unread = torch.stack([each.isnan().any(-1).any(0) for each in said.values()]).any(0)
        return torch.where(unread[:, None], torch.nan, self.of_probabilities(said))


def explained_features(
    alone: ModalityAlone,
    batch: ModalityBatch,
    examples: ModalityBatch,
    state: int,
    generator: torch.Generator,
    num_pairs: int,
) -> tuple[np.ndarray, np.ndarray]:
    """What each column of rows that have the modality adds to their log-odds, and standard errors, of sampled ones.

    Both ``(rows, columns)``.

    Args:
        alone: The modality alone.
        batch: Rows that have it.
        examples: Rows to compare with, which have it too.
        state: Position of the state.
        generator: Source of orders and rows.
        num_pairs: Orders, in pairs, where columns are sampled.
    """
    members = [member for each in alone.encoders.values() for member in each.members]
    modality = alone.modality
    whole = batch.inputs[modality]
    if not is_frame(whole) and whole.is_floating_point() and all(isinstance(each, ModuleEncoder) for each in members):
        found = along_a_path(alone, whole.double(), examples.inputs[modality].double(), state)
        return found, np.zeros_like(found)
    inputs, others = (encoder_inputs(each, modality, flat=True) for each in (batch, examples))
    exact = _along_terms(alone, inputs, others, state)
    if exact is not None:
        return exact, np.zeros_like(exact)

    def ask(mixed: Any) -> np.ndarray:
        if not is_frame(whole):
            numbers = torch.tensor(np.asarray(mixed))
            mixed = numbers.reshape(len(numbers), *whole.shape[1:])
        return alone.log_odds(ModalityBatch({modality: mixed}, columns=batch.columns), state)

    return by_asking(ask, inputs, others, generator, num_pairs)


def feature_names(batch: ModalityBatch, modality: str) -> list[Any]:
    """What the columns of a modality are called; the modality itself names a single value, positions the rest."""
    values = batch.inputs[modality]
    if is_frame(values):
        return list(values.columns)
    if modality in batch.columns:
        return list(batch.columns[modality])
    return list(range(values[0].numel())) if values.ndim > 1 else [modality]


def _along_terms(alone: ModalityAlone, inputs: Any, others: Any, state: int) -> np.ndarray | None:
    """The values of Aumann and Shapley from the mean terms of the others; None if an encoder is not linear."""
    terms, base, constants, owners = [], [], [], []
    for name, ensemble in alone.encoders.items():
        for member in ensemble.members:
            here, there = linear_terms(member, inputs), linear_terms(member, others)
            if alone.num_states != 2 or list(member.classes_) != [0, 1] or here is None or there is None:
                return None
            terms.append(here[0])
            base.append(there[0].mean(0))
            constants.append(here[1])
            owners.append(name)
    changes = np.stack(terms) - np.stack(base)[:, None]  # (members, rows, columns)
    start = torch.from_numpy(np.array(constants) + np.stack(base).sum(1))[:, None]
    whole = torch.from_numpy(changes.sum(2))

    def odds(said: Tensor) -> Tensor:
        second = said.sigmoid()
        both = torch.stack([1 - second, second], dim=-1)
        places = {name: [i for i, owner in enumerate(owners) if owner == name] for name in alone.encoders}
        log_probs = alone.of_probabilities({name: both[which] for name, which in places.items()})
        return log_probs[:, state] - log_probs[:, 1 - state]

    with torch.no_grad():
        difference = odds(start + whole) - odds(start + 0 * whole)
    found = np.zeros(changes.shape[1:])
    for num_nodes in _NODES:
        slopes = torch.zeros_like(whole)
        for node, weight in zip(*np.polynomial.legendre.leggauss(num_nodes), strict=True):
            at = (start + (node + 1) / 2 * whole).requires_grad_()
            slopes += weight / 2 * torch.autograd.grad(odds(at).sum(), at)[0]
        found = (slopes.numpy()[:, :, None] * changes).sum(0)
        if float(np.abs(found.sum(1) - difference.numpy()).max(initial=0.0)) <= _GAP:
            break
    return found


def _said(module: nn.Module, inputs: Tensor) -> Tensor:
    """Probabilities ``(rows, num_states)`` of a module, in the precision of its own parameters."""
    like = next(module.parameters(), inputs)
    return module(inputs.to(like.device, like.dtype)).to(inputs.device, torch.float64).softmax(-1)


def kept_examples(
    batch: ModalityBatch, states: np.ndarray, target: str, weights: np.ndarray | None
) -> dict[str, ModalityBatch]:
    """By modality, a hundred of the rows that have it, evenly spaced within their classes; fewer of wide ones."""
    found = {}
    for name in batch.modalities:
        has = np.flatnonzero(batch.present[name].numpy())
        if not len(has):
            continue
        places = ModalityBatch({"row": has}, targets={target: torch.from_numpy(states[has])})
        width = int(np.prod(batch.inputs[name].shape[1:]))
        wanted = min(_MOST_EXAMPLES, max(_FEWEST_EXAMPLES, _MOST_VALUES // max(1, width)))
        kept = ReferenceRows.of(places, target, None if weights is None else weights[has]).thinned(wanted)
        found[name] = batch.select([name])[kept.batch.inputs["row"]]
    return found
