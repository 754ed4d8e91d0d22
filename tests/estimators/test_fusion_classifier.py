"""The classifier of the house: every kind of input, every gap, every structure, and scikit-learn's tools around it."""

import pickle
import warnings
from copy import deepcopy
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from graphfuse.data import ModalityBatch
from graphfuse.encoders import MLP
from graphfuse.estimators import FusionClassifier, TabularEncoder
from graphfuse.graph import Factor, FactorGraph, Variable, latent_class, markov_network, star
from graphfuse.inference import Enumeration, infer

NAN = float("nan")
GROUPS = {"sound": ["low", "high"], "sight": ["red", "blue"]}
LIGHT = GaussianNB()


def views(num_rows: int = 80, num_classes: int = 2, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two views of classes that are not equally frequent; each view is missing in a third of the rows."""
    draws = np.random.default_rng(seed)
    y = np.minimum(draws.integers(0, num_classes + 1, num_rows), num_classes - 1)
    X = {name: draws.normal(size=(num_rows, 2)) + y[:, None] for name in GROUPS}
    for values in X.values():
        values[draws.random(num_rows) < 1 / 3] = NAN
    return X, y


def frame_of(X: dict[str, np.ndarray]) -> pd.DataFrame:
    return pd.DataFrame({column: X[name][:, i] for name in GROUPS for i, column in enumerate(GROUPS[name])})


def samples_of(X: dict[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Per row, the views that it has: a missing one is absent, or None."""
    samples = []
    for i in range(len(X["sound"])):
        row = {name: None if np.isnan(values[i]).all() else values[i] for name, values in X.items()}
        samples.append({name: value for name, value in row.items() if value is not None} if i % 2 else row)
    return samples


def light(modalities=None, **settings) -> FusionClassifier:
    """With one quick encoder and without a choice among graphs, which the tests of the default ask for."""
    return FusionClassifier(modalities, **{"encoders": LIGHT, "structure": star, "random_state": 0, **settings})


@cache
def fitted() -> FusionClassifier:
    """The light one, fitted to the views, for tests that only ask it."""
    return light().fit(*views())


def frequencies(y: np.ndarray) -> np.ndarray:
    return np.unique(y, return_counts=True)[1] / len(y)


# kinds of input


def levels(X):
    return frame_of(X).set_axis(
        pd.MultiIndex.from_tuples([(n, c) for n, group in GROUPS.items() for c in group]), axis=1
    )


KINDS = {
    "a frame and groups": (GROUPS, frame_of),
    "columns of two levels": (None, levels),
    "an array and positions": ({"sound": [0, 1], "sight": [2, 3]}, lambda X: frame_of(X).to_numpy()),
    "a list of rows and positions": ({"sound": [0, 1], "sight": [2, 3]}, lambda X: frame_of(X).to_numpy().tolist()),
    "a dict of frames": (None, lambda X: {name: frame_of(X)[group] for name, group in GROUPS.items()}),
    "a dict and names": (["sound", "sight"], lambda X: {"noise": np.zeros((len(X["sound"]), 1)), **X}),
    "a batch": (None, ModalityBatch),
    "a batch and groups": (GROUPS, lambda X: ModalityBatch.from_frame(frame_of(X), GROUPS)),
    "a dict of lists": (None, lambda X: {name: values.tolist() for name, values in X.items()}),
    "a dict of tensors": (None, lambda X: {name: torch.from_numpy(values) for name, values in X.items()}),
    "samples": (None, samples_of),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_input_gives_what_a_dict_of_arrays_gives_and_the_prior_if_all_is_missing(kind):
    X, y = views()
    expected = fitted().predict_proba(X)
    modalities, make = KINDS[kind]
    classifier = light(modalities).fit(make(X), y)
    assert set(classifier.modalities_) == {"sound", "sight"}
    np.testing.assert_allclose(classifier.predict_proba(make(X)), expected, atol=1e-8)
    nothing = {name: np.full((3, 2), NAN) for name in X}
    np.testing.assert_allclose(classifier.predict_proba(make(nothing)), [frequencies(y)] * 3, atol=1e-12)


def test_a_table_without_groups_is_one_modality():
    X, y = views()
    whole = frame_of(X)
    assert light().fit(whole, y).modalities_ == light().fit(whole.to_numpy(), y).modalities_ == ("features",)


def test_groups_may_overlap_and_leave_columns_out():
    X, y = views()
    classifier = light({"a": ["low"], "b": ["low", "red"]}).fit(frame_of(X), y)
    other = frame_of(X).assign(blue=7.0)
    np.testing.assert_array_equal(classifier.predict_proba(other), classifier.predict_proba(frame_of(X)))


def test_answers_come_with_classes_that_agree():
    X, y = views(num_classes=3)
    labels = np.array(["low", "high", "medium"])[y]
    classifier = light().fit(X, labels)
    assert classifier.classes_.tolist() == ["high", "low", "medium"]
    probabilities = classifier.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-12)
    np.testing.assert_allclose(np.exp(classifier.predict_log_proba(X)), probabilities, atol=1e-12)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[probabilities.argmax(1)])
    assert classifier.score(X, labels) == (classifier.predict(X) == labels).mean() > 0.6
    np.testing.assert_allclose(classifier.prior_, frequencies(labels))


@pytest.mark.parametrize("labels", [[3, -1], [0.0, 1.0], [True, False], ["", "b"], ["1", "one"]], ids=repr)
def test_labels_of_any_type_come_back(labels):
    X, y = views()
    given = np.array(labels)[y]
    found = light().fit(X, given).predict(X)
    assert found.dtype == given.dtype
    assert set(found) == set(labels)


def test_ten_classes_are_told_apart():
    draws = np.random.default_rng(0)
    y = np.repeat(np.arange(10), 12)
    X = {"row": draws.normal(size=(120, 1)) * 0.2 + (y // 5)[:, None], "column": 0.2 * draws.normal(size=(120, 1))}
    X["column"] += (y % 5)[:, None]
    classifier = light().fit(X, y)
    assert classifier.score(X, y) > 0.9
    np.testing.assert_allclose(classifier.predict_proba([{}]), np.full((1, 10), 0.1), atol=1e-12)
    halves = classifier.predict_proba({"row": [[0.0], [1.0]]})
    assert halves[0, :5].sum() > 0.95
    assert halves[1, 5:].sum() > 0.95


MIXED = pd.DataFrame(
    {
        "age": [61.0, 48.0, NAN, 70.0] * 10,
        "beats": pd.array([70, None, 90, 80] * 10, dtype="Int64"),
        "smokes": pd.array([True, False, None, True] * 10, dtype="boolean"),
        "ward": pd.Categorical(["a", None, "b", "a"] * 10),
        "word": ["ill", "well", None, "ill"] * 10,
        "object": pd.Series([1, "x", None, True] * 10, dtype=object),
        "small": np.array([0.5, 1.5, NAN, 1.0] * 10, dtype=np.float32),
        "flag": [True, False, False, True] * 10,
    }
)
MIXED_GROUPS = {"body": ["age", "beats", "smokes", "small", "flag"], "chart": ["ward", "word", "object", "age"]}


def test_columns_may_be_numeric_boolean_categorical_or_text():
    y = np.array(["sick", "sound", "sound", "sick"] * 10)
    classifier = FusionClassifier(MIXED_GROUPS, random_state=0).fit(MIXED, y)
    assert classifier.score(MIXED, y) == 1.0
    gaps = MIXED.astype(object).where(np.random.default_rng(0).random(MIXED.shape) < 0.5, None)
    np.testing.assert_allclose(classifier.predict_proba(gaps).sum(1), 1.0, atol=1e-12)
    nothing = MIXED.head(2).astype(object)
    for missing in (None, NAN, pd.NA):
        nothing.loc[:, :] = missing
        np.testing.assert_allclose(classifier.predict_proba(nothing), [classifier.prior_] * 2, atol=1e-12)


def test_a_text_column_that_is_all_missing_at_predict_is_a_gap():
    y = np.array([0, 1, 1, 0] * 10)
    X = {"age": MIXED[["age"]], "word": MIXED["word"]}
    classifier = light(encoders=TabularEncoder()).fit(X, y)
    for dtype in (object, "float64", "str"):
        missing = pd.Series([None, None], dtype=dtype)
        found = classifier.predict_proba({"age": MIXED[["age"]][:2], "word": missing})
        np.testing.assert_allclose(found, classifier.predict_proba({"age": MIXED[["age"]][:2]}), atol=1e-12)


# gaps


@pytest.mark.parametrize("sample", [{}, {"sound": None}, {"sound": None, "sight": [NAN, NAN]}], ids=repr)
def test_samples_without_any_modality_get_the_prior(sample):
    _, y = views()
    found = fitted().predict_proba([sample, sample])
    np.testing.assert_allclose(found, [frequencies(y)] * 2, atol=1e-12)


def test_a_modality_absent_at_predict_is_a_gap_in_every_row():
    X, y = views()
    classifier = fitted()
    expected = classifier.predict_proba({"sound": X["sound"], "sight": np.full_like(X["sight"], NAN)})
    for lacking in ({"sound": X["sound"]}, {"sound": X["sound"], "sight": None}):
        np.testing.assert_array_equal(classifier.predict_proba(lacking), expected)
    masked = ModalityBatch(X, present={"sight": np.zeros(len(y), dtype=bool)})
    np.testing.assert_array_equal(classifier.predict_proba(masked), expected)


def test_values_that_a_batch_declares_absent_are_never_read():
    X, y = views()
    present = {"sound": ~np.isnan(X["sound"]).all(1)}
    garbage = {"sound": np.where(present["sound"][:, None], X["sound"], 1e6), "sight": X["sight"]}
    found = light().fit(ModalityBatch(garbage, present), y).predict_proba(ModalityBatch(garbage, present))
    np.testing.assert_allclose(found, fitted().predict_proba(X), atol=1e-12)


def test_missing_cells_of_a_present_row_are_imputed_beside_an_indicator():
    X, y = views()
    whole = frame_of(X)
    whole["low"] = np.where(y == 1, NAN, 1.0)  # only the gap tells
    whole["high"] = 1.0
    for encoder in (LIGHT, TabularEncoder(2)):
        assert light(GROUPS, encoders=encoder).fit(whole, y).score(whole, y) > 0.95


def test_a_mixed_batch_equals_its_rows_one_by_one():
    X, _ = views()
    classifier, batch = fitted(), ModalityBatch(X)
    alone = np.concatenate([classifier.predict_proba(batch[i : i + 1]) for i in range(len(batch))])
    np.testing.assert_allclose(alone, classifier.predict_proba(batch), atol=1e-10)


def test_the_order_of_rows_and_modalities_changes_nothing_at_predict():
    X, _ = views()
    classifier, order = fitted(), np.random.default_rng(1).permutation(80)
    expected = classifier.predict_proba(X)
    turned = {name: X[name][order] for name in reversed(X)}
    np.testing.assert_allclose(classifier.predict_proba(turned), expected[order], atol=1e-10)


def edge(target, sources):
    variables = [target, *(Variable(source, target.num_states) for source in sources)]
    pair = tuple(sorted(sources)[:2])
    return markov_network(variables, [*((target.name, source) for source in sources), pair])


def without_prior(target, sources):
    return FactorGraph([target], [Factor(source, (target.name,)) for source in sources])


def given_latent(target, sources, latent):
    return latent_class(target, latent, sources)


def hidden_pair(target, sources):
    """A factor of a modality over the target and a hidden variable."""
    hidden = Variable("hidden", 2)
    factors = [Factor("prior", (target.name,)), Factor("both", ("hidden", target.name))]
    return FactorGraph([target, hidden], [*factors, *(Factor(source, (target.name, "hidden")) for source in sources)])


STRUCTURES = {
    "star": star,
    "an edge between modalities": edge,
    "latent class": lambda target, sources: latent_class(target, Variable("type", 4), sources),
    "latent class, as a partial": partial(given_latent, latent=Variable("type", 3)),
    "without prior": without_prior,
    "modalities that read a hidden variable": hidden_pair,
    "a ready graph": star(Variable("target", 2), ["sound", "sight"]),
    "a ready graph with states": star(Variable("target", 2, ("no", "yes")), ["sight", "sound"]),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_any_structure_learns_takes_any_gap_and_agrees_with_enumeration(name):
    X, y = views()
    labels = np.array(["no", "yes"])[y]
    classifier = light(structure=STRUCTURES[name]).fit(X, labels)
    assert classifier.score(X, labels) > 0.75
    np.testing.assert_allclose(classifier.predict_proba([{}]), [classifier.prior_], atol=1e-12)
    scored = classifier._encode(ModalityBatch(X))
    model = classifier.model_
    expected = infer(classifier.graph_, model.log_potentials(scored), targets=["target"], method=Enumeration())
    found = classifier.predict_log_proba(X)
    np.testing.assert_allclose(found, expected.log_marginals["target"].detach(), atol=1e-10)
    one_by_one = [classifier.predict_log_proba(ModalityBatch(X)[i : i + 1]) for i in range(0, 80, 8)]
    np.testing.assert_allclose(np.concatenate(one_by_one), found[::8], atol=1e-10)


@pytest.mark.parametrize("name", [each for each in STRUCTURES if not isinstance(STRUCTURES[each], FactorGraph)])
def test_the_order_of_the_modalities_changes_nothing_at_fit(name):
    X, y = views()
    found = light(structure=STRUCTURES[name]).fit(dict(reversed(X.items())), y)
    expected = light(structure=STRUCTURES[name]).fit(X, y)
    assert found.modalities_ == expected.modalities_[::-1]
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-6)
    if name == "star":
        np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-8)


def test_a_star_is_the_softmax_of_the_log_prior_and_the_weighted_scores():
    X, y = views(num_classes=3)
    classifier = light(structure=star).fit(X, y)
    logits = np.tile(np.log(frequencies(y)), (len(y), 1))
    for name, values in X.items():
        ensemble = classifier.encoders_[name]
        rows = ~np.isnan(values).all(1)
        assert len(ensemble.members) == 5
        probabilities = np.mean([member.predict_proba(values[rows]) for member in ensemble.members], axis=0)
        ratio = probabilities / frequencies(y[rows])
        weight = float(classifier.model_.potential_of[name].log_weight.detach().exp())
        logits[rows] += weight * np.log((1 - 1e-4) * ratio + 1e-4)
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-12)


def test_a_modality_that_only_repeats_another_is_weighted_down():
    X, y = views(300)
    X = {name: np.nan_to_num(X["sound"]) for name in ("once", "again")}
    for structure in (star, None):
        weights = light(structure=structure).fit(X, y).weights_
        assert 0.7 < weights["once"] + weights["again"] < 1.5


# encoders


def test_encoders_may_be_one_object_or_a_dict_and_the_default_fills_the_rest():
    X, y = views()
    one, by_name = fitted(), light(encoders={"sound": LIGHT, "sight": LIGHT}).fit(X, y)
    np.testing.assert_array_equal(one.predict_proba(X), by_name.predict_proba(X))
    partly = light(encoders={"sound": LIGHT, "sight": None}, structure=None).fit(X, y)
    left_out = light(encoders={"sound": LIGHT}, structure=None).fit(X, y)
    assert isinstance(partly.encoders_["sight/linear"].members[0], TabularEncoder)
    assert set(partly.sources_) == {"sound", "sight/linear", "sight/kernel", "sight/boosted"}
    np.testing.assert_array_equal(partly.predict_proba(X), left_out.predict_proba(X))


def test_the_instances_passed_are_never_trained_nor_changed():
    X, y = views()
    given = {"sound": RandomForestClassifier(3), "sight": nn.Linear(2, 2)}
    frozen = {name: value.clone() for name, value in given["sight"].state_dict().items()}
    X["sight"] = np.where(np.isnan(X["sight"]).any(1, keepdims=True), NAN, X["sight"])
    classifier = light(encoders=given).fit(X, y)
    assert classifier.encoders is given
    assert vars(given["sound"]).keys() == vars(RandomForestClassifier(3)).keys()
    assert given["sound"].random_state is None
    assert all(torch.equal(given["sight"].state_dict()[name], value) for name, value in frozen.items())
    assert given["sight"].training
    assert classifier.score(X, y) > 0.7


def images(num_rows: int = 60) -> tuple[dict[str, np.ndarray], np.ndarray]:
    draws = np.random.default_rng(0)
    y = np.arange(num_rows) % 2
    picture = draws.normal(size=(num_rows, 1, 4, 4)).astype(np.float32)
    picture[y == 1, :, :2] += 1.5
    picture[::5] = NAN
    return {"picture": picture, "table": draws.normal(size=(num_rows, 2)) + y[:, None]}, y


def test_torch_modules_read_images_beside_classifiers_that_read_tables():
    X, y = images()
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2))
    before = deepcopy(module.state_dict())
    classifier = light(encoders={"picture": module, "table": LIGHT}).fit(X, y)
    assert all(torch.equal(module.state_dict()[name], value) for name, value in before.items())
    assert classifier.score(X, y) > 0.8
    assert classifier.score({"picture": X["picture"]}, y) > 0.7
    row = [{"picture": X["picture"][1]}, {"table": X["table"][1]}, {}]
    np.testing.assert_allclose(classifier.predict_proba(row)[2], classifier.prior_, atol=1e-12)
    again = light(encoders={"picture": module, "table": LIGHT}).fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))


def test_images_are_flattened_for_classifiers_that_read_tables():
    X, y = images()
    flat = {**X, "picture": X["picture"].reshape(len(y), 16)}
    np.testing.assert_allclose(light().fit(X, y).predict_proba(X), light().fit(flat, y).predict_proba(flat), atol=1e-12)


def test_a_module_that_reads_gaps_takes_rows_with_missing_cells():
    X, y = views()
    X["sound"][::7, 0] = NAN
    torch.manual_seed(0)
    classifier = light(encoders={"sound": MLP(2, 2), "sight": LIGHT}).fit(X, y)
    assert classifier.score(X, y) > 0.7


@pytest.mark.parametrize(
    "encoders",
    [LIGHT, RandomForestClassifier(3), make_pipeline(StandardScaler(), RandomForestClassifier(3)), MLP(2, 2)],
    ids=["GaussianNB", "forest", "pipeline of a forest", "module"],
)
def test_fits_with_one_random_state_are_the_same_to_the_bit(encoders):
    X, y = views()
    X = {"sound": X["sound"]}
    first, again, other = (light(encoders=encoders, random_state=seed).fit(X, y).predict_proba(X) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0


def test_without_random_state_fits_follow_the_global_seed_of_numpy():
    X, y = views()
    found = []
    for seed in (5, 5, 6):
        np.random.seed(seed)
        found.append(light(encoders=RandomForestClassifier(3), random_state=None).fit(X, y).predict_proba(X))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.abs(found[0] - found[2]).max() > 0


def test_fit_leaves_the_global_randomness_of_torch_alone():
    X, y = views()
    classifier, state = light(encoders=MLP(2, 2)), torch.get_rng_state()
    classifier.fit({"sound": X["sound"]}, y)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_seed_that_an_encoder_has_is_kept():
    X, y = views()
    members = light(encoders=RandomForestClassifier(3, random_state=11)).fit(X, y).encoders_["sound"].members
    assert [member.random_state for member in members] == [11] * 5


# poor training rows


def test_a_class_with_one_row_is_learned_without_a_warning(recwarn):
    X, y = views()
    X = {name: np.nan_to_num(values) for name, values in X.items()}
    y = np.where(np.arange(80) == 3, 2, y)
    classifier = light(encoders=TabularEncoder()).fit(X, y)
    assert classifier.predict_proba(X).shape == (80, 3) and not recwarn
    np.testing.assert_allclose(classifier.predict_proba([{}]), [frequencies(y)], atol=1e-12)


@pytest.mark.parametrize("rows", ["none", "of one class"])
def test_a_modality_that_training_never_explained_has_no_say(rows):
    X, y = views()
    X["sight"] = np.full((80, 2), NAN) if rows == "none" else np.where(y[:, None] == 0, X["sight"], NAN)
    with pytest.warns(UserWarning, match="modality 'sight' says nothing"):
        classifier = light().fit(X, y)
    np.testing.assert_allclose(classifier.predict_proba({"sight": [[9.0, 9.0]]}), [classifier.prior_], atol=1e-12)
    with_it = {"sound": X["sound"], "sight": np.full((80, 2), 9.0)}
    expected = classifier.predict_proba({"sound": X["sound"]})
    np.testing.assert_allclose(classifier.predict_proba(with_it), expected, atol=1e-12)


def test_training_rows_may_miss_everything():
    X, y = views()
    nothing = {name: np.full((40, 2), NAN) for name in X}
    longer = {name: np.concatenate([X[name], nothing[name]]) for name in X}
    labels = np.concatenate([y, np.ones(40, dtype=int)])
    classifier = light().fit(longer, labels)
    np.testing.assert_allclose(classifier.predict_proba([{}]), [frequencies(labels)], atol=1e-12)


# impossible rows


def test_impossible_rows_get_the_prior_and_a_warning_that_counts_them():
    X, y = views()
    classifier = light(structure=star).fit(X, y)
    expected = classifier.predict_proba(X)
    rows = ~np.isnan(X["sound"]).all(1)

    class Impossible(type(classifier.model_.potential_of["sound"])):
        def forward(self, inputs=None):
            return torch.full_like(super().forward(inputs), -torch.inf)

    classifier.model_.potential_of["sound"].__class__ = Impossible
    with pytest.warns(UserWarning, match=f"{rows.sum()} of 80 rows are impossible under the model; they get the prior"):
        found = classifier.predict_proba(X)
    np.testing.assert_allclose(found[rows], [classifier.prior_] * rows.sum(), atol=1e-12)
    np.testing.assert_allclose(found[~rows], expected[~rows], atol=1e-12)


def test_a_forbidden_class_has_probability_zero_and_no_warning():
    X, y = views()
    classifier = light().fit(X, y)
    with torch.no_grad():
        classifier.model_.potential_of["prior"].log_values[1] = -torch.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(classifier.predict_proba(X), [[1.0, 0.0]] * 80)


# scikit-learn's tools


def keep(X):
    return X


@pytest.mark.parametrize("kind", ["a frame and groups", "a batch", "samples"])
def test_the_tools_of_scikit_learn_split_every_input_of_rows(kind):
    X, y = views()
    modalities, make = KINDS[kind]
    data, classifier = make(X), light(modalities, structure=star)
    scores = cross_val_score(classifier, data, y, cv=2, error_score="raise")
    assert scores.mean() > 0.7
    answers = cross_val_predict(classifier, data, y, cv=2, method="predict_proba")
    assert (answers.argmax(1) == y).mean() > 0.7
    search = GridSearchCV(classifier, {"structure": [star, edge]}, cv=2, error_score="raise").fit(data, y)
    assert search.score(data, y) > 0.7
    calibrated = CalibratedClassifierCV(classifier, cv=2).fit(data, y)
    np.testing.assert_allclose(calibrated.predict_proba(data).sum(1), 1.0, atol=1e-12)
    assert (calibrated.predict(data) == y).mean() > 0.7
    pipeline = Pipeline([("same", FunctionTransformer(keep)), ("fuse", classifier)]).fit(data, y)
    np.testing.assert_allclose(
        pipeline.predict_proba(data), clone(classifier).fit(data, y).predict_proba(data), atol=1e-12
    )


def test_parameters_of_a_single_encoder_are_searched_by_their_nested_names():
    X, y = views()
    search = GridSearchCV(light(), {"encoders__var_smoothing": [1e-9, 1e3]}, cv=2, error_score="raise")
    assert search.fit(ModalityBatch(X), y).best_params_ == {"encoders__var_smoothing": 1e-9}


def test_clones_are_unfitted_and_equal():
    X, y = views()
    first = light(structure=edge).fit(X, y)
    copy = clone(first)
    assert not hasattr(copy, "model_")
    np.testing.assert_array_equal(copy.fit(X, y).predict_proba(X), first.predict_proba(X))


def test_a_fitted_classifier_survives_pickling_without_its_training_rows():
    X, y = views()
    again = pickle.loads(pickle.dumps(fitted()))
    np.testing.assert_array_equal(again.predict_proba(X), fitted().predict_proba(X))
    long = {name: np.tile(values, (50, 1)) for name, values in X.items()}
    larger = light().fit(long, np.tile(y, 50))
    kept = [len(pickle.dumps(each.reference_)) + len(pickle.dumps(each.examples_)) for each in (larger, fitted())]
    extra = [len(pickle.dumps(each)) - some for each, some in zip((larger, fitted()), kept, strict=True)]
    assert extra[0] - extra[1] < 1000  # of 120 kB of rows


def test_refitting_forgets_everything():
    X, y = views()
    classifier = light().fit({"other": X["sound"]}, 1 - y)
    np.testing.assert_array_equal(classifier.fit(X, y).predict_proba(X), fitted().predict_proba(X))


def test_a_fit_says_nothing_and_warns_of_nothing(capsys):
    X, y = views()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FusionClassifier(random_state=0).fit(X, y).predict(X)
    assert capsys.readouterr() == ("", "")
