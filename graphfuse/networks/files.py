"""Texts from and to files, plain or compressed with gzip; a file is written as a whole or not at all."""

import gzip
import os
import secrets
import zlib
from io import BytesIO
from pathlib import Path

from ..checks import invalid

_GZIP = b"\x1f\x8b"
_LARGEST = 1 << 30  # bytes that a compressed file may hold


def read_text(path: Path) -> str:
    """The contents of a file, unpacked and decoded.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If the compressed data are damaged or hold more than 1 GiB, or if the text is not UTF-8.
    """
    data = path.read_bytes()
    if data.startswith(_GZIP) or _is_packed(path):
        try:
            with gzip.GzipFile(fileobj=BytesIO(data)) as file:
                data = file.read(_LARGEST + 1)
        except (EOFError, OSError, zlib.error) as error:
            raise invalid(path.name, "be a whole gzip file", error) from None
        if len(data) > _LARGEST:
            raise invalid(path.name, f"hold at most {_LARGEST} bytes when unpacked", "more")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise invalid(path.name, "be text in UTF-8", f"{data[error.start]:#04x} at byte {error.start}") from None


def write_text(path: Path, text: str) -> None:
    """Write a text in UTF-8 beside the path, then give it the name, so that no half of it is ever seen there.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the text cannot be encoded.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise invalid("names of network", "be text that UTF-8 can hold", ascii(text[error.start])) from None
    if _is_packed(path):
        data = gzip.compress(data, mtime=0)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            file.write(data)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _is_packed(path: Path) -> bool:
    return path.name.lower().endswith(".gz")
