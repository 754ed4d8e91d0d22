"""Following the advice on the next test: what is spent, what the decisions after it lose, and which tests disagree."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

import graphfuse as gf
from graphfuse.decisions import decide

from .measures import mean_with_ends, minus, table, text_table, with_ends
from .study import said

Outcome = tuple[np.ndarray, np.ndarray, np.ndarray]  # by patient what was spent, what was lost, how many tests
LAST = "all tests"


@dataclass(frozen=True)
class Terms:
    """On what terms tests are ordered.

    Args:
        known: The modality that is known of everybody before the first test.
        costs: By modality, what it costs, in the unit.
        loss: Of waiting, treating and referring, by absent and present.
        unit: Of costs and losses.
    """

    known: str
    costs: Mapping[str, float]
    loss: torch.Tensor
    unit: str


def followed(
    parts: Iterable[tuple[gf.FusionClassifier, gf.ModalityBatch, torch.Tensor]], terms: Terms
) -> dict[str, Outcome]:
    """By policy, what came of it for patients who have every test.

    Args:
        parts: Models, patients that they were not fitted to, and whether these have the outcome.
        terms: Costs and losses.
    """
    found: dict[str, list[Outcome]] = {}
    for model, batch, states in parts:
        names = list(batch.modalities)
        costs = np.array([terms.costs.get(name, 0.0) for name in names])
        start = np.repeat([[name == terms.known for name in names]], len(batch), 0)
        policies = {
            f"{terms.known} alone": start,
            "by the advice": advised(model, batch, start, terms),
            LAST: np.ones_like(start),
        }
        for policy, shown in policies.items():
            seen = batch.keep({name: torch.from_numpy(shown[:, i]) for i, name in enumerate(names)})
            lost = terms.loss[decide(said(model, seen), terms.loss).actions, states].numpy()
            found.setdefault(policy, []).append((shown @ costs, lost, (shown & ~start).sum(1)))
    return {policy: tuple(np.concatenate(each) for each in zip(*some, strict=True)) for policy, some in found.items()}


def advised(model: gf.FusionClassifier, batch: gf.ModalityBatch, start: np.ndarray, terms: Terms) -> np.ndarray:
    """Which tests each patient has had when the advice is to read no more, bool ``(rows, modalities)``."""
    shown, names = start.copy(), list(batch.modalities)
    waiting = np.arange(len(batch))
    while len(waiting):
        rows = batch[waiting].keep({name: torch.from_numpy(shown[waiting, i]) for i, name in enumerate(names)})
        advice = model.next_modality(rows, costs=dict(terms.costs), loss=terms.loss)["next"].tolist()
        for row, name in zip(waiting, advice, strict=True):
            if name is not None:
                shown[row, names.index(name)] = True
        waiting = waiting[[name is not None for name in advice]]
        waiting = waiting[~shown[waiting].all(1)]
    return shown


def of_policies(outcomes: Mapping[str, Outcome]) -> str:
    """The table of what was spent and lost, means of a patient."""
    everything, rows = outcomes[LAST], []
    for name, (spent, lost, number) in outcomes.items():
        difference = "" if name == LAST else with_ends(*mean_with_ends(spent + lost - sum(everything[:2])), 0)
        together = with_ends(*mean_with_ends(spent + lost), 0)
        loss = with_ends(*mean_with_ends(lost), 0)
        rows.append([name, f"{number.mean():.1f}", f"{spent.mean():.0f}", loss, together, difference])
    return table(["policy", "tests", "spent", "loss of decisions", "together", "beside all tests"], rows)


def of_conflicts(found: pd.DataFrame, who: np.ndarray, truth: np.ndarray) -> str:
    """How often tests disagree, and the three patients in whom they do so most.

    Args:
        found: What ``conflict`` says of some patients.
        who: Their numbers.
        truth: What they have.
    """
    known = found["p_value"].notna()
    below = float((found["p_value"][known] < 0.05).mean())
    most = found[known].nsmallest(3, "p_value")
    rows = [
        [str(who[i]), minus(f"{each.statistic:.2f}"), f"{each.p_value:.3f}", str(each.culprit), str(truth[i])]
        for i, each in zip(most.index, most.itertuples(), strict=True)
    ]
    return (
        f"Of the {int(known.sum())} patients with two tests or more, {100 * below:.1f} % have p below 0.05; of "
        "patients like the training rows it would be at most 5 %. The three smallest, and the test that stands "
        "against the others; to be looked at again, not proof of an error:\n\n"
        + text_table(["patient", "statistic, nats", "p", "to be checked", "in truth"], rows)
    )
