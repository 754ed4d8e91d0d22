"""A network from a file and to a file, in the format that the name of the file says."""

import os
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ..checks import check_type, invalid, listed
from . import formats
from .files import read_text, write_text
from .network import Network


def read_network(path: str | os.PathLike[str]) -> Network:
    """A network from a file, plain or compressed with gzip.

    The suffix says the format (``.bif``, ``.net``, ``.uai`` or ``.xmlbif``, before an optional ``.gz``). Either the
    whole file is in order or nothing is returned.

    Args:
        path: The file.

    Returns:
        Log-tables in float64, on the CPU: the logarithms of just the numbers in the file.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the suffix is unknown (the valid ones are listed), if the file is not text in UTF-8, if the
            compressed data are damaged, or if the contents are malformed; the message names the file.

    Example:
        >>> read_network("notes.txt")
        Traceback (most recent call last):
        ValueError: the suffix of path must be one of '.bif', '.net', '.uai', '.xmlbif' or this and '.gz'; got
        'notes.txt'.
    """
    path = Path(path)
    suffix, module = _format(path)
    network: Network = getattr(module, f"read_{suffix}")(read_text(path), path.name)
    return network


def write_network(network: Network, path: str | os.PathLike[str]) -> None:
    """Write a network to a file, compressed with gzip if the name ends in ``.gz``.

    The suffix says the format, as in ``read_network``. The numbers are the shortest ones that are read as the same
    table: one that was read from a file is read again to the bit. ``.uai`` holds any network, and loses the names; the
    other formats hold Bayesian networks, and write states without names as their numbers. A file that stands there is
    replaced once the new one is complete.

    Args:
        network: The network.
        path: The file.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the suffix is unknown (the valid ones are listed), or if the format cannot hold the network: it
            is no Bayesian network, a name cannot be written, or a table holds what no float64 is the exponential of.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import mkdtemp
        >>> import torch
        >>> from graphfuse import Variable, bayesian_network
        >>> graph = bayesian_network([Variable("flu", 2, ("no", "yes"))], {})
        >>> network = Network(graph, {"flu": torch.tensor([0.9, 0.1], dtype=torch.float64).log()})
        >>> path = Path(mkdtemp()) / "flu.bif.gz"
        >>> write_network(network, path)
        >>> bool((read_network(path).log_tables["flu"] == network.log_tables["flu"]).all())
        True
    """
    check_type("network", network, Network, "be a Network")
    path = Path(path)
    suffix, module = _format(path)
    write_text(path, getattr(module, f"write_{suffix}")(network))


def _format(path: Path) -> tuple[str, ModuleType]:
    """The suffix of a path and the module of its format."""
    valid = sorted(module.name for module in pkgutil.iter_modules(formats.__path__))
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix.removeprefix(".")
    if suffix not in valid:
        must = f"be one of {listed('.' + name for name in valid)} or this and '.gz'"
        raise invalid("the suffix of path", must, repr(path.name))
    return suffix, import_module(f"{formats.__name__}.{suffix}")
