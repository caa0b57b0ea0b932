"""The API's description, OpenAPI 3.1."""

from typing import Any

from handlers.base import ApiHandler
from jobs.errors import Code
from jobs.model import State


def _text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def _or_null(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _reply(description: str, schema: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": description, "content": content}


def _object(properties: dict[str, Any], *required: str) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required or properties)}


_KEY = _text(description="a public key of this chain, its prefix and 50 base58 characters")
_ERROR = {"default": _reply("the reason, with a code", "Error")}
_WAIT = {
    "name": "wait",
    "in": "query",
    "schema": {"type": "number", "minimum": 0},
    "description": "seconds to hold the reply for a change; the header `Prefer: wait=N` says the same",
}
_ID = {"name": "id", "in": "path", "required": True, "schema": _text()}

_SCHEMAS = {
    "Signup": _object(
        {
            "account": _object(
                {
                    "name": _text(maxLength=63),
                    "owner_key": _KEY,
                    "active_key": _KEY,
                    "memo_key": _KEY,
                    **{field: _or_null("string") for field in ("refcode", "referrer", "email", "real_name")},
                },
                "name", "owner_key", "active_key", "memo_key",
            )
        }
    ),
    "Accepted": _object(
        {
            "account": _object({f: _text() for f in ("name", "owner_key", "active_key", "memo_key", "referrer")}),
            "job": _object({"id": _text(), "state": {"$ref": "#/components/schemas/State"}, "url": _text()}),
            "dry_run": {"type": "boolean"},
            "operation": {"type": "array"},
        },
        "account",
    ),
    "State": _text(enum=[state.value for state in State]),
    "Job": _object(
        {
            "job": _object(
                {
                    "id": _text(),
                    "name": _text(),
                    "state": {"$ref": "#/components/schemas/State"},
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
                    "state": _or_null("string"),
                }
            )
        }
    ),
    "Chain": _object({"chain": _object({f: _or_null("string") for f in ("chain_id", "prefix", "core_asset")})}),
    "Error": _object(
        {
            "error": _object(
                {
                    "base": {"type": "array", "items": _text()},
                    "code": _text(enum=[code.value for code in Code]),
                    "field": _text(),
                },
                "base", "code",
            )
        }
    ),
}  # fmt: skip

_SIGN_UP = {
    "summary": "Sign up for an account",
    "parameters": [_WAIT, {"name": "dry_run", "in": "query", "schema": {"enum": ["1"]}}],
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Signup"}}},
    },
    "responses": {"200": _reply("the job is on disk", "Accepted"), **_ERROR},
}


def _get(summary: str, schema: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    responses = {"200": _reply(summary, schema), **_ERROR}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {
        "title": "Account faucet", "version": "1", "description": "A name and three public keys become an account.",
    },
    "paths": {
        "/api/v1/accounts": {"post": _SIGN_UP},
        "/api/v1/accounts/{name}": _get(
            "Whether a name is free", "Availability",
            {"name": "name", "in": "path", "required": True, "schema": _text()},
        ),
        "/api/v1/jobs/{id}": _get("One job", "Job", _ID, _WAIT),
        "/api/v1/jobs/{id}/events": {
            "get": {
                "summary": "The job at each change, as server-sent events",
                "parameters": [_ID],
                "responses": {"200": {"description": "events `job`", "content": {"text/event-stream": {}}}, **_ERROR},
            }
        },
        "/api/v1/chain": _get("The chain that accounts are made on", "Chain"),
    },
    "components": {"schemas": _SCHEMAS},
}  # fmt: skip


class OpenApiHandler(ApiHandler):
    """The description itself."""

    route = "openapi"

    def get(self) -> None:
        """The document."""
        self.reply(DOCUMENT)

    head = get
