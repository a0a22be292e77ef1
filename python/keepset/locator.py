"""Block locators: the MD5 of a block, its size and its hints.

`KeepLocator` is the class of the compiled engine itself, under the name that the official client gives it.
"""

from keepset._core import KeepLocator

__all__ = ["KeepLocator"]
