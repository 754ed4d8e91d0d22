"""End-to-end training: what it learns on generated rows, under any gap, to the bit, and what it refuses."""

import pickle
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm
from sklearn.base import clone
from sklearn.naive_bayes import GaussianNB
from torch import nn

from graphfuse import EndToEndClassifier, FitSettings, FusionClassifier, ModalityBatch
from graphfuse.encoders import CNN, MLP
from graphfuse.estimators.network_inputs import NetworkInputs
from graphfuse.graph import Factor, FactorGraph, Variable, latent_class, star

NAN = np.nan
QUICK = FitSettings(6, 64, 5e-3, validation_fraction=0.2)
SIZE = 6  # of the images


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def pattern(strength: float) -> np.ndarray:
    """An image of this length: bright below the diagonal, dark above."""
    found = np.tri(SIZE) - np.tri(SIZE, k=-1).T
    return strength * found[None] / np.linalg.norm(found)


def views(num_rows, seed=0, strengths=(1.0, 1.2)):
    """A table and an image, normal around plus or minus a pattern, and what each says: its log-odds of class 1."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, num_rows)
    sign = 2 * y - 1
    direction = np.array([strengths[0], 0.0])
    table = sign[:, None] * direction + rng.normal(size=(num_rows, 2))
    image = sign[:, None, None, None] * pattern(strengths[1]) + rng.normal(size=(num_rows, 1, SIZE, SIZE))
    log_odds = {"blood": 2 * table @ direction, "image": 2 * np.einsum("ncij,cij->n", image, pattern(strengths[1]))}
    return {"blood": 40 + 7 * table, "image": image}, y, log_odds


def signs(num_rows, seed=0):
    """A table and an image whose signs are alike in class 0 and differ in class 1; alone, neither says anything."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 2, (2, num_rows))
    table = (2 * a - 1)[:, None] * np.array([2.0, 0.0]) + rng.normal(size=(num_rows, 2))
    image = (2 * b - 1)[:, None, None, None] * pattern(2.5) + rng.normal(size=(num_rows, 1, SIZE, SIZE))
    return {"blood": table, "image": image}, a ^ b


def parity(target, modalities):
    """Each modality speaks of a hidden sign, and the target depends on both signs."""
    hidden = [Variable(f"sign of {name}", 2) for name in modalities]
    factors = [Factor(name, (each.name,)) for name, each in zip(modalities, hidden, strict=True)]
    return FactorGraph([target, *hidden], [*factors, Factor("rule", (target.name, *(each.name for each in hidden)))])


def with_types(target, modalities):
    return latent_class(target, Variable("type", 3), modalities)


def end_to_end(**settings):
    encoders = {"image": partial(CNN, 1, 2)}
    return EndToEndClassifier(**{"encoders": encoders, "settings": QUICK, "random_state": 0, **settings})


def subset(X, kept):
    batch = ModalityBatch(X)
    return batch.keep({name: torch.full((len(batch),), name in kept) for name in batch.modalities})


def bits(classifier, X):
    return classifier.predict_proba(X).tobytes()


# what is learned


@pytest.fixture(scope="module")
def fitted():
    X, y, _ = views(1000)
    settings = FitSettings(20, 64, 5e-3, 1e-2, validation_fraction=0.2)
    return end_to_end(settings=settings).fit(X, y)


@pytest.mark.parametrize("kept", [("blood",), ("image",), ("blood", "image")], ids=" and ".join)
def test_a_table_and_an_image_come_close_to_the_best_accuracy_under_any_gap(fitted, kept):
    X, y, log_odds = views(4000, seed=1)
    truth = sum(log_odds[name] for name in kept)
    strength = np.sqrt(sum({"blood": 1.0, "image": 1.2}[name] ** 2 for name in kept))
    best = ((truth > 0) == y).mean()
    assert abs(best - norm.cdf(strength)) < 0.02  # the rows are what they are said to be
    found = fitted.predict_proba(subset(X, kept))
    assert (found.argmax(1) == y).mean() > best - 0.05
    best_loss = np.logaddexp(0, -np.where(y, truth, -truth)).mean()
    assert -np.log(found[np.arange(len(y)), y]).mean() < best_loss + 0.08


def test_a_row_without_any_modality_gets_the_class_frequencies_exactly(fitted):
    assert np.abs(fitted.predict_proba([{}])[0] - fitted.prior_).max() < 1e-12
    X, y, _ = views(200, seed=2)
    y[:90] = 0
    model = end_to_end(structure=with_types, encoders={"image": partial(CNN, 1, 3)}).fit(X, y)
    assert np.abs(model.predict_proba([{}])[0] - np.bincount(y) / 200).max() < 1e-12


def test_through_hidden_variables_it_learns_what_no_modality_shows_alone():
    (X, y), (others, expected) = signs(500), signs(2000, seed=1)
    settings = FitSettings(15, 64, 1e-2)
    model = end_to_end(structure=parity, settings=settings).fit(X, y)
    assert model.score(others, expected) > 0.93
    apart = FusionClassifier(encoders=GaussianNB(), structure=parity, random_state=0).fit(X, y)
    assert model.score(others, expected) > apart.score(others, expected) + 0.05  # of these, each sees but noise
    alone = model.predict_proba(subset(others, ["blood"]))
    assert np.abs(alone - 0.5).mean() < 0.1


def test_many_modalities_are_trained_on_subsets_that_are_drawn():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    X = {f"view{i}": y[:, None] + rng.normal(size=(200, 1)) for i in range(6)}
    model = EndToEndClassifier(settings=FitSettings(10, 64, 1e-2), random_state=0).fit(X, y)
    assert model.score(X, y) > 0.8 and model.score({"view3": X["view3"]}, y) > 0.6


def test_text_and_categories_are_read_and_gaps_anywhere_are_answered():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 400)
    words = np.array([["clear lungs", "normal heart"], ["small opacity", "dense nodule"]])
    report = [f"{words[k, rng.integers(2)]} seen in view {i}" if rng.random() < 0.9 else None for i, k in enumerate(y)]
    ward = np.where(rng.random(400) < 0.8, np.where(y, "b", "a"), "c").astype(object)
    ward[::7] = None
    X = {"report": pd.DataFrame({"text": report}), "visit": pd.DataFrame({"ward": ward, "age": rng.normal(size=400)})}
    model = EndToEndClassifier(settings=FitSettings(15, 64, 1e-2), random_state=0).fit(X, y)
    assert set(model.inputs_.words["report"]) == {0} and not model.inputs_.words["visit"]
    said = np.array([each is not None for each in report])
    assert (model.predict({"report": X["report"][said]}) == y[said]).mean() > 0.95
    assert model.score({"visit": X["visit"]}, y) > 0.7
    new = {"visit": pd.DataFrame({"ward": ["z", None], "age": [NAN, 1e300]})}
    assert np.isfinite(model.predict_log_proba(new)).all()


def test_integers_reach_an_encoder_as_they_are():
    ids, y = np.arange(80).reshape(40, 2) % 2 + 1, np.arange(40) % 2
    words = nn.Sequential(nn.Embedding(3, 4), nn.Flatten(), nn.Linear(8, 2))
    EndToEndClassifier(encoders={"ids": words}, settings=QUICK).fit({"ids": ids}, y)


# the same bits, and nothing else is touched


def test_the_same_seed_gives_the_same_bits_and_the_source_of_randomness_and_the_modules_stay():
    X, y, _ = views(120)
    module = CNN(1, 2)
    drops = {"blood": nn.Sequential(MLP(2, 2, dropout=0.5)), "image": module}
    before, state = pickle.dumps(module.state_dict()), torch.get_rng_state()
    first, second, other = (bits(end_to_end(encoders=drops, random_state=seed).fit(X, y), X) for seed in (0, 0, 1))
    assert first == second != other
    assert torch.equal(torch.get_rng_state(), state)
    assert pickle.dumps(module.state_dict()) == before and module.training


def test_a_copy_by_clone_or_pickle_answers_alike():
    X, y, _ = views(100)
    model = end_to_end().fit(X, y)
    assert bits(model, X) == bits(clone(model).fit(X, y), X) == bits(pickle.loads(pickle.dumps(model)), X)


def test_many_rows_are_answered_as_few_are(fitted, monkeypatch):
    X, *_ = views(50, seed=3)
    whole = fitted.predict_proba(X)
    monkeypatch.setattr("graphfuse.estimators.end_to_end_classifier._ROWS_AT_ONCE", 7)
    np.testing.assert_allclose(fitted.predict_proba(X), whole, atol=1e-6)


# members


def test_an_ensemble_is_the_mean_of_its_members_and_no_worse_than_they_are_on_average():
    X, y, _ = views(150)
    model = end_to_end(num_members=3).fit(X, y)
    others, expected, _ = views(500, seed=1)
    rows = model._encode(ModalityBatch(others))
    with torch.no_grad():
        members = [each(rows)["target"].exp().numpy() for each in model.model_.models]
    found = model.predict_proba(others)
    np.testing.assert_allclose(found, np.mean(members, axis=0), atol=1e-12)
    assert len({each.tobytes() for each in members}) == 3 == len(model.histories_)
    losses = [-np.log(each[np.arange(500), expected]).mean() for each in members]
    assert -np.log(found[np.arange(500), expected]).mean() <= np.mean(losses)


# rows held out, and weights


def test_rows_of_one_group_are_trained_on_together_or_held_out_together():
    X, y, _ = views(120)
    groups = np.arange(120) // 4
    model = end_to_end().fit(X, y, groups=groups)
    held = model.held_out_
    assert 0.1 < held.mean() < 0.35 and not set(groups[held]) & set(groups[~held])
    assert not end_to_end().fit(X, y, groups=np.zeros(120)).held_out_.any()


def test_tables_are_scaled_by_the_rows_that_are_trained_on():
    X, y, _ = views(100)
    model = end_to_end().fit(X, y)
    kept = ~model.held_out_
    [mean, _] = [column.mean for column in model.inputs_.tables.columns["blood"]]
    assert mean == pytest.approx(X["blood"][kept, 0].mean(), abs=1e-9)
    read = model.inputs_(ModalityBatch(X)).inputs["blood"][torch.from_numpy(kept)]
    assert float(read.mean().abs()) < 1e-5 and abs(float(read.std(unbiased=False)) - 1) < 1e-4


def test_rows_of_weight_zero_are_as_if_absent_and_equal_weights_are_none():
    X, y, _ = views(120)
    weights = np.repeat([1.0, 0.0], 60)
    part = {name: values[:60] for name, values in X.items()}
    expected = bits(end_to_end().fit(part, y[:60]), X)
    assert bits(end_to_end().fit(X, y, sample_weight=weights), X) == expected
    assert bits(end_to_end().fit(part, y[:60], sample_weight=np.full(60, 3.0)), X) == expected


def test_heavier_rows_count_more():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 1)), rng.integers(0, 2, 300)
    agree = (x[:, 0] > 0) == y  # of the others the opposite is true
    settings = FitSettings(8, 64, 3e-2)
    for heavy, sign in ((agree, 1), (~agree, -1)):
        model = EndToEndClassifier(settings=settings, random_state=0).fit(x, y, np.where(heavy, 9.0, 1.0))
        assert sign * (model.predict_proba([[2.0]])[0, 1] - 0.5) > 0.25


def test_a_modality_of_one_class_or_of_no_row_says_nothing_and_a_warning_names_it():
    X, y, _ = views(100)
    lonely = np.where(y == 1, 1.0, NAN)[:, None]
    with pytest.warns(UserWarning, match="modality 'lonely' says nothing: its .* fewer than two classes"):
        model = end_to_end().fit({**X, "lonely": lonely}, y)
    np.testing.assert_allclose(model.predict_proba([{"lonely": [1.0]}])[0], model.prior_)


# refusals


def refused():
    X, *_ = views(40)
    frame = {"visit": pd.DataFrame({"ward": ["a", "b"] * 20})}
    odd = {"image": nn.Sequential(nn.Flatten(), nn.Linear(SIZE**2, 3))}
    gaps = {"blood": np.where([True, False], X["blood"], NAN)}
    return {
        "no encoder of an image": (
            {"encoders": None},
            X,
            ValueError,
            r"encoders must hold a torch module for modality 'image', .*got none for values of shape \(1, 6, 6\)",
        ),
        "a classifier": ({"encoders": {"blood": GaussianNB()}}, X, TypeError, r"encoders\['blood'\] must be a torch"),
        "a name": ({"encoders": "cnn"}, X, TypeError, "encoders must be a torch module, or .*; got 'cnn'"),
        "a function of no module": (
            {"encoders": {"image": GaussianNB}},
            X,
            TypeError,
            r"the result of encoders\['image'\] must be a torch module; got GaussianNB",
        ),
        "an unknown modality": (
            {"encoders": {"imag": CNN(1, 2)}},
            X,
            ValueError,
            "each modality in encoders .*'image'",
        ),
        "text for a module": ({"encoders": {"visit": nn.Linear(1, 2)}}, frame, ValueError, "leave modality 'visit'"),
        "too many logits": (
            {"encoders": odd},
            X,
            ValueError,
            r"output of encoders\['image'\] must have shape .*one logit",
        ),
        "another width": (
            {"encoders": {"blood": nn.Linear(5, 2)}},
            {"blood": X["blood"]},
            ValueError,
            r"encoders\['blood'\] must read inputs of shape \(\d+, 2\) and dtype torch.float32; got an error",
        ),
        "gaps that are not read": (
            {"encoders": {"blood": nn.Linear(2, 2)}},
            gaps,
            ValueError,
            r"the output of encoders\['blood'\] must be finite .missing cells",
        ),
        "a structure by name": ({"structure": "star"}, X, TypeError, "structure must be a FactorGraph or a function"),
        "another target": (
            {"structure": star(Variable("target", 3), ["blood", "image"])},
            X,
            ValueError,
            "structure must have a variable 'target' with 2 states",
        ),
        "settings of a dict": (
            {"settings": {"num_epochs": 3}},
            X,
            TypeError,
            "settings must be a FitSettings, or None",
        ),
        "no member": ({"num_members": 0}, X, ValueError, "num_members must be at least 1; got 0"),
    }


@pytest.mark.parametrize("case", refused())
def test_fit_refuses_and_says_why(case):
    settings, X, error, message = refused()[case]
    with warnings.catch_warnings(), pytest.raises(error, match=message):
        warnings.simplefilter("ignore")
        end_to_end(**settings).fit(X, np.arange(40) % 2)


def test_words_of_a_column_beside_numbers_and_a_text_without_words_are_told_from_none():
    frame = pd.DataFrame({"note": ["no pain today", "much pain here", "", None], "age": [30.0, 40.0, 50.0, NAN]})
    batch = ModalityBatch({"visit": frame})
    found = NetworkInputs.learn(batch, ["visit"], {})(batch).inputs["visit"]
    assert found.shape == (4, 1 + 2)  # age, unknown words, "pain"
    assert found[2, 1:].tolist() == [0.0, 0.0] and bool(found[3].isnan().all())
