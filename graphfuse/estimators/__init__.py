"""What scikit-learn users hold: classifiers that take rows with gaps."""

from .early_fusion_classifier import EarlyFusionClassifier
from .factorization import MaskedNMF, MaskedSVD
from .fusion_classifier import FusionClassifier
from .hybrid_fusion_classifier import HybridFusionClassifier
from .late_fusion_classifier import LateFusionClassifier
from .tabular_encoder import TabularEncoder
from .text_encoder import TextEncoder
from .tree_encoder import TreeEncoder

__all__ = [
    "EarlyFusionClassifier",
    "FusionClassifier",
    "HybridFusionClassifier",
    "LateFusionClassifier",
    "MaskedNMF",
    "MaskedSVD",
    "TabularEncoder",
    "TextEncoder",
    "TreeEncoder",
]
