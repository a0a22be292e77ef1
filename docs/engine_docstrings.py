"""For mkdocstrings: gives the names in `_core.pyi` the docstrings of the compiled module.

The stub holds the types and, by habit, at most a line of prose; what a name does is written where it is done, in Rust,
and Python shows it with `help()`. Written down once, it cannot drift.
"""

from importlib import import_module
from inspect import cleandoc
from operator import attrgetter

from griffe import Class, Docstring, Extension, Function, Object

ENGINE = "keepset._core"


class EngineDocstrings(Extension):
    """Looks each name of the stub up in the module."""

    def on_object(self, *, obj: Object, **_: object) -> None:
        """Replace the docstring of a name of the engine."""
        path = obj.path.removeprefix(f"{ENGINE}.")
        if path == obj.path:
            return
        if isinstance(obj, Class) and "__new__" in obj.members:
            new = obj.members.pop("__new__")
            obj.members["__init__"] = new  # where mkdocstrings looks for the arguments
            if isinstance(new, Function):
                new.returns = None
        try:
            text = attrgetter(path)(import_module(ENGINE)).__doc__
        except AttributeError:
            return  # a type alias of the stub
        if text and obj.kind.value in {"class", "function", "attribute"}:
            obj.docstring = Docstring(cleandoc(text), parent=obj)
