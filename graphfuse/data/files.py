"""Files of data sets: read below one root, verified by checksum before anything is made of them."""

from __future__ import annotations

import gzip
import os
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import numpy as np

from ..checks import invalid, listed
from .loading import ROOT_VARIABLE, data_root

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DataFile:
    """One file of a data set: where it lies, what it must contain, and where it comes from.

    Args:
        path: Place below the root, with forward slashes; a name that ends in ``.gz`` is compressed.
        sha256: Checksum of the file as it lies there, in hexadecimal.
        origin: Where to get it, as a phrase that follows "it comes from".

    Example:
        >>> from hashlib import sha256
        >>> from tempfile import TemporaryDirectory
        >>> content = b"age,flu\\n61,0\\n,1\\n"
        >>> file = DataFile("visits/visits.csv", sha256(content).hexdigest(), "the example in this docstring")
        >>> with TemporaryDirectory() as root:
        ...     path = file.write(root, content)
        ...     print(file.table(root))
            age  flu
        0  61.0    0
        1   NaN    1
    """

    path: str
    sha256: str
    origin: str

    def content(self, root: str | Path | None) -> bytes:
        """The verified bytes of the file, as they lie there.

        Args:
            root: Folder of the data sets; the environment variable ``GRAPHFUSE_DATA`` if None.

        Raises:
            FileNotFoundError: If there is no such file; the message says where it is expected and where to get it.
            ValueError: If the checksum is another one; the message holds both.
        """
        path = data_root(root) / self.path
        if not path.is_file():
            raise FileNotFoundError(
                f"the file {path} is expected: it comes from {self.origin}; root or {ROOT_VARIABLE} names the folder "
                f"that holds {Path(self.path).parent.as_posix()}/."
            )
        found = path.read_bytes()
        self._verify(f"the file {path}", found)
        return found

    def arrays(self, root: str | Path | None) -> dict[str, np.ndarray]:
        """The arrays of an npz file, by name; pickled objects are refused."""
        with np.load(BytesIO(self.content(root)), allow_pickle=False) as found:
            return {name: found[name] for name in found.files}

    def table(self, root: str | Path | None) -> pd.DataFrame:
        """The rows of a csv file with a header; an empty cell is missing, and nothing else is."""
        import pandas as pd

        found = self.content(root)
        text = gzip.decompress(found) if self.path.endswith(".gz") else found
        return pd.read_csv(BytesIO(text), keep_default_na=False, na_values=[""])

    def write(self, root: str | Path | None, content: bytes) -> Path:
        """Put the content in its place, in whole or not at all; what lies there is replaced.

        Raises:
            FileNotFoundError: If the root does not exist.
            ValueError: If the checksum of the content is not the expected one; nothing is written then.
        """
        path = data_root(root) / self.path
        self._verify(f"the content of {path}", content)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            part.write_bytes(content)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return path

    def _verify(self, what: str, content: bytes) -> None:
        found = sha256(content).hexdigest()
        if found != self.sha256:
            raise invalid(what, f"have the SHA-256 checksum {self.sha256}", found)


def source_file(folder: str | Path, name: str) -> Path:
    """A file of a source, for converters to read.

    Raises:
        FileNotFoundError: If it is not there.
    """
    path = Path(folder).expanduser() / name
    if not path.is_file():
        raise invalid("source", f"hold the file {name}", f"no file {path}", FileNotFoundError)
    return path


def source_table(path: Path, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """A comma-separated file of a source, in which ``?`` is missing; with these columns if it has no header.

    Raises:
        ValueError: If it is no such table.
    """
    import pandas as pd

    header = 0 if columns is None else None
    try:
        found = pd.read_csv(path, header=header, keep_default_na=False, na_values=["?"], skipinitialspace=True)
    except ValueError as error:
        raise invalid(f"the file {path}", "be a table separated by commas", str(error).strip()) from None
    if columns is None:
        return found
    if found.shape[1] != len(columns):
        raise invalid(f"the file {path}", f"have {len(columns)} columns", found.shape[1])
    return found.set_axis(list(columns), axis=1)


def source_numbers(path: Path, separator: Literal[",", " "], num_columns: int | None = None) -> np.ndarray:
    """The numbers of a text file of a source without header, quoted or not, as float64 ``(num_rows, num_columns)``.

    Raises:
        ValueError: If it holds anything else, or has another number of columns than asked for.
    """
    try:
        found = np.loadtxt(path, delimiter=separator.strip() or None, ndmin=2, quotechar='"')
    except ValueError as error:
        words = "commas" if separator == "," else "blanks"
        raise invalid(f"the file {path}", f"hold numbers separated by {words}", error) from None
    if num_columns not in (None, found.shape[1]):
        raise invalid(f"the file {path}", f"have {num_columns} columns", found.shape[1])
    return found


def source_matlab(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """These arrays of a MATLAB file of a source.

    Raises:
        ValueError: If it is no such file, or lacks one of them.
    """
    from scipy.io import loadmat

    try:
        found = loadmat(path)
    except (ValueError, NotImplementedError, OSError, TypeError) as error:
        raise invalid(f"the file {path}", "be a MATLAB file", error) from None
    for name in names:
        if name not in found:
            raise invalid(f"the file {path}", f"hold the array {name}", listed(key for key in found if key[0] != "_"))
    return {name: found[name] for name in names}


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as csv with a header, numbers as short as they stay exact, missing cells empty."""
    text: str = frame.to_csv(index=False, lineterminator="\n")
    return text.encode()


def csv_gz_bytes(frame: pd.DataFrame, name: str) -> bytes:
    """A table as a compressed csv file of this name, as pandas writes it."""
    with TemporaryDirectory() as folder:
        path = Path(folder, name)
        frame.to_csv(path, index=False, lineterminator="\n", compression={"method": "gzip", "mtime": 0})
        return path.read_bytes()


def gzip_bytes(content: bytes) -> bytes:
    """Content compressed, the same bytes for the same content and the same zlib: neither name nor time is stored."""
    buffer = BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as file:
        file.write(content)
    return buffer.getvalue()


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Arrays as a compressed npz file, the same bytes for the same arrays and the same zlib."""
    buffer = BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()
