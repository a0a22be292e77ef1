r"""Edits as requests: what a server copies, removes and has to be sent, and how small blocks are packed.

A request with `replace_files` names paths instead of sending the whole manifest, which may have a hundred megabytes:
renaming a directory is two lines. `Plan.as_request` gives the body that `collections().update` takes.

Example:
    >>> from keepset import Manifest
    >>> from keepset.plan import plan_edit
    >>> foo, bar = "acbd18db4cc2f85cedef654fccc4a4d8+3", "37b51d194a7513e45b56f6524f2d51f2+3"
    >>> before = Manifest.parse(f"./raw {foo} 0:3:a.txt 0:3:b.txt\n")
    >>> after = Manifest.parse(f"./reads {foo} 0:3:a.txt 0:3:b.txt\n. {bar} 0:3:notes\n")
    >>> plan = plan_edit(before, after)
    >>> print(plan.preview())
    A          3  /notes
    D          6  /raw/
    R          6  /reads/ <- /raw/
    1 added, 1 removed, 1 moved; 47 bytes of text to be sent
    >>> plan.replace_files
    {'/notes': 'manifest_text/notes', '/raw': '', '/reads': 'current/raw'}
"""

from keepset.plan._edit import Plan, Step, plan_edit
from keepset.plan._repack import Extent, Repacking, plan_repack, repack

__all__ = ["Extent", "Plan", "Repacking", "Step", "plan_edit", "plan_repack", "repack"]
