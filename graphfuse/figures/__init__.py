"""Figures for whoever must read an answer: one a file, each takes plain results and gives a figure of matplotlib."""

from .arrival import arrival
from .calibration_by_mask_size import calibration_by_mask_size
from .graph_drawing import graph_drawing, modalities_read
from .net_benefit_curve import net_benefit_curve
from .style import saved
from .value_of_tests import value_of_tests
from .waterfall import waterfall

__all__ = [
    "arrival",
    "calibration_by_mask_size",
    "graph_drawing",
    "modalities_read",
    "net_benefit_curve",
    "saved",
    "value_of_tests",
    "waterfall",
]
