"""The members of a family: every concrete class of a contract defined in a package's files."""

from importlib import import_module
from inspect import getmembers, isabstract, isclass
from pkgutil import iter_modules
from types import ModuleType


def members(package: ModuleType, contract: type, exact_on: set[str] | None = None) -> list[type]:
    """Concrete subclasses of the contract, found by walking the files of the package.

    Args:
        package: The family's folder.
        contract: The family's abstract class.
        exact_on: If given, only members whose ``exact_on`` is among these.
    """
    found = []
    for module_info in iter_modules(package.__path__, package.__name__ + "."):
        module = import_module(module_info.name)
        for _, member in getmembers(module, isclass):
            own = member.__module__ == module.__name__
            if own and issubclass(member, contract) and not isabstract(member):
                found.append(member)
    return [member for member in found if exact_on is None or member.exact_on in exact_on]
