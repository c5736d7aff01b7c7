"""The privacy centre's way in: what is sent, what opens a visit, and what is never told."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from registry.flows.access import visits
from registry.flows.access.visits import Letter
from registry.model.errors import InvalidInput, Overloaded, Unauthenticated
from registry.model.message import Identifier
from tests.conftest import SetClock
from tests.simulator import RegistrySimulator, Tenant

LETTER = Letter("Your code", "code {code}", " link {link}", "https://registry.example.com/link/")
PERSON = Identifier("email", "shopper@example.com")


@dataclass
class Box:
    """A mailer that keeps what it is given: the spool and the SMTP client are tested by themselves."""

    letters: list[tuple[str, str, str]] = field(default_factory=list)

    def send(self, recipient: str, subject: str, text: str) -> None:
        self.letters.append((recipient, subject, text))

    @property
    def code(self) -> str:
        return re.search(r"code (\d{3}) (\d{3})", self.letters[-1][2]).expand(r"\1\2")  # type: ignore[union-attr]

    @property
    def link(self) -> str:
        return self.letters[-1][2].rpartition("/")[2]


class Door:
    """A workspace's privacy centre."""

    def __init__(self, registry: RegistrySimulator, clock: SetClock) -> None:
        self.registry, self.clock, self.box = registry, clock, Box()
        self.tenant: Tenant = registry.tenant()

    def invite(self, person: Identifier = PERSON, letter: Letter = LETTER) -> str:
        return visits.invite(self.registry.deployment, self.tenant.workspace, self.box, person, letter)

    def confirm(self, token: str, code: str) -> str:
        return visits.confirm(self.registry.deployment, self.tenant.workspace, token, code)

    def follow(self, token: str) -> str:
        return visits.follow(self.registry.deployment, self.tenant.workspace, token)

    def visitor(self, token: str) -> Identifier:
        return visits.visitor(self.registry.deployment, self.tenant.workspace, token)


@pytest.fixture
def door(shared: RegistrySimulator, clock: SetClock) -> Door:
    return Door(shared, clock)


def test_a_code_that_was_sent_opens_a_visit_of_that_person(door: Door) -> None:
    token = door.invite()
    assert door.box.letters[0][0] == PERSON.value
    opened = door.confirm(token, door.box.code)
    assert door.visitor(opened) == PERSON
    assert opened != token


def test_a_link_opens_a_visit_once(door: Door) -> None:
    door.invite()
    assert door.visitor(door.follow(door.box.link)) == PERSON
    with pytest.raises(Unauthenticated):
        door.follow(door.box.link)


@pytest.mark.parametrize("is_code_first", [True, False], ids=["code", "link"])
def test_what_opens_a_visit_ends_both_halves_of_its_letter_and_no_other_letter(door: Door, is_code_first: bool) -> None:
    other = door.invite()
    others_code = door.box.code
    token = door.invite()
    code, link = door.box.code, door.box.link
    opened = door.confirm(token, code) if is_code_first else door.follow(link)
    with pytest.raises(Unauthenticated):
        door.follow(link)
    with pytest.raises(Unauthenticated):
        door.confirm(token, code)
    assert door.visitor(opened) == PERSON
    assert door.visitor(door.confirm(other, others_code)) == PERSON


def test_a_wrong_code_leaves_the_link_of_its_letter(door: Door) -> None:
    token = door.invite()
    with pytest.raises(Unauthenticated):
        door.confirm(token, f"{(int(door.box.code) + 1) % 1_000_000:06}")
    assert door.visitor(door.follow(door.box.link)) == PERSON


def test_of_both_halves_used_at_once_one_opens(door: Door) -> None:
    for _ in range(8):
        token = door.invite()
        uses = [lambda t=token, c=door.box.code: door.confirm(t, c), lambda k=door.box.link: door.follow(k)]
        opened: list[str] = []
        start = threading.Barrier(2)

        def use(one: Callable[[], str], start: threading.Barrier = start, opened: list[str] = opened) -> None:
            start.wait(20)
            with contextlib.suppress(Unauthenticated):
                opened.append(one())

        threads = [threading.Thread(target=use, args=(one,)) for one in uses]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert len(opened) == 1
        visits.leave(door.registry.deployment, door.tenant.workspace, opened[0])


def test_a_letter_without_an_address_of_the_pages_holds_the_code_alone(door: Door) -> None:
    door.invite(letter=Letter("s", "code {code}", " link {link}", None))
    assert "link" not in door.box.letters[0][2]


def test_known_and_unknown_addresses_are_treated_alike(door: Door) -> None:
    door.tenant.send({"type": "identify", "userId": "u-1", "traits": {"email": PERSON.value}})
    sizes = set()
    for person in (PERSON, Identifier("email", "nobody1@example.com")):
        door.confirm(door.invite(person), door.box.code)
        sizes.add(len(door.box.letters[-1][2]))
    assert len(sizes) == 1


def test_before_it_is_confirmed_a_visit_is_nobodys(door: Door) -> None:
    token = door.invite()
    for stranger in (token, door.box.link, "", "rg_visit_unknown"):
        with pytest.raises(Unauthenticated):
            door.visitor(stranger)


def test_a_code_is_tried_five_times(door: Door) -> None:
    token = door.invite()
    wrong = f"{(int(door.box.code) + 1) % 1_000_000:06}"
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            door.confirm(token, wrong)
    with pytest.raises(Overloaded):
        door.confirm(token, door.box.code)


def test_a_code_of_another_visit_does_not_fit(door: Door) -> None:
    token = door.invite()
    first = door.box.code
    other = door.invite(Identifier("email", "other@example.com"))
    if door.box.code != first:
        with pytest.raises(Unauthenticated):
            door.confirm(other, first)
    assert door.visitor(door.confirm(token, first)) == PERSON


def test_an_address_is_not_flooded(door: Door) -> None:
    for _ in range(5):
        door.invite()
    with pytest.raises(Overloaded):
        door.invite()
    door.invite(Identifier("email", "somebody.else@example.com"))


def test_codes_of_many_addresses_are_not_guessed_and_links_open_all_the_same(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visits, "WRONG_AN_HOUR", 6)
    for number in range(6):
        token = door.invite(Identifier("email", f"person{number}@example.com"))
        with pytest.raises(Unauthenticated):
            door.confirm(token, f"{(int(door.box.code) + 1) % 1_000_000:06}")
    token = door.invite()
    code, link = door.box.code, door.box.link
    with pytest.raises(Overloaded) as caught:
        door.confirm(token, code)
    assert 0 < caught.value.retry_after_s <= 3600
    assert door.visitor(door.follow(link)) == PERSON
    door.clock.pass_by(seconds=3600)
    assert door.visitor(door.confirm(door.invite(), door.box.code)) == PERSON


def test_a_visit_that_never_was_leaves_nothing_behind_when_a_code_is_tried(door: Door) -> None:
    counted = "SELECT count(*) FROM tries WHERE workspace_id = ?"
    for number in range(3):
        with pytest.raises(Unauthenticated):
            door.confirm(f"rg_visit_{number}", "123456")
    assert door.registry.rows(counted, door.tenant.workspace_id) == [(0,)]


def test_a_mail_server_that_hangs_takes_a_few_threads_only(door: Door) -> None:
    begun, going_on = threading.Semaphore(0), threading.Event()

    class Hanging(Box):
        def send(self, recipient: str, subject: str, text: str) -> None:
            begun.release()
            going_on.wait(20)

    door.box = Hanging()
    people = [Identifier("email", f"person{number}@example.com") for number in range(visits.LETTERS_AT_ONCE)]
    threads = [threading.Thread(target=door.invite, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    try:
        assert all(begun.acquire(timeout=20) for _ in threads)
        with pytest.raises(Overloaded):
            door.invite()
    finally:
        going_on.set()
        for thread in threads:
            thread.join(20)
    door.invite()


def test_codes_links_and_visits_end(door: Door) -> None:
    token = door.invite()
    code, link = door.box.code, door.box.link
    door.clock.pass_by(seconds=15 * 60 + 1)
    with pytest.raises(Unauthenticated):
        door.confirm(token, code)
    with pytest.raises(Unauthenticated):
        door.follow(link)
    opened = door.confirm(door.invite(), door.box.code)
    door.clock.pass_by(seconds=30 * 60 + 1)
    with pytest.raises(Unauthenticated):
        door.visitor(opened)
    left = door.confirm(door.invite(), door.box.code)
    visits.leave(door.registry.deployment, door.tenant.workspace, left)
    with pytest.raises(Unauthenticated):
        door.visitor(left)


def test_only_an_e_mail_address_gets_a_code(door: Door) -> None:
    with pytest.raises(InvalidInput):
        door.invite(Identifier("user_id", "u-1"))


def test_another_workspace_knows_nothing_of_the_visit(door: Door) -> None:
    opened = door.confirm(door.invite(), door.box.code)
    other = door.registry.tenant()
    with pytest.raises(Unauthenticated):
        visits.visitor(door.registry.deployment, other.workspace, opened)


def test_neither_the_person_nor_the_code_nor_a_token_lies_in_the_database(door: Door) -> None:
    token = door.invite()
    code, link = door.box.code, door.box.link
    rows = door.registry.rows("SELECT * FROM visit WHERE workspace_id = ?", door.tenant.workspace_id)
    assert len(rows) == 2
    cells = b"|".join(cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)
    assert not [secret for secret in (PERSON.value, token, link, f"|{code}|") if secret.encode() in cells]
