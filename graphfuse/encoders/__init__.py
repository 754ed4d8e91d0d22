"""Small ready networks and plain functions that read one modality; any torch module serves as well."""

from .bag_of_words import BagOfWords, EmbeddingBag
from .cnn import CNN
from .deep_sets import DeepSets
from .frozen_features import FrozenFeatures
from .gru import GRU
from .hugging_face import hugging_face_features
from .image_network import ImageNetwork
from .log_mel import LogMel
from .low_rank import LowRank, fit_low_rank
from .mlp import MLP, MissingCells
from .nonnegative import NonnegativeFactors, fit_nonnegative
from .text import Vocabulary, tokenize
from .transformer import Transformer
from .tree_ensemble import TreeEnsemble

__all__ = [
    "CNN",
    "GRU",
    "MLP",
    "BagOfWords",
    "DeepSets",
    "EmbeddingBag",
    "FrozenFeatures",
    "ImageNetwork",
    "LogMel",
    "LowRank",
    "MissingCells",
    "NonnegativeFactors",
    "Transformer",
    "TreeEnsemble",
    "Vocabulary",
    "fit_low_rank",
    "fit_nonnegative",
    "hugging_face_features",
    "tokenize",
]
