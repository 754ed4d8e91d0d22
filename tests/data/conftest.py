"""The real data sets, where they are at hand."""

import os
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import pytest

from graphfuse.data import Dataset, load


@pytest.fixture
def real_root() -> Path:
    """The folder of the real files; skips where there is none."""
    if "GRAPHFUSE_DATA" not in os.environ:
        pytest.skip("GRAPHFUSE_DATA, the folder of the data sets, is not set")
    return Path(os.environ["GRAPHFUSE_DATA"])


@pytest.fixture
def real(real_root: Path) -> Callable[[str], Dataset]:
    """Loads a data set by name."""
    return _load


@lru_cache(maxsize=3)
def _load(name: str) -> Dataset:
    return load(name)
