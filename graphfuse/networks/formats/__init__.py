"""File formats, one a file: ``formats/bif.py`` defines ``read_bif(text, source)`` and ``write_bif(network)``."""
