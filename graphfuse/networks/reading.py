"""A network from a file, in the format that the name of the file says."""

import gzip
import os
import pkgutil
import zlib
from importlib import import_module
from pathlib import Path

from ..checks import invalid, listed
from . import formats
from .network import Network

_GZIP = b"\x1f\x8b"


def read_network(path: str | os.PathLike[str]) -> Network:
    """A network from a file, plain or compressed with gzip.

    The suffix says the format (``.bif``, before an optional ``.gz``). Either the whole file is in order or nothing is
    returned.

    Args:
        path: The file.

    Returns:
        Log-tables in float64, on the CPU.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the suffix is unknown (the valid ones are listed), if the file is not text in UTF-8, if the
            compressed data are damaged, or if the contents are malformed; the message names the file.

    Example:
        >>> read_network("notes.txt")
        Traceback (most recent call last):
        ValueError: the suffix of path must be one of '.bif' or this and '.gz'; got 'notes.txt'.
    """
    path = Path(path)
    valid = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in valid:
        must = f"be one of {listed('.' + name for name in valid)} or this and '.gz'"
        raise invalid("the suffix of path", must, repr(path.name))
    text = _text(path)
    network: Network = getattr(import_module(f"{formats.__name__}.{suffix}"), f"read_{suffix}")(text, path.name)
    return network


def _text(path: Path) -> str:
    """The contents, unpacked and decoded."""
    data = path.read_bytes()
    if data.startswith(_GZIP) or path.name.lower().endswith(".gz"):
        try:
            data = gzip.decompress(data)
        except (EOFError, OSError, zlib.error) as error:
            raise invalid(path.name, "be a whole gzip file", error) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(path.name, "be text in UTF-8", f"{data[error.start]:#04x} at byte {error.start}") from None
