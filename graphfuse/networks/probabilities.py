"""Between the numbers of files and log-tables: read to the bit, and written so that they are read to the bit again."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..checks import invalid

_NEAREST = 4  # steps between neighboring floats within which exp(log x) lies from x
_BOUND = 1e-12  # nats between a table and what is read of it, where no number has just this logarithm


def log_table(numbers: Sequence[float], shape: Sequence[int]) -> Tensor:
    """The logarithms of numbers, in float64; zero is ``-inf``."""
    return torch.tensor(numbers, dtype=torch.float64).reshape(tuple(shape)).log()


def decimals(argument: str, table: Tensor) -> list[str]:
    """The shortest decimal numbers whose logarithms are the entries of a table, last dimension fastest.

    Every table that ``log_table`` made is written so that it is read again to the bit: of all numbers with one and
    the same logarithm the shortest is written. A table that came about otherwise may hold an entry that is the
    logarithm of no float64; there the nearest is written, which is read within 1e-15 of the entry or one unit in its
    last place, whichever is larger, and from then on to the bit.

    Args:
        argument: The table as messages name it.
        table: Log-values in nats, any shape.

    Raises:
        ValueError: If an exponential overflows, or lies so close to zero that float64 holds it less than to 1e-12.

    Example:
        >>> decimals("table", torch.tensor([0.1, 0.0, 1 / 3], dtype=torch.float64).log())
        ['0.1', '0.0', '0.3333333333333333']
    """
    values, places = table.detach().cpu().double().reshape(-1).unique(return_inverse=True)
    guesses = values.exp()
    written = [""] * len(values)
    rest = torch.arange(len(values))
    for digits in range(1, 18):
        if not len(rest):
            break
        rounded = torch.tensor([float(f"{guess:.{digits}g}") for guess in guesses[rest].tolist()], dtype=torch.float64)
        hit = rounded.log() == values[rest]
        for place, number in zip(rest[hit].tolist(), rounded[hit].tolist(), strict=True):
            written[place] = repr(number)
        rest = rest[~hit]
    if len(rest):
        for place, number in zip(rest.tolist(), _nearest(argument, values[rest], guesses[rest]), strict=True):
            written[place] = repr(number)
    return list(map(written.__getitem__, places.tolist()))


def _nearest(argument: str, values: Tensor, guesses: Tensor) -> list[float]:
    """Of the floats around each guess, the one whose logarithm is nearest to the value."""
    below, above = [guesses], [guesses]
    for _ in range(_NEAREST):
        below.append(torch.nextafter(below[-1], torch.zeros_like(guesses)))
        above.append(torch.nextafter(above[-1], torch.full_like(guesses, torch.inf)))
    candidates = torch.stack(below + above[1:])
    distances, best = (candidates.log() - values).abs().min(0)
    far = ~(distances <= _BOUND)
    if bool(far.any()):
        must = f"hold logarithms of numbers that float64 holds to {_BOUND:g}"
        raise invalid(argument, must, float(values[far][0]))
    return candidates.gather(0, best.unsqueeze(0)).squeeze(0).tolist()
