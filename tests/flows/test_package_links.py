"""A link to a package is for one request and its requester, ends by time and by use, and every fetch is logged."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import orjson
import pytest

from registry.dsr.requests import Kind
from registry.flows.dsr.package import links
from registry.model.errors import Conflict, InvalidInput, NotFound, Unauthenticated
from registry.model.ids import text_id
from registry.model.stored import StoredRequest
from tests.conftest import SetClock
from tests.factories import identify
from tests.simulator import RegistrySimulator, Tenant


def answered(tenant: Tenant, kind: Kind = Kind.ACCESS) -> StoredRequest:
    tenant.send(identify("ada", email="ada@example.com"))
    return tenant.run(tenant.request(kind, "email", "ada@example.com"))


def made(tenant: Tenant, request: StoredRequest, **more: int) -> links.Made:
    return links.make(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer", **more)


def followed(tenant: Tenant, link: links.Made) -> StoredRequest:
    return links.follow(tenant.registry.deployment, tenant.workspace, link.token)


def test_a_link_is_followed_as_often_as_was_said_and_each_time_is_in_the_audit_log(tenant: Tenant) -> None:
    request = answered(tenant)
    link = made(tenant, request, fetches=2)
    assert [followed(tenant, link).request_id for _ in range(2)] == [request.request_id] * 2
    with pytest.raises(Unauthenticated):
        followed(tenant, link)
    rows = tenant.registry.rows("SELECT entry FROM audit_entry WHERE workspace_id = ?", tenant.workspace_id)
    entries = [orjson.loads(bytes(entry)) for (entry,) in rows]
    told = [e["fields"] for e in entries if e["action"] == "dsr:package:fetched"]
    assert told == [{"request": text_id(request.request_id), "left": left} for left in (1, 0)]
    assert link.token not in str(entries)
    kept = tenant.registry.rows("SELECT * FROM package_link")
    assert link.token not in str(kept)
    assert "ada@" not in str(kept)


def test_a_link_ends_when_its_time_is_over(tenant: Tenant, clock: SetClock) -> None:
    link = made(tenant, answered(tenant), days=3, fetches=5)
    clock.pass_by(days=2)
    followed(tenant, link)
    clock.pass_by(days=1)
    assert not links.is_open(tenant.registry.deployment, tenant.workspace, link.token)
    with pytest.raises(Unauthenticated):
        followed(tenant, link)


def test_a_link_ends_with_the_erasure_of_the_person_or_when_it_is_withdrawn(tenant: Tenant) -> None:
    request = answered(tenant)
    erased, withdrawn = made(tenant, request), made(tenant, request)
    links.withdraw(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    with pytest.raises(Unauthenticated):
        followed(tenant, withdrawn)
    with pytest.raises(NotFound):
        links.withdraw(tenant.registry.deployment, tenant.workspace, request.request_id, actor="person:officer")
    erased = made(tenant, request)
    tenant.erase("user_id", "ada")
    with pytest.raises(Unauthenticated):
        followed(tenant, erased)


def test_only_a_completed_request_that_gives_data_out_is_linked_to(tenant: Tenant) -> None:
    tenant.send(identify("ada", email="ada@example.com"))
    for request in (tenant.request(Kind.ACCESS, "user_id", "ada"), answered(tenant, Kind.RESTRICTION)):
        with pytest.raises(Conflict):
            made(tenant, request)
    request = answered(tenant)
    for more in ({"days": 0}, {"days": 31}, {"fetches": 0}, {"fetches": 6}):
        with pytest.raises(InvalidInput):
            made(tenant, request, **more)


def test_a_link_leads_nowhere_in_another_workspace(shared: RegistrySimulator) -> None:
    one, other = shared.tenant("links-one"), shared.tenant("links-other")
    link = made(one, answered(one))
    with pytest.raises(Unauthenticated):
        followed(other, link)
    followed(one, link)


def test_a_person_fetches_their_package_by_the_button_of_the_page_and_looking_uses_nothing_up(tenant: Tenant) -> None:
    request = answered(tenant)
    with tenant.registry.http() as http:
        path = f"/v1/dsr/requests/{text_id(request.request_id)}/package/link"
        answer = http.post(path, json={}, headers=tenant.bearer(tenant.keys.officer))
        assert answer.status_code == 201
        url = answer.json()["url"]
        for _ in range(3):
            looked = http.get(url)
            assert looked.status_code == 200
            assert "<form" in looked.text
            assert "ada@" not in looked.text
        got = http.post(url)
        assert got.headers["content-type"] == "application/zip"
        assert b"ada@example.com" in ZipFile(BytesIO(got.content)).read("identifiers.json")
        assert http.post(url).status_code == 401
        assert http.get(url).status_code == 401
        assert http.post(path, json={"days": 99}, headers=tenant.bearer(tenant.keys.officer)).status_code == 400
        assert http.post(path, json={}, headers=tenant.bearer(tenant.keys.app)).status_code == 403
        assert http.delete(path, headers=tenant.bearer(tenant.keys.officer)).status_code == 204
