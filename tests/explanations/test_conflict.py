"""Conflict is what blanking says, its p-values keep their promise, and the modality that was swapped is named."""

from functools import cache
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import binomtest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from graphfuse import FusionClassifier, LogarithmicPool, ModalityBatch, Variable, load
from graphfuse.evaluation import auroc
from graphfuse.explanations import conflict

from .models import MODELS, rows_with_gaps

NAMES = ["a", "b", "c", "d"]


def model_of(kind):
    if kind == "pool":
        encoders = {name: torch.nn.Identity() for name in NAMES}
        return LogarithmicPool(encoders, Variable("y", 3), torch.tensor([0.2, 0.3, 0.5]))
    return MODELS[kind](NAMES, 3)


def shown(model, batch, kept):
    with torch.no_grad():
        return model(batch.keep({name: torch.full((len(batch),), name in kept) for name in batch.modalities}))[
            "y"
        ].exp()


def by_blanking(model, batch):
    """By row, the statistic of each modality that it has, asked of the model itself; none of fewer than two."""
    prior, found = shown(model, batch, ()), [{} for _ in range(len(batch))]
    for name in batch.modalities:
        alone, others = shown(model, batch, {name}), shown(model, batch, set(batch.modalities) - {name})
        for row, value in enumerate(-(alone * others / prior).sum(-1).log()):
            if batch.present[name][row] and sum(bool(mask[row]) for mask in batch.present.values()) > 1:
                found[row][name] = float(value)
    return found


def reference_rows(num_rows=60, rate=0.0, seed=3):
    rows = rows_with_gaps(NAMES, num_rows, 3, seed, rate)
    return ModalityBatch(rows.inputs, rows.present, {"y": torch.arange(num_rows) % 3})


@pytest.mark.parametrize("kind", [*MODELS, "pool"])
def test_statistic_and_culprit_equal_blanking(kind):
    model, batch = model_of(kind), rows_with_gaps(NAMES, 12, 3)
    found = conflict(model, batch, "y", reference_rows())
    for i, each in enumerate(by_blanking(model, batch)):
        if not each:
            assert np.isnan(found["statistic"][i]) and np.isnan(found["p_value"][i]) and found["culprit"][i] is None
            continue
        assert found["statistic"][i] == pytest.approx(max(each.values()))
        assert each[found["culprit"][i]] == pytest.approx(max(each.values()))


def test_p_values_equal_counting_among_blanked_reference_rows_and_those_of_the_same_size():
    model, batch, reference = model_of("correlated"), rows_with_gaps(NAMES, 12, 3), reference_rows(20)[:-1]
    found = conflict(model, batch, "y", reference)

    @cache
    def statistics(kept):
        masks = {name: torch.full((19,), name in kept) for name in NAMES}
        return np.array([max(each.values()) for each in by_blanking(model, reference.keep(masks))])

    for i in range(len(batch)):
        here = [name for name in NAMES if batch.present[name][i]]
        if len(here) < 2:
            continue
        same = statistics(frozenset(here))
        windows = [frozenset(NAMES[(j + k) % 4] for k in range(len(here))) for j in range(19)]
        other = np.array([statistics(window)[j] for j, window in enumerate(windows)])
        value = found["statistic"][i] - 1e-9
        assert found["p_value"][i] == pytest.approx((1 + (same >= value).sum() + 20 * (other >= value).mean()) / 40)


def test_a_mask_that_no_reference_row_has_borrows_from_others_of_its_size():
    model = model_of("star")
    reference = reference_rows().keep({"a": torch.arange(60) % 2 == 0, "b": torch.arange(60) % 2 == 1})
    batch = rows_with_gaps(NAMES, 30, 3, rate=0.0)[:-1]
    found = conflict(model, batch.keep(dict.fromkeys("cd", torch.zeros(29, dtype=torch.bool))), "y", reference)
    assert found["p_value"].between(1 / 21, 1).all() and found["p_value"].nunique() > 5
    assert (found["p_value"].to_numpy()[np.argsort(found["statistic"])] == np.sort(found["p_value"])[::-1]).all()


def test_of_two_modalities_the_less_sure_one_is_to_be_checked():
    model = MODELS["star"](["a", "b"])
    batch = ModalityBatch({"a": [[9.0, 0.0], [1.0, 0.0]], "b": [[0.0, 1.0], [0.0, 9.0]]})
    reference = rows_with_gaps(["a", "b"], 20, seed=1)
    reference = ModalityBatch(reference.inputs, reference.present, {"y": torch.arange(20) % 2})
    with torch.no_grad():
        alone = {name: shown(model, batch, {name}).max(-1).values for name in "ab"}
    expected = ["b" if alone["a"][i] > alone["b"][i] else "a" for i in range(2)]
    assert conflict(model, batch.to(dtype=torch.float64), "y", reference)["culprit"].tolist() == expected


@pytest.mark.parametrize("kind", MODELS)
def test_the_order_of_modalities_and_rows_changes_nothing(kind):
    model, batch, reference = model_of(kind), rows_with_gaps(NAMES, 12, 3), reference_rows()
    found, order = conflict(model, batch, "y", reference), np.random.default_rng(0).permutation(12)
    again = conflict(model, batch.select(["c", "d", "a", "b"])[order], "y", reference)
    same = found.iloc[order].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, same)


# fitted classifiers


def swapped(batch, labels, rows, draws):
    """The batch, in some rows of which one modality is that of a row of another class, and which; None where none."""
    inputs = {name: values.clone() for name, values in batch.inputs.items()}
    culprit = np.full(len(batch), None, dtype=object)
    for row in rows:
        name = draws.choice(list(batch.modalities))
        inputs[name][row] = batch.inputs[name][int(draws.choice(np.flatnonzero(labels != labels[row])))]
        culprit[row] = name
    return ModalityBatch(inputs, batch.present), culprit


@pytest.fixture(scope="module")
def halves():
    """Light fits to either half of the digits in four views, each with the other half."""
    data = load("handwritten_digits")
    flat = ModalityBatch({name: values.flatten(1) for name, values in data.batch.inputs.items()})
    first, second = np.array_split(np.random.default_rng(0).permutation(len(data)), 2)
    light = LinearDiscriminantAnalysis(shrinkage=0.1, solver="lsqr")
    return [
        (
            FusionClassifier(encoders=light, random_state=0).fit(flat[train], data.labels[train]),
            flat[test],
            data.labels[test],
        )
        for train, test in ((first, second), (second, first))
    ]


@pytest.fixture(scope="module")
def digits(halves):
    return halves[0]


def test_swapped_views_of_digits_are_found_and_named(digits):
    model, batch, labels = digits
    draws = np.random.default_rng(1)
    rows = draws.permutation(len(batch))[: int(0.4 * len(batch))]
    mixed, culprit = swapped(batch, labels, rows, draws)
    found = model.conflict(mixed)
    conflicted = np.array([each is not None for each in culprit])
    surprise = torch.from_numpy(1 - found["p_value"].to_numpy())
    log_probs = torch.stack([1 - surprise, surprise], -1).log()
    assert auroc(log_probs, torch.from_numpy(conflicted.astype(int))) > 0.95
    flagged = conflicted & (found["p_value"].to_numpy() <= 0.05)
    assert flagged.sum() > 0.8 * conflicted.sum()
    assert (found["culprit"].to_numpy()[flagged] == culprit[flagged]).mean() > 0.95


@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_false_alarms_on_clean_digits_are_as_many_as_stated(halves, gaps):
    draws, p_values = np.random.default_rng(2), []
    for model, batch, _ in halves:  # both ways, since one half may be the harder one
        kept = {name: torch.from_numpy(draws.random(len(batch)) >= gaps) for name in batch.modalities}
        p_values += model.conflict(batch.keep(kept))["p_value"].dropna().tolist()
    for level in (0.05, 0.2):
        interval = binomtest(sum(each <= level for each in p_values), len(p_values)).proportion_ci(0.95)
        assert interval.low <= level <= interval.high


def test_p_values_of_a_classifier_are_uniform_on_rows_like_those_of_fit():
    draws = np.random.default_rng(0)

    def rows(num_rows):
        y = draws.integers(0, 2, num_rows)
        return ModalityBatch({name: y[:, None] + draws.normal(size=(num_rows, 1)) for name in NAMES}), y

    model = FusionClassifier(encoders=GaussianNB(), random_state=0).fit(*rows(1000))
    p_values = model.conflict(rows(1000)[0])["p_value"].to_numpy()
    for level in (0.05, 0.25, 0.5, 0.75):
        error = np.sqrt(level * (1 - level) * (1 / 1000 + 1 / 1000))  # of rows and of the reference
        assert abs((p_values <= level).mean() - level) < 4 * error


def test_a_frame_keeps_its_index_and_rows_with_one_modality_have_no_conflict():
    draws = np.random.default_rng(0)
    y = np.arange(60) % 2
    X = pd.DataFrame({name: 3 * y + draws.normal(size=60) for name in NAMES}, index=[f"p{i}" for i in range(60)])
    model = FusionClassifier({name: [name] for name in NAMES}, GaussianNB(), random_state=0).fit(X, y)
    lonely = X.assign(a=np.nan, b=np.nan, c=np.nan)
    found = model.conflict(pd.concat([X[:5], lonely[5:10]]))
    assert found.index.tolist() == X.index[:10].tolist()
    assert found["p_value"].notna().tolist() == [True] * 5 + [False] * 5
    assert found["culprit"].isna().tolist() == [False] * 5 + [True] * 5


def test_the_culprit_is_the_one_whose_removal_leaves_the_others_in_agreement(digits):
    model, batch, labels = digits
    draws = np.random.default_rng(3)
    mixed, _ = swapped(batch[:60], labels[:60], range(60), draws)
    found = model.conflict(mixed)
    names = list(batch.modalities)
    kept = {}
    for three in combinations(names, 3):
        [without] = set(names) - set(three)
        kept[without] = model.conflict(mixed.keep({without: torch.zeros(60, dtype=torch.bool)}))["statistic"]
    named = pd.DataFrame(kept).idxmin(axis=1)
    sure = found["p_value"] <= 0.02
    assert sure.sum() > 30 and (named[sure] == found["culprit"][sure]).mean() > 0.9


def test_wrong_arguments_are_refused():
    model, batch = model_of("star"), rows_with_gaps(NAMES, 4, 3)
    with pytest.raises(ValueError, match="target must be one of 'y'; got 'x'"):
        conflict(model, batch, "x", ModalityBatch(batch.inputs, targets={"x": [0, 1, 2, 0]}))
    with pytest.raises(ValueError, match="the target of reference must be one of"):
        conflict(model, batch, "y", batch)
    with pytest.raises(TypeError, match="reference must be a ModalityBatch"):
        conflict(model, batch, "y", {"a": [0.0]})
