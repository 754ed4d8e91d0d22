"""What to do with an answer: the action of least expected loss, its thresholds, and what it is worth."""

from .decide import Decision, decide, decide_jointly
from .loss import thresholds, with_referral
from .net_benefit import decision_curve, net_benefit

__all__ = [
    "Decision",
    "decide",
    "decide_jointly",
    "decision_curve",
    "net_benefit",
    "thresholds",
    "with_referral",
]
