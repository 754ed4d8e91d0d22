"""Small ready networks; any torch module serves as well."""

from .cnn import CNN
from .mlp import MLP, MissingCells

__all__ = ["CNN", "MLP", "MissingCells"]
