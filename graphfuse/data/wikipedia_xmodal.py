"""Sections of Wikipedia articles in ten categories: an image and a text each.

Source: N. Rasiwasia, J. Costa Pereira et al. (2010), SVCL lab, UC San Diego; features by way of
https://github.com/TongJiayan/Multimodal-Retrieve, the tf-idf part by way of https://github.com/azrealwang/sph.
License: none is stated; text and images stem from Wikipedia (CC BY-SA), and only derived features are read. Use them
for research.
Sizes: 2866 sections; modalities ``image`` (bag of 128 visual words, rows sum to 1) and ``text`` (10 topic proportions,
rows sum to 1, or tf-idf of 1000 words, rows of length 1, 7.6 % filled).
Split: published, 2173 to train (138 to 347 a category) and 693 to test (34 to 104). ``groups`` are the articles.
Missing: none; drop modalities to study gaps.
Caveats: of the 1168 articles (ids of the texts without the number of their section) 401 have sections in both parts of
the published split; split by group where that matters. Topics and tf-idf come from one text: two views of one modality,
so one of them is read at a time. The 1000 words are not listed, and whether their choice and weights used the test part
is not documented. Retrieval figures of later papers use other features and differ in their conventions.
Layout: ``<root>/wikipedia_xmodal/wikipedia_features.npz`` and ``text_tfidf_csr.npz``, ``documents.csv.gz``; there is no
converter from the ``.mat`` files of the repositories.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ..checks import check_known
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile

SOURCE = "SVCL lab, UC San Diego (2010), by way of https://github.com/TongJiayan/Multimodal-Retrieve"
FEATURES = DataFile(
    "wikipedia_xmodal/wikipedia_features.npz",
    "6b702d59861477bdd621ed04e6ea361f8372558a48e8ee303b42af4caea479c9",
    f"the {SOURCE} (data/wiki/raw_features.mat, converted to npz)",
)
WORDS = DataFile(
    "wikipedia_xmodal/text_tfidf_csr.npz",
    "8f352e1ab9cfbe92ec6a6ad6b8033d0ef0c58e7eb8ee9c4e55b30f081ba38d25",
    "https://github.com/azrealwang/sph (data/raw_features.mat, converted to npz)",
)
DOCUMENTS = DataFile(
    "wikipedia_xmodal/documents.csv.gz",
    "87c763bfedf19d8115be876fd90f9b011ff6dc4f9133522003cb5db77f457519",
    f"the {SOURCE} (its lists of documents, as one table)",
)
FILES = (FEATURES, WORDS, DOCUMENTS)
CATEGORIES = ("art", "biology", "geography", "history", "literature", "media", "music", "royalty", "sport", "warfare")
TARGET = Variable("category", 10, states=CATEGORIES)


def load(root: str | Path | None = None, text: Literal["topics", "words"] = "topics") -> Dataset:
    """The 2866 sections; the target is ``category``, and groups are the articles.

    They are split into train and test. ``image`` is float64 ``(2866, 128)``; ``text`` is float64 ``(2866, 10)`` of
    topics or float32 ``(2866, 1000)`` of words.

    Args:
        root: Folder that holds ``wikipedia_xmodal/``; the environment variable ``GRAPHFUSE_DATA`` if None.
        text: What the text is read as: ``"topics"``, the proportions of the paper, or ``"words"``, their tf-idf.

    Raises:
        FileNotFoundError: If a file is not there.
        ValueError: If a file is damaged, or there is no such ``text``.

    Reference: Rasiwasia et al. (2010), A new approach to cross-modal multimedia retrieval.
    """
    check_known("text", text, ("topics", "words"))
    arrays = FEATURES.arrays(root)
    image, topics, states = (np.concatenate([arrays[f"{key}_tr"], arrays[f"{key}_te"]]) for key in ("I", "T", "y"))
    inputs = {"image": image, "text": topics if text == "topics" else _words(root)}
    documents = DOCUMENTS.table(root)
    articles = [text_id.rpartition("-")[0] for text_id in documents["text_id"]]
    batch = ModalityBatch(inputs, targets={TARGET.name: states})
    return Dataset("wikipedia_xmodal", batch, TARGET, tuple(articles), SOURCE, tuple(documents["split"]))


def _words(root: str | Path | None) -> np.ndarray:
    """The sparse rows of both parts as one dense table."""
    arrays = WORDS.arrays(root)
    parts = []
    for part in ("tr", "te"):
        dense = np.zeros(arrays[f"shape_{part}"], dtype=np.float32)
        rows = np.repeat(np.arange(len(dense)), np.diff(arrays[f"indptr_{part}"]))
        dense[rows, arrays[f"indices_{part}"]] = arrays[f"data_{part}"]
        parts.append(dense)
    return np.concatenate(parts)
