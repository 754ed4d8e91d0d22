"""Data sets by name, and the folder in which those read from files are found."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

from ..checks import check_known, invalid
from .dataset import Dataset

ROOT_VARIABLE = "GRAPHFUSE_DATA"


def load(name: str, root: str | Path | None = None) -> Dataset:
    """The data set of this name.

    Args:
        name: One of ``available()``: a module of ``graphfuse.data`` that defines ``load``.
        root: Folder of the data sets that are read from files; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        ValueError: If there is no data set of this name, or a file of it is damaged.
        FileNotFoundError: If the files of the data set are not there.

    Example:
        >>> data = load("breast_cancer")
        >>> len(data), data.target.states
        (569, ('benign', 'malignant'))
    """
    members = _members()
    check_known("name", name, members)
    found: Dataset = members[name].load(root)
    return found


def prepare(name: str, source: str | Path, root: str | Path | None = None) -> None:
    """Make the files of a data set from those that its source publishes; what lies there is replaced.

    The result is verified by checksum before it is put in place, so a source of another version is refused.

    Args:
        name: A data set whose module defines ``prepare``; the others say in their docstring which layout they expect.
        source: Folder of the source's own files, named as the source names them.
        root: Folder of the data sets, which must exist; the environment variable ``GRAPHFUSE_DATA`` if None.

    Raises:
        ValueError: If there is no converter of this name, or the result differs from what is expected.
        FileNotFoundError: If a file of the source, or the root, is not there.

    Example:
        >>> prepare("parkinsons", source="downloads", root="no_such_folder")
        Traceback (most recent call last):
            ...
        FileNotFoundError: root must name an existing folder; got 'no_such_folder'.
    """
    converters = {each: module for each, module in _members().items() if callable(getattr(module, "prepare", None))}
    check_known("name", name, converters)
    converters[name].prepare(source, data_root(root))


def available() -> tuple[str, ...]:
    """The names of the data sets, in alphabetical order; some are read from files that must be there.

    Example:
        >>> "handwritten_digits" in available()
        True
    """
    return tuple(_members())


def data_root(root: str | Path | None) -> Path:
    """The folder of the data sets: the one given, else the one that ``GRAPHFUSE_DATA`` names.

    Raises:
        FileNotFoundError: If neither is given, or the folder does not exist.
    """
    given = root if root is not None else os.environ.get(ROOT_VARIABLE)
    if not given:
        must = f"name the folder of the data sets (or the environment variable {ROOT_VARIABLE} must)"
        raise invalid("root", must, "neither", FileNotFoundError)
    folder = Path(given).expanduser()
    if not folder.is_dir():
        argument = "root" if root is not None else f"the environment variable {ROOT_VARIABLE}"
        raise invalid(argument, "name an existing folder", repr(str(folder)), FileNotFoundError)
    return folder


def _members() -> dict[str, ModuleType]:
    package, _, own = __name__.rpartition(".")
    names = sorted(info.name for info in iter_modules([str(Path(__file__).parent)]) if info.name != own)
    modules = {name: import_module(f"{package}.{name}") for name in names}
    return {name: module for name, module in modules.items() if callable(getattr(module, "load", None))}
