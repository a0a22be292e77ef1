"""What may come of changes on two sides: each case as the trees of both sides, before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contents import STAMP

if TYPE_CHECKING:
    from contents import Folder

SECOND = STAMP.replace("05~", "05-2~")

# Of each: what both began with, what is here, what is there, and what comes of it.
CASES: dict[str, tuple[Folder, Folder, Folder, Folder]] = {
    "changed here": ({"f": b"0"}, {"f": b"1"}, {"f": b"0"}, {"f": b"1"}),
    "changed there": ({"f": b"0"}, {"f": b"0"}, {"f": b"2"}, {"f": b"2"}),
    "changed alike": ({"f": b"0"}, {"f": b"1"}, {"f": b"1"}, {"f": b"1"}),
    "changed differently": ({"f": b"0"}, {"f": b"1"}, {"f": b"2"}, {"f": b"1", f"f{STAMP}": b"2"}),
    "added on either side": ({}, {"f": b"1"}, {"g": b"2"}, {"f": b"1", "g": b"2"}),
    "added alike": ({}, {"f": b"1"}, {"f": b"1"}, {"f": b"1"}),
    "added differently": ({}, {"f": b"1"}, {"f": b"2"}, {"f": b"1", f"f{STAMP}": b"2"}),
    "removed here, changed there": ({"f": b"0"}, {}, {"f": b"2"}, {f"f{STAMP}": b"2"}),
    "changed here, removed there": ({"f": b"0"}, {"f": b"1"}, {}, {"f": b"1"}),
    "removed there": ({"f": b"0", "g": b"g"}, {"f": b"0", "g": b"g"}, {"g": b"g"}, {"g": b"g"}),
    "removed on both sides": ({"f": b"0"}, {}, {}, {}),
    "renamed on either side": (
        {"f": b"f", "g": b"g"},
        {"h": b"f", "g": b"g"},
        {"f": b"f", "i": b"g"},
        {"h": b"f", "i": b"g"},
    ),
    "deep": (
        {"d": {"e": {"f": b"0", "g": b"0"}}},
        {"d": {"e": {"f": b"1", "g": b"0"}}},
        {"d": {"e": {"f": b"2", "g": b"2"}, "n": {"m": b"2"}}},
        {"d": {"e": {"f": b"1", f"f{STAMP}": b"2", "g": b"2"}, "n": {"m": b"2"}}},
    ),
    "an empty directory": ({}, {"f": b"1"}, {"d": {}}, {"f": b"1", "d": {}}),
    "a directory becomes empty there": ({"d": {"f": b"0"}}, {"d": {"f": b"0"}}, {"d": {}}, {"d": {}}),
    "a directory is removed there": ({"d": {"f": b"0"}}, {"d": {"f": b"0"}}, {}, {}),
    "a directory is edited here, removed there": ({"d": {"f": b"0"}}, {"d": {"f": b"1"}}, {}, {"d": {"f": b"1"}}),
    "a directory is removed here, edited there": (
        {"d": {"f": b"0"}},
        {},
        {"d": {"f": b"2"}},
        {"d": {f"f{STAMP}": b"2"}},
    ),
    "a directory is removed here, added to there": (
        {"d": {"f": b"0"}},
        {},
        {"d": {"f": b"0", "g": b"2"}},
        {"d": {"g": b"2"}},
    ),
    "a directory comes for a file there": ({"x": b"0"}, {"x": b"0"}, {"x": {"f": b"2"}}, {"x": {"f": b"2"}}),
    "a file comes for a directory there": ({"x": {"f": b"0"}}, {"x": {"f": b"0"}}, {"x": b"2"}, {"x": b"2"}),
    "a file edited here becomes a directory there": (
        {"x": b"0"},
        {"x": b"1"},
        {"x": {"f": b"2"}},
        {"x": b"1", f"x{STAMP}": {"f": b"2"}},
    ),
    "a directory edited here becomes a file there": (
        {"x": {"f": b"0"}},
        {"x": {"f": b"1"}},
        {"x": b"2"},
        {"x": {"f": b"1"}, f"x{STAMP}": b"2"},
    ),
    "a directory becomes a file here, is edited there": (
        {"x": {"f": b"0"}},
        {"x": b"1"},
        {"x": {"f": b"2", "g": b"2"}},
        {"x": b"1", f"x{STAMP}": {"f": b"2", "g": b"2"}},
    ),
    "a file becomes a directory here, is edited there": (
        {"x": b"0"},
        {"x": {"f": b"1"}},
        {"x": b"2"},
        {"x": {"f": b"1"}, f"x{STAMP}": b"2"},
    ),
    "a file becomes another directory on either side": (
        {"x": b"0"},
        {"x": {"f": b"1"}},
        {"x": {"g": b"2"}},
        {"x": {"f": b"1"}, f"x{STAMP}": {"g": b"2"}},
    ),
    "the name of the conflict is taken": (
        {"f": b"0"},
        {"f": b"1", f"f{STAMP}": b"9"},
        {"f": b"2"},
        {"f": b"1", f"f{STAMP}": b"9", f"f{SECOND}": b"2"},
    ),
}
