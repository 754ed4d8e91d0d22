"""Experiments on missing modalities that others can trust: data sets times protocols times models, and a report."""

from .benchmark import bench, read_settings
from .plan import BenchSettings
from .results import Results

__all__ = ["BenchSettings", "Results", "bench", "read_settings"]
