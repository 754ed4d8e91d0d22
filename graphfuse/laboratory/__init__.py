"""Experiments on missing modalities that others can trust: data sets times protocols times models, and a report."""

from typing import TYPE_CHECKING

from ..opened_late import opened_late

if TYPE_CHECKING:
    from .benchmark import bench, read_settings
    from .plan import BenchSettings
    from .results import Results

_LAZY = {  # scikit-learn is loaded when one of these is first used
    "BenchSettings": "plan",
    "Results": "results",
    "bench": "benchmark",
    "read_settings": "benchmark",
}

__all__ = ["BenchSettings", "Results", "bench", "read_settings"]


__getattr__, __dir__ = opened_late(__name__, _LAZY, __all__)
