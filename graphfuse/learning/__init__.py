"""How models learn: objectives, gradient descent, cross-fitted encoders."""

from .cross_fit import EncoderEnsemble, cross_fit, fit_encoder
from .fit import Callback, Epoch, History, fit
from .map_estimate import map_estimate
from .objectives import Objective, every_subset_nll, joint_nll, random_subset_nll, target_nll
from .settings import FitSettings, Schedule, constant, cosine, warm_up

__all__ = [
    "Callback",
    "EncoderEnsemble",
    "Epoch",
    "FitSettings",
    "History",
    "Objective",
    "Schedule",
    "constant",
    "cosine",
    "cross_fit",
    "every_subset_nll",
    "fit",
    "fit_encoder",
    "joint_nll",
    "map_estimate",
    "random_subset_nll",
    "target_nll",
    "warm_up",
]
