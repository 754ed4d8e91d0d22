"""Why a model answers as it does: what each modality and each feature adds, and what would change the decision."""

from .counterfactuals import smallest_change
from .features import explain_features
from .integrated_gradients import integrated_gradients
from .ledger import explain, shapley_standard_errors

__all__ = ["explain", "explain_features", "integrated_gradients", "shapley_standard_errors", "smallest_change"]
