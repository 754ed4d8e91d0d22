"""Mechanisms by which modalities, and cells within them, go missing."""

from .base import Missingness
from .block_patterns import BlockPatterns
from .cell_mcar import CellMCAR
from .exact_rate import ExactRate
from .label_mnar import LabelMNAR
from .mar import MAR
from .mcar import MCAR, drop_modalities
from .monotone_dropout import MonotoneDropout
from .rates import missing_rates, realised_cell_rates, realised_rates
from .subsets import random_subsets
from .value_mnar import ValueMNAR

__all__ = [
    "MAR",
    "MCAR",
    "BlockPatterns",
    "CellMCAR",
    "ExactRate",
    "LabelMNAR",
    "Missingness",
    "MonotoneDropout",
    "ValueMNAR",
    "drop_modalities",
    "missing_rates",
    "random_subsets",
    "realised_cell_rates",
    "realised_rates",
]
