"""A reading draws what its likelihood says, and says nothing where nothing was seen."""

import math

import pytest
import torch
from scipy.stats import norm

from graphfuse.problems import DigitImages, ExactLabel, GaussianSignal, digit_images

CONFUSION = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.0, 0.9]], dtype=torch.float64)


@pytest.fixture(scope="module")
def pools() -> tuple[DigitImages, DigitImages]:
    return digit_images(CONFUSION, torch.Generator().manual_seed(3))


def test_an_exact_label_excludes_every_other_state():
    found = ExactLabel(3).log_likelihoods(torch.tensor([2, -1, 0])).exp()
    assert found.tolist() == [[0, 0, 1], [1, 1, 1], [1, 0, 0]]


@pytest.mark.parametrize("features", [(), (3,), (2, 2)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_gaussian_signal_has_the_density_of_scipy_over_the_cells_that_were_seen(features, dtype, generator):
    means = torch.randn((4, *features), generator=generator, dtype=dtype)
    scale = torch.rand((4, *features), generator=generator, dtype=dtype) + 0.5
    signal = GaussianSignal(means, scale)
    values = signal.sample(torch.tensor([0, 3, 1, 2, 2]), generator)
    assert values.shape == (5, *features) and values.dtype == dtype
    values[1] = torch.nan
    if features:
        values[(2, *[0] * len(features))] = torch.nan
    expected = norm.logpdf(values.unsqueeze(1).double(), means.double(), scale.double())
    expected = torch.from_numpy(expected).nan_to_num(0.0).reshape(5, 4, -1).sum(-1)
    torch.testing.assert_close(signal.log_likelihoods(values), expected)
    assert signal.log_likelihoods(values[:0]).shape == (0, 4)


def test_gaussian_draws_have_the_mean_and_spread_of_their_state(generator):
    signal = GaussianSignal(torch.tensor([-1.0, 4.0]), torch.tensor([0.5, 2.0]))
    states = torch.arange(20_000) % 2
    drawn = signal.sample(states, generator)
    for state, mean, spread in ((0, -1.0, 0.5), (1, 4.0, 2.0)):
        assert drawn[states == state].mean() == pytest.approx(mean, abs=5 * spread / math.sqrt(10_000))
        assert drawn[states == state].std() == pytest.approx(spread, rel=0.05)


def test_train_and_test_pools_share_no_image_and_hold_every_one(pools):
    train, test = ({image.numpy().tobytes() for image in pool.images} for pool in pools)
    assert not train & test
    from sklearn.datasets import load_digits

    table = load_digits()
    expected = {(image / 16).astype("float32").tobytes() for image in table.images[table.target < 3]}
    assert train | test == expected


def test_the_labels_of_the_pools_are_those_of_the_images(pools):
    from sklearn.datasets import load_digits

    table = load_digits()
    label_of = {(i / 16).astype("float32").tobytes(): k for i, k in zip(table.images, table.target, strict=True)}
    for pool in pools:
        found = [label_of[image.numpy().tobytes()] for image in pool.images]
        assert found == pool.labels.tolist()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_the_likelihood_of_an_image_is_the_confusion_of_its_label_shared_by_the_images_of_that_label(pools, dtype):
    for pool in pools:
        found = pool.log_likelihoods(pool.images.to(dtype)).exp()
        shares = torch.stack([(pool.labels == k).sum() for k in range(3)]).double()
        torch.testing.assert_close(found, (CONFUSION / shares).T[pool.labels])
        torch.testing.assert_close(found.sum(0), torch.ones(2, dtype=torch.float64))


def test_digits_are_drawn_as_often_as_the_confusion_says(pools, generator):
    pool = pools[0]
    drawn = pool.sample(torch.zeros(20_000, dtype=torch.int64), generator)
    label_of = {image.numpy().tobytes(): int(k) for image, k in zip(pool.images, pool.labels, strict=True)}
    labels = torch.tensor([label_of[image.numpy().tobytes()] for image in drawn])
    found = torch.bincount(labels, minlength=3).double() / len(labels)
    torch.testing.assert_close(found, CONFUSION[0], rtol=0, atol=5 * math.sqrt(0.25 / 20_000))


def test_a_missing_image_says_nothing(pools):
    images = torch.full((2, 8, 8), torch.nan)
    images[1] = pools[0].images[0]
    found = pools[0].log_likelihoods(images)
    assert found[0].tolist() == [0, 0] and found[1].abs().min() > 0


def test_an_image_of_the_other_pool_is_refused_with_its_row(pools):
    mixed = torch.stack([pools[0].images[0], pools[1].images[0]])
    with pytest.raises(ValueError, match=r"values must be images of the pool; got another in row 1\."):
        pools[0].log_likelihoods(mixed)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ExactLabel(0), "num_states must be at least 1; got 0"),
        (
            lambda: ExactLabel(2).log_likelihoods(torch.tensor([2])),
            r"values must be between -1 .* and 1; got 2",
        ),
        (lambda: GaussianSignal(torch.tensor([0, 1]), 1.0), "means must be a floating-point tensor; got torch.int64"),
        (lambda: GaussianSignal(torch.tensor([0.0, torch.nan]), 1.0), "means must be finite"),
        (lambda: GaussianSignal(torch.zeros(2), 0.0), "scale must be finite and greater than zero; got 0.0"),
        (lambda: GaussianSignal(torch.zeros(2), torch.ones(3)), r"scale must broadcast with shape \(2,\); got \(3,\)"),
        (lambda: GaussianSignal(torch.zeros(2, 3), 1.0).log_likelihoods(torch.zeros(5)), r"values must have shape"),
        (lambda: digit_images(torch.ones(2, 3), torch.Generator()), "confusion must hold one distribution per row"),
        (lambda: digit_images(torch.eye(11), torch.Generator()), "confusion must have at most ten symbols; got 11"),
        (lambda: digit_images(torch.eye(2), torch.Generator(), 1.5), "test_fraction must be between 0 and 1; got 1.5"),
        (lambda: DigitImages(torch.eye(2), torch.rand(3, 4), torch.tensor([0, 0])), "labels must have one label per"),
        (lambda: DigitImages(torch.eye(2), torch.rand(2, 4), torch.tensor([0, 2])), "between 0 and 1; got 2"),
        (lambda: DigitImages(torch.eye(2), torch.rand(2, 4), torch.tensor([0, 0])), "got no image of 1"),
        (lambda: DigitImages(torch.eye(2), torch.ones(2, 4), torch.tensor([0, 1])), "every image once; got 1 repet"),
        (lambda: DigitImages(torch.eye(2), torch.ones(2, 4), torch.zeros(2)), "labels must be a tensor of integers"),
    ],
)
def test_what_is_no_reading_is_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
