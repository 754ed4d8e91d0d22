"""When there are too few events, or too few rows without one, for a score of two classes to be read."""

from __future__ import annotations

from warnings import warn

from torch import Tensor

FEWEST = 10  # rows of either kind


def too_few(states: Tensor, positive: int = 1, fewest: int = FEWEST) -> str | None:
    """Of which kind there are too few rows: ``"events"``, else ``"non-events"``, else None.

    Args:
        states: True classes, int64 ``(num_rows,)``.
        positive: The class that is the event.
        fewest: How many rows of either kind are enough.

    Example:
        >>> too_few(torch.tensor([1] * 9 + [0] * 30)), too_few(torch.tensor([1] * 10 + [0] * 10))
        ('events', None)
    """
    return next((kind for kind, number in _counted(states, positive).items() if number < fewest), None)


def warn_of_few(states: Tensor, positive: int = 1, fewest: int = FEWEST, stacklevel: int = 3) -> None:
    """Warn where ``too_few`` names a kind; called by scores of two classes that come with an interval or a curve.

    Ten is no bound of theory: below it even an interval that covers as often as it says is mostly too wide to be of
    use, and those of resamples and of standard errors are too narrow.

    Args:
        states: As for ``too_few``, as are the next two.
        positive: The event.
        fewest: How many are enough.
        stacklevel: Of whom the warning speaks; 3 is the caller of the function that calls this one.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings(record=True) as found:
        ...     warn_of_few(torch.tensor([1] * 8 + [0] * 4))
        >>> print(found[0].message)
        states hold 8 events and 4 non-events; with fewer than 10 of either, scores and their intervals say little.

    Reference: Collins, Ogundimu and Altman (2016), Sample size considerations for the external validation of a
    multivariable prognostic model, who ask for a hundred events.
    """
    if too_few(states, positive, fewest) is not None:
        events, others = _counted(states, positive).values()
        warn(
            f"states hold {events} events and {others} non-events; with fewer than {fewest} of either, scores and "
            "their intervals say little.",
            stacklevel=stacklevel,
        )


def _counted(states: Tensor, positive: int) -> dict[str, int]:
    events = int((states == positive).sum())
    return {"events": events, "non-events": states.numel() - events}
