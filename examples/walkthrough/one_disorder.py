"""One of the liver disorders as a clinic would ask of it: calibration, net benefit, why, what next, what conflicts."""

from __future__ import annotations

import numpy as np
import torch

import graphfuse as gf
from graphfuse.decisions import decision_curve, net_benefit, with_referral
from graphfuse.figures import net_benefit_curve, value_of_tests, waterfall

from .advice import Terms, followed, of_conflicts, of_policies
from .liver import ABSENT, MEASURES, Clinic
from .measures import minus, row, table, with_ends
from .page import Pictures
from .questions import ALARM, MISS, REFERRAL
from .stories import only
from .study import new_model, said

DISORDER = "PBC"
KNOWN, COSTS = "history", {"symptoms": 10.0, "examination": 30.0, "blood": 60.0, "serology": 120.0}
LOSS = with_referral([[0.0, MISS], [ALARM, 0.0]], cost=REFERRAL)
THRESHOLDS = (0.1, 0.3, 0.5)


def one_disorder(clinic: Clinic, pictures: Pictures, num_resamples: int, most: int, quick: bool) -> str:
    """A model of its own beside the joint graph.

    Args:
        clinic: The patients.
        pictures: Of the page.
        num_resamples: Of the patients, for intervals.
        most: Patients in whom the advice is followed.
        quick: Whether the model is to be small.
    """
    terms = Terms(KNOWN, {name: COSTS[name] for name in clinic.test.modalities if name != KNOWN}, LOSS, "units of cost")
    outcome = np.where(clinic.labels[DISORDER] == ABSENT, "absent", "present")
    model = new_model(quick).set_params(structure=gf.star if quick else None).fit(clinic.train, outcome)
    ill = torch.from_numpy(clinic.ill(DISORDER).astype(int))
    answers = {
        "its own model": said(model, clinic.test),
        "the joint graph": clinic.odds(DISORDER),
        "the truth": clinic.odds(DISORDER, true=True),
    }
    who = int(ill.argmax())
    patient = clinic.test[[who]]
    ledger = model.explain(patient, target_state="present").iloc[0]
    bars = pictures.add(
        "liver_waterfall", waterfall(ledger.to_dict(), "present"), f"The log-odds of {DISORDER}, from the prior on"
    )
    whose = [f"{100 * float(each[who, 1].exp()):.1f} %" for each in answers.values()]
    values = model.next_modality(only(patient, [KNOWN]), costs=terms.costs, loss=LOSS).iloc[0]
    worth = pictures.add(
        "liver_value_of_tests",
        value_of_tests(values.drop("next").to_dict(), terms.costs, terms.unit),
        "What reading each group of findings is expected to be worth, beside its cost",
    )
    advice = "nothing is worth its cost" if values["next"] is None else f"read {values['next']}"
    outcomes = followed([(model, clinic.test[:most], ill[:most])], terms)
    found = model.conflict(clinic.test)
    costs = ", ".join(f"{name} {cost:.0f}" for name, cost in terms.costs.items())
    return "\n\n".join(
        [
            f"`{DISORDER}` alone, the most frequent of them: a `FusionClassifier` is fitted to the same "
            f"{len(clinic.train)} patients, and asked what the joint graph is not asked here.",
            table(
                ["who says it", "ill, in the test", *MEASURES],
                [[name, *row(each, ill, MEASURES)[1:]] for name, each in answers.items()],
            ),
            *_worth_deciding(answers, ill, pictures, num_resamples),
            f"**Why.** Patient {who} is the first of the fresh ones who has it. Its own model says {whose[0]}, the "
            f"joint graph {whose[1]}, the truth is {whose[2]}. The ledger of its own model:",
            bars,
            f"**Which findings next.** Costs and losses are made up: {costs}; a miss {MISS:.0f}, a treatment in vain "
            f"{ALARM:.0f}, a referral {REFERRAL:.0f}. With the {KNOWN} alone of patient {who}:",
            worth,
            f"So the advice is: {advice}. Followed in the first {min(most, len(clinic.test))} fresh patients; means "
            f"of a patient, {terms.unit}:",
            of_policies(outcomes),
            "**Do the findings contradict each other?** "
            + of_conflicts(found, np.arange(len(ill)), np.where(ill.numpy(), "present", "absent")),
        ]
    )


def _worth_deciding(
    answers: dict[str, torch.Tensor], ill: torch.Tensor, pictures: Pictures, num_resamples: int
) -> list[str]:
    """The curve of the joint graph, and at some thresholds everybody's net benefit."""
    generator = torch.Generator().manual_seed(0)
    joint = answers["the joint graph"]
    curve = decision_curve(joint, ill, np.linspace(0.02, 0.8, 40), generator, num_resamples=num_resamples)
    picture = pictures.add(
        "liver_decision_curve", net_benefit_curve(curve), f"Net benefit of deciding on {DISORDER} by the joint graph"
    )
    rows = []
    for t in THRESHOLDS:
        ends = decision_curve(joint, ill, [t], generator, num_resamples=num_resamples).iloc[0]
        others = [float(net_benefit(answers[name], ill, [t])) for name in ("its own model", "the truth")]
        ours = with_ends(ends["model"], ends["lower"], ends["upper"])
        rows.append([f"{t:.1f}", ours, *(minus(f"{each:.3f}") for each in (*others, ends["treat_all"]))])
    return [
        "**Is it worth deciding by?** Net benefit, in true positives a patient, at some thresholds and at all:",
        table(["threshold", "the joint graph", "its own model", "the truth", "treat all"], rows),
        picture,
    ]
