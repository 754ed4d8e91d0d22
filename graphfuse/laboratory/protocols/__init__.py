"""Protocols of the laboratory, one a file; a protocol's name is that of its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from inspect import getmembers, isabstract, isclass
from pkgutil import iter_modules
from typing import Any

from ...checks import check_known, check_type
from .base import Protocol, Trial

__all__ = ["Protocol", "Trial", "make_protocol", "protocol_names"]


def protocol_names() -> tuple[str, ...]:
    """The names that ``make_protocol`` takes, in alphabetical order.

    Example:
        >>> "missing_rates" in protocol_names()
        True
    """
    return tuple(_members())


def make_protocol(name: str, settings: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol of this name, with these settings; those left out keep their defaults.

    Args:
        name: One of ``protocol_names()``.
        settings: By name, as a file of settings holds them: a list is taken for a tuple.

    Raises:
        TypeError: If a setting is of another type.
        ValueError: If there is no protocol or no setting of this name, or a setting is out of its range.

    Example:
        >>> make_protocol("missing_rates", {"rates": [0.0, 0.5]})
        MissingRates(rates=(0.0, 0.5))
    """
    members = _members()
    check_known("the name of a protocol", name, members)
    given = {} if settings is None else settings
    check_type("settings", given, Mapping, "be a mapping from names to values")
    for setting in given:
        check_known(f"each setting of the protocol {name!r}", setting, [each.name for each in fields(members[name])])
    return members[name](**{key: tuple(value) if isinstance(value, list) else value for key, value in given.items()})


def _members() -> dict[str, type[Protocol]]:
    """By file, the protocol that it defines; files without one are helpers."""
    found = {}
    for name in sorted(info.name for info in iter_modules(__path__)):
        module = import_module(f"{__name__}.{name}")
        for _, member in getmembers(module, isclass):
            if member.__module__ == module.__name__ and issubclass(member, Protocol) and not isabstract(member):
                found[name] = member
    return found
