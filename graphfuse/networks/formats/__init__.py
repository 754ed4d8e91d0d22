"""File formats, one a file: ``formats/bif.py`` defines ``read_bif(text, source)`` and reads what ends in ``.bif``."""
