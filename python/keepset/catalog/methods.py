"""Methods of the API as the discovery document describes them: which arguments there are, and how they are sent."""

from __future__ import annotations

import inspect
import json
import keyword
import re
import urllib.parse
from typing import TYPE_CHECKING, Any, NamedTuple

from keepset.errors import ApiArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MethodDescription", "Wire", "python_name"]

_WITH_BODY = ("PUT", "POST", "PATCH")
_IN_PATH = re.compile(r"\{([^}]*)\}")
_NO_NAME = ("", ".", "..")
"""As a part of a path these would lead somewhere else."""


class Wire(NamedTuple):
    """A request as it is sent.

    Attributes:
        method: The HTTP method.
        path: The path below the API's, with the query.
        headers: The headers.
        body: The body, or None.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str | None


def python_name(name: str) -> str:
    """Return what a resource or method is called in Python, where some names are taken."""
    name = name.replace("$", "_").replace("-", "_")
    return f"{name}_" if keyword.iskeyword(name) or name == "body" else name


class MethodDescription:
    """A method: its arguments are checked, and become a request.

    Args:
        name: What it is called, with its resource.
        description: What the document says of it.
        common: The parameters of all methods.

    Attributes:
        name: As given.
        id: Its name in the document.
        signature: The arguments, all by name, but for those that have a name that Python keeps for itself.
        has_json: Whether the reply is JSON.
    """

    def __init__(self, name: str, description: Mapping[str, Any], common: Mapping[str, Any]) -> None:
        self.name = name
        self.id: str = description.get("id", name)
        self.has_json = "response" in description
        self._http_method: str = description["httpMethod"]
        self._path: str = description["path"]
        self._text: str = description.get("description", "")
        self._parameters: dict[str, Any] = {**description.get("parameters", {}), **common}
        if self._http_method in _WITH_BODY and "request" in description:
            self._parameters["body"] = {"type": "object", "location": "body", **description["request"]}
        parameters = [_parameter(*one) for one in self._parameters.items() if not keyword.iskeyword(one[0])]
        self.signature = inspect.Signature(parameters)

    @property
    def documentation(self) -> str:
        """What the method does and takes, from the document."""
        told = [
            f"    {name}: {_kind(one)}. {one.get('description', '')}".rstrip() for name, one in self._parameters.items()
        ]
        return "\n".join([self._text, "", "Args:", *told]) if told else self._text

    def wire(self, arguments: Mapping[str, Any]) -> Wire:
        """Return the request for a call. An argument that is None is as good as none.

        Args:
            arguments: The arguments.

        Raises:
            ApiArgumentError: The method does not take them.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        self._check_names(arguments, given)
        body = given.pop("body", None)
        texts = {name: self._cast(name, value) for name, value in given.items()}
        path = _IN_PATH.sub(lambda match: self._in_path(match[1], texts.pop(match[1], [])), self._path)
        if self.has_json:
            texts["alt"] = ["json"]
        query = urllib.parse.urlencode([(name, text) for name, found in texts.items() for text in found])
        headers = {"Accept": "application/json" if self.has_json else "*/*"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        text = None if body is None else self._json("body", body)
        return Wire(self._http_method, f"{path}?{query}" if query else path, headers, text)

    def _check_names(self, arguments: Mapping[str, Any], given: Mapping[str, Any]) -> None:
        for name in arguments:
            if name not in self._parameters:
                known = ", ".join(self._parameters)
                raise ApiArgumentError(f"{self.name} takes no argument {name!r}, but only: {known or 'none'}")
        for name, parameter in self._parameters.items():
            if parameter.get("required") and name not in given:
                raise ApiArgumentError(f"{self.name} needs the argument {name!r}")

    def _in_path(self, name: str, texts: list[str]) -> str:
        text = "".join(texts)
        if text in _NO_NAME:
            raise ApiArgumentError(f"{self.name} needs an argument {name!r} that names something, not {text!r}")
        return urllib.parse.quote(text, safe="")

    def _cast(self, name: str, value: Any) -> list[str]:
        """Return an argument as it stands in an address; several of them if the parameter may be repeated."""
        parameter = self._parameters[name]
        values = value if parameter.get("repeated") and isinstance(value, list) else [value]
        texts = [self._text_of(name, parameter.get("type", "string"), one) for one in values]
        for text in texts:
            if "enum" in parameter and text not in parameter["enum"]:
                raise ApiArgumentError(f"{self.name}: {name} is one of {', '.join(parameter['enum'])}, not {text!r}")
            if "pattern" in parameter and not re.match(parameter["pattern"], text):
                raise ApiArgumentError(f"{self.name}: {name} is to match {parameter['pattern']}, not {text!r}")
        return texts

    def _text_of(self, name: str, kind: str, value: Any) -> str:
        if kind == "boolean":
            if isinstance(value, str):  # "false" would be taken for true
                raise ApiArgumentError(f"{self.name}: {name} is True or False, not {value!r}")
            return "true" if value else "false"
        if kind in ("integer", "number"):
            try:
                return str(int(value) if kind == "integer" else float(value))
            except (TypeError, ValueError):
                raise ApiArgumentError(f"{self.name}: {name} is a number, not {value!r}") from None
        if isinstance(value, str):
            return value
        return self._json(name, value) if kind in ("array", "object") else str(value)

    def _json(self, name: str, value: Any) -> str:
        try:
            return json.dumps(value)
        except (TypeError, ValueError) as error:
            raise ApiArgumentError(f"{self.name}: {name} cannot be written as JSON: {error}") from error


def _parameter(name: str, description: Mapping[str, Any]) -> inspect.Parameter:
    is_required = description.get("required", False)
    default = inspect.Parameter.empty if is_required else None
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default)


def _kind(description: Mapping[str, Any]) -> str:
    return str(description.get("type", "string")) + (", required" if description.get("required") else "")
