"""Experiments on missing modalities that others can trust: data sets times protocols times models, and a report."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f".{_LAZY[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
