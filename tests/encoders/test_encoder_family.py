"""What every encoder promises: finite logits for any gaps, rows apart from each other, gradients everywhere, state."""

import inspect

import pytest
import torch
from torch import nn

from graphfuse import encoders

MAKE = {  # by encoder: how to make it, the shape of one row, whether rows hold ids, whether it reads nan
    "MLP": (lambda: encoders.MLP(3, 2), (3,), False, True),
    "CNN": (lambda: encoders.CNN(1, 2), (1, 6, 6), False, False),
    "ImageNetwork": (lambda: encoders.ImageNetwork(1, 2), (1, 8, 8), False, True),
    "GRU": (lambda: encoders.GRU(3, 2, hidden=8), (5, 3), False, True),
    "Transformer": (lambda: encoders.Transformer(3, 2, width=8, num_heads=2), (5, 3), False, True),
    "DeepSets": (lambda: encoders.DeepSets(3, 2, hidden=8), (5, 3), False, True),
    "BagOfWords": (lambda: encoders.BagOfWords(7, 2), (5,), True, False),
    "EmbeddingBag": (lambda: encoders.EmbeddingBag(7, 2, width=4), (5,), True, False),
}
NO_LOGITS = {"FrozenFeatures", "LogMel", "MissingCells"}  # parts of an encoder, tested in their own files


def test_every_encoder_of_the_folder_is_under_these_tests():
    public = {name for name in encoders.__all__ if inspect.isclass(getattr(encoders, name))}
    assert {name for name in public if issubclass(getattr(encoders, name), nn.Module)} == {*MAKE, *NO_LOGITS}


@pytest.fixture(params=MAKE)
def case(request):
    make, shape, ids, reads_gaps = MAKE[request.param]
    torch.manual_seed(0)
    return make(), shape, ids, reads_gaps


def rows(num_rows: int, shape: tuple[int, ...], ids: bool, generator: torch.Generator) -> torch.Tensor:
    if ids:
        return torch.randint(-1, 7, (num_rows, *shape), generator=generator)
    return torch.randn(num_rows, *shape, generator=generator)


def with_gaps(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Single cells, whole steps and whole rows missing."""
    if not values.is_floating_point():
        return values.masked_fill(torch.rand(values.shape, generator=generator) < 0.5, 0).index_fill(
            0, torch.tensor([1]), -1
        )
    values = values.masked_fill(torch.rand(values.shape, generator=generator) < 0.2, torch.nan)
    values = (
        values.masked_fill(torch.rand(values.shape[:2], generator=generator)[..., None] < 0.3, torch.nan)
        if (values.ndim == 3)
        else values
    )
    return values.index_fill(0, torch.tensor([1]), torch.nan)


def test_logits_have_one_row_per_row(case, generator):
    encoder, shape, ids, _ = case
    for num_rows in (0, 1, 4):
        assert encoder(rows(num_rows, shape, ids, generator)).shape == (num_rows, 2)


def test_gaps_of_any_kind_give_finite_logits_and_gradients(case, generator):
    encoder, shape, ids, reads_gaps = case
    if not reads_gaps and not ids:
        pytest.skip("reads complete rows")
    logits = encoder(with_gaps(rows(6, shape, ids, generator), generator))
    assert logits.isfinite().all()
    logits.square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in encoder.parameters())


def test_gradients_reach_every_parameter(case, generator):
    encoder, shape, ids, _ = case
    encoder(rows(32, shape, ids, generator)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("training", [True, False])
def test_a_row_alone_equals_its_place_in_the_batch(case, training, generator):
    encoder, shape, ids, reads_gaps = case
    encoder.double().train(training)
    values = rows(5, shape, ids, generator)
    values = with_gaps(values, generator) if ids or reads_gaps else values
    values = values if ids else values.double()
    together = encoder(values)
    alone = torch.cat([encoder(values[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_logits_come_in_the_dtype_of_the_parameters(case, dtype, generator):
    encoder, shape, ids, _ = case
    values = rows(2, shape, ids, generator)
    assert encoder.to(dtype)(values if ids else values.to(dtype)).dtype == dtype


def test_saved_state_restores_the_same_answers(case, generator, tmp_path, request):
    encoder, shape, ids, _ = case
    values = rows(3, shape, ids, generator)
    torch.save(encoder.state_dict(), tmp_path / "state.pt")
    torch.manual_seed(1)
    other = MAKE[request.node.callspec.params["case"]][0]()
    assert not torch.equal(encoder(values), other(values))
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(encoder(values), other(values))


def test_evaluation_without_gradients_answers_as_training_does(case, generator):
    encoder, shape, ids, reads_gaps = case
    values = rows(4, shape, ids, generator)
    values = with_gaps(values, generator) if ids or reads_gaps else values
    trained = encoder.train()(values)
    with torch.no_grad():  # torch has a fast path of its own for attention
        torch.testing.assert_close(encoder.eval()(values), trained, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", MAKE)
def test_a_count_that_is_no_count_is_refused(name):
    encoder = getattr(encoders, name)
    with pytest.raises(ValueError, match="num_outputs must be at least 1; got 0"):
        encoder(4, 0)
    with pytest.raises(TypeError, match=r"num_outputs must be an integer; got 2\.5"):
        encoder(4, 2.5)
