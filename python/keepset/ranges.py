"""Arithmetic on lists of block ranges: which parts of which blocks hold these bytes.

The names, the argument order and the results are those of arvados-python-client 3.2.1 (`arvados._internal.streams`),
except that zero-length blocks never take part in a lookup. The arithmetic itself is the compiled engine's.
"""

from keepset._core import LocatorAndRange, Range, first_block, locators_and_ranges, replace_range

__all__ = ["LocatorAndRange", "Range", "first_block", "locators_and_ranges", "replace_range"]
