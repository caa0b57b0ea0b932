"""The API's description, OpenAPI 3.1."""

from collections.abc import Iterable
from typing import Any

from handlers.base import ApiHandler
from handlers.http.errors import STATUS
from jobs.errors import Code
from jobs.model.job import State

Schema = dict[str, Any]

#: The codes of a signup's refusal; those of the job may come in a reply that was held.
_SIGNUP_CODES = tuple(code for code in Code if code is not Code.NOT_FOUND)
_READ_CODES = (Code.BAD_REQUEST, Code.METHOD_NOT_ALLOWED, Code.INTERNAL, Code.LEDGER_UNAVAILABLE)
_JOB_CODES = (*_READ_CODES, Code.NOT_FOUND)


def _text(**more: Any) -> Schema:
    return {"type": "string", **more}


def _or_null(kind: str) -> Schema:
    return {"type": [kind, "null"]}


def _object(properties: dict[str, Schema], *, optional: Iterable[str] = ()) -> Schema:
    required = [name for name in properties if name not in set(optional)]
    return {"type": "object", "properties": properties, "required": required}


def _schema(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(description: str, schema: str, **more: Any) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": _schema(schema)}}, **more}


def _errors(codes: Iterable[Code]) -> dict[str, Schema]:
    """The error replies of `codes`, by status."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(STATUS[code]), []).append(code.value)
    return {status: _json(", ".join(names), "Error") for status, names in by_status.items()}


_KEY = _text(description="a public key of this chain: its prefix and base58 characters")
_NAMED = {"name": _text(maxLength=63), "owner_key": _KEY, "active_key": _KEY, "memo_key": _KEY}
_KEPT = ("refcode", "referrer", "email", "real_name")

_SCHEMAS = {
    "Signup": _object({"account": _object({**_NAMED, **{f: _or_null("string") for f in _KEPT}}, optional=_KEPT)}),
    "Accepted": _object(
        {
            "account": _object({**_NAMED, "referrer": _text()}),
            "job": _object({"id": _text(), "state": _schema("State"), "url": _text()}),
            "dry_run": {"const": True},
            "operation": {"type": "array", "description": "the account_create that would be sent, of a dry run"},
        },
        optional=("job", "dry_run", "operation"),
    ),
    "State": _text(enum=[state.value for state in State]),
    "Job": _object(
        {
            "job": _object(
                {
                    "id": _text(),
                    "name": _text(),
                    "referrer": {**_or_null("string"), "description": "as the chain has it; null until it is sent"},
                    "state": _schema("State"),
                    "account_id": _or_null("string"),
                    "transaction_id": _or_null("string"),
                    "block_num": _or_null("integer"),
                    "irreversible": {"type": "boolean"},
                    "initial_balance": _or_null("number"),
                    "attempts": {"type": "integer"},
                    "code": _or_null("string"),
                    "reason": _or_null("string"),
                    "created_at": _text(format="date-time"),
                    "updated_at": _text(format="date-time"),
                }
            )
        }
    ),
    "Availability": _object(
        {
            "account": _object(
                {
                    "name": _text(),
                    "available": {"type": "boolean"},
                    "code": _or_null("string"),
                    "state": {"anyOf": [_schema("State"), {"type": "null"}]},
                }
            )
        }
    ),
    "Chain": _object({"chain": _object({f: _or_null("string") for f in ("chain_id", "prefix", "core_asset")})}),
    "Document": {"type": "object"},
    "Error": _object(
        {
            "error": _object({"base": {"type": "array", "items": _text(), "description": "a sentence for people"}}),
            "error_code": _text(enum=[code.value for code in Code]),
            "error_field": _text(description="of the request, where one is to blame"),
        },
        optional=("error_field",),
    ),
}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _text()}


_WAIT = (
    {
        "name": "wait",
        "in": "query",
        "schema": {"type": "number", "minimum": 0},
        "description": "seconds to hold the reply for a change",
    },
    {"name": "Prefer", "in": "header", "schema": _text(), "description": "wait=N, the same (RFC 7240)"},
)
_DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "allowEmptyValue": True,
    "schema": {"enum": ["1", "true", "yes", "on", ""]},
    "description": "make every check, keep nothing, show what would be sent",
}


_SIGN_UP = {
    "summary": "Sign up for an account",
    "description": "`/faucet` and `/{referrer}/api/v1/accounts`, which wallets in the field call, do the same.",
    "parameters": [*_WAIT, _DRY_RUN],
    "requestBody": {"required": True, "content": {"application/json": {"schema": _schema("Signup")}}},
    "responses": {
        "200": _json(
            "the job is on disk, or the dry run went well",
            "Accepted",
            headers={"Location": {"description": "of the job", "schema": _text()}},
        ),
        **_errors(_SIGNUP_CODES),
    },
}


def _get(summary: str, responses: dict[str, Schema], *parameters: Schema) -> Schema:
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _read(summary: str, schema: str, *parameters: Schema, codes: Iterable[Code] = _READ_CODES) -> Schema:
    return _get(summary, {"200": _json(summary, schema), **_errors(codes)}, *parameters)


_EVENTS = {"description": "events `job`, each with a Job as its data", "content": {"text/event-stream": {}}}

_OVER = {"description": "the job has ended, and the client has its last event (Last-Event-ID)"}

DOCUMENT = {
    "openapi": "3.1.0",
    "info": {
        "title": "Account faucet",
        "version": "1",
        "description": "A name and three public keys become an account of a Graphene chain.",
    },
    "paths": {
        "/api/v1/accounts": {"post": _SIGN_UP},
        "/api/v1/accounts/{name}": _read("Whether a name is free", "Availability", _in_path("name")),
        "/api/v1/jobs/{id}": _read("What became of a signup", "Job", _in_path("id"), *_WAIT, codes=_JOB_CODES),
        "/api/v1/jobs/{id}/events": _get(
            "Its changes, as server-sent events",
            {"200": _EVENTS, "204": _OVER, **_errors(_JOB_CODES)},
            _in_path("id"),
        ),
        "/api/v1/chain": _read("The chain that accounts are made on", "Chain"),
        "/api/v1/openapi.json": _read("This document", "Document"),
    },
    "components": {"schemas": _SCHEMAS},
}


class OpenApiHandler(ApiHandler):
    """The description itself."""

    route = "openapi"

    def get(self) -> None:
        """The document."""
        self.reply(DOCUMENT)

    head = get
