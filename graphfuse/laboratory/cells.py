"""Finished cells as files: written in whole, verified when read, set aside when damaged."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ..checks import invalid

_FORMAT = 1


@dataclass(frozen=True)
class CellStore:
    """A folder of cells, one file each, found by what was asked.

    A key is a mapping of plain values; it holds all that a result depends on, so another setting is another file. The
    content is guarded by a checksum: a file that does not match it is renamed to ``*.corrupt``, and counts as absent.

    Args:
        folder: Where the files lie; made when first written to.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     store = CellStore(Path(folder))
        ...     store.write({"model": "prior", "split": 0}, {"status": "finished"})
        ...     store.read({"split": 0, "model": "prior"})["status"]
        'finished'
    """

    folder: Path

    def path(self, key: Mapping[str, Any]) -> Path:
        """The file of a key: readable parts of it, then a digest of all of it."""
        parts = [_slug(key[name]) for name in ("data", "protocol", "model", "condition", "split") if name in key]
        digest = sha256(_canonical(key).encode()).hexdigest()[:16]
        return self.folder.joinpath(*parts[:2], "-".join([*parts[2:], digest]) + ".json")

    def read(self, key: Mapping[str, Any]) -> dict[str, Any] | None:
        """The cell of a key, or None; a damaged file is set aside."""
        path = self.path(key)
        if not path.is_file():
            return None
        try:
            cell = _verified(path)
        except ValueError:
            path.replace(path.with_name(f"{path.name}.corrupt"))
            return None
        return cell

    def write(self, key: Mapping[str, Any], cell: Mapping[str, Any]) -> None:
        """Keep a cell, in whole or not at all; what was there is replaced.

        Raises:
            ValueError: If the cell holds what JSON cannot.
        """
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        body = _canonical({**cell, "key": dict(key)})
        content = json.dumps({"format": _FORMAT, "sha256": sha256(body.encode()).hexdigest(), "cell": json.loads(body)})
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_text(content + "\n", encoding="utf-8")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Every sound cell, in the order of their paths; damaged ones are passed over."""
        for path in sorted(self.folder.rglob("*.json")):
            try:
                yield _verified(path)
            except ValueError:
                continue


def _verified(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        cell: dict[str, Any] = content["cell"]
        expected = content["sha256"]
    except (ValueError, KeyError, TypeError) as error:
        raise invalid(f"the file {path}", "hold a cell", f"{error!r}") from None
    found = sha256(_canonical(cell).encode()).hexdigest()
    if found != expected or content.get("format") != _FORMAT:
        raise invalid(f"the file {path}", f"have the checksum {expected} of its cell, in format {_FORMAT}", found)
    return cell


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _slug(value: object) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", str(value))
