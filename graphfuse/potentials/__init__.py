"""What a factor says: one kind of potential a file."""

from .base import JointPotential, Potential
from .conditional import ConditionalPotential
from .correlated_scores import CorrelatedScorePotential
from .gaussian import GaussianPotential
from .log_linear import LogLinearPotential
from .low_rank import LowRankPotential
from .mixture import MixturePotential
from .neural import NeuralPotential
from .noisy_max import NoisyMaxPotential
from .noisy_or import NoisyOrPotential
from .potts import IsingPotential, PottsPotential
from .product import ProductPotential
from .score import ScorePotential
from .table import TablePotential
from .tied import TiedPotential

__all__ = [
    "ConditionalPotential",
    "CorrelatedScorePotential",
    "GaussianPotential",
    "IsingPotential",
    "JointPotential",
    "LogLinearPotential",
    "LowRankPotential",
    "MixturePotential",
    "NeuralPotential",
    "NoisyMaxPotential",
    "NoisyOrPotential",
    "Potential",
    "PottsPotential",
    "ProductPotential",
    "ScorePotential",
    "TablePotential",
    "TiedPotential",
]
