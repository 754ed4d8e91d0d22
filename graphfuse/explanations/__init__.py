"""Why a model answers as it does, what would change it, where its sources disagree, and what to read next."""

from .acquisition import next_modality
from .conflict import conflict
from .counterfactuals import smallest_change
from .features import explain_features
from .integrated_gradients import integrated_gradients
from .ledger import explain, shapley_standard_errors
from .reference_rows import ReferenceRows

__all__ = [
    "ReferenceRows",
    "conflict",
    "explain",
    "explain_features",
    "integrated_gradients",
    "next_modality",
    "shapley_standard_errors",
    "smallest_change",
]
