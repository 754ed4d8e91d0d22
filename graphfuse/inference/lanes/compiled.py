"""How loops over rows side by side are compiled.

The compiled loops are kept on disk: after a change here, remove the folder ``__pycache__``.
"""

from typing import Any

from numba import njit

_SETTINGS: Any = {
    **{"cache": True, "nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True},
    "_nrt": False,  # the caller owns all arrays
    "fastmath": {"contract", "reassoc", "nsz"},
}
_INNER: Any = {**_SETTINGS, "no_cpython_wrapper": True}  # compiled sooner, and not to be called from Python
whole = njit(**_SETTINGS)
inner = njit(**_INNER)
exact = njit(**{**_INNER, "fastmath": {"contract"}})  # sums stay in the order in which they are written
part = njit(**{**_INNER, "inline": "always"})
