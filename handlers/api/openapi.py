"""The API's description, OpenAPI 3.1: its paths; the schemas come from the types of the replies."""

from collections.abc import Iterable
from typing import Any

import msgspec

from handlers.base import ApiHandler
from handlers.http.errors import STATUS
from handlers.replies import (
    AvailabilityReply,
    ChainReply,
    ChallengeReply,
    ErrorReply,
    HealthReply,
    JobReply,
    SignupReply,
    SignupRequest,
    encode_json,
)
from jobs.errors import Code

Schema = dict[str, Any]

#: Codes that refuse a signup; those of a failed job occur in a reply that waited for it.
_SIGNUP_CODES = tuple(code for code in Code if code is not Code.NOT_FOUND)
_READ_CODES = (Code.BAD_REQUEST, Code.METHOD_NOT_ALLOWED, Code.INTERNAL, Code.LEDGER_UNAVAILABLE)
_JOB_CODES = (*_READ_CODES, Code.NOT_FOUND, Code.THROTTLED, Code.OVERLOADED)


#: Described by the document, in this order.
_TYPES = (SignupRequest, SignupReply, JobReply, AvailabilityReply, ChainReply, ChallengeReply, HealthReply, ErrorReply)
_REFERENCES, _SCHEMAS = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
_SCHEMA_OF = dict(zip(_TYPES, _REFERENCES, strict=True))


def _json(description: str, schema: Schema, **more: Any) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}, **more}


def _errors(codes: Iterable[Code]) -> dict[str, Schema]:
    """The error replies of `codes`, by status."""
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(STATUS[code]), []).append(code.value)
    return {status: _json(", ".join(names), _SCHEMA_OF[ErrorReply]) for status, names in by_status.items()}


_TEXT: Schema = {"type": "string"}


def _in_path(name: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "schema": _TEXT}


_WAIT = (
    {
        "name": "wait",
        "in": "query",
        "schema": {"type": "number", "minimum": 0},
        "description": "seconds to wait for a change before replying",
    },
    {"name": "Prefer", "in": "header", "schema": _TEXT, "description": "wait=N, the same (RFC 7240)"},
)
_DRY_RUN = {
    "name": "dry_run",
    "in": "query",
    "allowEmptyValue": True,
    "schema": {"enum": ["1", "true", "yes", "on", ""]},
    "description": "run every check, store nothing, return the operation that would be sent",
}


_API_KEY = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key of a wallet or an integrator, which lifts the limits of networks and has its own.",
}


_SIGN_UP = {
    "summary": "Sign up for an account",
    "description": "`/faucet` and `/{referrer}/api/v1/accounts`, which wallets in the field call, do the same.",
    "parameters": [*_WAIT, _DRY_RUN],
    "security": [{}, {"api_key": []}],
    "requestBody": {"required": True, "content": {"application/json": {"schema": _SCHEMA_OF[SignupRequest]}}},
    "responses": {
        "200": _json(
            "the job is on disk, or the dry run passed every check",
            _SCHEMA_OF[SignupReply],
            headers={"Location": {"description": "of the job", "schema": _TEXT}},
        ),
        **_errors(_SIGNUP_CODES),
    },
}


def _get(summary: str, responses: dict[str, Schema], *parameters: Schema) -> Schema:
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _read(summary: str, schema: Schema, *parameters: Schema, codes: Iterable[Code] = _READ_CODES) -> Schema:
    return _get(summary, {"200": _json(summary, schema), **_errors(codes)}, *parameters)


_EVENTS = {"description": "events `job`, each with a JobReply as its data", "content": {"text/event-stream": {}}}

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
        "/api/v1/accounts/{name}": _read("Whether a name is free", _SCHEMA_OF[AvailabilityReply], _in_path("name")),
        "/api/v1/jobs/{id}": _read(
            "The job of a signup", _SCHEMA_OF[JobReply], _in_path("id"), *_WAIT, codes=_JOB_CODES
        ),
        "/api/v1/jobs/{id}/events": _get(
            "Its changes as server-sent events",
            {"200": _EVENTS, "204": _OVER, **_errors(_JOB_CODES)},
            _in_path("id"),
        ),
        "/api/v1/chain": _read("The chain that accounts are made on", _SCHEMA_OF[ChainReply]),
        "/api/v1/challenge": _read("Proof of work to be done before a signup", _SCHEMA_OF[ChallengeReply]),
        "/healthz/intake": _read(
            "Whether this process takes signups, whether or not they can be registered now: for load balancers",
            _SCHEMA_OF[HealthReply],
        ),
        "/api/v1/openapi.json": _read("This document", {"type": "object"}),
    },
    "components": {"schemas": _SCHEMAS, "securitySchemes": {"api_key": _API_KEY}},
}


class OpenApiHandler(ApiHandler):
    """The OpenAPI document."""

    route = "openapi"

    def get(self) -> None:
        """The document."""
        self.finish(encode_json(DOCUMENT))

    head = get
