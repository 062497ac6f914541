"""What stands at the server's root beside the Studies Service: health, counts, signing in, administration. Rows as in `transactions`."""

from __future__ import annotations

from app.dicomweb.transactions import JSON, Answer, Transaction

_SIGN_IN = (401, 403, 429)
FHIR_JSON = "application/fhir+json"
AUDIT = ("patient", "issuer", "studyUID", "subject", "action", "outcome", "since", "until", "limit", "cursor")
EXPLAIN: tuple[str, ...] = (
    "subject",
    "credential",
    "issuer",
    "role",
    "scope",
    "organisation",
    "purpose",
    "patient",
    "patientIssuer",
    "address",
    "at",
)
EXPLAIN += ("action", "studyUID")
_EXPLAINED = (Answer(200, "For each action whether he may, and what each rule says of it", (JSON,)),)

OPERATIONAL: tuple[Transaction, ...] = (
    Transaction("GET", "/health/live", "Does the process answer?", "", "Health", (Answer(200, "It does", (JSON,)),)),
    Transaction(
        "GET",
        "/health/ready",
        "Can every backend do its work?",
        "",
        "Health",
        (Answer(200, "All can", (JSON,)), Answer(503, "`checks` says which cannot, and why", (JSON,))),
    ),
    Transaction("GET", "/version", "Name and version", "", "Health", (Answer(200, "Both", (JSON,)),)),
    Transaction(
        "GET",
        "/metrics",
        "What was counted",
        "",
        "Health",
        (Answer(200, "For Prometheus, or as OpenMetrics", ("text/plain", "application/openmetrics-text")),),
        (401, 403, 404),
    ),
    Transaction("GET", "/session", "Who am I, and what may I?", "", "Access", (Answer(200, "As the server sees it", (JSON,)),), _SIGN_IN),
    Transaction(
        "POST",
        "/session",
        "Begin a session",
        "",
        "Access",
        (Answer(200, "Set-Cookie has the session, which ends no later than the credential that was shown", (JSON,)),),
        _SIGN_IN,
    ),
    Transaction(
        "GET",
        "/session/login",
        "Sign in at the issuer",
        "",
        "Access",
        (Answer(302, "To the issuer, whence the browser comes back to `/session/callback`"),),
        (404, 503),
        parameters=("return",),
        remark="OpenID Connect Core 3.1",
    ),
    Transaction(
        "GET",
        "/session/callback",
        "Come back from the issuer",
        "",
        "Access",
        (Answer(302, "To where the sign-in was begun, with a session"),),
        (400, 401, 404, 503),
        remark="OpenID Connect Core 3.1",
    ),
    Transaction(
        "GET", "/admin/keys", "List API keys", "", "Access", (Answer(200, "`keys`, without what opens anything", (JSON,)),), _SIGN_IN
    ),
    Transaction(
        "POST",
        "/admin/keys",
        "Make an API key",
        "",
        "Access",
        (Answer(201, "The key, which is shown this once, and what is kept of it", (JSON,)),),
        (400, *_SIGN_IN),
        body=(JSON,),
    ),
    Transaction(
        "DELETE", "/admin/keys/{prefix}", "Revoke an API key", "", "Access", (Answer(204, "Refused from now on"),), (404, *_SIGN_IN)
    ),
    Transaction(
        "GET",
        "/admin/audit",
        "Review the audit trail",
        "",
        "Access",
        (
            Answer(
                200,
                "Records, oldest first; where a page ends before the trail does, `cursor` and a Link tell how to go on",
                (JSON, FHIR_JSON),
            ),
        ),
        (400, *_SIGN_IN, 503),
        parameters=AUDIT,
    ),
    *(
        Transaction(
            method,
            "/admin/policy/explain",
            "Explain what a caller may, and by which rule",
            "",
            "Access",
            _EXPLAINED,
            (400, *_SIGN_IN),
            parameters=() if body else EXPLAIN,
            body=body,
        )
        for method, body in (("GET", ()), ("POST", (JSON,)))
    ),
    Transaction("DELETE", "/session", "End the session", "", "Access", (Answer(204, "The cookie is taken back"),)),
    *(
        Transaction(
            "GET",
            f"/.well-known/oauth-protected-resource{root}",
            "How to sign in",
            "",
            "Access",
            (Answer(200, "Who vouches for users, and which scopes mean something", (JSON,)),),
            (404,),
            remark="RFC 9728",
        )
        for root in ("", "/{root}")
    ),
    Transaction(
        "GET",
        "/.well-known/smart-configuration",
        "Where apps get tokens",
        "",
        "Access",
        (Answer(200, "Addresses of the issuer of tokens", (JSON,)),),
        (404,),
        remark="SMART App Launch 2.2",
    ),
)
"""At the server's root."""
