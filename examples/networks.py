"""Every fusion network of the library at one small size, over one MLP per modality: what the sweeps compare.

A maker takes the target, the number of columns of every modality and the class frequencies, and returns a model with
the objective to train it by. Nothing here is run by itself.
"""

from itertools import combinations

from torch import nn

import graphfuse as gf
from graphfuse.data import random_subsets
from graphfuse.encoders import MLP
from graphfuse.fusion import (
    AttentionFusion,
    AveragingFusion,
    DempsterFusion,
    EmbraceNet,
    JointNetwork,
    LowRankFusion,
    MixtureOfExperts,
    MultimodalVAE,
    PatternSubmodels,
    ProductOfExperts,
    SparseExpertsFusion,
)
from graphfuse.learning import EvidentialLoss, RoutedNLL, SubsampledELBO

WIDTH, HIDDEN = 32, (32,)
MOST_PATTERNS = 3  # modalities of which every pattern gets a submodel of its own


def readers(sizes, num_outputs):
    """By modality, an MLP that reads gaps."""
    return {name: MLP(size, num_outputs, HIDDEN, dropout=0.2) for name, size in sizes.items()}


def under_gaps(objective):
    """The objective on a random subset of the modalities of each row."""
    return lambda model, batch, generator: objective(model, random_subsets(batch, generator), generator)


def graph(target, sizes, prior):
    shape = (target.num_states,)
    encoders = readers(sizes, target.num_states)
    potentials = {name: gf.NeuralPotential(encoder, shape, name) for name, encoder in encoders.items()}
    potentials["prior"] = gf.TablePotential(prior.log())
    return gf.GraphFusion(gf.star(target, list(sizes)), potentials, [target.name]), gf.random_subset_nll


def early(target, sizes, prior):
    encoder = MLP(sum(sizes.values()), target.num_states, (64,), dropout=0.2)
    return gf.EarlyFusion(encoder, list(sizes), target), gf.random_subset_nll


def pooled(kind):
    def make(target, sizes, prior):
        return kind(readers(sizes, target.num_states), target, prior), gf.random_subset_nll

    return make


def evidential(kind):
    def make(target, sizes, prior):
        objective = EvidentialLoss(divergence_weight=0.1)
        return kind(readers(sizes, target.num_states), target, prior), under_gaps(objective)

    return make


def joint(target, sizes, prior):
    widths = dict.fromkeys(sizes, WIDTH)
    return JointNetwork(readers(sizes, WIDTH), widths, target, hidden_size=64), gf.random_subset_nll


def mixture(target, sizes, prior):
    return MixtureOfExperts(readers(sizes, WIDTH), WIDTH, target), gf.random_subset_nll


def attention(target, sizes, prior):
    return AttentionFusion(readers(sizes, WIDTH), WIDTH, target), gf.random_subset_nll


def embrace(target, sizes, prior):
    return EmbraceNet(readers(sizes, WIDTH), dict.fromkeys(sizes, WIDTH), target, 64), gf.random_subset_nll


def low_rank(target, sizes, prior):
    return LowRankFusion(readers(sizes, WIDTH), dict.fromkeys(sizes, WIDTH), target), gf.random_subset_nll


def autoencoder(target, sizes, prior):
    latent = 16
    decoders = {
        name: nn.Sequential(nn.Linear(latent, 32), nn.ReLU(), nn.Linear(32, size)) for name, size in sizes.items()
    }
    classifier = nn.Linear(latent, target.num_states)
    model = MultimodalVAE(readers(sizes, 2 * latent), decoders, classifier, latent, target)
    return model, SubsampledELBO(target_weight=float(sum(sizes.values())))


def sparse(target, sizes, prior):
    return SparseExpertsFusion(readers(sizes, WIDTH), WIDTH, target), under_gaps(RoutedNLL())


def patterns(target, sizes, prior):
    """A submodel for every pattern of a few modalities, else for all and for each alone."""
    counts = range(1, len(sizes) + 1) if len(sizes) <= MOST_PATTERNS else (1, len(sizes))
    kept = [pattern for count in counts for pattern in combinations(sizes, count)]
    submodels = {pattern: early(target, {name: sizes[name] for name in pattern}, prior)[0] for pattern in kept}
    return PatternSubmodels(submodels, list(sizes), early(target, sizes, prior)[0]), gf.random_subset_nll


NETWORKS = {
    "neural graph": graph,
    "neural early": early,
    "neural late, mean": pooled(gf.MeanPool),
    "neural late, log pool": pooled(gf.LogarithmicPool),
    "product of experts": pooled(ProductOfExperts),
    "mixture of experts": mixture,
    "joint network": joint,
    "attention": attention,
    "EmbraceNet": embrace,
    "low-rank tensor": low_rank,
    "multimodal VAE": autoencoder,
    "evidential, Dempster": evidential(DempsterFusion),
    "evidential, averaging": evidential(AveragingFusion),
    "sparse experts": sparse,
    "pattern submodels": patterns,
}
