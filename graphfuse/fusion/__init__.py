"""Models that fuse: inference over a graph, and other models, classic and recent, behind the same contract."""

from .attention import AttentionFusion
from .base import FusionModel
from .early_fusion import EarlyFusion
from .embrace_net import EmbraceNet
from .encoded import EncodedFusion
from .evidential import AveragingFusion, DempsterFusion, EvidentialFusion
from .graph_fusion import GraphFusion
from .hybrid_fusion import HybridFusion
from .joint_network import JointNetwork
from .late_fusion import LateFusion, LogarithmicPool, MeanPool
from .low_rank_fusion import LowRankFusion
from .mixture_of_experts import MixtureOfExperts
from .multimodal_vae import MultimodalVAE
from .pattern_submodels import PatternSubmodels
from .product_of_experts import ProductOfExperts
from .sparse_experts import SparseExpertsFusion

__all__ = [
    "AttentionFusion",
    "AveragingFusion",
    "DempsterFusion",
    "EarlyFusion",
    "EmbraceNet",
    "EncodedFusion",
    "EvidentialFusion",
    "FusionModel",
    "GraphFusion",
    "HybridFusion",
    "JointNetwork",
    "LateFusion",
    "LogarithmicPool",
    "LowRankFusion",
    "MeanPool",
    "MixtureOfExperts",
    "MultimodalVAE",
    "PatternSubmodels",
    "ProductOfExperts",
    "SparseExpertsFusion",
]
