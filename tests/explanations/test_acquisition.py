"""What a reading is worth is what enumeration of all readings says, looking ahead included."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.naive_bayes import GaussianNB

from graphfuse import (
    Factor,
    FactorGraph,
    FusionClassifier,
    GraphFusion,
    JointPotential,
    LogarithmicPool,
    ModalityBatch,
    NeuralPotential,
    TablePotential,
    Variable,
    star,
)
from graphfuse.explanations import ReferenceRows, next_modality

from .models import MODELS, rows_with_gaps

NAN = np.nan


class Looked(torch.nn.Module):
    """log p(reading | state), looked up by the number of the reading."""

    def __init__(self, table):
        super().__init__()
        self.log_table = table.log()

    def forward(self, inputs):
        return self.log_table[inputs[:, 0].long()]


class Together(JointPotential):
    """log p(readings of those present | state) of two binary readings, by enumeration."""

    def __init__(self, modalities, table):
        super().__init__(modalities)
        self.table = table  # (first, second, state)

    def forward(self, inputs, present):
        first, second = (values[:, 0].long().clamp(0, 1) for values in inputs)
        both = self.table[first, second]
        alone = self.table.sum(1)[first], self.table.sum(0)[second]
        one = torch.where(present[:, :1], alone[0], alone[1])
        found = torch.where(present.all(-1, keepdim=True), both, one)
        return found.log()


def discrete_model(sizes, num_states, seed=0, informative=True):
    """A star of modalities with finitely many readings, its tables p(reading | state) and its prior."""
    draws = np.random.default_rng(seed)
    prior = draws.dirichlet(np.full(num_states, 3.0))
    tables = {name: draws.dirichlet(np.ones(size), num_states).T for name, size in sizes.items()}
    if not informative:
        tables["noise"] = np.tile(draws.dirichlet(np.ones(3))[:, None], num_states)
    potentials = {name: NeuralPotential(Looked(torch.from_numpy(t)), (num_states,), name) for name, t in tables.items()}
    potentials["prior"] = TablePotential(torch.from_numpy(np.log(prior)))
    return GraphFusion(star(Variable("y", num_states), list(tables)), potentials, ["y"]), tables, prior


def every_reading(tables, prior):
    """A reference of all states and readings, with how probable each row is within its state."""
    names, sizes = list(tables), [len(table) for table in tables.values()]
    worlds = list(product(range(len(prior)), *map(range, sizes)))
    weights = [np.prod([tables[name][r, y] for name, r in zip(names, rest, strict=True)]) for y, *rest in worlds]
    readings = np.array([rest for _, *rest in worlds], dtype=float)
    inputs = {name: readings[:, [i]] for i, name in enumerate(names)}
    return ModalityBatch(inputs, targets={"y": [y for y, *_ in worlds]}), np.array(weights)


def observed(tables, rows):
    """A batch of rows, each a mapping from modalities to the number of their reading."""
    return ModalityBatch({name: [[float(row.get(name, NAN))] for row in rows] for name in tables})


def bayes(prior, tables, readings):
    found = np.array(prior)
    for name, reading in readings.items():
        found = found * tables[name][reading]
    return found / found.sum()


def risk(probs, loss):
    """Of the best action; the entropy where there is no loss."""
    return -(probs * np.log(probs)).sum() if loss is None else (np.array(loss) @ probs).min()


def best_by_enumeration(prior, tables, readings, costs, steps, left, loss):
    """By modality, the risk now less that after the best policy that begins with it, less what it pays."""
    probs = bayes(prior, tables, readings)
    found = {}
    for name in tables:
        if name in readings or costs.get(name, 0.0) > left:
            continue
        total = 0.0
        for reading, given_state in enumerate(tables[name]):
            after = {**readings, name: reading}
            rest = left - costs.get(name, 0.0)
            more = best_by_enumeration(prior, tables, after, costs, steps - 1, rest, loss) if steps > 1 else {}
            stop = risk(bayes(prior, tables, after), loss)
            total += (probs @ given_state) * (stop - max([0.0, *more.values()]))
        found[name] = risk(probs, loss) - total - costs.get(name, 0.0)
    return found


LOSSES = {"log": None, "matrix": [[0.0, 4.0, 2.0], [1.0, 0.0, 3.0], [2.0, 2.0, 0.5], [0.7, 0.7, 0.7]]}


@pytest.mark.parametrize("horizon", [1, 2, 3])
@pytest.mark.parametrize("kind", LOSSES)
def test_net_values_equal_enumeration_of_all_policies(horizon, kind):
    model, tables, prior = discrete_model({"a": 2, "b": 3, "c": 2}, 3, seed=horizon)
    reference, weights = every_reading(tables, prior)
    rows = [{}, {"b": 2}, {"a": 1, "c": 0}, {"a": 0, "b": 1, "c": 1}]
    costs, budget = {"a": 0.02, "b": 0.05}, np.array([0.06, 1.0, 1.0, 1.0])
    found = next_modality(
        model, observed(tables, rows), "y", reference, costs, horizon, budget, LOSSES[kind], 1000, weights
    )
    for i, row in enumerate(rows):
        expected = best_by_enumeration(prior, tables, row, costs, horizon, budget[i], LOSSES[kind])
        assert set(found.columns[found.iloc[i].isna()]) - {"next"} == set(tables) - set(expected)
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, abs=1e-12)
        best = max(expected.values(), default=0.0)
        if best > 1e-9:
            assert expected[found["next"][i]] == pytest.approx(best)
        else:
            assert found["next"][i] is None


def test_a_modality_independent_of_the_target_is_worth_nothing():
    model, tables, prior = discrete_model({"a": 2, "b": 2}, 2, informative=False)
    reference, weights = every_reading(tables, prior)
    for row, horizon in (({"a": 0, "b": 1}, 1), ({"b": 0}, 2)):
        costs = {"a": 9.0}  # so that what follows the noise is worth nothing either
        found = next_modality(model, observed(tables, [row]), "y", reference, costs, horizon, reference_weight=weights)
        assert found["noise"][0] == pytest.approx(0.0, abs=1e-12) and found["next"][0] is None


@settings(max_examples=25, deadline=None)
@given(
    kind=st.sampled_from([*MODELS, "pool"]), seed=st.integers(0, 1000), horizon=st.integers(1, 2), matrix=st.booleans()
)
def test_no_reading_is_worth_less_than_nothing_before_its_cost(kind, seed, horizon, matrix):
    names = ["a", "b", "c"]
    if kind == "pool":
        encoders = {name: torch.nn.Identity() for name in names}
        model = LogarithmicPool(encoders, Variable("y", 2), torch.tensor([0.4, 0.6]))
    else:
        model = MODELS[kind](names, seed=seed)
    reference = rows_with_gaps(names, 12, seed=seed + 1)
    labels = torch.randint(0, 2, (12,), generator=torch.Generator().manual_seed(seed))
    reference = ModalityBatch(reference.inputs, reference.present, {"y": labels})
    loss = np.random.default_rng(seed).normal(size=(3, 2)) if matrix else None
    found = next_modality(model, rows_with_gaps(names, seed=seed), "y", reference, horizon=horizon, loss=loss)
    values = found[names].to_numpy()
    assert (values[~np.isnan(values)] >= 0).all() and (~np.isnan(values)).any()


@pytest.fixture(scope="module")
def riddle():
    """Two tests that say nothing alone and nearly all together, a third that says a little; and all worlds."""
    right = 0.95
    table = torch.zeros(2, 2, 2, dtype=torch.float64)
    for first, second, state in product(range(2), repeat=3):
        table[first, second, state] = (right if first ^ second == state else 1 - right) / 2
    hint = torch.tensor([[0.6, 0.4], [0.4, 0.6]], dtype=torch.float64)
    graph = FactorGraph([Variable("y", 2)], [Factor("prior", ("y",)), Factor("riddle", ("y",)), Factor("hint", ("y",))])
    potentials = {
        "prior": TablePotential(torch.zeros(2, dtype=torch.float64)),
        "riddle": Together(["first", "second"], table),
        "hint": NeuralPotential(Looked(hint), (2,), "hint"),
    }
    worlds = np.array(list(product(range(2), repeat=4)))
    weights = np.array([float(table[a, b, y] * hint[c, y]) for y, a, b, c in worlds])
    readings = {name: worlds[:, [i]].astype(float) for i, name in enumerate(["first", "second", "hint"], start=1)}
    return GraphFusion(graph, potentials, ["y"]), ModalityBatch(readings, targets={"y": worlds[:, 0]}), weights


def loss_of_policy(riddle, horizons):
    """The expected log-loss after as many readings as there are horizons, each chosen with that look-ahead."""
    model, worlds, weights = riddle
    shown = worlds.keep({name: torch.zeros(len(worlds), dtype=torch.bool) for name in worlds.modalities})
    for horizon in horizons:
        chosen = next_modality(model, shown, "y", worlds, horizon=horizon, reference_weight=weights)["next"]
        present = {name: shown.present[name] | torch.tensor((chosen == name).tolist()) for name in shown.modalities}
        shown = ModalityBatch(worlds.inputs, present)
    log_probs = model(shown)["y"].detach().numpy()
    states = worlds.targets["y"].numpy()
    return float(weights @ -log_probs[np.arange(len(states)), states] / weights.sum())


def test_looking_two_readings_ahead_beats_greed_where_two_tests_are_worthless_alone_and_decisive_together(riddle):
    model, worlds, weights = riddle
    nothing = worlds[:1].keep({name: torch.tensor([False]) for name in worlds.modalities})
    alone = next_modality(model, nothing, "y", worlds, reference_weight=weights)
    ahead = next_modality(model, nothing, "y", worlds, horizon=2, reference_weight=weights)
    entropy = np.log(2) + 0.95 * np.log(0.95) + 0.05 * np.log(0.05)
    np.testing.assert_allclose(alone[["first", "second"]], 0.0, atol=1e-12)
    assert alone["next"][0] == "hint" and ahead["next"][0] in {"first", "second"}
    assert ahead["first"][0] == pytest.approx(entropy)
    greedy, patient = loss_of_policy(riddle, [1, 1]), loss_of_policy(riddle, [2, 1])
    assert greedy == pytest.approx(np.log(2) - float(alone["hint"][0]))  # the hint, and then nothing is worth reading
    assert patient == pytest.approx(np.log(2) - entropy)


@pytest.mark.parametrize("kind", MODELS)
def test_the_order_of_modalities_rows_and_reference_changes_nothing(kind):
    names = ["a", "b", "c"]
    model, batch = MODELS[kind](names, 3), rows_with_gaps(names, 8, 3)
    reference = rows_with_gaps(names, 15, 3, seed=5, rate=0.1)
    reference = ModalityBatch(reference.inputs, reference.present, {"y": torch.arange(15) % 3})
    found = next_modality(model, batch, "y", reference, {"a": 0.01}, horizon=2)
    order = np.random.default_rng(0).permutation(8)
    again = next_modality(
        model, batch.select(["c", "a", "b"])[order], "y", reference[np.arange(15)[::-1].copy()], {"a": 0.01}, horizon=2
    )
    pd.testing.assert_frame_equal(again[found.columns], found.iloc[order].reset_index(drop=True))


# fitted classifiers

STRENGTHS = {"strong": 1.5, "middling": 1.0, "weak": 0.5, "silent": 0.0}


def gaussian_rows(num_rows, seed, rate=0.5):
    """Modalities of two columns that differ in how much they say of three classes, with gaps."""
    draws = np.random.default_rng(seed)
    y = draws.integers(0, 3, num_rows)
    centers = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    X = {name: strength * centers[y] + 0.6 * draws.normal(size=(num_rows, 2)) for name, strength in STRENGTHS.items()}
    for values in X.values():
        values[draws.random(num_rows) < rate] = NAN
    return ModalityBatch(X), y


@pytest.fixture(scope="module")
def fitted():
    return FusionClassifier(encoders=GaussianNB(), random_state=0).fit(*gaussian_rows(1200, 0))


def entropy(log_probs):
    return -(np.exp(log_probs) * log_probs).sum(1)


def test_expected_and_realised_drops_of_the_entropy_agree_by_decile(fitted):
    whole, _ = gaussian_rows(1500, 1, rate=0.0)
    gaps, _ = gaussian_rows(1500, 2)
    batch = whole.keep(gaps.present)
    expected = fitted.next_modality(batch, max_readings=100)
    before = entropy(fitted.predict_log_proba(batch))
    pairs = []
    for name in STRENGTHS:
        rows = np.flatnonzero(expected[name].notna())
        present = {**batch.present, name: torch.ones(len(batch), dtype=torch.bool)}
        after = entropy(fitted.predict_log_proba(ModalityBatch(whole.inputs, present)))
        pairs.append(np.stack([expected[name].to_numpy()[rows], (before - after)[rows]], axis=1))
    pairs = np.concatenate(pairs)
    means = np.array([part.mean(0) for part in np.array_split(pairs[np.argsort(pairs[:, 0])], 10)])
    assert np.corrcoef(means.T)[0, 1] > 0.95
    assert np.abs(means[:, 0] - means[:, 1]).max() < 0.06  # nats


def test_values_of_a_classifier_rise_with_what_a_modality_says(fitted):
    nothing = ModalityBatch({name: np.full((1, 2), NAN) for name in STRENGTHS})
    found = fitted.next_modality(nothing)
    values = found[list(STRENGTHS)].to_numpy()[0]
    assert (np.diff(values) < 0).all() and values[-1] < 0.01
    assert found["next"][0] == "strong"
    assert fitted.next_modality(nothing, costs={"strong": 1.0})["next"][0] == "middling"
    assert fitted.next_modality(nothing, costs=dict.fromkeys(STRENGTHS, 2.0))["next"][0] is None


def test_values_of_a_classifier_are_those_of_its_graph_over_scores(fitted):
    batch, _ = gaussian_rows(40, 3)
    scored = fitted._encode(batch)
    expected = next_modality(fitted.model_, scored, "target", fitted.reference_.batch, horizon=2, max_readings=9)
    found = fitted.next_modality(batch, horizon=2, max_readings=9)
    pd.testing.assert_frame_equal(found, expected[found.columns])


def test_the_reference_is_about_a_thousand_rows_that_keep_every_class(fitted):
    kept = fitted.reference_
    assert 990 <= len(kept) <= 1010
    np.testing.assert_allclose(np.bincount(kept.states) / len(kept), fitted.prior_, atol=0.01)
    assert sorted(kept.thinned(1).states) == [0, 1, 2]


def test_reference_rows_are_as_probable_as_their_state_divided_among_its_weights():
    batch = ModalityBatch({"a": [0.0, 1.0, 2.0, 3.0]}, targets={"y": [0, 0, 1, -1]})
    rows = ReferenceRows.of(batch, "y", [1.0, 3.0, 2.0, 1.0])
    assert len(rows) == 3
    np.testing.assert_allclose(rows.probabilities(np.array([[0.2, 0.8]])), [[0.05, 0.15, 0.8]])
    np.testing.assert_allclose(rows.probabilities(np.array([[0.2, 0.3, 0.5]])), [[0.1, 0.3, 0.6]])


def test_modalities_never_seen_together_are_valued_without_a_refusal():
    batch, y = gaussian_rows(200, 0, rate=0.0)
    half = torch.arange(200) % 2 == 0
    X = batch.keep({"strong": half, "middling": ~half})
    model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(X, y)
    assert not model.seen_together_.all()
    found = model.next_modality(X[:20])
    assert (found["strong"].notna() != half[:20].numpy()).all()
    assert (found[["strong", "middling"]].fillna(0) >= 0).all(axis=None)


def test_a_frame_keeps_its_index_and_complete_rows_have_no_next():
    draws = np.random.default_rng(0)
    y = np.arange(40) % 2
    X = pd.DataFrame(
        {"a": y + draws.normal(size=40), "b": y + draws.normal(size=40)}, index=[f"p{i}" for i in range(40)]
    )
    model = FusionClassifier({"one": ["a"], "two": ["b"]}, GaussianNB(), random_state=0).fit(X, y)
    found = model.next_modality(X)
    assert list(found.columns) == ["one", "two", "next"] and found["next"].isna().all()
    assert found[["one", "two"]].isna().all(axis=None)
    pd.testing.assert_index_equal(found.index, X.index)


def test_costs_of_a_series_and_losses_of_a_frame_are_those_of_a_mapping_and_an_array(fitted):
    batch, _ = gaussian_rows(10, 3)
    costs, loss = {"weak": 0.1, "strong": 0.3}, np.array([[0.0, 4.0, 2.0], [1.0, 0.0, 3.0], [0.7, 0.7, 0.7]])
    expected = fitted.next_modality(batch, costs=costs, loss=loss)
    frame = pd.DataFrame(loss, columns=[0, 1, 2])[[2, 0, 1]]
    found = fitted.next_modality(batch, costs=pd.Series(costs), loss=frame)
    pd.testing.assert_frame_equal(found, expected)


def test_wrong_arguments_are_refused(fitted):
    batch, _ = gaussian_rows(5, 4)
    most = int((~np.stack(list(batch.present.values()))).sum(0).max())
    for settings_, error, message in [
        ({"costs": {"stron": 1.0}}, ValueError, r"each modality in costs must be one of .*did you mean 'strong'"),
        ({"costs": {"weak": -1.0}}, ValueError, r"costs\['weak'\] must be a finite number of at least 0; got -1.0"),
        ({"costs": {"weak": NAN}}, ValueError, r"costs\['weak'\] must be a finite number of at least 0; got nan"),
        ({"costs": {"weak": np.inf}}, ValueError, r"costs\['weak'\] must be a finite number of at least 0; got inf"),
        ({"costs": {"weak": "a"}}, TypeError, r"costs\['weak'\] must be a finite number of at least 0; got 'a'"),
        ({"costs": {"weak": None}}, TypeError, r"costs\['weak'\] must be a finite number of at least 0; got None"),
        ({"costs": pd.Series({"stron": 1.0})}, ValueError, r"each modality in costs must be one of"),
        ({"budget": "a"}, TypeError, "budget must be one number, or one a row; got 'a'"),
        (
            {"loss": "log"},
            TypeError,
            "loss must be an array of numbers, a row an action and a column a state; got 'log'",
        ),
        ({"loss": [[0.0], [1.0, 2.0]]}, TypeError, "loss must be an array of numbers"),
        (
            {"loss": pd.DataFrame({"a": [0.0], "b": [1.0], "c": [1.0]})},
            ValueError,
            "the columns of loss must be the labels 0, 1, 2; got 'a', 'b', 'c'",
        ),
        ({"costs": [1.0]}, TypeError, "costs must be a mapping"),
        ({"horizon": 0}, ValueError, "horizon must be at least 1; got 0"),
        ({"horizon": most + 1}, ValueError, f"horizon must be at most {most}, .*; got {most + 1}"),
        ({"budget": -1.0}, ValueError, "budget must be at least 0; got -1.0"),
        ({"budget": [1.0, 2.0]}, ValueError, r"budget must be one number or have shape \(5,\)"),
        ({"loss": np.zeros((2, 2))}, ValueError, r"loss must have shape \(num_actions, 3\).*got \(2, 2\)"),
        ({"max_readings": 0}, ValueError, "max_readings must be at least 1; got 0"),
    ]:
        with pytest.raises(error, match=message):
            fitted.next_modality(batch, **settings_)
    model, tables, prior = discrete_model({"a": 2}, 2)
    reference, weights = every_reading(tables, prior)
    rows = observed(tables, [{}])
    with pytest.raises(ValueError, match="target must be one of 'y'; got 'x'"):
        next_modality(model, rows, "x", reference)
    with pytest.raises(ValueError, match="the target of reference must be one of"):
        next_modality(model, rows, "y", rows)
    with pytest.raises(ValueError, match="reference_weight must be 4 numbers of at least 0"):
        next_modality(model, rows, "y", reference, reference_weight=-weights)
    with pytest.raises(ValueError, match="reference must hold a row that counts"):
        next_modality(model, rows, "y", ModalityBatch(rows.inputs, targets={"y": [-1]}))
    with pytest.raises(ValueError, match="each modality of batch must be one of 'a'; got 'b'"):
        next_modality(model, ModalityBatch({"a": [[0.0]], "b": [[0.0]]}), "y", reference)
