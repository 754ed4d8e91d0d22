"""Every refusal, worded in one place: the argument, what it must be, what was found."""

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches

_LISTED = 12  # names shown in a message before it is cut


def invalid(argument: str, must: str, got: object, error: type[Exception] = ValueError) -> Exception:
    """The exception ``argument must …; got ….``, for the caller to raise."""
    return error(f"{argument} must {must}; got {got}.")


def listed(names: Iterable[object]) -> str:
    """Names as a person reads them, cut when there are many."""
    shown = [repr(name) for name in names]
    rest = f", … ({len(shown)} in all)" if len(shown) > _LISTED else ""
    return (", ".join(shown[:_LISTED]) or "none") + rest


def check_type(argument: str, value: object, expected: type | tuple[type, ...], must: str) -> None:
    """Refuse a value of another type, with a ``TypeError``."""
    if not isinstance(value, expected):
        raise invalid(argument, must, f"{type(value).__name__}", TypeError)


def check_name(argument: str, name: object) -> None:
    """Refuse a name that is not a non-empty string."""
    check_type(argument, name, str, "be a string")
    if not name:
        raise invalid(argument, "not be empty", repr(name))


def check_names(argument: str, names: object) -> tuple[str, ...]:
    """Names as a tuple; a bare string, a value that is no string and a repetition are refused."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise invalid(argument, "be a sequence of names", repr(names), TypeError)
    found = tuple(names)
    for name in found:
        check_name(f"each of {argument}", name)
    check_unique(argument, found)
    return found


def check_unique(argument: str, names: Sequence[object]) -> None:
    """Refuse names that occur twice."""
    if len(set(names)) != len(names):
        repeated = sorted({str(name) for name in names if names.count(name) > 1})
        raise invalid(argument, "not repeat a name", f"{listed(repeated)} more than once")


def check_known(argument: str, name: object, valid: Collection[object]) -> None:
    """Refuse a name outside the valid ones, and say which it may have meant."""
    if name not in valid:
        close = get_close_matches(str(name), [str(each) for each in valid], n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise invalid(argument, f"be one of {listed(valid)}", f"{name!r}{hint}")


def check_count(argument: str, value: object, minimum: int = 1) -> None:
    """Refuse a count that is not an integer of at least ``minimum``."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise invalid(argument, "be an integer", repr(value), TypeError)
    if value.__index__() < minimum:
        raise invalid(argument, f"be at least {minimum}", value)


def check_fraction(argument: str, value: float) -> None:
    """Refuse a number outside [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise invalid(argument, "be between 0 and 1", value)
