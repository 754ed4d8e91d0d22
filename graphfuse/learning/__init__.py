"""How models learn: objectives, gradient descent, cross-fitted encoders."""

from .cross_fit import EncoderEnsemble, cross_fit, fit_encoder
from .elbo import SubsampledELBO
from .evidential import EvidentialLoss
from .fit import Callback, Epoch, History, fit
from .map_estimate import map_estimate
from .objectives import Objective, every_subset_nll, joint_nll, random_subset_nll, target_nll
from .pooled_temperatures import MaskTemperatures, PooledTemperatures
from .routing import RoutedNLL
from .settings import FitSettings, Schedule, constant, cosine, warm_up

__all__ = [
    "Callback",
    "EncoderEnsemble",
    "Epoch",
    "EvidentialLoss",
    "FitSettings",
    "History",
    "MaskTemperatures",
    "Objective",
    "PooledTemperatures",
    "RoutedNLL",
    "Schedule",
    "SubsampledELBO",
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
