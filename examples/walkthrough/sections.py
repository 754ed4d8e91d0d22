"""The sections of the page about the one outcome: each takes the study and gives markdown."""

from __future__ import annotations

import numpy as np
import torch

from graphfuse.decisions import decide, decision_curve, thresholds
from graphfuse.evaluation import calibration_line, negative_log_likelihood
from graphfuse.evaluation.few_events import FEWEST
from graphfuse.figures import calibration_by_mask_size, graph_drawing, modalities_read, net_benefit_curve
from graphfuse.graph import to_dot, to_mermaid

from .measures import BINS, COLUMNS, mean_with_ends, minus, row, table, with_ends, with_error
from .page import Pictures
from .questions import ACTIONS, Question, groups
from .study import Study


def data(study: Study, question: Question) -> str:
    """Who, how many, what is missing where."""
    of, states = groups(study.data), study.states.numpy()
    sites = of.get("hospital", np.full(len(states), study.data.name))
    named = [*dict.fromkeys(sites.tolist()), "all"] if "hospital" in of else ["all"]
    rows = []
    for name in named:
        here = np.full(len(states), True) if name == "all" else sites == name
        extra = []
        if "sex" in of:
            age = study.data.batch.inputs["demographics"][torch.from_numpy(here), 0].numpy()
            low, middle, high = np.quantile(age, [0.25, 0.5, 0.75])
            extra = [f"{middle:.0f} ({low:.0f} to {high:.0f})", f"{100 * (of['sex'][here] == 'women').mean():.0f} %"]
        rows.append([name, str(here.sum()), f"{states[here].sum()} ({100 * states[here].mean():.0f} %)", *extra])
    header = ["patients of", "n", f"{study.positive} (share)", *(["age, years", "women"] if "sex" in of else [])]
    names = list(study.data.batch.modalities)
    present = {name: study.data.batch.present[name].numpy() for name in names}
    have = []
    for name in named:
        here = np.full(len(states), True) if name == "all" else sites == name
        have.append([name, *(f"{100 * present[each][here].mean():.0f} %" for each in names)])
    columns = [[name, ", ".join(study.data.batch.columns[name])] for name in names]
    return "\n\n".join(
        [
            f"{question.setting} Predicted is {question.outcome}: `{study.positive}` or not, at one time; this is "
            f"diagnosis, nothing is foretold. Source: {question.source}. {question.prepared}",
            table(header, rows),
            *(["Age: median, and the quarters around it."] if "sex" in of else []),
            "The columns come in groups, as a clinic gathers them: the *modalities*, here also called tests.",
            table(["test", "columns"], columns).replace("--: |", "--- |"),
            "The share of patients who have each test, whole or in part:",
            table(["patients of", *names], have),
        ]
    )


def methods(study: Study, num_resamples: int, quick: bool) -> str:
    """What was fitted to whom, and where the intervals come from."""
    folds = len(study.models)
    outside = ""
    if study.elsewhere:
        outside = (
            f" Then {len(study.elsewhere)} more models, each fitted to all hospitals but one and tested on that one: "
            "the nearest that these data come to external validation."
        )
    events = int(study.states.sum())
    settings = "with one linear expert a test" if quick else "with its defaults"
    return (
        f"`FusionClassifier` {settings}, seed 0 ([how it works](concepts/fusion_classifier.md)): experts read each "
        "test, one density of their scores learns how far they say the same, and a missing test says nothing. All "
        "choices, of strengths, of structure, of how sure to be, are made inside the training rows by inner folds. "
        f"Nothing was tuned for this page.\n\n{folds} folds, stratified by "
        f"outcome{' and hospital' if study.elsewhere else ''}: each of the {len(study.states)} patients ({events} "
        f"with the outcome) is predicted once, by a model fitted to the other folds.{outside} No number below was "
        "used to choose anything.\n\nIntervals are 95 %. Of the AUROC: DeLong, on the log-odds of the area, and "
        "Newcombe where it is 1. Of intercept and slope of calibration: 1.96 standard errors of logistic regression. "
        "Of net benefit and of "
        f"costs: the middle of resamples of the patients ({num_resamples} or more). All take the fitted models as "
        "given; they say nothing of how other training rows would change them. The calibration error (ECE) has "
        f"{BINS} bins of equal width, of the confidence in the more probable answer. Where a row has fewer than "
        f"{FEWEST} patients with or without the outcome, its measures are left out, in words."
    )


def performance(study: Study, pictures: Pictures) -> str:
    """Discrimination and calibration, in all and by number of tests."""
    rows = [["as it came", *row(study.log_probs, study.states)]]
    panels = {}
    for size, (here, log_probs) in study.by_size.items():
        rows.append([f"{size} test{'s' * (size > 1)} of each", *row(log_probs, study.states[here])])
        panels[f"{size} test{'s' * (size > 1)}"] = (log_probs[:, 1].exp().numpy(), study.states[here].numpy())
    panels["as it came"] = (study.log_probs[:, 1].exp().numpy(), study.states.numpy())
    picture = pictures.add(
        "calibration_by_mask_size",
        calibration_by_mask_size(panels, study.positive),
        "Observed share against predicted probability, a panel for each number of tests",
    )
    line = calibration_line(study.log_probs, study.states)
    slope = with_error(line.slope, line.slope_error)
    covers = abs(line.slope - 1) <= 1.96 * line.slope_error and abs(line.intercept) <= 1.96 * line.intercept_error
    verdict = (
        "Both intervals hold what calibrated probabilities would give, so they are used as they are, without "
        "recalibration."
        if covers
        else "That is not what calibrated probabilities would give; they are shown as they are, without recalibration."
    )
    return "\n\n".join(
        [
            "An intercept of 0 and a slope of 1 are calibrated. An intercept below 0: probabilities too high; a "
            "slope below 1: too extreme. In the lower rows each patient who has as many is shown with so many tests "
            "alone, drawn at random from all that they have.",
            table(["tests seen", "n", study.positive, *COLUMNS], rows),
            f"The intercept is {with_error(line.intercept, line.intercept_error)}, the slope {slope}. {verdict}",
            picture,
        ]
    )


def elsewhere(study: Study) -> str:
    """Every hospital by a model that never saw it."""
    if not study.elsewhere:
        return "These data come from one place, so there is no other to go to."
    rows, shares = [], []
    for name, (here, log_probs, if_known) in study.elsewhere.items():
        states = study.states[here]
        rows.append([name, *row(log_probs, states)])
        means = (100 * float(each.mean()) for each in (log_probs[:, 1].exp(), states.double(), if_known[:, 1].exp()))
        losses = (negative_log_likelihood(each, states) for each in (log_probs, if_known))
        shares.append([name, *(f"{each:.0f} %" for each in means), *(f"{each:.3f}" for each in losses)])
    return "\n\n".join(
        [
            "Fitted to the other hospitals, tested on the one named:",
            table(["hospital", "n", study.positive, *COLUMNS], rows),
            "What was expected on average, what was found, and what would be expected if it were known how many have "
            "the outcome there:",
            table(
                [
                    "hospital",
                    f"mean probability of {study.positive}",
                    f"share {study.positive}",
                    "mean probability, if the share were known",
                    "NLL",
                    "NLL, if the share were known",
                ],
                shares,
            ),
            "Where the first two differ, the probabilities are too high or too low in that place, however well they "
            "rank. The last columns answer a what-if ([at_prevalence](concepts/what_if.md)): the share is taken from "
            "the very patients that are then judged, so this is no validation. They move with the share alone and "
            "take both kinds of patients to look as they do elsewhere; where the mean stays away from the share, or "
            "the NLL rises, they do not. Before use in a new place the intercept would have to be set there, from "
            "patients of its own.",
        ]
    )


def curve(study: Study, pictures: Pictures, num_resamples: int) -> str:
    """Net benefit."""
    at = np.linspace(0.02, 0.8, 40)
    generator = torch.Generator().manual_seed(0)
    found = decision_curve(study.log_probs, study.states, at, generator, num_resamples=num_resamples)
    picture = pictures.add(
        "decision_curve", net_benefit_curve(found), "Net benefit against the threshold, beside treating all and none"
    )
    best = np.maximum(found["treat_all"], found["treat_none"])
    ahead = found["threshold"][found["lower"] > best]
    where = (
        f"From {ahead.min():.2f} to {ahead.max():.2f} the whole interval of the model lies above both."
        if len(ahead)
        else "Nowhere does the whole interval of the model lie above both."
    )
    return (
        "Who treats from a probability t on holds a miss to be (1 - t) / t times as bad as a treatment in vain. The "
        f"curve counts true positives a patient, less false ones at that rate. {where}\n\n{picture}"
    )


def decisions(study: Study, question: Question) -> str:
    """What to do, with the choice to refer."""
    loss = question.loss
    order, at = thresholds(loss)
    steps = "; ".join(f"{ACTIONS[a]} from {low:.2f}" for a, low in zip(order[1:], at, strict=True))
    taken = decide(study.log_probs, loss).actions
    realised = loss[taken, study.states].numpy()
    rows = []
    for action, name in enumerate(ACTIONS):
        here = taken == action
        found = int(study.states[here].sum())
        share = f"{100 * found / int(here.sum()):.0f} %" if int(here.sum()) else "none there"
        rows.append([name, str(int(here.sum())), str(found), share])
    policies = {
        "by the model, with referral": realised,
        "by the model, without": loss[decide(study.log_probs, loss[:2]).actions, study.states].numpy(),
        "wait for all": loss[0, study.states].numpy(),
        "treat all": loss[1, study.states].numpy(),
        "refer all": loss[2, study.states].numpy(),
    }
    costs = [[name, with_ends(*mean_with_ends(values), decimals=0)] for name, values in policies.items()]
    matrix = [[name, f"{float(loss[i, 0]):.0f}", f"{float(loss[i, 1]):.0f}"] for i, name in enumerate(ACTIONS)]
    return "\n\n".join(
        [
            f"What each action costs in each state, in {question.unit}. These three numbers are made up, to show how "
            "they enter; they are nobody's advice:",
            table(["action", "absent", study.positive], matrix),
            f"They imply to {ACTIONS[order[0]]} at low probabilities; {steps}. So decided, of all patients:",
            table(["action", "n", study.positive, "share"], rows),
            f"Mean loss of a patient, {question.unit}, with the interval over patients:",
            table(["policy", "mean loss"], costs),
        ]
    )


def fairness(study: Study) -> str:
    """By hospital, sex and age."""
    of = groups(study.data)
    if not of:
        return "The data name no group."
    columns = ("AUROC", "Brier", "calibration intercept")
    rows = []
    for what, names in of.items():
        order = dict.fromkeys(names.tolist()) if what == "hospital" else sorted(set(names.tolist()), key=_by_age)
        for name in order:
            here = names == name
            rows.append([f"{what}: {name}", *row(study.log_probs[here], study.states[here], columns)])
    return "\n\n".join(
        [
            "The out-of-fold predictions, by group. Groups are looked at one at a time; no correction is made for "
            "looking at many, and none was made to the model for the sake of a group.",
            table(["group", "n", study.positive, *columns], rows),
        ]
    )


def _by_age(name: str) -> str:
    return "0" if name.startswith("below") else name


def graph(study: Study, pictures: Pictures) -> str:
    """What was fitted, as a picture and as text."""
    model = study.models[0]
    reads = modalities_read(model)
    picture = pictures.add("graph", graph_drawing(model.graph_, reads), "The factor graph and the tests that fill it")
    pictures.text("graph.dot", to_dot(model.graph_, reads))
    chosen = "; ".join(f"`{name}`" for name in sorted({each.structure_ for each in study.models}))
    joint = sum(each.joint_ is not None for each in study.models)
    return (
        f"Chosen by held-out training rows in the {len(study.models)} folds: {chosen}; with the expert "
        f"that reads all tests together in {joint} of them. Circles are variables, squares factors, boxes the tests "
        f"whose experts fill them.\n\n{picture}\n\nThe same as text, for [Mermaid](https://mermaid.js.org) (and, in "
        f"[graph.dot]({pictures.folder}/graph.dot), for Graphviz):\n\n```mermaid\n{to_mermaid(model.graph_, reads)}```"
    )


def in_short(study: Study, question: Question) -> str:
    """The abstract."""
    found = row(study.log_probs, study.states)
    text = (
        f"Of {len(study.states)} {question.patients}, {int(study.states.sum())} with the outcome, a model fitted to "
        f"others said {question.outcome}. AUROC {found[2]}, Brier score {found[3]}, calibration intercept {found[5]} "
        f"and slope {found[6]}."
    )
    if study.elsewhere:
        areas = {name: row(told, study.states[here])[2] for name, (here, told, _) in study.elsewhere.items()}
        text += " In a hospital that the model never saw: " + "; ".join(f"{n} {a}" for n, a in areas.items()) + "."
    return minus(text)
