"""How to train: the settings of a fit, and how the step size changes while it runs."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import cos, pi

from ..checks import check_count, check_fraction, check_type, invalid

Schedule = Callable[[float], float]


def constant(progress: float) -> float:
    """The full step size all along."""
    return 1.0


def cosine(progress: float) -> float:
    """From the full step size to zero along half a cosine.

    Example:
        >>> [round(cosine(progress), 2) for progress in (0.0, 0.5, 1.0)]
        [1.0, 0.5, 0.0]

    Reference: Loshchilov and Hutter (2017), SGDR: Stochastic gradient descent with warm restarts.
    """
    return 0.5 * (1 + cos(pi * progress))


def warm_up(progress: float) -> float:
    """From nothing to the full step size over the first tenth, then along half a cosine to zero."""
    return progress / 0.1 if progress < 0.1 else cosine((progress - 0.1) / 0.9)


@dataclass(frozen=True)
class FitSettings:
    """How to train.

    Args:
        num_epochs: Passes over the training rows.
        batch_size: Rows per step.
        learning_rate: Step size of AdamW.
        weight_decay: Decay of AdamW.
        schedule: From the progress of the training, 0 to 1, to a factor of the step size.
        clip_norm: Longest gradient, over all parameters; a longer one is scaled down to it. No limit if None.
        validation_fraction: Share of the training rows that is held out to choose the epoch by, where no validation
            rows are given.
        patience: Epochs without a better validation score to stop after; never if None.

    Raises:
        ValueError: If a number is out of its range.

    Example:
        >>> FitSettings(num_epochs=50, schedule=cosine, clip_norm=1.0).batch_size
        256
    """

    num_epochs: int = 100
    batch_size: int = 256
    learning_rate: float = 1e-2
    weight_decay: float = 0.0
    schedule: Schedule = constant
    clip_norm: float | None = None
    validation_fraction: float = 0.0
    patience: int | None = None

    def __post_init__(self) -> None:
        check_count("num_epochs", self.num_epochs, minimum=0)
        check_count("batch_size", self.batch_size)
        if not self.learning_rate > 0:
            raise invalid("learning_rate", "be above 0", self.learning_rate)
        if not self.weight_decay >= 0:
            raise invalid("weight_decay", "be at least 0", self.weight_decay)
        check_type("schedule", self.schedule, Callable, "be a function from progress to a factor")  # type: ignore[arg-type]
        if self.clip_norm is not None and not self.clip_norm > 0:
            raise invalid("clip_norm", "be above 0, or None", self.clip_norm)
        check_fraction("validation_fraction", self.validation_fraction)
        if self.patience is not None:
            check_count("patience", self.patience)

    def described(self) -> dict[str, str | int | float | None]:
        """The settings as plain values, a schedule by its name."""
        name = getattr(self.schedule, "__qualname__", type(self.schedule).__name__)
        return {**asdict(self), "schedule": f"{getattr(self.schedule, '__module__', '')}.{name}"}
