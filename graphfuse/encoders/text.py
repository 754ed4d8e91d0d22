"""Text as numbers: words of a string, and the vocabulary that numbers them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ..checks import check_count, check_names, check_type

PADDING, UNKNOWN = 0, 1  # ids that are no word of a vocabulary
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")


def tokenize(text: str) -> list[str]:
    """Words in lower case: runs of letters and digits of any script, with apostrophes inside.

    Scripts without spaces between words, such as Chinese, come as one long word.

    Example:
        >>> tokenize("Don't panic: 2 opacities!")
        ["don't", 'panic', '2', 'opacities']
    """
    check_type("text", text, str, "be a string")
    return _WORD.findall(text.lower())


@dataclass(frozen=True)
class Vocabulary:
    """Numbers for words: 0 is padding, 1 a word that is not listed, 2 and above the listed words in order.

    Args:
        words: Distinct words, as ``tokenize`` gives them.

    Example:
        >>> vocabulary = Vocabulary.learn(["no opacity", "a small opacity"])
        >>> vocabulary.words
        ('opacity', 'a', 'no', 'small')
        >>> vocabulary(["opacity on the left", None, "no opacity"])
        tensor([[2, 1, 1, 1],
                [0, 0, 0, 0],
                [4, 2, 0, 0]])
    """

    words: tuple[str, ...] = field(repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", check_names("words", self.words))

    @staticmethod
    def learn(texts: Iterable[str | None], max_words: int = 10_000, min_count: int = 1) -> Vocabulary:
        """The most frequent words of texts; ties in alphabetical order.

        Args:
            texts: Strings; None or ``nan`` is missing.
            max_words: Words at most.
            min_count: Occurrences that a word needs.
        """
        check_count("max_words", max_words)
        check_count("min_count", min_count)
        check_texts(texts)
        counts = Counter(word for text in texts if isinstance(text, str) for word in tokenize(text))
        ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return Vocabulary(tuple(word for word, count in ordered[:max_words] if count >= min_count))

    @property
    def num_tokens(self) -> int:
        """Ids in all, padding and unknown included: what an encoder of ids is made for."""
        return len(self.words) + 2

    def __call__(self, texts: Iterable[str | None], num_steps: int | None = None) -> Tensor:
        """Ids ``(rows, num_steps)``, int64, padded on the right; a missing text is all padding.

        Args:
            texts: Strings; None or ``nan`` is missing.
            num_steps: Words kept of each text; those of the longest if None, and at least one.
        """
        if num_steps is not None:
            check_count("num_steps", num_steps)
        check_texts(texts)
        rows = [
            [self._ids.get(word, UNKNOWN) for word in tokenize(text)] if isinstance(text, str) else [] for text in texts
        ]
        length = num_steps or max([len(row) for row in rows], default=1) or 1
        ids = torch.full((len(rows), length), PADDING)
        for i, row in enumerate(rows):
            ids[i, : min(len(row), length)] = torch.tensor(row[:length], dtype=torch.int64)
        return ids

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.words, UNKNOWN + 1)}


def check_texts(texts: object) -> None:
    """Refuse a bare string, and entries that are neither a string nor missing."""
    if isinstance(texts, str):
        check_type("texts", texts, list, "be a sequence of strings")
    for text in texts:  # type: ignore[attr-defined]
        if text is not None and not isinstance(text, str) and not _is_nan(text):
            check_type("each of texts", text, str, "be a string, or None or nan where missing")


def _is_nan(value: object) -> bool:
    return value != value if isinstance(value, float) else type(value).__name__ == "NAType"
