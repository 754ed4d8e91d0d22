"""How models learn: objectives, gradient descent, cross-fitted encoders."""

from .cross_fit import EncoderEnsemble, cross_fit, fit_encoder
from .fit import FitSettings, History, fit
from .map_estimate import map_estimate
from .objectives import Objective, random_subset_nll, target_nll

__all__ = [
    "EncoderEnsemble",
    "FitSettings",
    "History",
    "Objective",
    "cross_fit",
    "fit",
    "fit_encoder",
    "map_estimate",
    "random_subset_nll",
    "target_nll",
]
