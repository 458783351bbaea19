"""The OpenAPI document as one HTML page: no script, nothing to load."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; } h3 { margin: 2rem 0 0; font-family: ui-monospace, monospace; font-size: 1rem; }
table { border-collapse: collapse; margin: .5rem 0; } td { border: 1px solid #8884; padding: .2rem .6rem; }
td, p { overflow-wrap: anywhere; vertical-align: top; } code { font-size: .9em; }
:root { color-scheme: light dark; }
"""


def render(document: Mapping[str, Any]) -> str:
    """The page of an OpenAPI document such as `openapi.describe` gives."""
    info = document["info"]
    parts = [f"<h1>{escape(info['title'])} REST API</h1>"]
    parts += [f"<p>{_marked(text)}</p>" for text in info["description"].split("\n\n")]
    parts.append('<p>For programs: <a href="/v1/openapi.json">/v1/openapi.json</a></p>')
    for tag in document["tags"]:
        parts.append(f"<h2>{escape(tag['name'])}</h2>")
        parts += [_operation(*each) for each in _tagged(document, tag["name"])]
    parts.append("<h2>Types</h2>")
    parts += [_component(name, schema) for name, schema in document["components"]["schemas"].items()]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])} REST API</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>{"".join(parts)}</html>'
    )


def _tagged(document: Mapping[str, Any], tag: str) -> Iterable[tuple[str, str, Mapping[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if tag in operation["tags"]:
                yield method, path, operation


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    token = " Needs the prover token." if "security" in operation else ""
    parameters = [(f"{x['name']} ({x['in']})", _type(x["schema"])) for x in operation.get("parameters", ())]
    body = [
        ("body", _type(content["schema"]))
        for content in operation.get("requestBody", {}).get("content", {}).values()
    ]
    answers = [(status, _response(response)) for status, response in operation["responses"].items()]
    return f"<h3>{method.upper()} {escape(path)}</h3><p>{_marked(operation['summary'])}.{token}</p>" + _table(
        parameters + body + answers
    )


def _response(response: Mapping[str, Any]) -> str:
    """The codes of an error, else the type of the answer."""
    for media_type, content in response.get("content", {}).items():
        schema = content.get("schema")
        if schema is None:
            return escape(media_type)
        if "allOf" in schema:
            return " ".join(
                f"<code>{code}</code>" for code in schema["allOf"][1]["properties"]["code"]["enum"]
            )
        return _type(schema)
    return escape(response["description"])


def _component(name: str, schema: Mapping[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [
        (field + ("" if field in required else " (optional)"), _type(kind))
        for field, kind in schema.get("properties", {}).items()
    ]
    rows += [(str(place), _type(kind)) for place, kind in enumerate(schema.get("prefixItems", ()))]
    rows += [("one of", _type(schema))] * ("enum" in schema)
    return f'<h3 id="{name}">{name}</h3><p>{_marked(schema.get("description", ""))}</p>{_table(rows)}'


def _type(schema: Mapping[str, Any]) -> str:
    """A schema in a few words."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f'<a href="#{name}">{name}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(kind) for kind in schema["anyOf"])
    if "enum" in schema:
        return " ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "items" in schema:
        return f"list of {_type(schema['items'])}"
    said = [schema["type"], *(f"{key} {schema[key]}" for key in _SHOWN if key in schema)]
    return _marked(", ".join([*said, *([schema["description"]] if "description" in schema else [])]))


_SHOWN: Final = ("minimum", "maximum", "default")


def _table(rows: Iterable[tuple[str, str]]) -> str:
    """Rows of a name, as text, and what is said of it, as HTML."""
    return "<table>" + "".join(f"<tr><td>{escape(name)}<td>{said}" for name, said in rows) + "</table>"


def _marked(text: str) -> str:
    """Text with `code` in backquotes."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if odd % 2 else piece for odd, piece in enumerate(pieces))
