"""The view: every value with its provenance, and what is withheld counted, not shown."""

from __future__ import annotations

from profile_values import asserted, shipped_policy

from registry.model.clock import DAY
from registry.model.decision import Decision, Reason
from registry.model.ids import FragmentId, ProfileId, RecordId
from registry.model.message import Identifier
from registry.profiles.survivorship import choose
from registry.profiles.view import SeenIdentifier, build_view

NOW = 20 * DAY


def view() -> dict[str, object]:
    rivals = [
        asserted("b@shop.example", "typed_by_staff", 9, "crm"),
        asserted("a@shop.example", "double_opt_in", 2),
    ]
    name = [asserted("Ada", "self_declared", 3, trait="first_name")]
    return build_view(
        ProfileId(bytes(15) + b"\1"),
        "service",
        [choose(name, shipped_policy(), NOW), choose(rivals, shipped_policy(), NOW)],
        [
            SeenIdentifier(Identifier("anonymous_id", "a-1"), FragmentId(bytes(16)), "web", 2 * DAY),
            SeenIdentifier(Identifier("user_id", "u-1"), FragmentId(bytes(16)), "web", DAY),
        ],
        {
            "service": Decision(True, Reason.BASIS_WITHOUT_CONSENT, "service", "contract"),
            "marketing": Decision(True, Reason.GRANTED, "marketing", "consent", RecordId(bytes(16)), 30 * DAY),
        },
        {Reason.WITHDRAWN: 2, Reason.NO_RECORD: 1},
        now=NOW,
    )


def test_a_trait_names_its_source_its_rivals_sources_and_why_it_counts() -> None:
    email, first_name = view()["traits"]  # type: ignore[misc]
    assert first_name["trait"] == "first_name"
    assert email == {
        "trait": "email",
        "value": "a@shop.example",
        "why": "higher_trust",
        "because": (
            "web (double opt in, rank 90) is trusted more than crm (typed by staff, rank 30), "
            "though that is more recent."
        ),
        "confidence": 0.885,
        "verified": True,
        "verification": "double_opt_in",
        "age_days": 18,
        "provenance": {
            "source": "web",
            "message_id": "m-web-2",
            "observed_at": "1970-01-03T00:00:00Z",
            "received_at": "1970-01-03T00:00:00.000001Z",
            "method": "double_opt_in",
            "trust": 90,
        },
        "consent_tags": ["marketing", "service"],
        "agreeing": {"count": 0, "provenance": []},
        "rivals": {
            "count": 1,
            "values": [
                {
                    "value": "b@shop.example",
                    "provenance": {
                        "source": "crm",
                        "message_id": "m-crm-9",
                        "observed_at": "1970-01-10T00:00:00Z",
                        "received_at": "1970-01-10T00:00:00.000001Z",
                        "method": "typed_by_staff",
                        "trust": 30,
                    },
                    "consent_tags": ["marketing", "service"],
                }
            ],
        },
    }


def test_identifiers_consents_and_what_is_withheld_are_part_of_the_view() -> None:
    found = view()
    assert found["profile_id"] == "00000000-0000-0000-0000-000000000001"
    assert (found["purpose"], found["as_of"]) == ("service", "1970-01-21T00:00:00Z")
    assert [entry["kind"] for entry in found["identifiers"]] == ["user_id", "anonymous_id"]  # type: ignore[attr-defined]
    assert found["consents"] == {
        "marketing": {
            "allowed": True,
            "reason": "granted",
            "sentence": "The person granted consent for this purpose.",
            "lawful_basis": "consent",
            "record_id": "00000000-0000-0000-0000-000000000000",
            "valid_until": "1970-01-31T00:00:00Z",
        },
        "service": {
            "allowed": True,
            "reason": "basis_without_consent",
            "sentence": "The purpose rests on a lawful basis other than consent.",
            "lawful_basis": "contract",
            "record_id": None,
            "valid_until": None,
        },
    }
    assert found["withheld"] == {
        "count": 3,
        "reasons": [
            {
                "reason": "no_record",
                "sentence": "The person has never been asked, or has not answered.",
                "count": 1,
            },
            {"reason": "withdrawn", "sentence": "The person withdrew the consent given earlier.", "count": 2},
        ],
    }
