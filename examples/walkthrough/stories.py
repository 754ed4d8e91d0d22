"""One patient, and what to do next: the sections that look at single rows."""

from __future__ import annotations

import numpy as np
import torch

import graphfuse as gf
from graphfuse.decisions import decide, thresholds
from graphfuse.figures import arrival, value_of_tests, waterfall

from .measures import mean_with_ends, minus, table, with_ends
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
    known = found["p_value"].notna()
    own = found.iloc[int(np.flatnonzero(here == who)[0])]
    most = found[known].nsmallest(3, "p_value")
    rows = [
        [
            str(here[i]),
            f"{each.statistic:.2f}",
            f"{each.p_value:.3f}",
            str(each.culprit),
            str(study.data.labels[here[i]]),
        ]
        for i, each in zip(most.index, most.itertuples(), strict=True)
    ]
    below = float((found["p_value"][known] < 0.05).mean())
    header = ["patient", "statistic, nats", "p", "to be checked", "in truth"]
    return (
        minus(
            f"In this patient p = {own['p_value']:.2f}. Of the {int(known.sum())} patients of the fold with two tests "
            f"or more, {100 * below:.1f} % have p below 0.05; of patients like the training rows it would be at most "
            "5 %. The three smallest, and the test that stands against the others; to be looked at again, not proof "
            "of an error:"
        )
        + f"\n\n{table(header, rows).replace('--: |', '--- |')}"
    )


def next_test(study: Study, question: Question, pictures: Pictures) -> str:
    """The advice to one patient, and what following it would have cost everybody who has all tests."""
    model, who = study.models[0], patient(study)
    row = only(study.data.batch[[who]], [question.known])
    values = model.next_modality(row, costs=dict(question.costs), loss=question.loss).iloc[0]
    picture = pictures.add(
        "value_of_tests",
        value_of_tests(values.drop("next").to_dict(), dict(question.costs), question.unit),
        "What reading each test is expected to be worth, beside its cost",
    )
    costs = [[name, f"{cost:.2f}"] for name, cost in question.costs.items()]
    advice = "No test is worth its cost." if values["next"] is None else f"The advice is: {values['next']}."
    followed = _followed(study, question)
    complete = len(next(iter(followed.values()))[0])
    rows = []
    everything = followed["all tests"]
    for name, (spent, lost, number) in followed.items():
        difference = "" if name == "all tests" else with_ends(*mean_with_ends(spent + lost - sum(everything[:2])), 0)
        rows.append(
            [
                name,
                f"{number.mean():.1f}",
                f"{spent.mean():.0f}",
                with_ends(*mean_with_ends(lost), 0),
                with_ends(*mean_with_ends(spent + lost), 0),
                difference,
            ]
        )
    header = ["policy", "tests", "spent", "loss of decisions", "together", "beside all tests"]
    return "\n\n".join(
        [
            question.costs_say,
            table(["test", f"cost, {question.unit}"], costs),
            "A test is worth what it is expected to save in decisions, by the losses of the next section; less its "
            f"cost that is its net value ([decisions](concepts/decisions.md#what-to-read-next)). For patient {who}, "
            f"of whom {question.known} alone is known:",
            picture,
            f"{advice} Followed in the {complete} patients who have every test, each by the model of their fold, "
            f"until no test is worth its cost; means of a patient, {question.unit}:",
            table(header, rows),
        ]
    )


def _followed(study: Study, question: Question) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """By policy, what each patient with all tests spent, what their decision lost, and how many tests they had."""
    names = list(study.data.batch.modalities)
    present = torch.stack([study.data.batch.present[name] for name in names], 1).numpy()
    whole = np.flatnonzero(present.all(1))
    costs = np.array([question.costs.get(name, 0.0) for name in names])
    found: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    for k, model in enumerate(study.models):
        rows = whole[study.fold[whole] == k]
        if not len(rows):
            continue
        batch = study.data.batch[rows]
        start = np.repeat([[name == question.known for name in names]], len(rows), 0)
        for policy, shown in {
            f"{question.known} alone": start,
            "by the advice": advised(model, batch, start, question),
            "all tests": np.ones_like(start),
        }.items():
            seen = batch.keep({name: torch.from_numpy(shown[:, i]) for i, name in enumerate(names)})
            actions = decide(said(model, seen), question.loss).actions
            lost = question.loss[actions, study.states[rows]].numpy()
            found.setdefault(policy, []).append((shown @ costs, lost, (shown & ~start).sum(1)))
    return {policy: tuple(np.concatenate(each) for each in zip(*parts, strict=True)) for policy, parts in found.items()}


def advised(model: gf.FusionClassifier, batch: gf.ModalityBatch, start: np.ndarray, question: Question) -> np.ndarray:
    """Which tests each row has had when the advice is to read no more, bool ``(rows, modalities)``."""
    shown, names = start.copy(), list(batch.modalities)
    waiting = np.arange(len(batch))
    while len(waiting):
        rows = batch[waiting].keep({name: torch.from_numpy(shown[waiting, i]) for i, name in enumerate(names)})
        advice = model.next_modality(rows, costs=dict(question.costs), loss=question.loss)["next"].tolist()
        for row, name in zip(waiting, advice, strict=True):
            if name is not None:
                shown[row, names.index(name)] = True
        waiting = waiting[[name is not None for name in advice]]
        waiting = waiting[~shown[waiting].all(1)]
    return shown
