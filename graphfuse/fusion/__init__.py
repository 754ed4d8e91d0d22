"""Models that fuse: inference over a graph, and the classic baselines behind the same contract."""

from .base import FusionModel
from .early_fusion import EarlyFusion
from .graph_fusion import GraphFusion
from .hybrid_fusion import HybridFusion
from .late_fusion import LateFusion, LogarithmicPool, MeanPool

__all__ = [
    "EarlyFusion",
    "FusionModel",
    "GraphFusion",
    "HybridFusion",
    "LateFusion",
    "LogarithmicPool",
    "MeanPool",
]
