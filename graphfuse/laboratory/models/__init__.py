"""Models by the names that a person types; every file here that defines ``MODELS`` adds some."""

from .base import Model, ModelEntry
from .naming import model_entry, model_names

__all__ = ["Model", "ModelEntry", "model_entry", "model_names"]
