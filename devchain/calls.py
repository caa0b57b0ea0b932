"""Decodes calls and dispatches them to API methods."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from inspect import Parameter, signature
from typing import Any, get_type_hints

import msgspec

from devchain import errors

#: What a node calls the types of JSON (fc, variant).
_KINDS = {type(None): "null_type", bool: "bool_type", int: "int64_type", float: "double_type", str: "string_type"}


@dataclass(frozen=True, slots=True)
class Call:
    """{"id": …, "method": "call", "params": [API, method, [arguments]]}, or a method of the database itself."""

    id: int
    name: str
    parameters: list[Any]

    @property
    def target(self) -> tuple[int | str, str, list[Any]]:
        """API, method and arguments. Raises NodeError."""
        if self.name != "call":
            return 0, self.name, self.parameters
        match self.parameters:
            case [int() | str() as api, str() as method, list() as arguments]:
                return api, method, arguments
        raise errors.malformed_call()


def read_call(frame: str | bytes) -> Call | None:
    """The call in `frame`; None for a frame that a node ignores (measured)."""
    try:
        message = msgspec.json.decode(frame)
    except msgspec.DecodeError:
        return None
    match message:
        case {"id": int() as number, "method": str() as name, **rest} if not isinstance(number, bool):
            parameters = rest.get("params")
            return Call(number, name, parameters if isinstance(parameters, list) else [])
    return None


def invoke(api: object, name: str, arguments: list[Any]) -> Any:
    """The result of the method `name` of `api`: its public methods are its calls.

    Raises NodeError for an unknown name, too few arguments or one of the wrong type. As on a node, surplus
    arguments are ignored.
    """
    method = None if name.startswith("_") else getattr(type(api), name, None)
    if method is None:
        raise errors.unknown_method(name)
    types, required = _argument_types(method)
    if len(arguments) < required:
        raise errors.too_few_arguments()
    converted = [_convert(value, kind) for value, kind in zip(arguments, types, strict=False)]
    return method(api, *converted)


@cache
def _argument_types(method: Callable[..., Any]) -> tuple[tuple[Any, ...], int]:
    """The types of the arguments, and how many of them there must be."""
    hints = get_type_hints(method, include_extras=True)
    parameters = list(signature(method).parameters.values())[1:]
    required = sum(parameter.default is Parameter.empty for parameter in parameters)
    return tuple(hints[parameter.name] for parameter in parameters), required


def _convert(value: Any, kind: Any) -> Any:
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError:
        is_list = getattr(kind, "__origin__", None) is list
        raise errors.bad_cast(_kind(value), "Array" if is_list else str(kind)) from None


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "array_type" if isinstance(value, list) else "object_type")
