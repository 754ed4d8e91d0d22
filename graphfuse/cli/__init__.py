"""The command ``graphfuse``: one subcommand a file."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pkgutil import iter_modules

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand, and return its exit status: 0 if all is well, 1 if a part failed, 2 if it cannot be done.

    Args:
        arguments: The words after ``graphfuse``; those of the process if None.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits manifold
    if os.getcwd() not in map(os.path.abspath, sys.path):
        sys.path.append(os.getcwd())  # for models of one's own, named as module:name
    parser = argparse.ArgumentParser(prog="graphfuse", description="Probabilistic graphical-model fusion.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for info in iter_modules(__path__):
        module = import_module(f".{info.name}", __name__)
        first, _, rest = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            info.name, help=first, description=first, epilog=rest.strip(), formatter_class=argparse.RawTextHelpFormatter
        )
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    found = parser.parse_args(arguments)
    try:
        status: int = found.run(found)
    except BrokenPipeError:  # whoever read the output has gone: nothing is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ValueError, OSError, ModuleNotFoundError) as error:
        print(f"graphfuse: {error}", file=sys.stderr)
        return 2
    return status
