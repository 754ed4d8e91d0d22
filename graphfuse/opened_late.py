"""Names of a package that are loaded when they are first asked for."""

import sys
from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any


def opened_late(
    package: str, places: Mapping[str, str], names: Collection[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: Its name.
        places: By name the module in it that has it.
        names: All that it offers.

    Example:
        >>> get, names = opened_late("graphfuse", {"FusionClassifier": "estimators"}, ["FusionClassifier"])
        >>> get("FusionClassifier").__name__, "FusionClassifier" in names()
        ('FusionClassifier', True)

    Reference: Levkivskyi (2017), PEP 562, Module __getattr__ and __dir__.
    """

    def get(name: str) -> Any:
        if name in places:
            return getattr(import_module(f".{places[name]}", package), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get, lambda: sorted({*vars(sys.modules[package]), *names})
