"""Examples of the answers about signals, tokens and explanations. All values are synthetic."""

from __future__ import annotations

from typing import Any

from registry.api.examples import AT, DECISION, RECORD

SIGNAL_EXAMPLES: dict[str, Any] = {
    "DecisionToken": DECISION | {"token": "eyJ…"},
    "DecisionExplained": {
        "decision": DECISION, "at": AT, "known_at": None,
        "records": [
            {
                "record_id": RECORD, "purpose": "marketing", "status": "withdrawn", "acted_at": AT, "recorded_at": AT,
                "channel": "web_form", "source": "subject", "part": "decided",
                "sentence": "The decision rests on this record.",
            }
        ],
    },
    "Signalled": {
        "records": [
            {
                "record_id": RECORD, "purpose": "marketing", "status": "denied", "acted_at": AT, "recorded_at": AT,
                "receipt": "eyJ…",
            }
        ],
        "refusal_stands": [],
    },
    "GoogleStates": {"states": {"ad_storage": "denied", "analytics_storage": "granted"}},
}  # fmt: skip
