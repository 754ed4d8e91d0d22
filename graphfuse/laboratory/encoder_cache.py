"""Encoders fitted once per trial: models that fit the same encoder to the same rows share what it learned."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import get_tags

from ..checks import invalid
from ..learning.cross_fit import fit_folds


@dataclass(eq=False)
class EncoderCache:
    """Fitted encoders and their answers, by the content of what they were fitted to and asked.

    The key is the encoder with its settings, the bytes of its inputs and labels; so nothing fitted to other rows can
    be returned, whichever model asks. ``saved_seconds`` is the time that answers from the cache had cost at first.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> cache, inputs, labels = EncoderCache(), np.arange(8.0)[:, None], np.arange(8) // 4
        >>> first = cache.share(LogisticRegression()).fit(inputs, labels)
        >>> second = cache.share(LogisticRegression()).fit(inputs, labels)
        >>> first.fitted_ is second.fitted_, len(cache.entries)
        (True, 1)
    """

    entries: dict[str, tuple[Any, float]] = field(default_factory=dict)
    saved_seconds: float = 0.0

    def share(self, encoder: Any) -> SharedEncoder:
        """The encoder, as one whose fits and answers come from the cache."""
        return SharedEncoder(encoder, self)

    def get(self, key: str, compute: Callable[[], Any]) -> Any:
        """What the key stands for, computed if it is not there."""
        if key in self.entries:
            value, seconds = self.entries[key]
            self.saved_seconds += seconds
            return value
        started = perf_counter()
        value = compute()
        self.entries[key] = (value, perf_counter() - started)
        return value

    def __deepcopy__(self, memo: Any) -> EncoderCache:
        return self  # clones of an encoder share one cache


class SharedEncoder(ClassifierMixin, BaseEstimator):
    """A scikit-learn classifier whose fits and probabilities are looked up in a cache first.

    An encoder that draws must have a seed: without one, the first draw would stand for all.

    Args:
        encoder: Unfitted classifier; clones are fitted.
        cache: Where they are kept.
    """

    def __init__(self, encoder: Any, cache: EncoderCache) -> None:
        self.encoder = encoder
        self.cache = cache

    def fit(self, X: Any, y: Any) -> SharedEncoder:
        """Fit, or take what was fitted to these very rows.

        Raises:
            ValueError: If a setting of the encoder is of a kind whose content cannot be read.
        """
        key = _digest(_settings(self.encoder), _content(X), _content(y))
        return self._keep(key, self.cache.get(key, lambda: clone(self.encoder).fit(X, y)))

    def fit_folds(self, X: Any, y: Any, fold: np.ndarray) -> list[SharedEncoder]:
        """As ``learning.cross_fit.fit_folds``, or what was fitted to these folds."""
        key = _digest(_settings(self.encoder), _content(X), _content(y), _content(fold))
        members = self.cache.get(key, lambda: fit_folds(self.encoder, X, y, fold))
        return [clone(self)._keep(_digest(key.encode(), b"%d" % k), each) for k, each in enumerate(members)]

    def _keep(self, key: str, fitted: Any) -> SharedEncoder:
        self.key_, self.fitted_, self.classes_ = key, fitted, fitted.classes_
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities ``(rows, num_classes)``."""
        key = _digest(self.key_.encode(), b"predict_proba", _content(X))
        found: np.ndarray = self.cache.get(key, lambda: np.asarray(self.fitted_.predict_proba(X)))
        return found.copy()

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each row."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def __sklearn_tags__(self) -> Any:
        return get_tags(self.encoder)


def _digest(*parts: bytes) -> str:
    found = sha256()
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.hexdigest()


def _settings(value: Any) -> bytes:
    """The content of a setting; of an estimator, its kind and its own settings."""
    if hasattr(value, "get_params") and not isinstance(value, type):
        kind = f"{type(value).__module__}.{type(value).__qualname__}"
        settings = sorted(value.get_params(deep=False).items())
        return _digest(
            kind.encode(), *(part for name, each in settings for part in (name.encode(), _settings(each)))
        ).encode()
    if isinstance(value, np.ndarray):
        return b"array" + _content(value)
    if isinstance(value, list | tuple):
        return _digest(type(value).__name__.encode(), *map(_settings, value)).encode()
    try:
        return pickle.dumps(value)
    except Exception as error:
        raise invalid("each setting of a shared encoder", "be one that pickle reads", repr(value)) from error


def _content(values: Any) -> bytes:
    """The bytes of an array or a DataFrame, with its columns and types."""
    if not hasattr(values, "iloc"):
        array = np.ascontiguousarray(values)
        if array.dtype != object:
            return repr((array.dtype.str, array.shape)).encode() + array.tobytes()
    from pandas import DataFrame
    from pandas.util import hash_pandas_object

    frame = values if hasattr(values, "columns") else DataFrame(np.asarray(values))
    head = repr((list(frame.columns), list(map(str, frame.dtypes)), frame.shape)).encode()
    cells = (hash_pandas_object(frame.iloc[:, i], index=False).to_numpy().tobytes() for i in range(frame.shape[1]))
    return head + b"".join(cells)
