"""Thumbnails: a picture of any size as a small grey square."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..checks import invalid


def thumbnail(path: Path, side: int) -> tuple[np.ndarray, tuple[int, int]]:
    """The picture in grey, amid a square of black, resized to ``side`` by Lanczos's filter; and its width and height.

    What is transparent shows the black. Of an odd number of added lines, one more comes last.

    Args:
        path: A picture of 8 bits a channel, in any format that Pillow reads.
        side: Width and height of the result.

    Returns:
        Grey levels, uint8 ``(side, side)``, and the width and height of the picture in the file.

    Raises:
        ModuleNotFoundError: If Pillow is not installed.
        ValueError: If the file is no such picture.
    """
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise ModuleNotFoundError("pictures are read by Pillow: install graphfuse[viz], which brings it.") from None

    must = "be a picture of 8 bits a channel"
    try:
        with Image.open(path) as picture:
            mode, (width, height) = picture.mode, picture.size
            colours = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise invalid(f"the file {path}", must, error) from None
    if mode.startswith(("I", "F")):
        raise invalid(f"the file {path}", must, f"the mode {mode}")
    longest = max(width, height)
    square = Image.new("RGBA", (longest, longest), "black")
    square.alpha_composite(colours, ((longest - width) // 2, (longest - height) // 2))
    return np.asarray(square.convert("L").resize((side, side), Image.Resampling.LANCZOS)), (width, height)
