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
Layout: ``<root>/wikipedia_xmodal/wikipedia_features.npz``, ``text_tfidf_csr.npz`` and ``documents.csv.gz``, which
``prepare`` makes of the tf-idf repository's ``raw_features.mat`` and the other one's two lists of documents.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from ..checks import check_known, invalid
from ..graph import Variable
from .batch import ModalityBatch
from .dataset import Dataset
from .files import DataFile, csv_gz_bytes, npz_bytes, source_file, source_matlab

SOURCE = "SVCL lab, UC San Diego (2010), by way of https://github.com/TongJiayan/Multimodal-Retrieve"
FEATURES = DataFile(
    "wikipedia_xmodal/wikipedia_features.npz",
    "6b702d59861477bdd621ed04e6ea361f8372558a48e8ee303b42af4caea479c9",
    f"the {SOURCE} (graphfuse.data.prepare makes it of raw_features.mat)",
)
WORDS = DataFile(
    "wikipedia_xmodal/text_tfidf_csr.npz",
    "8f352e1ab9cfbe92ec6a6ad6b8033d0ef0c58e7eb8ee9c4e55b30f081ba38d25",
    "https://github.com/azrealwang/sph (graphfuse.data.prepare makes it of data/raw_features.mat)",
)
DOCUMENTS = DataFile(
    "wikipedia_xmodal/documents.csv.gz",
    "87c763bfedf19d8115be876fd90f9b011ff6dc4f9133522003cb5db77f457519",
    f"the {SOURCE} (graphfuse.data.prepare makes it of the lists of documents)",
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


def prepare(source: str | Path, root: str | Path | None = None) -> None:
    """Make the layout of ``raw_features.mat`` with its tf-idf, and of ``{train,test}set_txt_img_cat.list``.

    Raises:
        FileNotFoundError: If a file or the root is not there.
        ValueError: If a file is not what its name says, or a result is not the expected one.
    """
    import pandas as pd

    names = [f"{kind}_{part}" for part in ("tr", "te") for kind in ("I", "T", "T_tfidf")]
    found = source_matlab(source_file(source, "raw_features.mat"), names)
    features = {name: found[name] for name in names if "tfidf" not in name}
    words: dict[str, np.ndarray] = {}
    documents: list[list[str]] = []
    for part, split in (("tr", "train"), ("te", "test")):
        rows = _documents(source_file(source, f"{split}set_txt_img_cat.list"))
        documents += [[split, *row] for row in rows]
        features[f"y_{part}"] = np.array([int(category) for _, _, category in rows]) - 1
        dense = found[f"T_tfidf_{part}"]
        row_of, column_of = dense.nonzero()
        words[f"data_{part}"] = dense[row_of, column_of].astype(np.float32)
        words[f"indices_{part}"] = column_of.astype(np.int16)
        words[f"indptr_{part}"] = np.searchsorted(row_of, np.arange(len(dense) + 1)).astype(np.int32)
        words[f"shape_{part}"] = np.array(dense.shape)
    order = ("I_tr", "T_tr", "I_te", "T_te", "y_tr", "y_te")
    arrays = {name: features[name] for name in order}
    FEATURES.write(root, npz_bytes(**arrays, class_names=np.array(CATEGORIES)))
    WORDS.write(root, npz_bytes(**words))
    table = pd.DataFrame(documents, columns=["split", "text_id", "image_id", "category"])
    DOCUMENTS.write(root, csv_gz_bytes(table, "documents.csv.gz"))


def _documents(path: Path) -> list[list[str]]:
    """By row, the ids of text and image and the number of the category."""
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    for i, row in enumerate(rows, 1):
        if len(row) != 3 or not row[2].isdigit():
            must = "hold two ids and the number of a category, separated by tabs"
            raise invalid(f"the file {path}, line {i},", must, repr("\t".join(row)[:80]))
    return rows
