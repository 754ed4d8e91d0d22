"""What does one graph over several diagnoses gain over one classifier a diagnosis, also when modalities are missing?

python examples/experiments/several_diagnoses.py [--data NAME ...] [--all] [--root FOLDER] [--out FOLDER]

emotions, yeast and scene by the folds that come with the data (the first; all five with --all), and nine disorders of
patients drawn from the network HEPAR II: 1000 to learn from, 1000 fresh ones to test on, of one draw (five with --all).
`joint NLL` is minus the log-probability of all labels of a row together, in nats; `all right` the share of rows whose
labels are all right, by the joint decision; `Hamming` the share of single labels that are wrong, by the marginals.
Binary relevance, classifier chain and powerset are logistic regressions of scikit-learn with its default strength on
scaled columns, text one-hot: one for each label alone; one for each label given those before it; one for whole
combinations, which gives one twentieth to the product of the frequencies, since it has never seen some combinations.
`no edges` and `edges learned` are JointFusionClassifier with its default experts, the latter with all defaults:
combinations of labels speak as well where held-out training rows say so. `half of the labels` hides each training label
at random, half of them. With `only` a modality, all others of the test rows are missing; the three regressions, which
refuse that, then get the mean of a column.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow small fits down manifold

import numpy as np
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from graphfuse import JointFusionClassifier, ModalityBatch, load
from graphfuse.pages.page import write_whole
from graphfuse.problems import hepar2

SETS = ("hepar2", "emotions", "yeast", "scene")
COLUMNS = ["joint NLL", "all right", "Hamming"]
Split = tuple[ModalityBatch, pd.DataFrame, ModalityBatch, pd.DataFrame]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", choices=SETS, default=["hepar2", "emotions"])
    parser.add_argument("--all", action="store_true", help="all five folds or draws, not the first")
    parser.add_argument("--patients", type=int, default=1000, help="of hepar2, to learn from, and as many to test on")
    parser.add_argument("--root", type=Path, help="folder of the data sets; GRAPHFUSE_DATA if not given")
    parser.add_argument("--out", type=Path, default=Path("results"), help="folder for the table")
    arguments = parser.parse_args()
    pieces = []
    for name in arguments.data:
        found = [measured(split) for split in splits(name, 5 if arguments.all else 1, arguments)]
        table = sum(found[1:], found[0]) / len(found)
        pieces.append(f"{name}, mean of {len(found)}\n\n{markdown(table)}")
        print(pieces[-1] + "\n", flush=True)
    question, _, caption = __doc__.split("\n\n", 2)
    page = "\n\n".join([f"# {question}", caption.strip(), *pieces]) + "\n"
    write_whole(arguments.out / "several_diagnoses.md", page.encode())
    print(f"written: {arguments.out / 'several_diagnoses.md'}")


def splits(name: str, count: int, arguments: argparse.Namespace) -> Iterator[Split]:
    """Rows to learn from and their labels, test rows and theirs."""
    for k in range(count):
        if name == "hepar2":
            batch = hepar2().draw(2 * arguments.patients, torch.Generator().manual_seed(k))
            held = np.arange(len(batch)) >= arguments.patients
        else:
            data = load(f"multilabel_{name}", arguments.root)
            batch, held = data.batch, np.array(data.split) == str(k)
        y = pd.DataFrame({target: states.numpy() for target, states in batch.targets.items()})
        seen = [target for target in y if y.loc[~held, target].nunique() > 1]
        rows = [np.flatnonzero(~held), np.flatnonzero(held)]
        yield batch[rows[0]], y.iloc[rows[0]][seen], batch[rows[1]], y.iloc[rows[1]][seen]


def measured(split: Split) -> pd.DataFrame:
    """By model and by what is seen of the test rows, the three figures."""
    X, y, X_test, y_test = split
    shown = {"all": X_test} | {f"only {name}": X_test.select([name]) for name in X_test.modalities}
    table = {}
    columns = Columns(X)
    for make in (BinaryRelevance, ClassifierChain, Powerset):
        model = make().fit(columns(X), y)
        for seen, batch in shown.items():
            table[make.__doc__, seen] = figures(model, columns(batch), y_test)
    hidden = np.random.default_rng(0).random(y.shape) < 0.5
    fits = {
        "no edges": ([], y),
        "edges learned": (None, y),
        "edges learned, half of the labels": (None, y.mask(hidden)),
    }
    for name, (edges, labels) in fits.items():
        model = JointFusionClassifier(edges=edges, random_state=0).fit(X, labels)
        for seen, batch in shown.items():
            table[name, seen] = figures(model, batch, y_test)
    return pd.DataFrame(table, index=COLUMNS).T


def figures(model: object, X: object, y: pd.DataFrame) -> list[float]:
    """Joint NLL, share of rows all right, Hamming loss."""
    right = model.predict_joint(X).to_numpy() == y.to_numpy()
    wrong = model.predict(X).to_numpy() != y.to_numpy()
    return [-model.joint_log_likelihood(X, y).mean(), right.all(1).mean(), wrong.mean()]


class Columns:
    """All modalities as scaled columns; what is missing gets the mean of its column."""

    def __init__(self, X: ModalityBatch) -> None:
        self.names = self._dummies(X).columns
        self.scaler = StandardScaler().fit(self._dummies(X))

    def __call__(self, X: ModalityBatch) -> np.ndarray:
        return np.nan_to_num(self.scaler.transform(self._dummies(X).reindex(columns=self.names)))

    def _dummies(self, X: ModalityBatch) -> pd.DataFrame:
        frame = X.to_frame()
        frame.columns = ["/".join(map(str, column)) for column in frame.columns]
        return pd.get_dummies(frame).astype(float)


class BinaryRelevance:
    """binary relevance"""

    def fit(self, X: np.ndarray, y: pd.DataFrame) -> BinaryRelevance:
        self.models = {name: LogisticRegression(max_iter=2000).fit(X, y[name]) for name in y}
        return self

    def joint_log_likelihood(self, X: np.ndarray, y: pd.DataFrame) -> np.ndarray:
        return sum(log_probability(model, X, y[name]) for name, model in self.models.items())

    def predict(self, X: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame({name: model.predict(X) for name, model in self.models.items()})

    predict_joint = predict


class ClassifierChain:
    """classifier chain"""

    def fit(self, X: np.ndarray, y: pd.DataFrame) -> ClassifierChain:
        self.levels = {name: np.unique(y[name]) for name in y}
        self.models = {name: LogisticRegression(max_iter=2000).fit(self._seen(X, y, name), y[name]) for name in y}
        return self

    def joint_log_likelihood(self, X: np.ndarray, y: pd.DataFrame) -> np.ndarray:
        return sum(log_probability(model, self._seen(X, y, name), y[name]) for name, model in self.models.items())

    def predict(self, X: np.ndarray) -> pd.DataFrame:
        found = pd.DataFrame(index=range(len(X)))
        for name, model in self.models.items():
            found[name] = model.predict(self._seen(X, found, name))
        return found

    predict_joint = predict

    def _seen(self, X: np.ndarray, y: pd.DataFrame, name: str) -> np.ndarray:
        """The columns, and one-hot the labels before this one."""
        before = list(self.levels)[: list(self.levels).index(name)]
        return np.column_stack([X, *(y[each].to_numpy()[:, None] == self.levels[each][1:] for each in before)])


class Powerset:
    """label powerset"""

    def fit(self, X: np.ndarray, y: pd.DataFrame) -> Powerset:
        self.combinations, which = np.unique(y.to_numpy(), axis=0, return_inverse=True)
        self.names, self.model = list(y), LogisticRegression(max_iter=500).fit(X, which.ravel())
        self.frequencies = {name: y[name].value_counts(normalize=True) for name in y}
        return self

    def joint_log_likelihood(self, X: np.ndarray, y: pd.DataFrame) -> np.ndarray:
        same = (y.to_numpy()[:, None] == self.combinations[None]).all(2)
        known = (self.model.predict_proba(X) * same).sum(1)
        apart = np.prod([y[name].map(found).fillna(0) for name, found in self.frequencies.items()], axis=0)
        return np.log(0.95 * known + 0.05 * apart)

    def predict(self, X: np.ndarray) -> pd.DataFrame:
        found, probabilities = {}, self.model.predict_proba(X)
        for t, name in enumerate(self.names):
            levels, which = np.unique(self.combinations[:, t], return_inverse=True)
            found[name] = levels[(probabilities @ np.eye(len(levels))[which]).argmax(1)]
        return pd.DataFrame(found)

    def predict_joint(self, X: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(self.combinations[self.model.predict(X)], columns=self.names)


def log_probability(model: LogisticRegression, X: np.ndarray, labels: pd.Series) -> np.ndarray:
    """Of the labels, in nats; one never seen counts as one in a million."""
    found = pd.DataFrame(model.predict_log_proba(X), columns=model.classes_)
    return np.array([found.iloc[i].get(label, np.log(1e-6)) for i, label in enumerate(labels)])


def markdown(table: pd.DataFrame) -> str:
    lines = [f"| model | seen | {' | '.join(COLUMNS)} |", "| --- | --- | --: | --: | --: |"]
    for (model, seen), row in table.iterrows():
        lines.append(f"| {model} | {seen} | {row.iloc[0]:.3f} | {row.iloc[1]:.3f} | {row.iloc[2]:.4f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
