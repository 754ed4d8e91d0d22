"""Several diagnoses at once: artificial patients of a liver clinic, whose true posterior is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

import graphfuse as gf
from graphfuse.evaluation import auroc_interval
from graphfuse.figures import graph_drawing
from graphfuse.problems import hepar2

from .measures import FEWEST, mean_with_ends, table, with_ends
from .page import Pictures


def several_diagnoses(pictures: Pictures, num_train: int, num_test: int, quick: bool) -> str:
    """One graph over nine disorders, or over two where it must be quick."""
    problem = hepar2()
    batch = problem.draw(num_train + num_test, torch.Generator().manual_seed(0))
    variables = {name: problem.network.graph.variable(name) for name in batch.targets}
    if quick:
        variables = {name: variables[name] for name in ("PBC", "Cirrhosis")}
    labels = pd.DataFrame({name: _labels(variable, batch.targets[name]) for name, variable in variables.items()})
    train, test = batch[:num_train], batch[num_train:]
    settings = {"encoders": gf.TabularEncoder(), "edges": [("PBC", "Cirrhosis")]} if quick else {}
    model = gf.JointFusionClassifier(random_state=0, **settings).fit(train, labels[:num_train])
    told, truth = model.predict_proba(test), problem.true_posterior(test)
    y = labels[num_train:].reset_index(drop=True)
    rows, first = [], []
    for name, variable in variables.items():
        ill = (y[name] != "absent").to_numpy()
        known = {label: truth[name][:, i].numpy() for i, label in enumerate(variable.states)}
        ours = {label: told[name, label].to_numpy() for label in variable.states}
        distance = sum(known[label] * np.log(known[label] / ours[label]) for label in variable.states)
        rows.append(
            [name, str(int(ill.sum())), *_areas(ours["absent"], known["absent"], ill), f"{distance.mean():.3f}"]
        )
        first.append(
            [name, *(f"{1 - p['absent'][0]:.3f}" for p in (ours, known)), model.predict_joint(test[:1])[name][0]]
        )
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
            f"Patients often have more than one disorder. {num_train} artificial patients of the network HEPAR II "
            f"teach one graph over {len(variables)} disorders ([several targets](concepts/several_targets.md)), "
            f"{num_test} fresh ones test it. Five modalities: history, symptoms, examination, blood, serology. The "
            "network says what the true posterior is, so the last columns say how far there is to go. Edges were "
            + ("given" if quick else f"learned, {len(edges)} of them; held-out training rows chose how many")
            + ".",
            picture,
            table(
                ["disorder", "ill, in the test", "AUROC", "AUROC of the truth", "distance from the truth, nats"], rows
            ),
            "The distance is the mean Kullback-Leibler divergence from the true posterior. AUROC is of being ill at "
            "all.",
            f"All diagnoses of a patient are right in {100 * right.mean():.0f} % by the most probable combination, "
            f"in {100 * alone.mean():.0f} % by deciding each disorder alone. The graph says {gain} nats a patient "
            "more of the true combination than the product of its own marginals does. The first test patient; a "
            "combination is judged as a whole, so it may lack a disorder that is probable by itself:",
            table(["disorder", "probability of being ill", "the truth's", "in the most probable combination"], first),
        ]
    )


def _labels(variable: gf.Variable, states: torch.Tensor) -> list[str]:
    return [variable.states[i] for i in states.tolist()]


def _areas(ours: np.ndarray, known: np.ndarray, ill: np.ndarray) -> list[str]:
    """AUROC of both, or why not."""
    if min(ill.sum(), (~ill).sum()) < FEWEST:
        return ["fewer than ten events: not to be read", ""]
    found = []
    for absent in (ours, known):
        p = torch.from_numpy(np.clip(absent, 1e-12, 1 - 1e-12))
        found.append(auroc_interval(torch.stack([p, 1 - p], 1).log(), torch.from_numpy(ill.astype(int))))
    return [with_ends(*found[0]), f"{found[1][0]:.3f}"]
