"""Holds requests and responses to Neon's published document, and writes down each breach."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

from jsonschema.exceptions import best_match
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from .document import Document

_URI: Final = "urn:neon"


@dataclass(frozen=True)
class Operation:
    """One method of one path of the document, as found for a request."""

    method: str
    path: str
    values: Mapping[str, str]
    pointer: str
    parts: Mapping[str, Any]

    @property
    def call(self) -> str:
        """The method and the path's template, which is what calls are counted by."""
        return f"{self.method} {self.path}"


@dataclass
class Contract:
    """The document, ready to check against; `breaches` are the sentences about what broke it."""

    document: Document
    breaches: list[str] = field(default_factory=list)

    def find(self, method: str, path: str) -> Operation | None:
        """Return the operation for a request's path without the base, or None."""
        for pattern, template in self._paths:
            match = pattern.fullmatch(path)
            if match and method.lower() in self.document["paths"][template]:
                pointer = f"/paths/{_escaped(template)}/{method.lower()}"
                parts = self.document["paths"][template][method.lower()]
                return Operation(method, template, match.groupdict(), pointer, parts)
        return None

    def check_request(self, operation: Operation, query: str, body: bytes) -> list[str]:
        """Say what is wrong in a request; an unknown parameter or field is wrong too."""
        found = list(self._parameter_errors(operation, dict(parse_qsl(query))))
        described = operation.parts.get("requestBody")
        if described is None:
            return found + (["it takes no body"] if body else [])
        if not body:
            return found + (["the body is missing"] if described.get("required") else [])
        schema = f"{operation.pointer}/requestBody/content/{_escaped('application/json')}/schema"
        try:
            value = json.loads(body)
        except ValueError:
            return [*found, "the body is no JSON"]
        found += self._errors(schema, value)
        return found + [f"field {name} is unknown" for name in self._unknown(schema, value)]

    def check_response(self, operation: Operation, status: int, body: bytes) -> list[str]:
        """Say what is wrong in a response."""
        responses = operation.parts["responses"]
        key = str(status) if str(status) in responses else "default"
        if key == "default" and status < 400:
            return [f"status {status} is not in the document"]
        pointer, described = self._resolved(f"{operation.pointer}/responses/{key}")
        if not described.get("content"):
            return ["it takes no body"] if body else []
        try:
            value = json.loads(body)
        except ValueError:
            return ["the body is no JSON"]
        return self._errors(f"{pointer}/content/{_escaped('application/json')}/schema", value)

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], str]]:
        return [
            (re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)), path)
            for path in self.document["paths"]
        ]

    @cached_property
    def _registry(self) -> Registry[Any]:
        resource = Resource.from_contents(self.document, default_specification=DRAFT4)
        registry: Registry[Any] = Registry().with_resource(_URI, resource)
        return registry

    def _parameter_errors(self, operation: Operation, query: dict[str, str]) -> Iterator[str]:
        known = set()
        shared = f"/paths/{_escaped(operation.path)}/parameters"
        for base in (shared, f"{operation.pointer}/parameters"):
            for index in range(len(self._at(base, default=[]))):
                pointer, parameter = self._resolved(f"{base}/{index}")
                name = parameter["name"]
                values = operation.values if parameter["in"] == "path" else query
                known.add(name)
                if name in values:
                    value = _typed(values[name], parameter["schema"].get("type"))
                    yield from (f"{name}: {e}" for e in self._errors(f"{pointer}/schema", value))
                elif parameter.get("required"):
                    yield f"parameter {name} is missing"
        yield from (f"parameter {name} is unknown" for name in query.keys() - known)

    def _errors(self, pointer: str, value: Any) -> list[str]:
        validator = OAS30Validator(
            {"$ref": f"{_URI}#{pointer}"},
            registry=self._registry,
            format_checker=oas30_format_checker,
        )
        error = best_match(validator.iter_errors(value))
        return [] if error is None else [f"{error.json_path}: {error.message}"]

    def _unknown(self, pointer: str, value: Any) -> Iterator[str]:
        """Name the fields of an object that its schema does not, at any depth."""
        if isinstance(value, list):
            for each in value:
                yield from self._unknown(f"{pointer}/items", each)
        if not isinstance(value, dict):
            return
        properties = dict(self._properties(pointer))
        for name, inner in value.items():
            if name in properties:
                yield from self._unknown(properties[name], inner)
            elif properties:  # a schema without any is free-form
                yield name

    def _properties(self, pointer: str) -> Iterator[tuple[str, str]]:
        pointer, schema = self._resolved(pointer)
        for name in schema.get("properties", {}):
            yield name, f"{pointer}/properties/{_escaped(name)}"
        for key in ("allOf", "oneOf", "anyOf"):
            for index in range(len(schema.get(key, []))):
                yield from self._properties(f"{pointer}/{key}/{index}")

    def _resolved(self, pointer: str) -> tuple[str, Any]:
        value = self._at(pointer)
        while "$ref" in value:
            pointer = value["$ref"].removeprefix("#")
            value = self._at(pointer)
        return pointer, value

    def _at(self, pointer: str, default: Any = None) -> Any:
        value: Any = self.document
        for part in pointer.split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(value, dict) and "$ref" in value and key not in value:
                value = self._resolved(value["$ref"].removeprefix("#"))[1]
            if isinstance(value, dict) and key not in value and default is not None:
                return default
            value = value[int(key)] if isinstance(value, list) else value[key]
        return value


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _typed(text: str, kind: str | None) -> Any:
    """Read a parameter's text as its schema's type, where it can be read so."""
    if kind == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    return text
