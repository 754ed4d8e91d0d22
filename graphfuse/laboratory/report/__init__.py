"""The report of a run: tables, figures and one page that says what they show and how to read them."""

from .writing import write_report

__all__ = ["write_report"]
