"""Models by name, found by walking this folder."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from ...checks import check_known
from .base import ModelEntry


def model_names() -> tuple[str, ...]:
    """The names that ``model_entry`` takes, in alphabetical order; some need a package that may be absent.

    Example:
        >>> {"graph-fusion", "log-pool", "hgb-native-nan"} <= set(model_names())
        True
    """
    return tuple(sorted(_members()))


def model_entry(name: str) -> ModelEntry:
    """The model of this name.

    Raises:
        ValueError: If there is none; the names are listed.

    Example:
        >>> model_entry("graph-fusion").requires is None
        True
    """
    members = _members()
    check_known("each name in models", name, members)
    return members[name]


def _members() -> dict[str, ModelEntry]:
    package, _, own = __name__.rpartition(".")
    names = sorted(info.name for info in iter_modules([str(Path(__file__).parent)]) if info.name != own)
    modules = [import_module(f"{package}.{name}") for name in names]
    return {name: entry for module in modules for name, entry in getattr(module, "MODELS", {}).items()}
