"""The evidence ledger adds up in every row, and its entries are what brute force says."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphfuse import (
    Factor,
    FactorGraph,
    GraphFusion,
    LogarithmicPool,
    ModalityBatch,
    NeuralPotential,
    ScorePotential,
    TablePotential,
    Variable,
    star,
)
from graphfuse.explanations import explain, shapley_standard_errors

from .models import (
    MODELS,
    correlated_model,
    log_odds_of,
    rows_with_gaps,
    shapley_by_orders,
    star_model,
)

EFFECTS = ["shapley", "alone", "removal"]
kinds = pytest.mark.parametrize("kind", MODELS)


def raw(tables, prior=(0.0, 0.0)):
    """A star whose modalities hold their tables themselves, infinities included, and a batch of these rows."""
    names = list(tables)
    values = {name: torch.tensor(table, dtype=torch.float64) for name, table in tables.items()}
    places = {name: torch.arange(len(table), dtype=torch.float64)[:, None] for name, table in values.items()}

    class Looked(torch.nn.Module):
        def __init__(self, table):
            super().__init__()
            self.table = table

        def forward(self, inputs):
            return self.table[inputs[:, 0].long()]

    potentials = {name: NeuralPotential(Looked(values[name]), (2,), name) for name in names}
    potentials["prior"] = TablePotential(torch.tensor(prior, dtype=torch.float64))
    return GraphFusion(star(Variable("y", 2), names), potentials, ["y"]), ModalityBatch(places)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(sorted(MODELS)),
    num_modalities=st.integers(1, 4),
    num_states=st.integers(2, 3),
    effects=st.sampled_from(EFFECTS),
    seed=st.integers(0, 10_000),
    data=st.data(),
)
def test_every_row_sums_to_the_log_odds(kind, num_modalities, num_states, effects, seed, data):
    names = [f"m{i}" for i in range(num_modalities)]
    state = data.draw(st.integers(0, num_states - 1))
    model, batch = MODELS[kind](names, num_states, seed), rows_with_gaps(names, 6, num_states, seed)
    found = explain(model, batch, "y", state, effects)
    assert list(found.columns) == ["prior", *names, "missingness", "interactions"]
    np.testing.assert_allclose(found.sum(axis=1), log_odds_of(model, batch, names, state), atol=1e-9)
    np.testing.assert_allclose(found["prior"], log_odds_of(model, batch, (), state), atol=1e-9)
    absent = ~np.stack([batch.present[name].numpy() for name in names], axis=1)
    assert (found[names].to_numpy()[absent] == 0).all()
    assert (found["missingness"] == 0).all()


@kinds
@pytest.mark.parametrize("num_states", [2, 3])
def test_shapley_entries_equal_the_mean_gain_over_all_orders(kind, num_states):
    names = ["a", "b", "c", "d"]
    model, batch = MODELS[kind](names, num_states, 1), rows_with_gaps(names, 8, num_states, 1)
    found = explain(model, batch, "y", num_states - 1)
    for name, expected in shapley_by_orders(model, batch, num_states - 1).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-10)
    assert (found["interactions"] == 0).all()


def test_a_model_of_any_kind_can_be_explained():
    names = ["a", "b"]
    model = LogarithmicPool({name: torch.nn.Identity() for name in names}, Variable("y", 2), torch.tensor([0.3, 0.7]))
    batch = rows_with_gaps(names).to(dtype=torch.float32)
    found = explain(model, batch, "y")
    for name, expected in shapley_by_orders(model, batch, 1).items():
        np.testing.assert_allclose(found[name], expected, atol=1e-5)


@kinds
def test_removal_is_the_change_on_real_removal_and_alone_on_real_arrival(kind):
    names = ["a", "b", "c"]
    model, batch = MODELS[kind](names), rows_with_gaps(names)
    whole, nothing = log_odds_of(model, batch, names, 1), log_odds_of(model, batch, (), 1)
    removal, alone = (explain(model, batch, "y", effects=effects) for effects in ("removal", "alone"))
    for name in names:
        without = log_odds_of(model, batch, [other for other in names if other != name], 1)
        np.testing.assert_allclose(removal[name], whole - without, atol=1e-10)
        np.testing.assert_allclose(alone[name], log_odds_of(model, batch, [name], 1) - nothing, atol=1e-10)


def test_all_three_agree_in_a_star_of_two_classes():
    names = ["a", "b", "c"]
    model, batch = star_model(names), rows_with_gaps(names)
    first, *others = (explain(model, batch, "y", effects=effects) for effects in EFFECTS)
    for other in others:
        pd.testing.assert_frame_equal(first, other, atol=1e-10)


@pytest.mark.parametrize("effects", EFFECTS)
def test_a_modality_that_is_independent_of_the_target_earns_zero(effects):
    variables = [Variable("y", 2), Variable("weather", 3)]
    factors = [Factor("prior", ("y",)), Factor("ecg", ("y",)), Factor("sky", ("weather",))]
    potentials = {
        "prior": TablePotential(torch.tensor([0.3, -0.2], dtype=torch.float64)),
        "ecg": ScorePotential(2, "ecg").double(),
        "sky": ScorePotential(3, "sky").double(),
    }
    model = GraphFusion(FactorGraph(variables, factors), potentials, ["y"])
    inputs = {"ecg": torch.randn(5, 2).double(), "sky": torch.randn(5, 3).double()}
    found = explain(model, ModalityBatch(inputs), "y", effects=effects)
    np.testing.assert_allclose(found["sky"], 0.0, atol=1e-12)
    assert (found["ecg"].abs() > 1e-3).all()


@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("order", list(permutations("abc"))[1:], ids="".join)
def test_permuting_modalities_permutes_columns_and_changes_nothing_else(order, effects):
    model, batch = correlated_model(["a", "b", "c"]), rows_with_gaps(["a", "b", "c"])
    found = explain(model, batch, "y", effects=effects)
    again = explain(model, batch.select(order), "y", effects=effects)
    assert list(again.columns) == ["prior", *order, "missingness", "interactions"]
    pd.testing.assert_frame_equal(again[found.columns], found, atol=1e-12)


def test_ledgers_of_two_independent_modalities_add_up():
    model, batch = star_model(["a", "b"]), rows_with_gaps(["a", "b"], rate=0.0)
    both = explain(model, batch, "y")
    for name, other in (("a", "b"), ("b", "a")):
        one = explain(model, batch.keep({other: torch.zeros(len(batch), dtype=torch.bool)}), "y")
        np.testing.assert_allclose(one[name], both[name], atol=1e-12)
        assert (one[other] == 0).all()


def test_two_equal_witnesses_share_what_they_say():
    model = correlated_model(["a", "b"])
    scores = model.potential_of["scores"]
    with torch.no_grad():
        for parameter in (scores.log_weight, scores.log_information):
            parameter.copy_(parameter.mean())
        scores.start.copy_(scores.start[:1].expand_as(scores.start))
        scores.loading.copy_(scores.loading[:1].expand_as(scores.loading))
    values = torch.randn(4, 2).double()
    found = explain(model, ModalityBatch({"a": values, "b": values.clone()}), "y")
    np.testing.assert_allclose(found["a"], found["b"], atol=1e-12)


# infinities


def test_who_settles_the_target_earns_infinity_and_a_second_who_does_too_shares_it():
    model, batch = raw(
        {
            "proof": [[-np.inf, 0.0], [-np.inf, 0.0], [0.0, -np.inf]],
            "hint": [[0.0, 1.0], [-np.inf, 0.0], [0.0, 1.0]],
        }
    )
    found = explain(model, batch, "y")
    assert found["proof"].tolist() == [np.inf, np.inf, -np.inf]
    assert found["hint"][0] == pytest.approx(0.5)  # half of its one nat: once the proof is known it changes nothing
    assert found["hint"][1] == np.inf
    assert found.sum(axis=1).tolist() == [np.inf, np.inf, -np.inf]
    removal = explain(model, batch, "y", effects="removal")
    assert removal["proof"].tolist() == [np.inf, 0.0, -np.inf]
    assert removal["interactions"].tolist() == [0.0, np.inf, 0.0]
    assert removal.sum(axis=1).tolist() == [np.inf, np.inf, -np.inf]


@pytest.mark.parametrize("effects", EFFECTS)
def test_a_certain_prior_takes_all_of_an_infinite_sum(effects):
    model, batch = raw({"a": [[0.0, 1.0]]}, prior=(-np.inf, 0.0))
    assert explain(model, batch, "y", effects=effects).iloc[0].tolist() == [np.inf, 0.0, 0.0, 0.0]


@pytest.mark.parametrize("effects", EFFECTS)
def test_a_row_of_contradictions_is_nan_and_others_stay_as_they_are(effects):
    model, batch = raw({"a": [[-np.inf, 0.0], [0.0, 1.0]], "b": [[0.0, -np.inf], [0.0, 1.0]]})
    found = explain(model, batch, "y", effects=effects)
    assert found.iloc[0].isna().all()
    assert found.iloc[1].tolist() == pytest.approx([0.0, 1.0, 1.0, 0.0, 0.0])


# many modalities


def test_sampled_shapley_values_sum_exactly_and_are_as_near_as_their_errors_say():
    names = [f"m{i:02d}" for i in range(13)]
    model, batch = correlated_model(names), rows_with_gaps(names, 4, rate=0.0)
    found = explain(model, batch, "y", generator=torch.Generator().manual_seed(0), num_pairs=32)
    errors = shapley_standard_errors(model, batch, "y", generator=torch.Generator().manual_seed(0), num_pairs=32)
    np.testing.assert_allclose(found.sum(axis=1), log_odds_of(model, batch, names, 1), atol=1e-9)
    more = explain(model, batch, "y", generator=torch.Generator().manual_seed(1), num_pairs=256)
    some = errors.to_numpy()[:-1]
    assert (some > 0).all() and (errors.to_numpy()[-1] == 0).all()
    scores = (found[names].to_numpy()[:-1] - more[names].to_numpy()[:-1]) / some
    assert 0.5 < np.sqrt(np.mean(scores**2)) < 1.6


def test_standard_errors_are_zero_where_values_are_exact():
    model, batch = correlated_model(["a", "b"]), rows_with_gaps(["a", "b"])
    assert (shapley_standard_errors(model, batch, "y", generator=torch.Generator()) == 0).all(axis=None)


def test_many_modalities_ask_for_a_generator():
    names = [f"m{i}" for i in range(13)]
    with pytest.raises(ValueError, match=r"generator must be a torch.Generator where a row has more than 12"):
        explain(star_model(names), rows_with_gaps(names), "y")


# refusals


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"target": "z"}, "target must be one of 'y'; got 'z'"),
        ({"target_state": 5}, "target_state must be one of 0, 1, 2; got 5"),
        ({"target_state": None}, "target_state must name one of 3 states"),
        ({"effects": "shap"}, "effects must be one of 'shapley', 'alone', 'removal'; got 'shap'"),
        ({"num_pairs": 1}, "num_pairs must be at least 2; got 1"),
    ],
)
def test_a_bad_argument_is_refused_by_name(changed, words):
    arguments = {"target": "y", "target_state": 0} | changed
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        explain(star_model(["a"], 3), rows_with_gaps(["a"], 6, 3), **arguments)


def test_a_modality_called_like_another_column_is_refused():
    with pytest.raises(ValueError, match="modalities must not be called 'prior', 'missingness', 'interactions'"):
        explain(star_model(["missingness"]), rows_with_gaps(["missingness"]), "y")


def test_a_batch_of_more_dimensions_is_refused():
    batch = ModalityBatch({"a": torch.zeros(2, 3, 2)}, {"a": torch.ones(2, 3, dtype=torch.bool)})
    with pytest.raises(ValueError, match=r"batch must have one dimension, rows; got batch shape \(2, 3\)"):
        explain(star_model(["a"]), batch, "y")
