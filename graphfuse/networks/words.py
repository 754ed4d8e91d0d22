"""The words of a text and a cursor among them; whatever is refused is refused by file and line."""

import re
from collections.abc import Callable, Sequence
from math import inf

from ..checks import invalid

_DIGITS = frozenset("0123456789.+-eE")
_MOST_DIGITS = 15  # of a count; a longer one is larger than any file


class Words:
    """What a reader of a format stands on: the words, the place of the next one, and refusals that name the line."""

    def __init__(self, text: str, source: str, pattern: re.Pattern[str]) -> None:
        self.text, self.source, self.pattern = text, source, pattern
        self.words: list[str] = pattern.findall(text)
        self.words.append("")  # the end, equal to no other word
        self.at = 0

    def accept(self, word: str) -> bool:
        """Go behind this word if it is the next."""
        if self.words[self.at] == word:
            self.at += 1
            return True
        return False

    def expect(self, word: str, must: str = "") -> None:
        """Go behind this word or refuse the text."""
        if not self.accept(word):
            raise self.refusal(must or repr(word))

    def skip_past(self, word: str, end: int | None = None) -> None:
        """Go behind the next such word, which must come before the end, of the text if None."""
        end = len(self.words) - 1 if end is None else end
        try:
            self.at = self.words.index(word, self.at, end) + 1
        except ValueError:
            raise self.refusal(repr(word), at=end) from None

    def count(self, must: str, least: int = 0, most: int | None = None) -> int:
        """The next word as a whole number within bounds."""
        word = self.words[self.at]
        if not (word.isascii() and word.isdigit() and len(word.lstrip("0")) <= _MOST_DIGITS):
            raise self.refusal(must)
        number = int(word)
        if number < least or (most is not None and number > most):
            raise self.refusal(must)
        self.at += 1
        return number

    def reserve(self, count: int, what: str) -> None:
        """Refuse a count of words that the rest of the text does not hold, before anything is made of it."""
        left = len(self.words) - 1 - self.at
        if count > left:
            raise self.refusal(f"{count} {what}", f"{left} words up to the end of the file", at=len(self.words) - 1)

    def numbers(self, count: int, what: str) -> list[float]:
        """So many of the next words as finite numbers of at least zero."""
        self.reserve(count, what)
        start = self.at
        must = "a finite number of at least zero"
        found = read_numbers(self.words[start : start + count], lambda place: self.refusal(must, at=start + place))
        self.at += count
        return found

    def refusal(self, must: str, got: object = None, at: int | None = None) -> Exception:
        """What should have stood at a place, by default that of the cursor, and what stands there."""
        at = self.at if at is None else at
        starts = (match.start() for match in self.pattern.finditer(self.text))
        start = next((start for place, start in enumerate(starts) if place == at), None)
        line = self.text.count("\n", 0, len(self.text.rstrip()) if start is None else start) + 1
        if got is None:
            got = "the end of the file" if start is None else short(self.words[at])
        return invalid(f"{self.source}, line {line}", f"have {must}", got)


def read_numbers(words: Sequence[str], refusal: Callable[[int], Exception]) -> list[float]:
    """Finite numbers of at least zero; the first word that is none is refused by its place."""
    if _DIGITS.issuperset("".join(words)):
        try:
            found = list(map(float, words))
        except ValueError:
            found = []
        if found and min(found) >= 0 and max(found) < inf:
            return found
    for place, word in enumerate(words):
        if not _is_number(word):
            raise refusal(place)
    return []


def short(word: str) -> str:
    """A word as a message shows it."""
    return repr(word if len(word) <= 40 else word[:40] + "…")


def blank(found: str) -> str:
    """The line breaks of a text that is left out, so that lines keep their numbers."""
    return " " + "\n" * found.count("\n")


def _is_number(word: str) -> bool:
    try:
        return _DIGITS.issuperset(word) and 0 <= float(word) < inf
    except ValueError:
        return False
