"""Several diagnoses at once: artificial patients of a liver clinic, whose true posterior is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

import graphfuse as gf
from graphfuse.evaluation import auroc_interval
from graphfuse.figures import graph_drawing
from graphfuse.problems import hepar2

from .measures import mean_with_ends, row, table, with_ends
from .page import Pictures

ABSENT = "absent"
MEASURES = ("AUROC", "calibration intercept", "calibration slope")


@dataclass(frozen=True, eq=False)
class Clinic:
    """What was fitted to artificial patients, and what it and the network say of fresh ones.

    Args:
        variables: By disorder, its states.
        train: Patients that teach.
        test: Fresh ones.
        labels: Of those that teach, a column a disorder.
        truth: Of the fresh ones.
        model: Over all disorders.
        told: Its probabilities, by disorder and label.
        known: The true ones, by disorder ``(num_test, num_states)``.
    """

    variables: dict[str, gf.Variable]
    train: gf.ModalityBatch
    test: gf.ModalityBatch
    labels: pd.DataFrame
    truth: pd.DataFrame
    model: gf.JointFusionClassifier
    told: pd.DataFrame
    known: dict[str, np.ndarray]

    def ill(self, name: str) -> np.ndarray:
        """Which fresh patients have a disorder in whatever form."""
        return (self.truth[name] != ABSENT).to_numpy()

    def odds(self, name: str, true: bool = False) -> torch.Tensor:
        """Log-probabilities ``(num_test, 2)`` of not having a disorder and of having it."""
        place = self.variables[name].states.index(ABSENT)
        absent = self.known[name][:, place] if true else self.told[name, ABSENT].to_numpy()
        p = torch.from_numpy(np.clip(absent, 1e-12, 1 - 1e-12))
        return torch.stack([p, 1 - p], 1).log()


def clinic(num_train: int, num_test: int, quick: bool) -> Clinic:
    """One graph over nine disorders, or over two, by three modalities, where it must be quick."""
    problem = hepar2()
    batch = problem.draw(num_train + num_test, torch.Generator().manual_seed(0))
    variables = {name: problem.network.graph.variable(name) for name in batch.targets}
    shown = list(batch.modalities)
    if quick:
        variables, shown = {name: variables[name] for name in ("PBC", "Cirrhosis")}, ["history", "blood", "serology"]
        batch = batch.keep({name: torch.full((len(batch),), name in shown) for name in batch.modalities})
    labels = pd.DataFrame({name: _labels(variable, batch.targets[name]) for name, variable in variables.items()})
    known = {name: each.numpy() for name, each in problem.true_posterior(batch[num_train:]).items()}
    train, test = batch.select(shown)[:num_train], batch.select(shown)[num_train:]
    settings = {"encoders": gf.TabularEncoder(2), "edges": [("PBC", "Cirrhosis")]} if quick else {}
    model = gf.JointFusionClassifier(random_state=0, **settings).fit(train, labels[:num_train])
    truth = labels[num_train:].reset_index(drop=True)
    return Clinic(variables, train, test, labels[:num_train], truth, model, model.predict_proba(test), known)


def several_diagnoses(clinic: Clinic, pictures: Pictures, quick: bool) -> str:
    """How near to the truth, which combination, which edges."""
    told, y, test, model, variables = clinic.told, clinic.truth, clinic.test, clinic.model, clinic.variables
    rows, first = [], []
    for name, variable in variables.items():
        ours = {label: told[name, label].to_numpy() for label in variable.states}
        known = dict(zip(variable.states, clinic.known[name].T, strict=True))
        distance = sum(known[label] * np.log(known[label] / ours[label]) for label in variable.states)
        ill = torch.from_numpy(clinic.ill(name).astype(int))
        measured = row(clinic.odds(name), ill, MEASURES)[1:]
        area = "" if "fewer" in measured[1] else f"{auroc_interval(clinic.odds(name, true=True), ill)[0]:.3f}"
        rows.append([name, *measured, area, f"{distance.mean():.3f}"])
        probabilities = (f"{1 - p[ABSENT][0]:.3f}" for p in (ours, known))
        first.append([name, *probabilities, model.predict_joint(test[:1])[name][0]])
    right = (model.predict_joint(test).to_numpy() == y.to_numpy()).all(1)
    alone = (model.predict(test).to_numpy() == y.to_numpy()).all(1)
    joint = model.joint_log_likelihood(test, y)
    apart = sum(
        np.log(np.choose([variable.states.index(label) for label in y[name]], [told[name, s] for s in variable.states]))
        for name, variable in variables.items()
    )
    edges = list(model.edges_)
    pairs = [gf.Factor(f"{a}, {b}", (a, b)) for a, b in edges]
    picture = pictures.add(
        "liver_graph",
        graph_drawing(gf.FactorGraph([variables[name] for name in variables], pairs)),
        "The disorders, and the edges between them",
    )
    gain = with_ends(*mean_with_ends(joint - apart))
    return "\n\n".join(
        [
            f"Patients often have more than one disorder. {len(clinic.train)} artificial patients of the network "
            f"HEPAR II teach one graph over {len(variables)} disorders ([several "
            f"targets](concepts/several_targets.md)), {len(test)} fresh ones test it. Modalities: "
            f"{', '.join(test.modalities)}. The network says what the true posterior is, so the last columns say how "
            "far there is to go. Edges were "
            + ("given" if quick else f"learned, {len(edges)} of them; held-out training rows chose how many")
            + ".",
            picture,
            table(
                ["disorder", "ill, in the test", *MEASURES, "AUROC of the truth", "distance from the truth, nats"],
                rows,
            ),
            "The distance is the mean Kullback-Leibler divergence from the true posterior. AUROC and calibration are "
            "of being ill at all.",
            f"All diagnoses of a patient are right in {100 * right.mean():.0f} % by the most probable combination, "
            f"in {100 * alone.mean():.0f} % by deciding each disorder alone. The graph says {gain} nats a patient "
            "more of the true combination than the product of its own marginals does. The first test patient; a "
            "combination is judged as a whole, so it may lack a disorder that is probable by itself:",
            table(["disorder", "probability of being ill", "the truth's", "in the most probable combination"], first),
        ]
    )


def _labels(variable: gf.Variable, states: torch.Tensor) -> list[str]:
    return [variable.states[i] for i in states.tolist()]
