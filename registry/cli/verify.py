"""`verify`: a certificate or a receipt, checked offline, and what it states."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from registry.bootstrap import now
from registry.cli.session import AsJson, DataDir, WorkspaceOption, answer, out, read_text, reported, session, table
from registry.dsr.certificate import CERTIFICATE_TYPE
from registry.flows.accountability import forms
from registry.flows.accountability.proven import Proven
from registry.flows.consent.tokens import DECISION_TYPE, require_unexpired
from registry.model.errors import InvalidInput, RegistryError

FETCH_WITHIN_S = 10.0
KEY_SET_BYTES = 1024 * 1024


def add_to(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(verify)


def verify(
    document: Annotated[Path, typer.Argument(help="The file: a JWT, or a certificate as JSON or as its page.")],
    keys: Annotated[
        str | None, typer.Option("--keys", help="The published key set (JWKS): a file, or its https:// address.")
    ] = None,
    data_dir: DataDir = None,
    workspace: WorkspaceOption = None,
    as_json: AsJson = False,
) -> None:
    """Check a certificate or a receipt offline; exits 1 when it does not verify.

    With --keys nothing else is needed: anybody can check with the keys that the server publishes at
    /.well-known/jwks.json.
    """
    with reported(as_json=as_json):
        token = read_text(document)
        if keys is None:
            with session(data_dir, workspace, as_json=as_json) as (_, opened, _who):
                jwks = opened.jwks()
        else:
            jwks = _key_set(keys)
        found = forms.check(token, jwks)
        if found.kind == DECISION_TYPE:
            require_unexpired(found.claims, now())
    if as_json:
        log = _log(found.proof) if found.proof is not None else {}
        answer({"valid": True, "type": found.kind, "claims": found.claims} | log, as_json=True)
        return
    out.print(f"[bold green]The signature is good.[/] This is a {found.kind.removesuffix('+jwt')}, and it states:")
    show = {CERTIFICATE_TYPE: _certificate, DECISION_TYPE: _decision}.get(found.kind, _receipt)
    out.print(show(found.claims))
    if found.proof is not None:
        place = f"{found.proof.checkpoint.origin}: entry {found.proof.position} of {found.proof.checkpoint.size}"
        out.print(f"[bold green]It stands in the audit log[/] {place}.", soft_wrap=True)
        out.print("[dim]Next:[/] an auditor holds the log against this checkpoint: registry audit verify --since FILE")


def _log(proof: Proven) -> dict[str, Any]:
    origin, size, root = proof.checkpoint
    return {"log": {"origin": origin, "position": proof.position, "size": size, "root": root.hex()}}


def _certificate(claims: Mapping[str, Any]) -> Table:
    request = claims["request"]
    shown = table("what", "stated")
    shown.add_row("request", f"{request['kind']} under {request['jurisdiction']}, {claims['jti']}")
    shown.add_row("about", f"pseudonym {claims['sub']}")
    shown.add_row("received", request["received"])
    shown.add_row("completed", f"{request['completed']} ({'in time' if request['in_time'] else 'too late'})")
    for account, fields in _by_table(claims["fields"]):
        ground = f" ({account['ground']})" if "ground" in account else ""
        place = f"{account['system']} {account['table']}"
        others = f" ({account['rows_of_others']} rows of others left)" if "rows_of_others" in account else ""
        told = f"{account['rows']} {account['disposition']}{ground}{others}: {', '.join(fields)}"
        shown.add_row(place, told)
    for case in claims.get("retained", ()):
        kept = f"{case['items']} for {case['purpose']} alone: {case['ground']} (case {case['case']})"
        shown.add_row("set aside", kept)
    for one in claims.get("destinations", ()):
        said = f"acknowledged {one['acknowledged']}" if "acknowledged" in one else f"{one['state']}, not acknowledged"
        shown.add_row("recipient", f"{one.get('name', one['destination'])}: {said}, told since {one['ordered']}")
    if "supersedes" in claims:
        shown.add_row("instead of", f"the certificate with the SHA-256 {claims['supersedes']}")
    if "ends_case" in claims:
        when = f", on {claims['ended']}" if "ended" in claims else ""
        shown.add_row("ends", f"what had been set aside as case {claims['ends_case']}{when}")
    if "keys" in claims:
        shown.add_row("keys destroyed", f"{claims['keys']['bundles_destroyed']}; {claims['keys']['horizon']}")
        shown.add_row("second look", f"found {claims['verification']['rows_found_by_second_look']} rows")
        if by_place := claims["verification"].get("looked_for_where_described"):
            shown.add_row("looked for where described", ", ".join(by_place))
    if restored := claims.get("restored", claims.get("verification", {}).get("restored")):
        shown.add_row("older copy put back", f"{restored}: what only led on before may be left outside")
    shown.add_row("audit log", f"{claims['audit']['size']} entries, root {claims['audit']['root']}")
    return shown


def _by_table(accounts: list[dict[str, Any]]) -> list[tuple[dict[str, Any], list[str]]]:
    """The accounts that differ only in their field, with these fields."""
    groups: dict[str, tuple[dict[str, Any], list[str]]] = {}
    for account in accounts:
        alike = {name: value for name, value in account.items() if name != "field"}
        groups.setdefault(json.dumps(alike, sort_keys=True), (alike, []))[1].append(account["field"])
    return list(groups.values())


def _decision(claims: Mapping[str, Any]) -> Table:
    shown = table("what", "stated")
    shown.add_row("answer", "yes" if claims["allowed"] else "no")
    shown.add_row("reason", str(claims["reason"]))
    shown.add_row("purpose", str(claims["purpose"]))
    shown.add_row("categories", ", ".join(claims.get("categories") or ()) or "none asked about")
    shown.add_row("jurisdiction", str(claims.get("jurisdiction") or "not stated"))
    shown.add_row("holds until", datetime.fromtimestamp(claims["exp"], UTC).isoformat())
    return shown


def _receipt(claims: Mapping[str, Any]) -> Table:
    shown = table("what", "stated")
    shown.add_row("record", str(claims["record_id"]))
    shown.add_row("issued", datetime.fromtimestamp(claims["iat"], UTC).isoformat())
    for event in claims["events"]:
        until = f", valid until {event['valid_until'] or 'withdrawn'}" if event["event_state"] == "granted" else ""
        shown.add_row(event["event_state"], f"{event['event_time']}{until}")
    for purpose in claims["pii_processing"]["purposes"]:
        shown.add_row("purpose", f"{purpose['purpose']}: {purpose['purpose_title']}")
        shown.add_row("lawful basis", purpose["lawful_basis"])
        shown.add_row("how to withdraw", purpose["withdrawal_method"])
    for party in claims["party_identification"]:
        shown.add_row(party["party_type"], f"{party['party_name']}, {party['party_contact']}")
    return shown


def _key_set(place: str) -> dict[str, object]:
    text = _fetched(place) if place.startswith(("https://", "http://")) else read_text(Path(place))
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{place} is not JSON") from None
    if not isinstance(value, dict) or not isinstance(value.get("keys"), list):
        raise InvalidInput(f"{place} is no key set: it has no list of keys")
    return value


def _fetched(address: str) -> bytes:
    import httpx

    from registry.client.punctual import punctual

    try:
        with (
            punctual(httpx.Client(timeout=FETCH_WITHIN_S), FETCH_WITHIN_S) as client,
            client.stream("GET", address) as response,
        ):
            response.raise_for_status()
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > KEY_SET_BYTES:
                    raise InvalidInput(f"{address} is larger than a key set")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        hint = "fetch it by other means, and name the file"
        raise RegistryError(f"{address} cannot be fetched: {type(error).__name__}", hint=hint) from None
    return bytes(body)
