"""Probabilistic graphical-model fusion: predictions that stay right when modalities are missing."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .evidence import Evidence
from .graph import (
    Factor,
    FactorGraph,
    Variable,
    bayesian_network,
    chain,
    latent_class,
    markov_network,
    star,
    tree,
)
from .inference import Enumeration, Posterior, VariableElimination, decode, infer, log_score, sample

__version__ = "0.1.0"
