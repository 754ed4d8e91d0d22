"""One patient, and what to do next: the sections that look at single rows."""

from __future__ import annotations

import numpy as np
import torch

import graphfuse as gf
from graphfuse.decisions import thresholds
from graphfuse.figures import arrival, value_of_tests, waterfall

from .advice import followed, of_conflicts, of_policies
from .measures import table
from .page import Pictures
from .questions import ACTIONS, Question
from .study import Study, said


def patient(study: Study) -> int:
    """The first held-out patient, in the order of the data, of those with the most tests."""
    number = torch.stack(list(study.data.batch.present.values())).sum(0).numpy()[study.held_out]
    return int(study.held_out[int(number.argmax())])


def only(row: gf.ModalityBatch, names: list[str]) -> gf.ModalityBatch:
    """The rows with these modalities alone."""
    return row.keep({name: torch.full((len(row),), name in names) for name in row.modalities})


def one_patient(study: Study, question: Question, pictures: Pictures) -> str:
    """Ledger, arrival, counterfactual, conflict."""
    model, who = study.models[0], patient(study)
    row = study.data.batch[[who]]
    have = [name for name in row.modalities if bool(row.present[name][0])]
    ledger = model.explain(row, target_state=study.positive).iloc[0]
    lacks = [name for name in row.modalities if name not in have]
    bars = pictures.add(
        "waterfall", waterfall(ledger.to_dict(), study.positive, lacks), "The log-odds, from the prior to the sum"
    )
    steps, seen = {"before any test": _probability(study, only(row, []))}, []
    for name in have:
        seen.append(name)
        steps[f"+ {name}" if len(seen) > 1 else name] = _probability(study, only(row, seen))
    order, at = thresholds(question.loss)
    marks = {f"{ACTIONS[a]} from": value for a, value in zip(order[1:], at, strict=True)}
    line = pictures.add(
        "arrival", arrival(steps, study.positive, marks), "The probability as one test after the other arrives"
    )
    change = model.counterfactual(row).iloc[0]
    if change["removed"] is None:
        would = "Whatever is taken away, the more probable answer stays the same."
    else:
        would = (
            f"The more probable answer is `{change['decision']}`. Without {' and '.join(change['removed'])} it would "
            f"be `{change['decision_after']}`: no fewer tests change it."
        )
    largest = ledger.drop(["missingness", "interactions"]).drop("prior").abs().idxmax()
    return "\n\n".join(
        [
            f"Patient {who} (by the row of the data) is the first of the first fold who has the most tests, "
            f"{len(have)}; the model of that fold was not fitted to them. In truth: `{study.data.labels[who]}`.",
            "**Why.** The ledger divides the log-odds among the prior and the tests, by Shapley values, in nats; it "
            f"adds up ([explanations](concepts/explanations.md)). Most comes from {largest}.",
            bars,
            "**As tests arrive**, in the order of the data set; dashed are the thresholds of the decisions below.",
            line,
            f"**What would change it.** {would}",
            f"**Do the tests contradict each other?** {_conflicts(study, who)}",
        ]
    )


def _probability(study: Study, row: gf.ModalityBatch) -> float:
    return float(said(study.models[0], row)[0, 1].exp())


def _conflicts(study: Study, who: int) -> str:
    here = study.held_out
    found = study.models[0].conflict(study.data.batch[here])
    own = found.iloc[int(np.flatnonzero(here == who)[0])]
    return f"In this patient p = {own['p_value']:.2f}. " + of_conflicts(found, here, study.data.labels[here])


def next_test(study: Study, question: Question, pictures: Pictures) -> str:
    """The advice to one patient, and what following it would have cost everybody who has all tests."""
    model, who, terms = study.models[0], patient(study), question.terms
    row = only(study.data.batch[[who]], [terms.known])
    values = model.next_modality(row, costs=dict(terms.costs), loss=terms.loss).iloc[0]
    picture = pictures.add(
        "value_of_tests",
        value_of_tests(values.drop("next").to_dict(), dict(terms.costs), terms.unit),
        "What reading each test is expected to be worth, beside its cost",
    )
    costs = [[name, f"{cost:.2f}"] for name, cost in terms.costs.items()]
    advice = "No test is worth its cost." if values["next"] is None else f"The advice is: {values['next']}."
    present = torch.stack(list(study.data.batch.present.values()), 1).numpy()
    whole = np.flatnonzero(present.all(1))
    folds = [(each, whole[study.fold[whole] == k]) for k, each in enumerate(study.models)]
    outcomes = followed(
        ((each, study.data.batch[rows], study.states[rows]) for each, rows in folds if len(rows)), terms
    )
    return "\n\n".join(
        [
            question.costs_say,
            table(["test", f"cost, {terms.unit}"], costs),
            "A test is worth what it is expected to save in decisions, by the losses of the next section; less its "
            f"cost that is its net value ([decisions](concepts/decisions.md#what-to-read-next)). For patient {who}, "
            f"of whom {terms.known} alone is known:",
            picture,
            f"{advice} Followed in the {len(whole)} patients who have every test, each by the model of their fold, "
            f"until no test is worth its cost; means of a patient, {terms.unit}:",
            of_policies(outcomes),
        ]
    )
