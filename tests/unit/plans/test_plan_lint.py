"""What a reviewer would say of a plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_values import small_document

from registry.model.errors import DocumentInvalid
from registry.plans.lint import CODES, Severity, lint
from registry.plans.personal_names import personal_category, words_of


def codes_at(rest: str) -> set[tuple[str, str]]:
    return {(finding.code, finding.pointer) for finding in lint(small_document(rest))}


def event(fields: str, rest: str = "", name: str = "Thing Done") -> str:
    return (
        f"events:\n  - type: track\n    name: {name}\n    description: It was done.\n    purposes: [service]\n"
        f"    categories: [user.behavior]\n    properties: {fields}\n{rest}"
    )


GOOD = "{thing_id: {description: An id., type: string}}"


def test_a_plan_in_order_has_no_findings() -> None:
    assert lint(small_document(event(GOOD))) == []


def test_what_is_left_unsaid_is_found() -> None:
    found = codes_at(
        "context: {properties: {ip: {type: string}}}\n"
        "events: [{type: track, name: Thing Done, properties: {a: {type: string}}}]\n"
    )
    assert found == {
        ("description_missing", "/events/0"),
        ("purposes_missing", "/events/0"),
        ("description_missing", "/events/0/properties/a"),
        ("categories_missing", "/events/0/properties/a"),
        ("description_missing", "/context/properties/ip"),
        ("categories_missing", "/context/properties/ip"),
        ("purposes_missing", "/context/properties/ip"),
        ("personal_unannotated", "/context/properties/ip"),
    }


@pytest.mark.parametrize(
    "name",
    ["email", "customerEmail", "phone_number", "first_name", "birthDate", "shipping_address", "ssn", "ip", "lat", "lon",
     "auth_token", "passport_number", "card_number", "device_id", "userAgent", "postal_code"],
)  # fmt: skip
def test_a_field_with_a_personal_name_must_say_what_it_holds(name: str) -> None:
    place = ("personal_unannotated", f"/events/0/properties/{name}")
    plain = f"{{{name}: {{description: D., type: string}}}}"
    assert place in codes_at(event(plain))
    for note in ("x-categories: [user.contact]", "x-personal: false"):
        assert place not in codes_at(event(f"{{{name}: {{description: D., type: string, {note}}}}}"))


@pytest.mark.parametrize(
    "name",
    [
        "recipient",
        "description",
        "product_name",
        "shipping",
        "zipper",
        "language",
        "category",
        "phase",
        "mailing_list_size",
        "landing",
        "ortho",
        "notebook",
    ],
)
def test_a_word_inside_another_word_says_nothing(name: str) -> None:
    assert personal_category(name) is None


@pytest.mark.parametrize(
    ("name", "category"),
    [
        ("mail", "user.contact.email"),
        ("e_mail", "user.contact.email"),
        ("EMAIL", "user.contact.email"),
        ("Vorname", "user.name"),
        ("nachname", "user.name"),
        ("Straße", "user.contact.address"),
        ("strasse", "user.contact.address"),
        ("kundePLZ", "user.contact.address"),
        ("telefon_privat", "user.contact.phone_number"),
        ("handy", "user.contact.phone_number"),
        ("geburtsdatum", "user.demographic.date_of_birth"),
        ("Führerschein", "user.government_id"),
        ("iban", "user.payment"),
        ("diagnose", "user.health_and_medical"),
        ("diagnosis", "user.health_and_medical"),
    ],
)
def test_names_are_known_in_english_and_german(name: str, category: str) -> None:
    assert personal_category(name) == category


def test_a_name_is_personal_among_the_traits_of_a_person_only() -> None:
    field = "{properties: {name: {description: N., type: string}}}"
    rest = f"identify: {{description: D., purposes: [service], categories: [user], traits: {field}}}\n"
    assert ("personal_unannotated", "/identify/traits/properties/name") in codes_at(rest + "events: []\n")
    assert codes_at(rest.replace("identify", "group") + "events: []\n") == set()


def test_personal_names_are_found_inside_objects_lists_and_definitions() -> None:
    rest = "definitions:\n  buyer: {description: B., type: object, properties: {email: {type: string}}}\n"
    fields = (
        "{buyer: {$ref: '#/$defs/buyer'}, guests: {description: G., type: array, "
        "items: {type: object, properties: {phone: {type: string}}}}}"
    )
    personal = {pointer for code, pointer in codes_at(rest + event(fields)) if code == "personal_unannotated"}
    assert personal == {"/definitions/buyer/properties/email", "/events/0/properties/guests/items/properties/phone"}


def test_one_name_in_two_spellings_is_found_once() -> None:
    fields = "{thing_id: {description: D., type: string}, thingId: {description: D., type: string}}"
    assert codes_at(event(fields)) == {
        ("near_duplicate", "/events/0/properties/thingId"),
        ("property_name_convention", "/events/0/properties/thingId"),
    }
    allowed = fields.replace("thingId: {", "thingId: {x-lint-allow: [near_duplicate, property_name_convention], ")
    assert codes_at(event(allowed)) == set()


def test_events_that_differ_in_spelling_or_number_are_found() -> None:
    other = "  - {type: track, name: things done, id: x, description: D., purposes: [service]}\n"
    assert codes_at(event(GOOD, other)) == {
        ("near_duplicate", "/events/1/name"),
        ("event_name_convention", "/events/1/name"),
    }


@pytest.mark.parametrize("schema", ["{}", "{type: object}", "{type: array}", "{type: [string, object]}"])
def test_a_field_that_takes_anything_is_found(schema: str) -> None:
    fields = f"{{a: {schema[:-1]}{', ' if len(schema) > 2 else ''}description: D.}}}}"
    assert ("free_form", "/events/0/properties/a") in codes_at(event(fields))


def test_an_example_that_breaks_its_rule_is_found() -> None:
    examples = "    examples: [{thing_id: a}, {thing_id: 5}, {other: 1}]\n"
    findings = lint(small_document(event(GOOD, examples)))
    assert [(f.code, f.pointer) for f in findings] == [
        ("example_breaks_plan", "/events/0/examples/1"),
        ("example_breaks_plan", "/events/0/examples/2"),
    ]
    assert "/properties/thing_id: string" in findings[0].message


def test_a_category_that_fideslang_does_not_know_is_found_and_one_of_ones_own_below_it_is_not() -> None:
    field = "{a: {description: D., type: string, x-categories: [user.shoe_size]}}"
    assert codes_at(event(field)) == {("category_unknown", "/events/0/properties/a/x-categories")}
    assert codes_at(event(field.replace("user.shoe_size", "user.demographic.shoe_size"))) == set()


def test_findings_come_in_the_order_of_the_file_with_line_and_severity() -> None:
    findings = lint(small_document(event("{b: {type: string}, email: {type: string}}")))
    assert [f.line for f in findings] == sorted(f.line for f in findings)
    assert all(f.line >= 4 and f.severity is CODES[f.code] for f in findings)
    assert Severity.ERROR in {f.severity for f in findings}


def test_a_plan_that_does_not_compile_is_not_linted() -> None:
    with pytest.raises(DocumentInvalid):
        lint(small_document(event("{a: {$ref: '#/$defs/none'}}")))


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=1, max_size=4))
def test_the_words_of_a_name_do_not_depend_on_its_spelling(words: list[str]) -> None:
    camel = words[0] + "".join(word.capitalize() for word in words[1:])
    for spelling in ("_".join(words), "-".join(words), camel, " ".join(word.capitalize() for word in words)):
        assert words_of(spelling) == tuple(words)


def test_a_shown_value_that_looks_personal_asks_for_an_annotation() -> None:
    shown = "jane.doe@shop.example"
    field = f"{{thing_id: {{description: An id., type: string, examples: [{shown}]"
    findings = lint(small_document(event(f"{field}}}}}")))
    assert [(finding.code, finding.severity) for finding in findings] == [("personal_value", Severity.ERROR)]
    assert shown not in findings[0].message
    for annotation in ("x-categories: [user.contact.email]", "x-personal: false", "x-lint-allow: [personal_value]"):
        assert lint(small_document(event(f"{field}, {annotation}}}}}"))) == []
