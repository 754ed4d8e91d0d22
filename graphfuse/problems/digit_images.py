"""A variable read through images of handwritten digits, drawn from a finite pool, so that the truth is known.

Images: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998),
its test part, as it comes with scikit-learn; CC BY 4.0; 1797 images of 8 by 8 pixels.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..checks import check_fraction, invalid, listed
from ..logspace import log
from ..tensor_checks import INTEGERS, check_tensor
from .readings import Reading


@dataclass(frozen=True, eq=False)
class DigitImages(Reading):
    """An image of a symbol: the symbol is drawn from the state's row of a confusion table, the image from its pool.

    The image is drawn uniformly among those labelled with the symbol, so the likelihood of an image is exactly that of
    its label, divided by the number of images that share it. A batch carries the image itself; its place in the pool
    is found by its pixels. An image that is ``nan`` everywhere is missing.

    Args:
        confusion: Probabilities ``(num_states, num_symbols)``, each row sums to one.
        images: The pool, ``(num_images, *features)``; no image occurs twice.
        labels: Symbols of the pool, integers ``(num_images,)``; every symbol of positive probability has an image.

    Raises:
        TypeError: If images or confusion are not floating-point, or labels not integers.
        ValueError: If a row of the confusion is no distribution, shapes disagree, a label is no symbol, a symbol has
            no image, or an image occurs twice.

    Example:
        >>> reading = DigitImages(torch.tensor([[0.9, 0.1], [0.2, 0.8]]), torch.rand(6, 8, 8), torch.arange(6) % 2)
        >>> image = reading.sample(torch.tensor([1]), torch.Generator().manual_seed(0))
        >>> image.shape, reading.log_likelihoods(image).shape
        (torch.Size([1, 8, 8]), torch.Size([1, 2]))
    """

    confusion: Tensor
    images: Tensor
    labels: Tensor
    _places: dict[bytes, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("confusion", "images", "labels"):
            check_tensor(name, getattr(self, name))
        for name in ("confusion", "images"):
            if not getattr(self, name).is_floating_point():
                raise invalid(name, "be a floating-point tensor", getattr(self, name).dtype, TypeError)
        if self.labels.dtype not in INTEGERS:
            raise invalid("labels", "be a tensor of integers", self.labels.dtype, TypeError)
        _check_confusion(self.confusion)
        if self.images.ndim < 2 or self.labels.shape != self.images.shape[:1]:
            must = f"have one label per image, shape ({len(self.images)},)"
            raise invalid("labels", must, tuple(self.labels.shape))
        num_symbols = self.confusion.shape[1]
        outside = self.labels[(self.labels < 0) | (self.labels >= num_symbols)]
        if len(outside):
            raise invalid("labels", f"be between 0 and {num_symbols - 1}", int(outside[0]))
        bare = self.confusion.any(0) & (self._counts == 0)
        if bool(bare.any()):
            found = f"no image of {listed(bare.nonzero().flatten().tolist())}"
            raise invalid("labels", "hold every symbol of positive probability", found)
        object.__setattr__(self, "_places", {key: place for place, key in enumerate(_keys(self.images))})
        if len(self._places) < len(self.images):
            repeated = len(self.images) - len(self._places)
            raise invalid("images", "hold every image once", f"{repeated} repetitions")

    @property
    def num_states(self) -> int:  # type: ignore[override]
        """Of the variable."""
        return len(self.confusion)

    def sample(self, states: Tensor, generator: torch.Generator) -> Tensor:
        weights = self.confusion.double() / self._counts.clamp(min=1)  # the share of one image of each symbol
        places = torch.multinomial(weights[:, self.labels.long()][states], 1, generator=generator).flatten()
        return self.images[places]

    def log_likelihoods(self, values: Tensor) -> Tensor:
        if values.shape[1:] != self.images.shape[1:]:
            must = f"have shape (num_rows, {', '.join(map(str, self.images.shape[1:]))})"
            raise invalid("values", must, tuple(values.shape))
        table = torch.zeros(len(values), self.num_states, dtype=torch.float64)
        seen = (~values.isnan().flatten(1).all(1)).cpu().nonzero().flatten()
        places = [self._places.get(key, -1) for key in _keys(values.cpu()[seen].to(self.images.dtype))]
        if -1 in places:
            raise invalid("values", "be images of the pool", f"another in row {int(seen[places.index(-1)])}")
        log_shares = log(self.confusion.double()) - self._counts.clamp(min=1).log()
        table[seen] = log_shares.T[self.labels.long()[places]]
        return table.to(values.device)

    @property
    def _counts(self) -> Tensor:
        """The number of images of each symbol."""
        return torch.bincount(self.labels.long(), minlength=self.confusion.shape[1]).double()


def digit_images(
    confusion: Tensor, generator: torch.Generator, test_fraction: float = 0.5
) -> tuple[DigitImages, DigitImages]:
    """Two readings of the same table, one to train and one to test on, that share no image.

    The images are the 1797 digits of scikit-learn, float32 ``(8, 8)`` in [0, 1]; column ``k`` of the confusion is the
    digit ``k``, and digits beyond the columns are left out. Within each digit the images are split at random. Writers
    are not named in the data, so a writer may stand on both sides.

    Args:
        confusion: Probabilities ``(num_states, num_symbols)``, at most ten symbols.
        generator: Source of the split.
        test_fraction: Share of the images of each digit in the test pool; both pools keep at least one.

    Raises:
        ValueError: If there are more than ten symbols, or the fraction is outside [0, 1].
        ModuleNotFoundError: If scikit-learn is not installed.

    Example:
        >>> train, test = digit_images(torch.eye(2), torch.Generator().manual_seed(0))
        >>> train.images.shape, test.images.shape
        (torch.Size([180, 8, 8]), torch.Size([180, 8, 8]))

    Reference: Alpaydin and Kaynak (1998), Optical Recognition of Handwritten Digits.
    """
    from sklearn.datasets import load_digits

    check_fraction("test_fraction", test_fraction)
    check_tensor("confusion", confusion)
    _check_confusion(confusion)
    if confusion.shape[1] > 10:
        raise invalid("confusion", "have at most ten symbols", confusion.shape[1])
    table = load_digits()
    images = torch.from_numpy(table.images).float() / 16.0
    labels = torch.from_numpy(table.target)
    train, test = [], []
    for symbol in range(confusion.shape[1]):
        places = (labels == symbol).nonzero().flatten()
        places = places[torch.randperm(len(places), generator=generator)]
        num_test = min(max(round(test_fraction * len(places)), 1), len(places) - 1)
        test.append(places[:num_test])
        train.append(places[num_test:])
    first, second = (DigitImages(confusion, images[rows], labels[rows]) for rows in (torch.cat(train), torch.cat(test)))
    return first, second


def _check_confusion(confusion: Tensor) -> None:
    if confusion.ndim != 2:
        raise invalid("confusion", "have shape (num_states, num_symbols)", tuple(confusion.shape))
    sums = confusion.double().sum(1)
    if not bool((confusion >= 0).all()) or not bool(((sums - 1).abs() < 1e-6).all()):
        raise invalid("confusion", "hold one distribution per row", f"rows that sum to {sums.tolist()}")


def _keys(images: Tensor) -> list[bytes]:
    """The pixels of every image, as what a dictionary finds it by."""
    return [image.tobytes() for image in images.detach().cpu().contiguous().numpy()]
