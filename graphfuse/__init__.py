"""Probabilistic graphical-model fusion: predictions that stay right when modalities are missing."""

from typing import TYPE_CHECKING

from .data import Dataset, ModalityBatch, drop_modalities, load
from .evidence import Evidence
from .fusion import (
    EarlyFusion,
    FusionModel,
    GraphFusion,
    HybridFusion,
    LateFusion,
    LogarithmicPool,
    MeanPool,
)
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
from .inference import (
    Conditioning,
    Enumeration,
    InferenceMethod,
    Plan,
    Posterior,
    VariableElimination,
    decode,
    infer,
    log_score,
    sample,
)
from .learning import FitSettings, cross_fit, every_subset_nll, fit, joint_nll, random_subset_nll, target_nll
from .networks import Network, read_evidence, read_network, write_network
from .opened_late import opened_late
from .potentials import (
    ConditionalPotential,
    CorrelatedScorePotential,
    GaussianPotential,
    JointPotential,
    NeuralPotential,
    Potential,
    ScorePotential,
    TablePotential,
)

if TYPE_CHECKING:
    from .estimators import (
        AveragedEncoder,
        EarlyFusionClassifier,
        EndToEndClassifier,
        FusionClassifier,
        HybridFusionClassifier,
        JointFusionClassifier,
        KernelEncoder,
        LateFusionClassifier,
        MaskedNMF,
        MaskedSVD,
        ModuleEncoder,
        TabularEncoder,
        TextEncoder,
        TreeEncoder,
        ValidatedChoice,
    )

__version__ = "0.1.0"

_LAZY = {  # scikit-learn is loaded when one of these is first used
    "AveragedEncoder": "estimators",
    "EarlyFusionClassifier": "estimators",
    "EndToEndClassifier": "estimators",
    "FusionClassifier": "estimators",
    "HybridFusionClassifier": "estimators",
    "JointFusionClassifier": "estimators",
    "KernelEncoder": "estimators",
    "LateFusionClassifier": "estimators",
    "MaskedNMF": "estimators",
    "MaskedSVD": "estimators",
    "ModuleEncoder": "estimators",
    "TabularEncoder": "estimators",
    "TextEncoder": "estimators",
    "TreeEncoder": "estimators",
    "ValidatedChoice": "estimators",
}

__all__ = [
    "AveragedEncoder",
    "ConditionalPotential",
    "Conditioning",
    "CorrelatedScorePotential",
    "Dataset",
    "EarlyFusion",
    "EarlyFusionClassifier",
    "EndToEndClassifier",
    "Enumeration",
    "Evidence",
    "Factor",
    "FactorGraph",
    "FitSettings",
    "FusionClassifier",
    "FusionModel",
    "GaussianPotential",
    "GraphFusion",
    "HybridFusion",
    "HybridFusionClassifier",
    "InferenceMethod",
    "JointFusionClassifier",
    "JointPotential",
    "KernelEncoder",
    "LateFusion",
    "LateFusionClassifier",
    "LogarithmicPool",
    "MaskedNMF",
    "MaskedSVD",
    "MeanPool",
    "ModalityBatch",
    "ModuleEncoder",
    "Network",
    "NeuralPotential",
    "Plan",
    "Posterior",
    "Potential",
    "ScorePotential",
    "TablePotential",
    "TabularEncoder",
    "TextEncoder",
    "TreeEncoder",
    "ValidatedChoice",
    "Variable",
    "VariableElimination",
    "bayesian_network",
    "chain",
    "cross_fit",
    "decode",
    "drop_modalities",
    "every_subset_nll",
    "fit",
    "infer",
    "joint_nll",
    "latent_class",
    "load",
    "log_score",
    "markov_network",
    "random_subset_nll",
    "read_evidence",
    "read_network",
    "sample",
    "star",
    "target_nll",
    "tree",
    "write_network",
]


__getattr__, __dir__ = opened_late(__name__, _LAZY, __all__)
