"""Words, vocabularies, and encoders of ids."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer

from graphfuse.encoders import BagOfWords, EmbeddingBag, Vocabulary, tokenize
from graphfuse.encoders.bag_of_words import log_counts

TEXTS = ["No opacity, no effusion.", "A small opacity", None, "effusion; the opacity grew", ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\t--_ ", []),
        ("ÄRZTE-Blatt", ["ärzte", "blatt"]),
        ("it's 37.5", ["it's", "37", "5"]),
        ("naïve_bayes", ["naïve", "bayes"]),
        ("'quoted'", ["quoted"]),
    ],
)
def test_words_are_runs_of_letters_and_digits(text, words):
    assert tokenize(text) == words


def test_the_most_frequent_words_are_listed_first():
    vocabulary = Vocabulary.learn(TEXTS, max_words=3)
    counts = Counter(word for text in TEXTS if text for word in tokenize(text))
    assert vocabulary.words == ("opacity", "effusion", "no")
    assert [counts[word] for word in vocabulary.words] == [3, 2, 2]
    assert Vocabulary.learn(TEXTS, min_count=3).words == ("opacity",)
    assert Vocabulary.learn([None, ""]).num_tokens == 2


def test_ids_are_padded_and_cut():
    vocabulary = Vocabulary(("opacity", "no"))
    assert vocabulary(["no new opacity"]).tolist() == [[3, 1, 2]]
    assert vocabulary(["no new opacity", "no"], num_steps=2).tolist() == [[3, 1], [3, 0]]
    assert vocabulary(["no"], num_steps=3).tolist() == [[3, 0, 0]]
    assert vocabulary([]).shape == (0, 1)


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, ""], ids=str)
def test_a_missing_text_has_no_words(missing):
    assert Vocabulary(("no",))([missing, "no"]).tolist() == [[0], [2]]


def test_columns_of_pandas_are_read(generator):
    column = pd.Series(TEXTS, dtype="str")
    assert torch.equal(Vocabulary.learn(column)(column), Vocabulary.learn(TEXTS)(TEXTS))


def test_counts_are_those_of_scikit_learn():
    texts = [text or "" for text in TEXTS]
    vocabulary = Vocabulary.learn(texts)
    expected = CountVectorizer(tokenizer=tokenize, token_pattern=None, vocabulary=list(vocabulary.words))
    found = log_counts(vocabulary(texts), vocabulary.num_tokens).expm1().round()
    np.testing.assert_array_equal(found[:, 1:], expected.fit_transform(texts).toarray())
    assert (found[:, 0] == 0).all()  # no word is unknown


@pytest.mark.parametrize("encoder", [BagOfWords, EmbeddingBag])
def test_padding_of_any_kind_and_the_order_of_words_change_nothing(encoder):
    torch.manual_seed(0)
    model = encoder(6, 3).double()
    expected = model(torch.tensor([2, 5, 5]))
    for ids in ([2, 5, 5, 0, 0], [-1, 2, 5, -1, 5], [5, 2, 0, 5]):
        torch.testing.assert_close(model(torch.tensor(ids)), expected)


@pytest.mark.parametrize("encoder", [BagOfWords, EmbeddingBag])
@pytest.mark.parametrize("batch", [(), (4,), (2, 3)], ids=str)
def test_any_leading_dimensions_are_rows(encoder, batch, generator):
    torch.manual_seed(0)
    model, ids = encoder(6, 3), torch.randint(0, 6, (*batch, 5), generator=generator)
    found = model(ids)
    assert found.shape == (*batch, 3)
    torch.testing.assert_close(found.reshape(-1, 3), model(ids.reshape(-1, 5)))


@pytest.mark.parametrize("encoder", [BagOfWords, EmbeddingBag])
def test_a_text_without_words_has_the_bias(encoder):
    model = encoder(6, 3)
    for ids in (torch.zeros(2, 4, dtype=torch.int64), torch.full((2, 1), -1), torch.zeros(2, 0, dtype=torch.int64)):
        torch.testing.assert_close(model(ids), model.head.bias.expand(2, 3))


def test_an_embedding_bag_is_torchs_own_without_padding(generator):
    model, ids = EmbeddingBag(6, 3), torch.randint(1, 6, (4, 5), generator=generator)
    bag = torch.nn.functional.embedding_bag(ids, model.embedding.weight, mode="mean")
    torch.testing.assert_close(model(ids), model.head(bag))


@pytest.mark.parametrize("encoder", [BagOfWords, EmbeddingBag])
def test_ids_that_are_none_are_refused(encoder):
    with pytest.raises(ValueError, match=r"inputs must be below num_tokens, 6; got 6"):
        encoder(6, 3)(torch.tensor([[2, 6]]))
    with pytest.raises(ValueError, match=r"inputs must be integers of shape \(\*batch, steps\); got torch.float32"):
        encoder(6, 3)(torch.zeros(2, 4))
    with pytest.raises(ValueError, match="num_tokens must be at least 2; got 1"):
        encoder(1, 3)


def test_what_is_no_text_is_refused():
    with pytest.raises(TypeError, match="text must be a string; got int"):
        tokenize(3)
    with pytest.raises(TypeError, match="each of texts must be a string, or None or nan where missing; got int"):
        Vocabulary.learn(["no", 3])
    with pytest.raises(TypeError, match="texts must be a sequence of strings; got str"):
        Vocabulary(("no",))("no opacity")
    with pytest.raises(ValueError, match="words must not repeat a name; got 'no' more than once"):
        Vocabulary(("no", "no"))
    with pytest.raises(ValueError, match="num_steps must be at least 1; got 0"):
        Vocabulary(("no",))(["no"], num_steps=0)
    with pytest.raises(ValueError, match="max_words must be at least 1; got 0"):
        Vocabulary.learn(["no"], max_words=0)
