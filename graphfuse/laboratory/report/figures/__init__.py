"""The figures of a report, one a file; each takes tables and gives a figure of matplotlib."""

from ....figures import saved
from .calibration_curves import calibration_curves
from .critical_difference import critical_difference_diagram
from .fit_times import fit_times
from .missing_rate_curves import missing_rate_curves
from .risk_coverage import risk_coverage_curves
from .style import Style, model_styles
from .subset_lattice import parse_subsets, subset_lattice

__all__ = [
    "Style",
    "calibration_curves",
    "critical_difference_diagram",
    "fit_times",
    "missing_rate_curves",
    "model_styles",
    "parse_subsets",
    "risk_coverage_curves",
    "saved",
    "subset_lattice",
]
