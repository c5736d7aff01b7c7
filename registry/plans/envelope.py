"""What every call must have, whatever its plan: a hand-written check, since it runs for all of them.

The codes are those that Segment's delivery overview gives for the same faults, so that a sender who
knows them need not learn others. Limits are errors with a reason, never silent drops.
"""

from __future__ import annotations

from typing import Any

from registry.model.message import CallType, Violation

MAX_ID = 512
MAX_MESSAGE_ID = 100
MAX_EVENT_NAME = 255
MAX_NESTING = 64
"""Objects and lists inside each other. JSON writers stop somewhat further down, where readers do not: a
message that was read but cannot be written again would be neither stored nor put aside."""

CALL_TYPES = frozenset(CallType)
IDS = ("userId", "anonymousId", "groupId", "previousId")
OBJECTS = (("properties", "properties_not_object"), ("traits", "traits_not_object"), ("context", "context_not_object"))


def check_envelope(raw: object) -> list[Violation]:
    """Every fault of a decoded call's envelope; none means that it can be held against its plan."""
    if not isinstance(raw, dict):
        return [Violation("call_not_object", "", "", "an object")]
    faults: list[Violation] = []
    call = raw.get("type")
    if not isinstance(call, str) or call not in CALL_TYPES:
        return [Violation("type_unknown", "/type", "", f"one of {', '.join(sorted(CALL_TYPES))}")]
    for name in IDS:
        value = raw.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            faults.append(Violation("id_not_string", f"/{name}", "", "a string"))
        elif len(value) > MAX_ID:
            faults.append(Violation("id_too_long", f"/{name}", "", f"at most {MAX_ID} characters"))
    message_id = raw.get("messageId")
    if message_id is not None and not isinstance(message_id, str):
        faults.append(Violation("message_id_not_string", "/messageId", "", "a string"))
    elif message_id is not None and len(message_id) > MAX_MESSAGE_ID:
        faults.append(Violation("message_id_too_long", "/messageId", "", f"at most {MAX_MESSAGE_ID} characters"))
    for name, code in OBJECTS:
        if raw.get(name) is not None and not isinstance(raw[name], dict):
            faults.append(Violation(code, f"/{name}", "", "an object"))
    if _nested_deeper(raw, MAX_NESTING):
        faults.append(
            Violation("nested_too_deep", "", "", f"at most {MAX_NESTING} objects and lists inside each other")
        )
    faults += _by_call(call, raw)
    context = raw.get("context")
    if isinstance(context, dict) and context.get("consent") is not None:
        faults += _consent(context["consent"])
    return faults


def _by_call(call: str, raw: dict[str, Any]) -> list[Violation]:
    faults: list[Violation] = []
    if call == CallType.TRACK:
        event = raw.get("event")
        if event is None or event == "":
            faults.append(Violation("event_not_defined", "/event", "", "the event's name"))
        elif not isinstance(event, str):
            faults.append(Violation("event_not_string", "/event", "", "a string"))
        elif len(event) > MAX_EVENT_NAME:
            faults.append(Violation("event_too_long", "/event", "", f"at most {MAX_EVENT_NAME} characters"))
    elif call in (CallType.PAGE, CallType.SCREEN):
        wrong = [name for name in ("name", "category") if not isinstance(raw.get(name), str | None)]
        faults += [Violation(f"{name}_not_string", f"/{name}", "", "a string") for name in wrong]
    elif call == CallType.GROUP and not raw.get("groupId"):
        faults.append(Violation("id_required", "/groupId", "", "the group's id"))
    elif call == CallType.ALIAS and not (raw.get("previousId") and raw.get("userId")):
        faults.append(Violation("id_required", "", "", "previousId and userId"))
    if not raw.get("userId") and not raw.get("anonymousId") and call != CallType.ALIAS:
        faults.append(Violation("no_user_anon_id", "", "", "userId or anonymousId"))
    return faults


def _consent(consent: object) -> list[Violation]:
    path = "/context/consent"
    if not isinstance(consent, dict):
        return [Violation("consent_fields_should_be_object", path, "", "an object")]
    preferences = consent.get("categoryPreferences")
    if preferences is None:
        return []
    path += "/categoryPreferences"
    if not isinstance(preferences, dict):
        return [Violation("consent_categorypreferences_fields_should_be_object", path, "", "an object")]
    if any(not isinstance(preference, bool) for preference in preferences.values()):
        return [Violation("consent_categorypreferences_fields_should_be_bool", f"{path}/*", "", "true or false")]
    return []


def _nested_deeper(value: dict[str, Any], levels: int) -> bool:
    """Level by level, since most calls have four of them and many objects."""
    level: list[Any] = [value]
    for _ in range(levels):
        level = [
            inner
            for held in level
            for inner in (held.values() if type(held) is dict else held)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True
