"""The story: each step says what it does, does it for real, and checks what came of it."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

from registry import bootstrap
from registry.cli.demo import traffic
from registry.cli.demo.narrator import Story
from registry.cli.demo.server import Server, running
from registry.cli.profiles import draw
from registry.cli.session import table
from registry.flows.accountability import verify
from registry.settings import Settings
from registry.store import keystore

PERSON = {"kind": "email", "value": traffic.EMAIL}
STAFF_SOURCE = {"name": "sales desk", "plan": "ecommerce", "version": "1.0.0", "method": "typed_by_staff"}


def tell_steps(story: Story) -> None:
    """Tell every step, in order.

    Raises:
        StepFailedError: something did not come out as it should.
    """
    settings = Settings(data_dir=story.folder / "data")
    story.step("A workspace from policies/ and schemas/plans/ecommerce.yaml")
    made = bootstrap.initialise(settings, name="demo")
    story.check("databases, key file (mode 600) and keys are there", (settings.data_dir / "kek.json").exists())
    with running(settings.data_dir, {"admin_key": made.admin_key, "app_key": made.app_key}) as server:
        _officer(server)
        _ingest(story, server, made.write_key)
        _profile(story, server)
        _consent(story, server)
        _access(story, server)
        _erase(story, server, made.write_key)
    _look_inside(story, settings)
    _verify(story)


def _officer(server: Server) -> None:
    body = {"kind": "person", "role": "compliance_officer", "name": "second officer"}
    _, key = server.call("POST", "/v1/keys", body)
    server.keys["officer_key"] = key["secret"]


def _ingest(story: Story, server: Server, write_key: str) -> None:
    story.step("Events, sent with segment-analytics-python: only its host is changed")
    sent = traffic.shop(server.url, write_key)
    _, source = server.call("POST", "/v1/sources", STAFF_SOURCE)
    traffic.staff(server.url, source["write_key"])
    _, feed = server.call("GET", "/v1/violations")
    rejected = [row for row in feed["violations"] if row["rejected"]]
    story.say(f"{sent} calls of the shopper: {sent - len(rejected)} accepted, {len(rejected)} rejected. Why:")
    shown = table("event", "rule broken", "where", "expected", "outcome")
    for row in reversed(feed["violations"]):
        outcome = "rejected, quarantined" if row["rejected"] else "property left out"
        shown.add_row(row["event"] or "(unplanned)", row["code"], row["path"], row["expected"], outcome)
    story.out.print(shown)
    story.check("each nonconforming event was rejected, with its reason", len(rejected) == 4)
    story.check("no reason holds a value", "without its id" not in json.dumps(feed))


def _profile(story: Story, server: Server) -> None:
    story.step("One profile: two devices and one customer, each value with its provenance")
    status, view = _lookup(server)
    story.check("the profile is found by e-mail, in the body of a POST", status == 200)
    draw(view, story.out)
    kinds = [row["kind"] for row in view["identifiers"]]
    story.check(
        "both browsers and the customer are one person", kinds.count("anonymous_id") == 2 and "user_id" in kinds
    )
    chosen = next(row for row in view["traits"] if row["trait"] == "email")
    story.check("the customer's own e-mail beats the later one that staff typed in", chosen["value"] == traffic.EMAIL)
    status, timeline = server.call(
        "GET", f"/v1/profiles/{view['profile_id']}/timeline", key="app_key", **{"Registry-Purpose": "service"}
    )
    story.check("the order stands in the timeline", any(e["event"] == "order_completed" for e in timeline["events"]))


def _consent(story: Story, server: Server) -> None:
    story.step("Consent before use")
    before = _ask(server, "marketing")
    story.say(f"marketing? {'yes' if before['allowed'] else 'no'}: {before['sentence']}")
    story.check("granted by the consent that the events carried", before["allowed"])
    body = {"subject": PERSON, "purpose": "marketing", "status": "withdrawn"}
    status, record = server.call("POST", "/v1/consent/records", body, key="app_key")
    story.check("the withdrawal is recorded, with a signed receipt", status == 201 and record["receipt"])
    (story.folder / "receipt.jwt").write_text(record["receipt"])
    after = _ask(server, "marketing")
    story.say(f"marketing? {'yes' if after['allowed'] else 'no'}: {after['sentence']}")
    story.check("the next answer is no", not after["allowed"] and after["reason"] == "withdrawn")
    story.check("the service still works: it rests on the contract", _ask(server, "service")["allowed"])


def _access(story: Story, server: Server) -> None:
    story.step("An access request (GDPR Art. 15)")
    request = _request(story, server, "access")
    status, package = server.call("GET", f"/v1/dsr/requests/{request}/package", key="officer_key")
    story.check("the package comes as a stream", status == 200)
    (story.folder / "access-package.zip").write_bytes(package)
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        traits = json.loads(archive.read("traits.json"))
        (story.folder / "access-package.html").write_bytes(archive.read("index.html"))
        story.say(f"{len(archive.namelist())} files, {manifest['events']} events; a page to read: access-package.html")
    values = {row["value"] for row in traits if row["trait"] == "email"}
    story.check("it holds what every source said", values == {traffic.EMAIL, traffic.STAFF_EMAIL})


def _erase(story: Story, server: Server, write_key: str) -> None:
    story.step("An erasure request (GDPR Art. 17), with four eyes")
    request = _request(story, server, "erasure")
    _, done = server.call("GET", f"/v1/dsr/requests/{request}")
    rows = {table: count for table, count in done["counts"].items() if count}
    story.say(f"erased: {', '.join(f'{count} {table}' for table, count in rows.items())}")
    status, _ = _lookup(server)
    story.check("the profile is gone", status == 404)
    traffic.come_back(server.url, write_key)
    status, _ = _lookup(server)
    story.check("events sent afterwards, also under a new user id, do not bring it back", status == 404)
    _, certificate = server.call("GET", f"/v1/dsr/requests/{request}/certificate")
    (story.folder / "certificate.jwt").write_bytes(certificate)
    _, keys = server.call("GET", "/.well-known/jwks.json")
    (story.folder / "jwks.json").write_text(json.dumps(keys))
    _, checkpoint = server.call("GET", "/v1/audit/checkpoint")
    (story.folder / "checkpoint.txt").write_bytes(checkpoint)
    _until_told(server, request)


def _until_told(server: Server, request: str) -> None:
    """Wait for the letter that says so: until it has gone out it is kept, sealed under a key of its own."""
    for _ in range(150):
        _, told = server.call("GET", f"/v1/dsr/requests/{request}/letters")
        if all(letter["settled_at"] for letter in told["letters"]):
            return
        time.sleep(0.2)


def _look_inside(story: Story, settings: Settings) -> None:
    story.step("Looking inside, with the server stopped")
    registry = bootstrap.connect(settings)
    try:
        workspace = registry.workspaces.only()
        with registry.deployment.keystore.read(workspace.workspace_id) as transaction:
            bundles = sum(keystore.bundle_counts(transaction, workspace.workspace_id).values())
        story.check("no key of the person is left in the keystore", bundles == 0)
        kept = (story.folder / "checkpoint.txt").read_text()
        story.check(
            "the audit log is whole since the checkpoint", not verify.log(registry.deployment, workspace, [kept])
        )
    finally:
        registry.close()
    markers = [m.encode() for m in (traffic.EMAIL, traffic.USER, traffic.PHONE, traffic.LAPTOP, "Robin")]
    files = [path for path in settings.data_dir.iterdir() if path.is_file()]
    found = [path.name for path in files for marker in markers if marker in path.read_bytes()]
    story.check(f"nothing of the shopper stands in the {len(files)} files of the registry", not found)


def _verify(story: Story) -> None:
    story.step("The certificate, checked offline with the published keys alone")
    keys = json.loads((story.folder / "jwks.json").read_text())
    token = (story.folder / "certificate.jwt").read_text()
    _, claims = verify.document(token, keys)
    fields: Any = claims["fields"]
    erased = {row["table"]: row["rows"] for row in fields if row["disposition"] == "erased"}
    tables = {row["table"] for row in fields}
    story.say(
        f"{len(fields)} fields of {len(tables)} tables accounted for, {sum(erased.values())} rows and keys erased"
    )
    story.check("the signature is good, and the second look found nothing", claims["verification"]["passed"])  # type: ignore[index]
    altered = token[:-8] + ("AAAAAAAA" if not token.endswith("AAAAAAAA") else "BBBBBBBB")
    story.check("an altered certificate does not verify", not _verifies(altered, keys))


def _verifies(token: str, keys: dict[str, object]) -> bool:
    from registry.model.errors import SignatureInvalid

    try:
        verify.document(token, keys)
    except SignatureInvalid:
        return False
    return True


def _lookup(server: Server) -> tuple[int, Any]:
    return server.call("POST", "/v1/profiles/lookup", {"subject": PERSON, "purpose": "service"}, key="app_key")


def _ask(server: Server, purpose: str) -> dict[str, Any]:
    _, decision = server.call("POST", "/v1/consent/check", {"subject": PERSON, "purpose": purpose}, key="app_key")
    return dict(decision)


def _request(story: Story, server: Server, kind: str) -> str:
    """Open, verify, approve and run a request; its id."""
    _, request = server.call("POST", "/v1/dsr/requests", {"kind": kind, "subject": PERSON})
    path = f"/v1/dsr/requests/{request['request_id']}"
    story.say(f"opened; to be answered by {request['respond_by'][:10]} ({request['jurisdiction']})")
    server.call("POST", f"{path}/verify")
    if kind == "erasure":
        status, _ = server.call("POST", f"{path}/approve")
        story.check("whoever opened it may not approve it", status == 403)
    server.call("POST", f"{path}/approve", key="officer_key")
    status, done = server.call("POST", f"{path}/run", key="officer_key")
    story.check(f"verified, approved by a second officer, run: {done.get('state')}", done.get("state") == "completed")
    return str(request["request_id"])
