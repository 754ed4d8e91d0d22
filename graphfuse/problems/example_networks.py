"""The networks of the Bayesian Network Repository that come with pgmpy, by name; pgmpy itself is not imported.

Source: M. Scutari, Bayesian Network Repository, https://www.bnlearn.com/bnrepository; each network has its own paper.
"""

import os
from importlib.util import find_spec
from pathlib import Path

from ..checks import check_known
from ..networks import Network, read_network

_SUFFIX = ".bif.gz"


def example_network(name: str, root: str | os.PathLike[str] | None = None) -> Network:
    """A network of the repository: ``"asia"``, ``"cancer"``, ``"alarm"``, ``"hepar2"`` and others.

    Args:
        name: Its name in lower case.
        root: A folder of files ``<name>.bif.gz``; the one inside the installed package pgmpy if None.

    Raises:
        ModuleNotFoundError: If no folder is given and pgmpy is not installed.
        ValueError: If there is no such network; the known ones are listed.

    Example:
        >>> example_network("cancer").graph.variable_names
        ('Pollution', 'Smoker', 'Cancer', 'Xray', 'Dyspnoea')

    Reference: Scutari (2010), Learning Bayesian Networks with the bnlearn R Package.
    """
    folder = _bundled() if root is None else Path(root)
    known = sorted(path.name.removesuffix(_SUFFIX) for path in folder.glob(f"*{_SUFFIX}"))
    check_known(f"the name of a network in {folder}", name, known)
    return read_network(folder / f"{name}{_SUFFIX}")


def _bundled() -> Path:
    package = find_spec("pgmpy")  # finds the folder and runs nothing
    if package is None or not package.submodule_search_locations:
        raise ModuleNotFoundError("the example networks come with pgmpy, which is not installed; give root instead.")
    return Path(package.submodule_search_locations[0]) / "utils" / "example_models"
