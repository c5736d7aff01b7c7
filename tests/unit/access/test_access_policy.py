"""Who may do what, for which purposes: what the policy does not allow is denied, and a denial names its rule."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.access.policy import FOR_A_PURPOSE, AccessPolicy, Action, Principal, PrincipalKind
from registry.documents import check, parse
from registry.model.errors import DocumentInvalid, Forbidden, InvalidInput
from registry.model.ids import WorkspaceId

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "policies" / "access.yaml").read_text()
CATALOGUE = parse((ROOT / "policies" / "purposes.yaml").read_text(), file="purposes.yaml").value
PURPOSES = frozenset(purpose["name"] for purpose in CATALOGUE["purposes"])

NO_ROLE = "access.yaml: the key's role is not in the policy"
LACKS = "access.yaml: role auditor lacks"

WITHOUT_VALUES = {"developer", "auditor"}
CHANGING = {
    action for action in Action if action.value.split(":")[1] in {"write", "publish", "replay", "merge", "record"}
}


def policy_of(text: str) -> AccessPolicy:
    document = parse(text, file="access.yaml")
    check(document, json.loads((ROOT / "schemas/policies/access.schema.json").read_text()))
    return AccessPolicy.from_document(document)


@cache
def shipped() -> AccessPolicy:
    return policy_of(TEXT)


def caller(role: str, *purposes: str, kind: PrincipalKind = PrincipalKind.PERSON) -> Principal:
    return Principal(kind, WorkspaceId(b"w" * 16), b"k" * 16, "a key", role, frozenset(purposes))


ROLES = sorted(shipped().roles)


def test_the_roles_are_those_of_the_registry() -> None:
    people = {"admin", "compliance_officer", "steward", "support_agent", "developer", "auditor"}
    assert set(ROLES) == people | {"app", "controller"}


@pytest.mark.parametrize("action", Action)
def test_every_action_is_granted_to_someone(action: Action) -> None:
    assert [role for role in ROLES if shipped().has(caller(role), action).allowed]


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_do_what_the_file_lists_and_nothing_else(role: str) -> None:
    listed = parse(TEXT, file="access.yaml").value["roles"][role]["actions"]
    assert {action.value for action in Action if shipped().has(caller(role), action).allowed} == set(listed)


@pytest.mark.parametrize("role", sorted(WITHOUT_VALUES))
def test_who_works_on_plans_or_reads_the_log_sees_no_person(role: str) -> None:
    for action in (Action.PROFILES_READ, Action.PROFILES_EXPLAIN, Action.CONSENT_HISTORY, Action.DSR_EXPORT):
        assert not shipped().permit(caller(role, *PURPOSES), action).allowed


def test_an_auditor_changes_nothing() -> None:
    assert not shipped().roles["auditor"].actions & CHANGING
    assert not {action for action in shipped().roles["auditor"].actions if action.value.endswith(("approve", "run"))}


def test_only_officers_and_admins_approve_and_run_requests() -> None:
    for action in (Action.DSR_APPROVE, Action.DSR_RUN, Action.DSR_EXPORT):
        may = {role for role in ROLES if shipped().has(caller(role), action).allowed}
        assert may == {"admin", "compliance_officer"}


@pytest.mark.parametrize(
    ("principal", "action", "purpose", "rule"),
    [
        (caller("gone", "service"), Action.CONSENT_CHECK, None, NO_ROLE),
        (caller("gone", "service"), Action.PROFILES_READ, "service", NO_ROLE),
        (caller("app"), Action.DSR_RUN, None, "access.yaml: role app lacks dsr:run"),
        (caller("auditor", "service"), Action.PROFILES_READ, "service", f"{LACKS} profiles:read"),
        (caller("app"), Action.PROFILES_READ, "service", "the key was not made for this purpose"),
        (caller("app", "service"), Action.PROFILES_READ, "marketing", "the key was not made for this purpose"),
        (
            caller("support_agent", "service", "marketing"), Action.PROFILES_READ, "marketing",
            "access.yaml: role support_agent does not cover this purpose",
        ),
    ],
)  # fmt: skip
def test_a_denial_names_the_rule_it_rests_on(
    principal: Principal, action: Action, purpose: str | None, rule: str
) -> None:
    assert shipped().permit(principal, action, purpose=purpose) == (False, rule)
    with pytest.raises(Forbidden) as caught:
        shipped().require(principal, action, purpose=purpose)
    assert caught.value.extra == {"rule": rule}
    assert rule in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("action", sorted(FOR_A_PURPOSE))
def test_what_is_for_a_purpose_is_denied_without_one(action: Action) -> None:
    principal = caller("admin", *PURPOSES)
    assert shipped().has(principal, action).allowed
    assert shipped().permit(principal, action) == (False, f"{action.value} needs a purpose")


def test_a_role_s_purposes_are_those_that_there_are() -> None:
    document = parse(TEXT, file="access.yaml")
    with pytest.raises(DocumentInvalid) as error:
        AccessPolicy.from_document(document, {"marketing"})
    assert error.value.faults[0]["pointer"] == "/roles/support_agent/purposes/0"
    assert AccessPolicy.from_document(document, {"marketing"}, of_another=True).roles


def test_a_permission_names_its_rule_too() -> None:
    assert shipped().permit(caller("app"), Action.CONSENT_CHECK).rule == "access.yaml: role app has consent:check"
    permit = shipped().permit(caller("app", "service"), Action.PROFILES_READ, purpose="service")
    assert permit == (True, "access.yaml: role app and the key cover this purpose")
    shipped().require(caller("app", "service"), Action.PROFILES_READ, purpose="service")


@given(st.sampled_from(ROLES), st.sets(st.sampled_from(sorted(PURPOSES))), st.sampled_from(sorted(PURPOSES)))
def test_a_purpose_needs_the_key_and_the_role_and_the_action(role: str, of_key: set[str], purpose: str) -> None:
    principal, covered = caller(role, *of_key), shipped().roles[role].purposes
    may = shipped().has(principal, Action.PROFILES_READ).allowed
    expected = may and purpose in of_key and (covered is None or purpose in covered)
    assert shipped().permit(principal, Action.PROFILES_READ, purpose=purpose).allowed == expected


def test_a_purpose_that_nobody_knows_is_denied_even_to_a_key_that_has_every_known_one() -> None:
    for role in ROLES:
        assert not shipped().permit(caller(role, *PURPOSES), Action.PROFILES_READ, purpose="resale").allowed


def test_a_role_with_an_empty_list_of_purposes_reads_for_none() -> None:
    policy = policy_of("version: 1\nroles:\n  app: {purposes: [], actions: ['profiles:read']}\n")
    assert policy.has(caller("app", "service"), Action.PROFILES_READ).allowed
    assert not policy.permit(caller("app", "service"), Action.PROFILES_READ, purpose="service").allowed


def test_the_shipped_roles_name_purposes_that_there_are() -> None:
    for role in shipped().roles.values():
        assert (role.purposes or frozenset()) <= PURPOSES


def test_every_unknown_action_is_reported_with_its_line() -> None:
    text = "version: 1\nroles:\n  a:\n    actions:\n      - dsr:run\n      - dsr:undo\n  b: {actions: ['x:y']}\n"
    with pytest.raises(DocumentInvalid) as caught:
        policy_of(text)
    assert [(fault["line"], fault["pointer"]) for fault in caught.value.faults] == [
        (6, "/roles/a/actions/1"),
        (7, "/roles/b/actions/0"),
    ]


@pytest.mark.parametrize("member", ["withheld: [user.name]", "purpose: [service]", "deny: ['dsr:run']"])
def test_a_restriction_that_would_go_unheeded_is_refused(member: str) -> None:
    with pytest.raises(DocumentInvalid):
        policy_of(f"version: 1\nroles:\n  app:\n    actions: ['profiles:read']\n    {member}\n")


def test_an_unknown_role_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidInput) as caught:
        shipped().require_role("marker")
    assert "marker" not in str(caught.value)
    assert "compliance_officer" in str(caught.value.hint)
    assert shipped().require_role("app") is shipped().roles["app"]


@pytest.mark.parametrize(("kind", "actor"), [(PrincipalKind.APP, "app:a key"), (PrincipalKind.PERSON, "person:a key")])
def test_the_audit_log_writes_a_caller_as_kind_and_name(kind: PrincipalKind, actor: str) -> None:
    assert caller("app", kind=kind).actor == actor
