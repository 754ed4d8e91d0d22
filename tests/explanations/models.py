"""Small models for tests of explanations, and answers by brute force."""

from itertools import permutations

import numpy as np
import torch
from torch import nn

from graphfuse import (
    CorrelatedScorePotential,
    Factor,
    FactorGraph,
    GraphFusion,
    ModalityBatch,
    NeuralPotential,
    ScorePotential,
    TablePotential,
    Variable,
    star,
)


def star_model(names, num_states=2, seed=0):
    """A star of scores with weights and a prior of their own."""
    generator = torch.Generator().manual_seed(seed)
    prior = torch.randn(num_states, generator=generator, dtype=torch.float64)
    potentials = {"prior": TablePotential(prior), **{name: ScorePotential(num_states, name) for name in names}}
    model = GraphFusion(star(Variable("y", num_states), list(names)), potentials, ["y"]).double()
    with torch.no_grad():
        for name in names:
            model.potential_of[name].log_weight.copy_(0.5 * torch.randn((), generator=generator))
    return model


def correlated_model(names, num_states=2, seed=0):
    """Scores that say in part the same, so that modalities interact."""
    torch.manual_seed(seed)
    target = Variable("y", num_states)
    scores = CorrelatedScorePotential(num_states, names).double()
    for parameter in scores.parameters():
        nn.init.normal_(parameter)
    graph = FactorGraph([target], [Factor("prior", ("y",)), Factor("scores", ("y",))])
    prior = TablePotential(torch.randn(num_states, dtype=torch.float64))
    return GraphFusion(graph, {"prior": prior, "scores": scores}, ["y"])


def latent_model(names, num_states=2, seed=0):
    """The first modality speaks of the target, the others of a hidden cause that it depends on."""
    torch.manual_seed(seed)
    variables = [Variable("cause", 3), Variable("y", num_states)]
    scopes = {name: ("cause",) if i else ("y",) for i, name in enumerate(names)}
    factors = [Factor("link", ("cause", "y")), *(Factor(name, scope) for name, scope in scopes.items())]
    sizes = {"cause": 3, "y": num_states}
    potentials = {"link": TablePotential(torch.randn(3, num_states, dtype=torch.float64))}
    for name, (variable,) in scopes.items():
        linear = nn.Linear(num_states, sizes[variable]).double()
        nn.init.normal_(linear.weight, std=2.0)
        potentials[name] = NeuralPotential(linear, (sizes[variable],), name)
    return GraphFusion(FactorGraph(variables, factors), potentials, ["y"])


MODELS = {"star": star_model, "correlated": correlated_model, "latent": latent_model}


def rows_with_gaps(names, num_rows=6, num_states=2, seed=0, rate=0.3):
    """Random scores, each missing at a rate; the first row has everything, the last nothing."""
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(num_rows, num_states, generator=generator, dtype=torch.float64) for name in names}
    present = {name: torch.rand(num_rows, generator=generator) >= rate for name in names}
    for mask in present.values():
        mask[0], mask[-1] = True, False
    return ModalityBatch(inputs, present)


def log_odds_of(model, batch, kept, state):
    """Asked of the model itself, with all other modalities blanked."""
    masks = {name: torch.full(batch.shape, name in kept) for name in batch.modalities}
    with torch.no_grad():
        probs = model(batch.keep(masks))["y"].exp().numpy()
    return np.log(probs[:, state]) - np.log(np.delete(probs, state, axis=1).sum(1))


def shapley_by_orders(model, batch, state):
    """By modality, the mean gain over all orders of all modalities."""
    names = batch.modalities
    total = {name: np.zeros(len(batch)) for name in names}
    orders = list(permutations(names))
    known = {}
    for order in orders:
        for i, name in enumerate(order):
            before, after = frozenset(order[:i]), frozenset(order[: i + 1])
            for kept in (before, after):
                if kept not in known:
                    known[kept] = log_odds_of(model, batch, kept, state)
            total[name] += (known[after] - known[before]) / len(orders)
    return total
