"""Models by name: those of this folder, found by walking it, and anybody's own as ``module:name``."""

from __future__ import annotations

from importlib import import_module
from inspect import isabstract, isclass
from pathlib import Path
from pkgutil import iter_modules

from ...checks import check_known, invalid
from .base import Model, ModelEntry

_OWN_SECONDS = 1.0  # the listed cost of a model that tells none


def model_names() -> tuple[str, ...]:
    """The names of the models of this folder, in alphabetical order; some need a package that may be absent.

    Example:
        >>> {"graph-fusion", "log-pool", "hgb-native-nan"} <= set(model_names())
        True
    """
    return tuple(sorted(_members()))


def model_entry(name: str) -> ModelEntry:
    """The model of this name.

    Args:
        name: One of ``model_names()``, or ``"module:name"`` for a ``ModelEntry``, or a class of ``Model`` that is made
            without arguments, in a module that can be imported.

    Raises:
        ValueError: If there is none; the names are listed.

    Example:
        >>> model_entry("graph-fusion").requires is None
        True
        >>> model_entry("graphfuse.laboratory.models.prior:Prior").caption
        'Answers with the class frequencies of the training rows.'
    """
    if ":" in name:
        return _own(name)
    members = _members()
    check_known("each of models", name, members)
    return members[name]


def _own(name: str) -> ModelEntry:
    """The entry that somebody else's module holds."""
    module, _, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise invalid(
            "each of models", "be a name, or module:name that can be imported", f"{name!r} ({error})"
        ) from None
    if isinstance(found, ModelEntry):
        return found
    if isclass(found) and issubclass(found, Model) and not isabstract(found):
        return ModelEntry((found.__doc__ or name).partition("\n")[0], lambda cache: found(), _OWN_SECONDS)
    must = f"name a ModelEntry or a concrete class of Model, as {name!r} does not"
    raise invalid("each of models", must, f"{found!r:.80}")


def _members() -> dict[str, ModelEntry]:
    package, _, own = __name__.rpartition(".")
    names = sorted(info.name for info in iter_modules([str(Path(__file__).parent)]) if info.name != own)
    modules = [import_module(f"{package}.{name}") for name in names]
    return {name: entry for module in modules for name, entry in getattr(module, "MODELS", {}).items()}
