"""What a factor says: one kind of potential a file."""

from .base import Potential
from .conditional import ConditionalPotential
from .gaussian import GaussianPotential
from .neural import NeuralPotential
from .score import ScorePotential
from .table import TablePotential

__all__ = [
    "ConditionalPotential",
    "GaussianPotential",
    "NeuralPotential",
    "Potential",
    "ScorePotential",
    "TablePotential",
]
