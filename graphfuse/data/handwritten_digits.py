"""Handwritten digits: halves, projections and frequencies of one small image as four views.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998),
its test part, as it comes with scikit-learn; nothing is downloaded.
License: CC BY 4.0.
Sizes: 1797 rows, ten classes of 174 to 183 rows; ``upper`` and ``lower`` are images of one channel, 4 by 8 pixels;
``projections`` holds 16 numbers and ``frequencies`` 16.
Missing: none; drop modalities to study gaps.
Caveats: all views are functions of one image, so ``projections`` and ``frequencies`` repeat much of what the halves
say; the 13 writers are not named in the data, so no split can keep a writer together.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset

TARGET = Variable("digit", 10, states=tuple("0123456789"))
NUM_FREQUENCIES = 4  # kept along each axis: the smooth quarter of the spectrum


def load(root: str | Path | None = None) -> Dataset:
    """The 1797 digits, as float32 tensors made of pixels in [0, 1]; the target is ``digit``.

    ``upper`` and ``lower`` are ``(1797, 1, 4, 8)``; ``projections`` ``(1797, 16)`` are the eight row means, then the
    eight column means; ``frequencies`` ``(1797, 16)`` are the lowest coefficients of the orthonormal cosine transform.

    Args:
        root: Not read: the data come with scikit-learn.

    Raises:
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> data = load()
        >>> data.batch.inputs["upper"].shape, data.labels[:3]
        (torch.Size([1797, 1, 4, 8]), array(['0', '1', '2'], dtype='<U1'))

    Reference: Kaynak (1995), Methods of combining multiple classifiers and their applications to handwritten digit
    recognition.
    """
    from scipy.fft import dctn
    from sklearn.datasets import load_digits

    table = load_digits()
    images = table.images / 16.0
    num_rows = len(images)
    frequencies = dctn(images, axes=(1, 2), norm="ortho")[:, :NUM_FREQUENCIES, :NUM_FREQUENCIES]
    views = {
        "upper": images[:, None, :4],
        "lower": images[:, None, 4:],
        "projections": np.concatenate([images.mean(2), images.mean(1)], axis=1),
        "frequencies": frequencies.reshape(num_rows, -1),
    }
    inputs = {name: view.astype(np.float32) for name, view in views.items()}
    batch = ModalityBatch(inputs, targets={TARGET.name: table.target})
    return Dataset(
        "handwritten_digits", batch, TARGET, source="UCI Machine Learning Repository, by way of scikit-learn"
    )
