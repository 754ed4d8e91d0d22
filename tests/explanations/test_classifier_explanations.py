"""The ledger of a fitted classifier is that of its own predictions on really blanked rows."""

import warnings
from itertools import combinations, permutations

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, KernelEncoder, ModalityBatch
from graphfuse.estimators.tabular_encoder import TabularEncoder
from graphfuse.graph import Variable, latent_class, star

NAN = np.nan
COLUMNS = {"sound": ["low", "high"], "sight": ["red", "blue"], "touch": ["warm"]}
EFFECTS = ["shapley", "alone", "removal"]
effects_of_all_kinds = pytest.mark.parametrize("effects", EFFECTS)


def rows(num_rows=60, num_classes=2, seed=0, gaps=0.3):
    """A frame whose modalities go missing as blocks of NaN, with effects across modalities, and labels."""
    draws = np.random.default_rng(seed)
    states = draws.integers(0, num_classes, num_rows)
    frame = pd.DataFrame(
        {column: draws.normal(size=num_rows) + states for group in COLUMNS.values() for column in group}
    )
    frame["low"] = np.sign(frame["red"]) * (frame["low"] + 4 * (states > 0) - 2.5)
    frame.index = [f"row{i}" for i in range(num_rows)]
    for group in COLUMNS.values():
        frame.loc[draws.random(num_rows) < gaps, group] = NAN
    return frame, np.array(["calm", "loud", "odd"])[states]


def without(frame, modalities):
    return frame.assign(**{column: NAN for name in modalities for column in COLUMNS[name]})


def log_odds(model, frame, label):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        probs = np.exp(model.predict_log_proba(frame))
    place = list(model.classes_).index(label)
    return np.log(probs[:, place]) - np.log(np.delete(probs, place, 1).sum(1))


def shapley_by_orders(model, frame, label):
    names = list(COLUMNS)
    odds = {
        frozenset(kept): log_odds(model, without(frame, set(names) - set(kept)), label)
        for size in range(len(names) + 1)
        for kept in combinations(names, size)
    }
    total = {name: np.zeros(len(frame)) for name in names}
    for order in permutations(names):
        for i, name in enumerate(order):
            total[name] += (odds[frozenset(order[: i + 1])] - odds[frozenset(order[:i])]) / 6
    return total


@pytest.fixture(scope="module")
def default():
    """The default graph, several experts a modality, with a joint expert that reads all columns."""
    frame, y = rows(200, seed=2, gaps=0.1)
    fitted = FusionClassifier(COLUMNS, random_state=0).fit(frame, y)
    assert fitted.joint_ is not None and len(fitted.sources_) > len(COLUMNS)
    return fitted


def light(modalities=COLUMNS, **settings):
    return FusionClassifier(modalities, **{"encoders": GaussianNB(), "structure": star, "random_state": 0, **settings})


def three_classes():
    frame, y = rows(90, 3)
    return light().fit(frame, y), frame, y


def with_types(target, modalities):
    return latent_class(target, Variable("type", 3), modalities)


# the default graph


@effects_of_all_kinds
def test_rows_of_the_default_graph_sum_to_the_predicted_log_odds(default, effects):
    frame, _ = rows(40, seed=1)
    found = default.explain(frame, effects=effects)
    assert list(found.columns) == ["prior", *COLUMNS, "missingness", "interactions"]
    np.testing.assert_allclose(found.sum(axis=1), log_odds(default, frame, "loud"), atol=1e-6)
    for name, group in COLUMNS.items():
        assert (found.loc[frame[group].isna().all(axis=1), name] == 0).all()
    pd.testing.assert_index_equal(found.index, frame.index)


def test_removal_entries_of_the_default_graph_equal_predictions_on_blanked_rows(default):
    frame, _ = rows(40, seed=1)
    found, whole = default.explain(frame, effects="removal"), log_odds(default, frame, "loud")
    for name in COLUMNS:
        np.testing.assert_allclose(found[name], whole - log_odds(default, without(frame, [name]), "loud"), atol=1e-6)


def test_shapley_entries_of_the_default_graph_equal_orders_of_blanked_rows(default):
    frame, _ = rows(40, seed=1)
    found = default.explain(frame)
    for name, expected in shapley_by_orders(default, frame, "loud").items():
        np.testing.assert_allclose(found[name], expected, atol=1e-6)


def test_counterfactuals_of_the_default_graph_equal_brute_force(default):
    frame, _ = rows(40, seed=1)
    found, before = default.counterfactual(frame), default.predict(frame)
    assert (found["decision"] == before).all()
    assert found["removed"].notna().any()
    subsets = [set(each) for size in (1, 2, 3) for each in combinations(COLUMNS, size)]
    after = {frozenset(each): default.predict(without(frame, each)) for each in subsets}
    odds = {frozenset(each): log_odds(default, without(frame, each), "loud") for each in subsets}
    for i in range(len(frame)):
        here = {name for name, group in COLUMNS.items() if frame[group].iloc[i].notna().any()}
        able = [each for each in subsets if each <= here and after[frozenset(each)][i] != before[i]]
        if not able:
            assert found["removed"].iloc[i] is None
            continue
        fewest = [each for each in able if len(each) == len(able[0])]
        sign = 1 if before[i] == "loud" else -1
        expected = min(fewest, key=lambda each: sign * odds[frozenset(each)][i])
        assert set(found["removed"].iloc[i]) == expected
        assert found["log_odds_after"].iloc[i] == pytest.approx(sign * odds[frozenset(expected)][i], abs=1e-6)
        assert found["decision_after"].iloc[i] == after[frozenset(expected)][i]


# inputs, structures, labels


def test_frames_arrays_and_batches_get_one_ledger():
    frame, y = rows(40)
    places = {name: [frame.columns.get_loc(column) for column in group] for name, group in COLUMNS.items()}
    of_frame = light().fit(frame, y).explain(frame)
    batch = ModalityBatch({name: frame[group].to_numpy() for name, group in COLUMNS.items()})
    for modalities, X in ((places, frame.to_numpy()), (None, batch), (None, dict(batch.inputs))):
        other = light(modalities).fit(X, y).explain(X)
        np.testing.assert_allclose(other.to_numpy(), of_frame.to_numpy(), atol=1e-9)
        assert list(other.index) == list(range(len(frame)))


@pytest.mark.parametrize("structure", [star, with_types], ids=["star", "latent class"])
def test_each_of_three_labels_has_a_ledger_against_the_others(structure):
    frame, y = rows(60, 3)
    model = light(structure=structure).fit(frame, y)
    for label in ("calm", "loud", "odd"):
        found = model.explain(frame, target_state=label)
        np.testing.assert_allclose(found.sum(axis=1), log_odds(model, frame, label), atol=1e-6)
        for name, expected in shapley_by_orders(model, frame, label).items():
            np.testing.assert_allclose(found[name], expected, atol=1e-6)


def test_modalities_never_seen_together_are_explained_as_they_are_predicted():
    train, y = rows(200, gaps=0.0)
    partner = np.where(np.arange(200) % 2, train["high"], train["blue"])  # that the row keeps
    train["warm"] = np.sign(partner) * (train["warm"] + 4 * (y == "loud") - 2.5)
    frame = train[:20].copy()
    train.iloc[::2, [0, 1]] = NAN
    train.iloc[1::2, [2, 3]] = NAN
    joint = KernelEncoder(random_state=0, num_folds=2)
    model = FusionClassifier(COLUMNS, encoders=GaussianNB(), joint_encoder=joint, random_state=0).fit(train, y)
    assert model.joint_ is not None
    with pytest.warns(UserWarning, match="no row of fit had together"):
        model.predict(frame)
    for effects in EFFECTS:
        found = model.explain(frame, effects=effects)
        np.testing.assert_allclose(found.sum(axis=1), log_odds(model, frame, "loud"), atol=1e-6)
    for name in COLUMNS:
        less = log_odds(model, without(frame, [name]), "loud")
        np.testing.assert_allclose(found[name], log_odds(model, frame, "loud") - less, atol=1e-6)


def test_permuting_modalities_of_fit_permutes_the_columns_of_the_ledger():
    frame, y = rows()
    backwards = dict(reversed(COLUMNS.items()))
    first, second = (light(groups).fit(frame, y).explain(frame) for groups in (COLUMNS, backwards))
    assert list(second.columns) == ["prior", *backwards, "missingness", "interactions"]
    pd.testing.assert_frame_equal(second[first.columns], first, atol=1e-9)


def test_columns_without_training_values_and_text_columns_are_explained_with_the_joint_expert():
    draws = np.random.default_rng(0)
    frame, _ = rows(160, gaps=0.2)
    y = np.where(
        frame["low"].fillna(0.0) * frame["red"].fillna(0.0) > 0, "loud", "calm"
    )  # what no modality shows alone
    mixed = frame.assign(kind=np.where(draws.random(160) < 0.5, "x", "z"), void=NAN)
    mixed.loc[frame["low"].isna(), "kind"] = None
    groups = {"sound": ["low", "high", "kind", "void"], "sight": ["red", "blue"]}
    model = FusionClassifier(groups, encoders=TabularEncoder(), joint_encoder=KernelEncoder(), random_state=0)
    model.fit(mixed, y)
    assert model.joint_ is not None
    new = mixed.assign(void=1.0)
    new.loc[frame["low"].isna(), "void"] = NAN
    found = model.explain(new, effects="removal")
    whole = log_odds(model, new, "loud")
    blanked = new.assign(low=NAN, high=NAN, kind=None, void=NAN)
    np.testing.assert_allclose(found["sound"], whole - log_odds(model, blanked, "loud"), atol=1e-6)


@pytest.mark.parametrize("method", ["explain", "counterfactual"])
def test_an_unfitted_classifier_is_refused(method):
    with pytest.raises(ValueError, match="not fitted"):
        getattr(light(), method)(rows()[0])


def test_an_unknown_label_lists_the_labels():
    model, frame, _ = three_classes()
    with pytest.raises(ValueError, match="target_state must be one of 'calm', 'loud', 'odd'; got 'quiet'"):
        model.explain(frame, target_state="quiet")
    with pytest.raises(ValueError, match="target_state must name one of 3 states"):
        model.explain(frame)


def test_counterfactuals_of_a_loss_are_about_its_actions_by_name(default):
    frame, _ = rows(40, seed=1)
    loss = pd.DataFrame({"loud": [6.0, 0.0, 0.3], "calm": [0.0, 1.0, 0.3]}, index=["wait", "treat", "refer"])
    found = default.counterfactual(frame, loss=loss)

    def actions(X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return loss.index[(default.predict_proba(X) @ loss[["calm", "loud"]].to_numpy().T).argmin(1)]

    assert (found["decision"] == actions(frame)).all() and found["decision"].nunique() == 3
    changed = np.flatnonzero(found["removed"].notna())
    assert len(changed)
    for i in changed:
        row = without(frame.iloc[[i]], found["removed"].iloc[i])
        assert found["decision_after"].iloc[i] == actions(row)[0] != found["decision"].iloc[i]


@pytest.fixture(scope="module")
def many():
    """Thirteen modalities, the last one missing in every other row."""
    draws = np.random.default_rng(0)
    y = draws.integers(0, 2, 30)
    X = {f"m{i:02d}": draws.normal(size=(30, 1)) + 0.3 * y[:, None] for i in range(13)}
    X["m12"][::2] = NAN
    return FusionClassifier(encoders=GaussianNB(), joint_encoder=None, random_state=0).fit(X, y), X


def test_standard_errors_of_sampled_shapley_values_say_how_far_other_orders_lead(many):
    model, X = many
    some = {name: values[:6] for name, values in X.items()}
    found, errors = model.explain(some, num_pairs=8), model.shapley_standard_errors(some, num_pairs=8)
    more = model.explain(some, num_pairs=200)
    assert list(errors.columns) == list(X)
    assert (errors.iloc[::2] == 0).all(axis=None)  # twelve modalities: exact
    pd.testing.assert_frame_equal(found.iloc[::2], more.iloc[::2], atol=1e-9)
    scores = (found - more)[list(X)].to_numpy()[1::2] / errors.to_numpy()[1::2]
    assert (errors.iloc[1::2] > 0).all(axis=None) and 0.4 < np.sqrt(np.mean(scores**2)) < 1.8
    with pytest.raises(ValueError, match="num_pairs must be at least 2; got 1"):
        model.shapley_standard_errors(some, num_pairs=1)


def test_more_than_twelve_modalities_are_explained_by_sampled_orders_that_repeat():
    draws = np.random.default_rng(0)
    y = draws.integers(0, 2, 30)
    X = {f"m{i:02d}": draws.normal(size=(30, 1)) + y[:, None] for i in range(13)}
    model = light(None).fit(X, y)
    found = model.explain(X)
    log_probs = model.predict_log_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), log_probs[:, 1] - log_probs[:, 0], atol=1e-6)
    pd.testing.assert_frame_equal(found, model.explain(X))
