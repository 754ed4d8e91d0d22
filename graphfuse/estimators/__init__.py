"""What scikit-learn users hold: classifiers that take rows with gaps."""

from .averaged_encoder import AveragedEncoder
from .early_fusion_classifier import EarlyFusionClassifier
from .end_to_end_classifier import EndToEndClassifier
from .factorization import MaskedNMF, MaskedSVD
from .fusion_classifier import FusionClassifier
from .hybrid_fusion_classifier import HybridFusionClassifier
from .joint_fusion_classifier import JointFusionClassifier
from .kernel_encoder import KernelEncoder
from .late_fusion_classifier import LateFusionClassifier
from .module_encoder import ModuleEncoder
from .tabular_encoder import TabularEncoder
from .text_encoder import TextEncoder
from .tree_encoder import TreeEncoder
from .validated_choice import ValidatedChoice

__all__ = [
    "AveragedEncoder",
    "EarlyFusionClassifier",
    "EndToEndClassifier",
    "FusionClassifier",
    "HybridFusionClassifier",
    "JointFusionClassifier",
    "KernelEncoder",
    "LateFusionClassifier",
    "MaskedNMF",
    "MaskedSVD",
    "ModuleEncoder",
    "TabularEncoder",
    "TextEncoder",
    "TreeEncoder",
    "ValidatedChoice",
]
