"""A package speaks the language in which its person asked: its page, the purposes, and what stands for others."""

from __future__ import annotations

import json
import re
from importlib import resources
from io import BytesIO
from zipfile import ZipFile

import pytest
from jinja2 import Environment

from registry.dsr.declarations import DECLARED
from registry.dsr.requests import Kind, Move
from registry.flows.dsr import export, intake, lifecycle
from registry.flows.dsr.package import german, german_terms, records, words
from registry.flows.dsr.package.charts import readable
from registry.model.decision import Reason
from registry.model.provenance import Method
from tests.factories import consent, identify, ordered, track
from tests.simulator import ALL_YES, Tenant

PLACE = re.compile(r"%\((\w+)\)s|<(/?\w+)")


def package_in(tenant: Tenant, language: str | None) -> ZipFile:
    """The package of an access request of Ada's that was opened in a language."""
    tenant.send(
        identify("ada", email="ada@example.com", first_name="Ada", context=consent(**ALL_YES)),
        ordered("ada"),
        track("Nonsense", "ada", note="ask bob@planted.example"),
    )
    deployment = tenant.registry.deployment
    wish = intake.Wish(Kind.ACCESS, tenant.person("user_id", "ada"), language=language)
    request, _ = intake.take(deployment, tenant.workspace, wish, actor="person:first")
    for move, actor in ((Move.VERIFY, "person:first"), (Move.APPROVE, "person:second")):
        request = lifecycle.move_request(deployment, tenant.workspace, request.request_id, move, actor=actor)
    request = tenant.run(request)
    stream = BytesIO()
    export.write_package(deployment, tenant.workspace, request, stream, actor="person:officer")
    return ZipFile(stream)


def test_a_package_that_was_asked_for_in_german_speaks_german(tenant: Tenant) -> None:
    archive = package_in(tenant, "de")
    page = archive.read("index.html").decode()
    assert '<html lang="de">' in page
    assert "Was der Verantwortliche dieses Registers über Sie gespeichert hat" in page
    for said in ("Auskunft, Art. 15 DSGVO", "Den Dienst erbringen", "Sie haben diesem Zweck zugestimmt.",
                 "1 E-Mail-Adresse in Texten", "Nutzerkennung", "Vertrag", "Kontakt: E-Mail", "Verhalten: Käufe",
                 "eigene Angabe", "zugestimmt"):  # fmt: skip
        assert said in page, said
    seen = re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL)
    assert not re.findall(r"\b(?:the|you|your|which|and|what)\b", seen)
    purposes = {one["purpose"]: one for one in json.loads(archive.read("purposes.json"))}
    assert purposes["service"]["title"] == "Den Dienst erbringen"
    assert german_terms.LEFT_OUT["email"] in archive.read("records/quarantine.jsonl").decode()
    assert b"planted" not in b"".join(map(archive.read, archive.namelist()))


@pytest.mark.parametrize("language", [None, "en", "fr"])
def test_a_package_that_was_asked_for_in_another_language_speaks_english(tenant: Tenant, language: str | None) -> None:
    archive = package_in(tenant, language)
    page = archive.read("index.html").decode()
    assert '<html lang="en">' in page
    assert "What the controller of this registry holds about you" in page
    assert "Provide the service" in page
    assert "The person granted consent for this purpose." in page


def test_everything_that_the_page_says_has_its_german_with_the_same_places() -> None:
    text = (resources.files("registry.flows") / "templates" / words.PAGE).read_text(encoding="utf-8")
    found = [message for _, _, message in Environment(extensions=["jinja2.ext.i18n"]).extract_translations(text)]
    said = {message for message in found if isinstance(message, str)}
    counted = {message[0] for message in found if isinstance(message, tuple)}
    assert said - set(german.TEXTS) == set()
    assert counted == set(german.COUNTED)
    kinds = {"access, GDPR Art. 15", "data to take elsewhere, GDPR Art. 20", "to know, CCPA 1798.110"}
    assert set(german.TEXTS) - said == kinds
    told = [*german.TEXTS.items(), *((one, text) for one, texts in german.COUNTED.items() for text in texts)]
    for english, text in told:
        assert sorted(PLACE.findall(english)) == sorted(PLACE.findall(text)), english


def test_codes_have_german_words() -> None:
    categories = {name for field in DECLARED for name in field.categories}
    codes = {piece for name in categories for piece in readable(name).split(": ")}
    codes |= {name.replace("_", " ") for name in [*records.tables(), *Method]}
    assert codes - set(german_terms.TERMS) == set()
    assert set(german_terms.REASONS) == set(Reason)
