"""Every model of the laboratory answers for any subset of the modalities, row by row, from what it was fitted to."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from graphfuse import Dataset, ModalityBatch, Variable
from graphfuse.data import random_subsets
from graphfuse.estimators.tables import Tables
from graphfuse.laboratory.encoder_cache import EncoderCache
from graphfuse.laboratory.models import model_entry, model_names
from graphfuse.laboratory.models.adapting import spread
from graphfuse.laboratory.models.boosting import Boosting, HistogramBoosting
from graphfuse.laboratory.models.imputation import NearestRows
from graphfuse.laboratory.models.networks import MODELS as NETWORKS
from graphfuse.laboratory.models.trained_network import TrainedNetwork
from graphfuse.laboratory.models.validation import held_out

pytestmark = pytest.mark.filterwarnings("ignore")
NAMES = model_names()
NUM_ROWS = 90
SUBSETS = [(), ("scores",), ("image", "visit"), ("scores", "image", "visit")]


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield
    torch.set_num_threads(before)


def rows(num_rows: int = NUM_ROWS, num_states: int = 3, seed: int = 0) -> Dataset:
    """Rows of numbers with missing cells, of small images, and of a DataFrame with text; modalities may be missing."""
    generator = np.random.default_rng(seed)
    states = np.arange(num_rows) % num_states
    scores = states[:, None] + generator.normal(size=(num_rows, 4))
    scores[generator.random(scores.shape) < 0.1] = np.nan
    scores[:, 3] = 1.0
    image = states[:, None, None] + generator.normal(size=(num_rows, 2, 3)).astype(np.float32)
    visit = pd.DataFrame(
        {
            "age": generator.normal(50, 9, num_rows),
            "ward": np.array(["a", "b", "c", "d"])[(states + generator.integers(2, size=num_rows)) % 4],
        }
    )
    visit.loc[generator.random(num_rows) < 0.2, "ward"] = None
    visit.loc[generator.random(num_rows) < 0.2, "age"] = np.nan
    present = {name: torch.from_numpy(generator.random(num_rows) < 0.8) for name in ("scores", "image")}
    batch = ModalityBatch({"scores": scores, "image": image, "visit": visit}, present, targets={"ward": states})
    return Dataset("rows", batch, Variable("ward", num_states))


def made(name: str, num_epochs: int = 1):
    entry = model_entry(name)
    if entry.requires is not None:
        pytest.importorskip(entry.requires)
    model = entry.make(EncoderCache())
    if isinstance(model, TrainedNetwork):
        model.num_epochs = num_epochs
    return model


@cache
def fitted(name: str):
    """A model fitted to the rows, shared by tests; it leaves the global randomness of torch alone."""
    before = torch.random.get_rng_state()
    model = made(name).fit(rows(), seed=3)
    assert torch.equal(before, torch.random.get_rng_state())
    return model


def seen(batch: ModalityBatch, subset) -> ModalityBatch:
    batch = ModalityBatch(batch.inputs, batch.present)
    return batch.keep({name: torch.full((len(batch),), name in subset) for name in batch.modalities})


def check(log_probs: torch.Tensor, shape: tuple[int, int]) -> None:
    assert log_probs.dtype == torch.float64 and log_probs.shape == shape
    assert bool(log_probs.isfinite().all()) and log_probs.min() > np.log(5e-10)
    torch.testing.assert_close(log_probs.logsumexp(1), torch.zeros(shape[0], dtype=torch.float64), atol=1e-9, rtol=0)


def assert_rows_stand_alone(model, batch: ModalityBatch, log_probs: torch.Tensor) -> None:
    tolerance = 1e-5 if isinstance(model, TrainedNetwork) else 1e-8
    for i in (0, len(batch) - 1):
        torch.testing.assert_close(model.log_probs(batch[i : i + 1]), log_probs[i : i + 1], atol=tolerance, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_model_answers_any_subset_of_the_modalities_row_by_row(name):
    model, test = fitted(name), rows(20, seed=1)
    for subset in SUBSETS:
        batch = seen(test.batch, subset)
        log_probs = model.log_probs(batch)
        check(log_probs, (20, 3))
        assert_rows_stand_alone(model, batch, log_probs)
    assert model.log_probs(batch[:0]).shape == (0, 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_numbers_and_hidden_cells_are_not_read(name):
    train, test = rows(), random_subsets(rows(30, seed=1).batch, torch.Generator().manual_seed(0))
    first = fitted(name).log_probs(test)
    hidden = train.batch.inputs["scores"].clone()
    hidden[~train.batch.present["scores"]] = 99.0
    present = {name: mask for name, mask in train.batch.present.items() if name != "visit"}
    batch = ModalityBatch({**train.batch.inputs, "scores": hidden}, present, train.batch.targets)
    second = made(name).fit(replace(train, batch=batch), seed=3).log_probs(test)
    torch.testing.assert_close(first, second, atol=0, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_a_class_or_a_modality_without_training_rows_and_constant_columns_are_taken(name):
    train, test = rows(60), rows(10, seed=1)
    kept = train[train.labels != "1"]
    absent = {"image": torch.zeros(len(kept), dtype=torch.bool)}
    kept = replace(kept, batch=kept.batch.keep(absent))
    model = made(name).fit(kept, seed=0)
    log_probs = model.log_probs(test.batch)
    check(log_probs, (10, 3))
    torch.testing.assert_close(log_probs[:, 1].exp(), torch.full((10,), 1 / 43, dtype=torch.float64), atol=1e-6, rtol=0)
    without = model.log_probs(test.batch.keep({"image": torch.zeros(10, dtype=torch.bool)}))
    torch.testing.assert_close(log_probs, without, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_few_rows_and_one_class_are_taken(name):
    test = rows(10, seed=1).batch
    few = rows(6)[[0, 1, 3, 4]]
    check(made(name).fit(few, seed=0).log_probs(test), (10, 3))
    alone = rows(9)[[0, 3, 6]]
    log_probs = made(name).fit(alone, seed=0).log_probs(test)
    torch.testing.assert_close(log_probs[0].exp(), torch.tensor([4 / 6, 1 / 6, 1 / 6], dtype=torch.float64))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_what_is_learned_is_better_than_the_class_frequencies(name):
    train, test = rows(400, 2), rows(200, 2, seed=1)
    model = made(name, num_epochs=30).fit(train, seed=0)
    states = test.batch.targets["ward"]
    loss = -model.log_probs(test.batch)[torch.arange(200), states].mean()
    assert name == "prior" or loss < 0.6


def test_without_anything_seen_the_prior_and_the_pools_answer_with_the_class_frequencies():
    train = rows(60)[:50]
    frequencies = torch.tensor([17 / 50, 17 / 50, 16 / 50], dtype=torch.float64)
    nothing = seen(train.batch[:2], ())
    for name in ("prior", "mean-pool", "log-pool", "graph-fusion", "product-of-logistic", "early-fusion"):
        found = made(name).fit(train, seed=0).log_probs(nothing)[0].exp()
        torch.testing.assert_close(found, frequencies, atol=1e-6, rtol=0)


def test_the_product_of_logistic_regressions_is_the_formula_over_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    states = generator.integers(2, size=120)
    views = {name: states[:, None] + 1.5 * generator.normal(size=(120, 3)) for name in ("a", "b")}
    present = {"a": torch.from_numpy(generator.random(120) < 0.7)}
    train = Dataset("two views", ModalityBatch(views, present, targets={"y": states}), Variable("y", 2))
    found = made("product-of-logistic").fit(train, seed=0).log_probs(train.batch)
    log_prior = np.log(np.bincount(states) / 120)
    expected = np.tile(log_prior, (120, 1))
    for name, values in views.items():
        held = train.batch.present[name].numpy()
        scaler = StandardScaler().fit(values[held])
        features, labels = scaler.transform(values[held]), states[held]
        scores = [
            cross_val_score(LogisticRegression(C=C), features, labels, cv=StratifiedKFold(5), scoring="neg_log_loss")
            for C in np.logspace(-4, 1, 6)
        ]
        C = np.logspace(-4, 1, 6)[np.mean(scores, axis=1).argmax()]
        expert = LogisticRegression(C=C, tol=1e-10, max_iter=1000).fit(features, labels)
        ratio = expert.predict_log_proba(scaler.transform(values)) - np.log(np.bincount(labels) / len(labels))
        expected += np.where(held[:, None], ratio, 0.0)
    torch.testing.assert_close(found, torch.from_numpy(expected).log_softmax(1), atol=1e-5, rtol=0)


def test_the_pools_and_the_product_share_their_encoders():
    cache, train = EncoderCache(), rows()
    model_entry("log-pool").make(cache).fit(train, seed=0)
    num_entries = len(cache.entries)
    for name in ("mean-pool", "product-of-logistic"):
        model_entry(name).make(cache).fit(train, seed=1)
    assert len(cache.entries) == num_entries == 3


def test_names_are_told_and_each_stands_in_one_file():
    with pytest.raises(ValueError, match="did you mean 'log-pool'"):
        model_entry("log-pol")
    assert len(NETWORKS) == 15 and all(name == name.lower() and " " not in name for name in NAMES)
    assert all(model_entry(name).seconds > 0 and len(model_entry(name).caption) < 120 for name in NAMES)


def test_spread_keeps_order_and_floors():
    found = spread(np.array([[1.0, 0.0]]), np.array([1, 2]), num_states=4, num_rows=6).exp()
    expected = torch.tensor([[0.1, 0.8, 1e-9, 0.1]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_tables_tell_missing_from_new_categories_and_hide_absent_modalities():
    train, test = (
        ModalityBatch(
            {"ward": pd.DataFrame({"w": words, "empty": [None] * 3}), "x": np.ones((3, 1))},
            {"x": torch.tensor([True, False, True])},
        )
        for words in (["a", "b", "a"], ["a", "c", None])
    )
    tables = Tables.learn(train)
    expected = [[1, 0, 0, 1], [0, 0, 0, np.nan], [np.nan, np.nan, 0, 1]]
    np.testing.assert_array_equal(tables.side_by_side(test)[:2], expected[:2])
    np.testing.assert_array_equal(tables.numbers(test)["ward"][2], expected[2][:3])


def test_neighbors_are_those_of_scikit_learn_and_ties_are_broken_alike_in_any_company():
    from sklearn.impute import KNNImputer

    generator = np.random.default_rng(0)
    values = generator.normal(size=(60, 8))
    values[generator.random(values.shape) < 0.3] = np.nan
    imputer = NearestRows(seed=0)
    expected = KNNImputer(n_neighbors=10).fit_transform(values)
    np.testing.assert_allclose(imputer.fit_transform(values), expected, atol=1e-3)
    votes = generator.integers(2, size=(300, 20)) / 3
    votes[generator.random(votes.shape) < 0.3] = np.nan
    together = imputer.fit_transform(votes)
    alone = np.concatenate([imputer.transform(votes[i : i + 1]) for i in range(300)])
    np.testing.assert_allclose(together, alone, atol=1e-12)


def test_the_number_of_trees_is_chosen_where_there_are_rows_to_choose_by():
    few, many = rows(190, 2), rows(400, 2)
    assert HistogramBoosting().fit(few, 0).trees.n_iter_ == 100
    assert HistogramBoosting().fit(many, 0).trees.n_iter_ not in (100, 300)


def test_copies_that_lose_modalities_come_after_the_rows(generator):
    model: Boosting = HistogramBoosting(num_dropped=2)
    batch = rows().batch
    model.tables = Tables.learn(batch)
    features = model._features(batch, generator)
    assert len(features) == 3 * NUM_ROWS
    np.testing.assert_array_equal(features[:NUM_ROWS], model.tables.side_by_side(batch))
    assert np.isnan(features[NUM_ROWS:]).mean() > np.isnan(features[:NUM_ROWS]).mean() + 0.2


def test_rows_held_out_are_a_stratified_fifth_or_whole_groups(generator):
    data = rows(100, 2)
    held = held_out(data, generator)
    assert held.sum() == 20 and np.bincount(data.batch.targets["ward"][held]).tolist() == [10, 10]
    groups = tuple(str(i // 7) for i in range(100))
    held = held_out(replace(data, groups=groups), generator)
    assert not set(np.array(groups)[held]) & set(np.array(groups)[~held]) and 10 <= held.sum() <= 20
    hospitals = tuple("big" if i < 60 else "small" for i in range(100))
    assert held_out(replace(data, groups=hospitals), generator).sum() == 40
    assert held_out(replace(data, groups=("one",) * 100), generator).sum() == 20
    assert not held_out(data[:4], generator).any()


def test_networks_keep_groups_together_and_see_fixed_gaps_in_validation(monkeypatch):
    seen_rows = []

    def recorded(model, train, objective, generator, settings, validation):
        seen_rows.append((train, validation))

    monkeypatch.setattr("graphfuse.laboratory.models.trained_network.fit", recorded)
    data = rows(100, 2)
    model = made("neural-graph")
    model.fit(data, seed=0)
    model.fit(data, seed=0)
    (train, first), (_, second) = seen_rows
    assert len(train) == 80 and len(first) == 80
    assert all(torch.equal(first.present[name], second.present[name]) for name in first.modalities)
    assert sum(int(mask.sum()) for mask in first.present.values()) < 0.7 * 3 * len(first)
