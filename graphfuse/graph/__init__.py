"""Names and sizes: variables, factors, graphs of the usual shapes, elimination orders, clique trees."""

from .build import bayesian_network, chain, latent_class, markov_network, star, tree
from .factor_graph import Factor, FactorGraph, Variable

__all__ = [
    "Factor",
    "FactorGraph",
    "Variable",
    "bayesian_network",
    "chain",
    "latent_class",
    "markov_network",
    "star",
    "tree",
]
