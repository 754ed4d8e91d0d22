"""Encoders fitted once: the very same rows share a fit, all others have their own, and answers are as without."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from graphfuse import FusionClassifier, LateFusionClassifier, ModalityBatch, TabularEncoder, drop_modalities
from graphfuse.laboratory.encoder_cache import EncoderCache


@pytest.fixture
def cache():
    return EncoderCache()


def table(num_rows: int = 30, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = np.arange(num_rows) % 2
    return labels[:, None] + generator.normal(size=(num_rows, 3)), labels


def frame(num_rows: int = 30) -> pd.DataFrame:
    values, labels = table(num_rows)
    words = np.array(["a", "b", "c"])[(labels + np.arange(num_rows) // 7) % 3]
    return pd.DataFrame({"age": values[:, 0], "ward": words, "seen": values[:, 1] > 0})


def test_the_same_rows_share_a_fit_and_equal_copies_are_the_same(cache):
    inputs, labels = table()
    first = cache.share(TabularEncoder()).fit(inputs, labels)
    second = cache.share(TabularEncoder()).fit(inputs.copy(), labels.copy())
    assert first.fitted_ is second.fitted_ and cache.saved_seconds > 0
    np.testing.assert_array_equal(
        first.predict_proba(inputs), TabularEncoder().fit(inputs, labels).predict_proba(inputs)
    )
    assert first.predict_proba(inputs) is not second.predict_proba(inputs)
    np.testing.assert_array_equal(first.predict(inputs), first.fitted_.predict(inputs))


def test_other_rows_labels_orders_shapes_and_types_have_fits_of_their_own(cache):
    inputs, labels = table()
    changed = inputs.copy()
    changed[3, 1] = np.nextafter(changed[3, 1], 9.0)
    flipped = labels.copy()
    flipped[0] = 1 - flipped[0]
    order = np.random.default_rng(0).permutation(30)
    others = [
        (inputs, labels),
        (changed, labels),
        (inputs, flipped),
        (inputs[order], labels[order]),
        (inputs[:29], labels[:29]),
        (inputs[:, ::-1], labels),
        (inputs.astype(np.float32), labels),
        (pd.DataFrame(inputs, columns=list("abc")), labels),
        (pd.DataFrame(inputs, columns=list("abd")), labels),
    ]
    fitted = [cache.share(TabularEncoder()).fit(*each).fitted_ for each in others]
    assert len({id(each) for each in fitted}) == len(cache.entries) == len(others)


def test_other_settings_have_fits_of_their_own_also_of_inner_steps(cache):
    inputs, labels = table()
    encoders = [
        TabularEncoder(),
        TabularEncoder(num_folds=3),
        LogisticRegression(),
        LogisticRegression(C=2.0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(StandardScaler(), LogisticRegression(C=2.0)),
        make_pipeline(FunctionTransformer(np.tanh), LogisticRegression()),
        make_pipeline(FunctionTransformer(np.sinh), LogisticRegression()),
    ]
    for encoder in [*encoders, *map(clone, encoders)]:
        cache.share(encoder).fit(inputs, labels)
    assert len(cache.entries) == len(encoders)


def test_settings_that_cannot_be_told_apart_are_refused(cache):
    encoder = make_pipeline(FunctionTransformer(lambda values: values), LogisticRegression())
    with pytest.raises(ValueError, match="each setting of a shared encoder must be one that pickle reads; got"):
        cache.share(encoder).fit(*table())


def test_frames_are_told_apart_by_a_word_a_gap_and_the_place_of_a_column(cache):
    first, (_, labels) = frame(), table()
    word, gap = first.copy(), first.copy()
    word.loc[4, "ward"] = "z"
    gap.loc[4, "ward"] = None
    renumbered = first.set_axis(np.arange(30) + 100, axis=0)
    swapped = first.rename(columns={"age": "seen", "seen": "age"})
    fitted = [
        cache.share(TabularEncoder()).fit(each, labels).fitted_
        for each in (first, first.copy(), renumbered, word, gap, swapped)
    ]
    assert fitted[0] is fitted[1] is fitted[2]
    assert len({id(each) for each in fitted}) == 4


def test_answers_are_kept_and_writing_into_one_changes_no_other(cache):
    inputs, labels = table()
    encoder = cache.share(TabularEncoder()).fit(inputs, labels)
    first = encoder.predict_proba(inputs[:4])
    expected = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(encoder.predict_proba(inputs[:4]), expected)
    np.testing.assert_array_equal(encoder.predict_proba(inputs[1:5]), encoder.fitted_.predict_proba(inputs[1:5]))


def test_a_clone_keeps_the_cache_and_the_tags_of_its_encoder(cache):
    shared = clone(cache.share(TabularEncoder(num_folds=3)))
    assert shared.cache is cache and shared.encoder.num_folds == 3 and not hasattr(shared, "fitted_")
    assert shared.__sklearn_tags__().input_tags.allow_nan
    assert not cache.share(LogisticRegression()).__sklearn_tags__().input_tags.allow_nan


def test_a_fit_that_raises_is_not_kept(cache):
    inputs, labels = table()
    with pytest.raises(ValueError, match="at least two classes"):
        cache.share(TabularEncoder()).fit(inputs, np.zeros_like(labels))
    assert not cache.entries


@pytest.mark.parametrize("kind", [FusionClassifier, LateFusionClassifier])
def test_fusion_with_the_cache_answers_as_without_and_the_second_time_fits_nothing(kind, cache, generator):
    values, labels = table(60)
    batch = drop_modalities(ModalityBatch({"numbers": values, "visit": frame(60)}), 0.2, generator)
    plain = kind(encoders=TabularEncoder(), random_state=3).fit(batch, labels).predict_log_proba(batch)
    shared = kind(encoders=cache.share(TabularEncoder()), random_state=3).fit(batch, labels).predict_log_proba(batch)
    np.testing.assert_array_equal(plain, shared)
    num_entries = len(cache.entries)
    again = kind(encoders=cache.share(TabularEncoder()), random_state=3).fit(batch, labels).predict_log_proba(batch)
    np.testing.assert_array_equal(plain, again)
    assert len(cache.entries) == num_entries
    other = batch.keep({"numbers": torch.arange(60) > 0})
    kind(encoders=cache.share(TabularEncoder()), random_state=3).fit(other, labels)
    assert len(cache.entries) > num_entries
