"""Algorithms on tables: exact marginals, most probable assignments and samples of a factor graph."""

from .conditioning import Conditioning
from .enumeration import Enumeration
from .method import InferenceMethod
from .plan import Plan
from .posterior import Posterior
from .queries import decode, infer, log_score, sample
from .variable_elimination import VariableElimination

__all__ = [
    "Conditioning",
    "Enumeration",
    "InferenceMethod",
    "Plan",
    "Posterior",
    "VariableElimination",
    "decode",
    "infer",
    "log_score",
    "sample",
]
