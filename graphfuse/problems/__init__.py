"""Problems whose true posterior is known, and the distance from it."""

from .digit_images import DigitImages, digit_images
from .distance import mean_kl
from .example_networks import example_network
from .hepar2 import hepar2
from .network_problem import NetworkProblem
from .readings import ExactLabel, GaussianSignal, Reading
from .signals import SIGNAL_PROBLEMS, signal_problem

__all__ = [
    "SIGNAL_PROBLEMS",
    "DigitImages",
    "ExactLabel",
    "GaussianSignal",
    "NetworkProblem",
    "Reading",
    "digit_images",
    "example_network",
    "hepar2",
    "mean_kl",
    "signal_problem",
]
