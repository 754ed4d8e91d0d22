"""Small ready networks and plain functions that read one modality; any torch module serves as well."""

from .bag_of_words import BagOfWords, EmbeddingBag
from .cnn import CNN
from .deep_sets import DeepSets
from .frozen_features import FrozenFeatures
from .gru import GRU
from .hugging_face import hugging_face_features
from .mlp import MLP, MissingCells
from .text import Vocabulary, tokenize
from .transformer import Transformer

__all__ = [
    "CNN",
    "GRU",
    "MLP",
    "BagOfWords",
    "DeepSets",
    "EmbeddingBag",
    "FrozenFeatures",
    "MissingCells",
    "Transformer",
    "Vocabulary",
    "hugging_face_features",
    "tokenize",
]
