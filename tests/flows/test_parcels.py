"""A package that is locked is opened by its requester, with the programs that they have, and by nobody else."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import pyrage
import pytest
import pyzipper
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from registry.dsr.requests import Kind, Move
from registry.flows.dsr import export, lifecycle
from registry.keys.parcels import Lock
from registry.model.errors import InvalidInput
from registry.model.stored import StoredRequest
from tests.factories import consent, identify, ordered
from tests.simulator import ALL_YES, Tenant

PASSWORD = "a synthetic passphrase"


def answered(tenant: Tenant) -> StoredRequest:
    """An access request of somebody with events, up to its package."""
    tenant.send(identify("ada", first_name="Augusta", context=consent(**ALL_YES)))
    tenant.send(*(ordered("ada", order_id=f"o-{n}") for n in range(50)))
    deployment, workspace = tenant.registry.deployment, tenant.workspace
    row = lifecycle.open_request(
        deployment, workspace, kind=Kind.ACCESS, person=tenant.person("user_id", "ada"), actor="person:one"
    )
    for move in (Move.VERIFY, Move.APPROVE):
        lifecycle.move_request(deployment, workspace, row.request_id, move, actor="person:one")
    return lifecycle.run(deployment, workspace, row.request_id, actor="person:one")


def written(tenant: Tenant, row: StoredRequest, lock: Lock) -> bytes:
    stream = io.BytesIO()
    export.write_package(tenant.registry.deployment, tenant.workspace, row, stream, actor="person:one", lock=lock)
    return stream.getvalue()


def test_an_age_file_opens_with_each_recipient_s_key_and_with_no_other(tenant: Tenant) -> None:
    row = answered(tenant)
    own, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    parcel = written(tenant, row, Lock(recipients=[str(own.to_public())]))
    assert parcel.startswith(b"age-encryption.org/v1") and b"Augusta" not in parcel and b"PK\x03\x04" not in parcel
    with zipfile.ZipFile(io.BytesIO(pyrage.decrypt(parcel, [own]))) as archive:
        assert archive.testzip() is None
        assert b"Augusta" in archive.read("traits.json") and archive.read("events.jsonl").count(b"\n") == 51
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(parcel, [other])


def test_an_age_file_for_an_ssh_key_opens_with_it(tenant: Tenant) -> None:
    row, key = answered(tenant), Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    parcel = written(tenant, row, Lock(recipients=[public]))
    assert pyrage.decrypt(parcel, [pyrage.ssh.Identity.from_buffer(private)]).startswith(b"PK")


def test_a_password_opens_every_file_of_the_zip_and_another_none(tenant: Tenant) -> None:
    row = answered(tenant)
    parcel = written(tenant, row, Lock(PASSWORD))
    assert b"Augusta" not in parcel
    with pyzipper.AESZipFile(io.BytesIO(parcel)) as archive:
        assert all(info.flag_bits & 1 for info in archive.infolist())
        archive.setpassword(PASSWORD.encode())
        assert archive.testzip() is None
        assert b"Augusta" in archive.read("traits.json")
        archive.setpassword(b"another passphrase")
        with pytest.raises(RuntimeError):
            archive.read("traits.json")


def test_a_parcel_that_breaks_off_is_no_whole_parcel(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    row, own = answered(tenant), pyrage.x25519.Identity.generate()

    def breaks(*_: Any) -> Any:
        yield b"{}\n"
        raise ConnectionError("a disk that is gone")

    monkeypatch.setattr(export, "_events", breaks)
    with pytest.raises(ConnectionError):
        written(tenant, row, Lock(recipients=[str(own.to_public())]))


@pytest.mark.parametrize(
    ("lock", "pointer"),
    [
        ({"password": "short"}, "/password"),
        ({"password": "x" * 201}, "/password"),
        ({"recipients": ["age1nonsense"]}, "/recipients/0"),
        ({"recipients": ["ssh-ed25519 nonsense"]}, "/recipients/0"),
        ({"password": PASSWORD, "recipients": ["age1"]}, None),
    ],
)
def test_what_cannot_lock_is_refused_before_anything_is_written(lock: dict[str, Any], pointer: str | None) -> None:
    with pytest.raises(InvalidInput) as refused:
        Lock(**lock)
    assert refused.value.pointer == pointer
    assert "nonsense" not in str(refused.value)
