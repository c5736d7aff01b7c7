"""On which days officers are warned of a deadline."""

from __future__ import annotations

from registry import reviewed
from registry.dsr.deadlines import deadline
from registry.dsr.escalation import Due, warnings
from registry.dsr.requests import Kind, State
from registry.model.clock import DAY
from registry.model.ids import RequestId, WorkspaceId
from registry.model.stored import StoredRequest
from tests.conftest import START

LAWS = reviewed.load_policies(None).jurisdictions


def _request(law: str, kind: Kind = Kind.ACCESS, state: State = State.RECEIVED) -> StoredRequest:
    due = deadline(LAWS.get(law), START, kind=kind.value)
    return StoredRequest(
        WorkspaceId(b"w" * 16), RequestId(b"r" * 16), kind.value, state.value, law, None, "", "person:a", None, START,
        due.respond_by, None, "{}", None, acknowledge_by=due.acknowledge_by,
    )  # fmt: skip


def _days(request: StoredRequest, due: Due) -> list[int]:
    """The days that are left at each warning, looked at once a day until long after."""
    given: dict[str, int] = {}
    for day in range(120):
        for one in warnings([(request, LAWS.get(request.jurisdiction))], START + day * DAY):
            if one.due is due:
                given.setdefault(one.name, one.left)
    return list(given.values())


def test_officers_are_warned_on_the_days_of_the_policy_before_and_after() -> None:
    assert _days(_request("gdpr"), Due.ANSWER) == [7, 2, 0, -1, -7]


def test_a_law_has_days_of_its_own() -> None:
    assert _days(_request("lgpd"), Due.ANSWER) == [5, 2, 0, -1, -7]


def test_an_acknowledgement_that_is_due_is_warned_of_until_it_was_given() -> None:
    request = _request("ccpa", Kind.KNOW)
    assert _days(request, Due.ACKNOWLEDGEMENT) == [2, 0, -2]
    assert _days(request._replace(acknowledged_at=START), Due.ACKNOWLEDGEMENT) == []
    assert request.acknowledge_by is not None
    assert _request("ccpa", Kind.OPT_OUT).acknowledge_by is None, "it is answered within 15 business days"


def test_what_has_ended_or_stands_still_is_not_warned_of() -> None:
    for state in (State.COMPLETED, State.REFUSED, State.CANCELLED, State.PAUSED):
        assert _days(_request("gdpr", state=state), Due.ANSWER) == []
    assert _days(_request("ccpa", state=State.PAUSED), Due.ANSWER) == [7, 2, 0, -1, -7], "this law does not pause"


def test_a_deadline_that_was_moved_is_warned_of_anew() -> None:
    request = _request("gdpr")
    late = warnings([(request, LAWS.get("gdpr"))], request.respond_by)
    moved = request._replace(respond_by=request.respond_by + 60 * DAY)
    again = warnings([(moved, LAWS.get("gdpr"))], moved.respond_by)
    assert late[0].day == again[0].day
    assert late[0].name != again[0].name


def test_a_server_that_slept_gives_the_latest_warning_alone() -> None:
    request = _request("gdpr")
    [one] = warnings([(request, LAWS.get("gdpr"))], request.respond_by + 3 * DAY)
    assert (one.day, one.left) == (-1, -3)
