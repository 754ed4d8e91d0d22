"""Encoders of sequences and sets against the same network on the steps that are there."""

import pytest
import torch

from graphfuse.encoders import GRU, DeepSets, Transformer

NAN = float("nan")
SEQUENCES = [
    lambda: GRU(2, 3, hidden=5, num_layers=2),
    lambda: Transformer(2, 3, width=8, num_heads=2),
    lambda: DeepSets(2, 3, hidden=5),
]


@pytest.fixture(params=SEQUENCES, ids=["GRU", "Transformer", "DeepSets"])
def encoder(request):
    torch.manual_seed(0)
    return request.param().double()


def padded(steps: torch.Tensor, *where: int, length: int) -> torch.Tensor:
    """Steps put at places of a longer sequence, missing elsewhere."""
    sequence = steps.new_full((length, steps.shape[1]), NAN)
    sequence[list(where)] = steps
    return sequence


def test_missing_steps_at_the_end_change_nothing(encoder, generator):
    steps = torch.randn(3, 2, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encoder(padded(steps, 0, 1, 2, length=7)), encoder(steps))


@pytest.mark.parametrize("make", [SEQUENCES[0], SEQUENCES[2]], ids=["GRU", "DeepSets"])
def test_missing_steps_anywhere_are_as_if_they_were_not_there(make, generator):
    torch.manual_seed(0)
    encoder, steps = make().double(), torch.randn(3, 2, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(encoder(padded(steps, 1, 2, 5, length=6)), encoder(steps))


def test_a_transformer_sees_at_which_steps_the_gaps_were(generator):
    torch.manual_seed(0)
    encoder, steps = Transformer(2, 3).double(), torch.randn(3, 2, generator=generator, dtype=torch.float64)
    assert (encoder(padded(steps, 1, 2, 5, length=6)) - encoder(steps)).abs().max() > 1e-3


def test_what_is_padded_does_not_leak_into_gradients(encoder, generator):
    inputs = padded(torch.randn(2, 2, generator=generator, dtype=torch.float64), 0, 3, length=4).requires_grad_()
    encoder(inputs).sum().backward()
    assert inputs.grad.isfinite().all()
    assert (inputs.grad[[1, 2]] == 0).all() and (inputs.grad[[0, 3]] != 0).any()


def test_a_sequence_without_any_step_says_the_same_however_long_it_is(encoder):
    empty = [encoder(torch.full((length, 2), NAN, dtype=torch.float64)) for length in (0, 1, 4)]
    assert all(each.isfinite().all() for each in empty)
    torch.testing.assert_close(empty[0], empty[1])
    torch.testing.assert_close(empty[1], empty[2])


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)], ids=str)
def test_any_leading_dimensions_are_rows(encoder, batch, generator):
    inputs = torch.randn(*batch, 5, 2, generator=generator, dtype=torch.float64)
    found = encoder(inputs)
    assert found.shape == (*batch, 3)
    torch.testing.assert_close(found.reshape(-1, 3), encoder(inputs.reshape(-1, 5, 2)))


def test_a_gru_without_gaps_is_torchs_own(generator):
    torch.manual_seed(0)
    encoder, inputs = GRU(2, 3).double(), torch.randn(4, 6, 2, generator=generator, dtype=torch.float64)
    _, last = encoder.units(torch.cat([inputs, torch.zeros_like(inputs)], -1))
    torch.testing.assert_close(encoder(inputs), encoder.head(last[-1]))


def test_a_set_has_no_order_and_a_sequence_has(generator):
    torch.manual_seed(0)
    inputs = torch.randn(4, 6, 2, generator=generator, dtype=torch.float64)
    turned = inputs.flip(1)
    sets, sequences = DeepSets(2, 3).double(), [GRU(2, 3).double(), Transformer(2, 3).double()]
    torch.testing.assert_close(sets(inputs), sets(turned))
    assert all((encoder(inputs) - encoder(turned)).abs().max() > 1e-4 for encoder in sequences)


def test_a_set_is_pooled_by_mean_and_maximum_of_its_present_elements(generator):
    torch.manual_seed(0)
    encoder, elements = DeepSets(2, 3).double(), torch.randn(3, 2, generator=generator, dtype=torch.float64)
    embedded = encoder.element(elements)
    expected = encoder.head(torch.cat([embedded.mean(0), embedded.max(0).values]))
    torch.testing.assert_close(encoder(padded(elements, 0, 2, 3, length=5)), expected)


def test_gradients_of_the_inputs_are_exact(encoder, generator):
    inputs = torch.randn(2, 3, 2, generator=generator, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(encoder, inputs)


def test_another_width_or_kind_of_input_is_refused(encoder):
    with pytest.raises(
        ValueError, match=r"inputs must be floating-point of shape \(\*batch, steps, 2\); got \(4, 5, 3\)"
    ):
        encoder(torch.zeros(4, 5, 3))
    with pytest.raises(ValueError, match=r"inputs must be floating-point .*; got \(5, 2\) of torch.int64"):
        encoder(torch.zeros(5, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match="inputs must be a tensor; got list"):
        encoder([[0.0, 1.0]])


def test_a_transformer_whose_heads_do_not_divide_its_width_is_refused():
    with pytest.raises(ValueError, match="width must be even and a multiple of num_heads, 3; got 8"):
        Transformer(2, 3, width=8, num_heads=3)


@pytest.mark.parametrize("name", ["GRU", "Transformer", "DeepSets"])
def test_training_learns_what_only_the_present_steps_tell(name, generator):
    """The label is the sign of the mean over the observed steps."""
    torch.manual_seed(0)
    encoder = {"GRU": GRU(1, 2, hidden=8), "Transformer": Transformer(1, 2, width=8), "DeepSets": DeepSets(1, 2)}[name]
    inputs = torch.randn(256, 6, 1, generator=generator)
    inputs[torch.rand(256, 6, generator=generator) < 0.4] = NAN
    target = (inputs.nan_to_num(nan=0.0).sum((1, 2)) > 0).long()
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(encoder(inputs), target).backward()
        optimizer.step()
    assert (encoder(inputs).argmax(-1) == target).float().mean() > 0.9
