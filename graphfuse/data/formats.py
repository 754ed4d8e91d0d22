"""Formats in which sources publish their files and which need a reader: ARFF, and the data files of R."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..checks import invalid, listed

if TYPE_CHECKING:
    import pandas as pd

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\S+)", re.IGNORECASE)


def source_arff(path: Path, num_columns: int) -> tuple[list[str], dict[int, list[str]]]:
    """The names of the attributes of an ARFF file, and by line its rows, as words without blanks around them.

    A name that ends in ``.gz`` is compressed. Empty lines and comments are left out.

    Raises:
        ValueError: If it is no such file, or a row has another number of columns.
    """
    lines = _lines(path)
    starts = [i for i, line in enumerate(lines, 1) if line.strip().lower() == "@data"]
    if not starts:
        raise invalid(f"the file {path}", "have a line @data", "none")
    rows = {
        i: [cell.strip() for cell in line.split(",")]
        for i, line in enumerate(lines, 1)
        if i > starts[0] and line.strip() and not line.startswith("%")
    }
    for i, row in rows.items():
        if len(row) != num_columns:
            raise invalid(f"the file {path}, line {i},", f"have {num_columns} values", len(row))
    names = [found[1].strip("'") for line in lines[: starts[0]] if (found := _ATTRIBUTE.match(line))]
    return names, rows


def _lines(path: Path) -> list[str]:
    content = path.read_bytes()
    try:
        return (gzip.decompress(content) if path.suffix == ".gz" else content).decode().splitlines()
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise invalid(f"the file {path}", "be an ARFF file", error) from None


def source_r(
    path: Path, tables: Sequence[str], vectors: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], dict[str, np.ndarray]]:
    """These matrices and these vectors of an R data file; ``a/b`` names the element ``b`` of the list ``a``.

    Rows and columns of a matrix keep their names; of a factor the vector holds the labels.

    Raises:
        ModuleNotFoundError: If rdata is not installed.
        ValueError: If it is no such file, or lacks one of them.
    """
    objects = _r_objects(path)
    for kind, names, num_dimensions in (("matrix", tables, 2), ("vector", vectors, 1)):
        for name in names:
            if getattr(objects.get(name), "ndim", 0) != num_dimensions:
                raise invalid(f"the file {path}", f"hold the {kind} {name}", listed(objects))
    return {name: _frame(objects[name]) for name in tables}, {name: np.asarray(objects[name]) for name in vectors}


def _r_objects(path: Path) -> dict[str, Any]:
    """By path of names, what an R data file holds."""
    try:
        import rdata
    except ModuleNotFoundError:
        message = f"the file {path} is read by rdata, which is not installed: pip install 'graphfuse[r]'."
        raise ModuleNotFoundError(message) from None
    try:
        return dict(_leaves(rdata.read_rda(path)))
    except Exception as error:  # a damaged file makes the parser raise whatever it stumbles over
        raise invalid(f"the file {path}", "be an R data file", error) from None


def _frame(matrix: Any) -> pd.DataFrame:
    """A matrix with its names, which rdata leaves bare if it has none."""
    import pandas as pd

    return matrix.to_pandas() if hasattr(matrix, "to_pandas") else pd.DataFrame(matrix)


def _leaves(objects: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in objects.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value
