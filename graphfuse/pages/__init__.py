"""Pages that stand alone: one HTML file each, with nothing fetched from elsewhere and no script."""

from .page import Cell, Figure, Page, Section, Table, Text, render, write_page

__all__ = ["Cell", "Figure", "Page", "Section", "Table", "Text", "render", "write_page"]
