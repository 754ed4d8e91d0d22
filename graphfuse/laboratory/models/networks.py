"""Every fusion network of the library at one small size, over one MLP per modality."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from ...data import ModalityBatch, random_subsets
from ...encoders import MLP
from ...fusion import (
    AttentionFusion,
    AveragingFusion,
    DempsterFusion,
    EarlyFusion,
    EmbraceNet,
    FusionModel,
    GraphFusion,
    JointNetwork,
    LogarithmicPool,
    LowRankFusion,
    MeanPool,
    MixtureOfExperts,
    MultimodalVAE,
    PatternSubmodels,
    ProductOfExperts,
    SparseExpertsFusion,
)
from ...graph import Variable, star
from ...learning import EvidentialLoss, RoutedNLL, SubsampledELBO, random_subset_nll
from ...learning.objectives import Objective
from ...potentials import NeuralPotential, Potential, TablePotential
from .base import ModelEntry
from .trained_network import MakeNetwork, TrainedNetwork

WIDTH, HIDDEN = 32, (32,)
MOST_PATTERNS = 3  # modalities of which every pattern gets a submodel of its own

Sizes = Mapping[str, int]
Made = tuple[FusionModel, Objective]


def _readers(sizes: Sizes, num_outputs: int) -> dict[str, nn.Module]:
    """By modality, an MLP that reads gaps."""
    return {name: MLP(size, num_outputs, HIDDEN, dropout=0.2) for name, size in sizes.items()}


def _under_gaps(objective: Objective) -> Objective:
    """The objective on a random subset of the modalities of each row."""

    def under_gaps(model: FusionModel, batch: ModalityBatch, generator: torch.Generator) -> Tensor:
        return objective(model, random_subsets(batch, generator), generator)

    return under_gaps


def _graph(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    shape = (target.num_states,)
    encoders = _readers(sizes, target.num_states)
    potentials: dict[str, Potential] = {name: NeuralPotential(encoders[name], shape, name) for name in encoders}
    graph = star(target, list(sizes))
    potentials["prior"] = TablePotential(prior.log())
    return GraphFusion(graph, potentials, [target.name]), random_subset_nll


def _early(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    encoder = MLP(sum(sizes.values()), target.num_states, (64,), dropout=0.2)
    return EarlyFusion(encoder, list(sizes), target), random_subset_nll


def _pooled(kind: Any) -> MakeNetwork:
    def make(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
        return kind(_readers(sizes, target.num_states), target, prior), random_subset_nll

    return make


def _evidential(kind: Any) -> MakeNetwork:
    def make(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
        objective = _under_gaps(EvidentialLoss(divergence_weight=0.1))
        return kind(_readers(sizes, target.num_states), target, prior), objective

    return make


def _joint(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    widths = dict.fromkeys(sizes, WIDTH)
    return JointNetwork(_readers(sizes, WIDTH), widths, target, hidden_size=64), random_subset_nll


def _mixture(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    return MixtureOfExperts(_readers(sizes, WIDTH), WIDTH, target), random_subset_nll


def _attention(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    return AttentionFusion(_readers(sizes, WIDTH), WIDTH, target), random_subset_nll


def _embrace(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    return EmbraceNet(_readers(sizes, WIDTH), dict.fromkeys(sizes, WIDTH), target, 64), random_subset_nll


def _low_rank(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    return LowRankFusion(_readers(sizes, WIDTH), dict.fromkeys(sizes, WIDTH), target), random_subset_nll


def _autoencoder(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    latent = 16
    decoders = {
        name: nn.Sequential(nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, size)) for name, size in sizes.items()
    }
    classifier = nn.Linear(latent, target.num_states)
    model = MultimodalVAE(_readers(sizes, 2 * latent), decoders, classifier, latent, target)
    return model, SubsampledELBO(target_weight=float(sum(sizes.values())))


def _sparse(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    return SparseExpertsFusion(_readers(sizes, WIDTH), WIDTH, target), _under_gaps(RoutedNLL())


def _patterns(target: Variable, sizes: Sizes, prior: Tensor) -> Made:
    """A submodel for every pattern of a few modalities, else for all and for each alone."""
    counts = range(1, len(sizes) + 1) if len(sizes) <= MOST_PATTERNS else (1, len(sizes))
    kept = [pattern for count in counts for pattern in combinations(sizes, count)]
    submodels: dict[Collection[str], FusionModel] = {
        pattern: _early(target, {name: sizes[name] for name in pattern}, prior)[0] for pattern in kept
    }
    return PatternSubmodels(submodels, list(sizes), _early(target, sizes, prior)[0]), random_subset_nll


def _entry(caption: str, make: MakeNetwork, seconds: float) -> ModelEntry:
    return ModelEntry(caption, lambda cache: TrainedNetwork(make), seconds)


MODELS = {
    "neural-graph": _entry("graph over a small network per modality, trained end to end", _graph, 3.0),
    "neural-early": _entry("one small network over all columns", _early, 1.3),
    "neural-mean-pool": _entry("mean of the probabilities of a network per modality", _pooled(MeanPool), 2.0),
    "neural-log-pool": _entry("geometric mean of a network per modality", _pooled(LogarithmicPool), 2.0),
    "product-of-experts": _entry("product of a network per modality, trained jointly", _pooled(ProductOfExperts), 2.0),
    "mixture-of-experts": _entry("networks weighted by a gate that sees what is present", _mixture, 2.2),
    "joint-network": _entry("joined features, learned ones in place of a missing modality", _joint, 1.7),
    "attention": _entry("features pooled by attention over the present modalities", _attention, 3.0),
    "embrace-net": _entry("each feature from a modality drawn among the present", _embrace, 1.7),
    "low-rank-tensor": _entry("products of features of all modalities, of low rank", _low_rank, 1.8),
    "multimodal-vae": _entry("variational autoencoder of all modalities with a classifier", _autoencoder, 6.0),
    "dempster": _entry("evidence of a network per modality, by Dempster's rule", _evidential(DempsterFusion), 4.0),
    "averaging-opinions": _entry("evidence of a network per modality, averaged", _evidential(AveragingFusion), 4.0),
    "sparse-experts": _entry("few of several experts for each row, routed by its features", _sparse, 4.0),
    "pattern-submodels": _entry("a network for every pattern of present modalities", _patterns, 5.0),
}
