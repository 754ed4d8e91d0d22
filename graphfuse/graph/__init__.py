"""Names and sizes: variables, factors, graphs of the usual shapes, elimination orders, clique trees, graphs as text."""

from .build import bayesian_network, chain, latent_class, markov_network, star, tree
from .factor_graph import Factor, FactorGraph, Variable
from .text import to_dot, to_mermaid

__all__ = [
    "Factor",
    "FactorGraph",
    "Variable",
    "bayesian_network",
    "chain",
    "latent_class",
    "markov_network",
    "star",
    "to_dot",
    "to_mermaid",
    "tree",
]
