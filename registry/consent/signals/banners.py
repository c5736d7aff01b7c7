"""What browsers and consent banners say along with a message, in words of their own.

A purpose that is absent from an answer was not spoken of: the ledger decides. What cannot be read
is a no, never a yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from registry.consent.purposes import Purpose, PurposeCatalogue


def from_segment(context: Mapping[str, object], catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What Segment's `context.consent.categoryPreferences` says of the purposes mapped to categories.

    A purpose is allowed when each of its categories is `true`; a preference under the purpose's own name
    takes the place of categories that are missing. Without a `consent` member nothing is said. With one, a
    category that is missing, not a boolean, or in an object that cannot be read is a no. Category ids are
    compared without case; of two spellings of one, the no counts.
    """
    if context.get("consent") is None:
        return {}
    allowed = _preferences(context)
    said: dict[str, bool] = {}
    for purpose in catalogue.purposes.values():
        needed = {category.lower() for category in purpose.segment_categories}
        named = purpose.name in allowed
        if needed or named:
            spoken = (needed | {purpose.name}) & allowed.keys()
            said[purpose.name] = (named or needed <= spoken) and all(allowed[key] for key in spoken)
    return said


def refused_by_name(context: Mapping[str, object], purpose: Purpose) -> bool:
    """Whether `context.consent.categoryPreferences` names the purpose or one of its categories, and refuses it: that a
    category is missing is no answer to whether it was asked about.
    """
    preferences, ids = _preferences(context), {purpose.name, *(one.lower() for one in purpose.segment_categories)}
    return not all(preferences.get(one, True) for one in ids)


def _preferences(context: Mapping[str, object]) -> dict[str, bool]:
    """Whether each category that is named is allowed, by its id in lower case; empty where none can be read."""
    consent = context.get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, dict) else None
    allowed: dict[str, bool] = {}
    if isinstance(preferences, dict):
        for category, preference in preferences.items():
            key = str(category).lower()
            allowed[key] = preference is True and allowed.get(key, True)
    return allowed


def from_rudderstack(context: Mapping[str, object], catalogue: PurposeCatalogue) -> dict[str, bool]:
    """What RudderStack's `context.consentManagement` says of the purposes mapped to categories.

    A denied id is a no for every purpose that needs it; a purpose all of whose ids are allowed is a
    yes; others are not spoken of. An object that cannot be read is a no for all.
    """
    management = context.get("consentManagement")
    if management is None:
        return {}
    denied = _ids(management, "deniedConsentIds")
    allowed = _ids(management, "allowedConsentIds")
    said: dict[str, bool] = {}
    for purpose in catalogue.purposes.values():
        needed = {category.lower() for category in purpose.segment_categories}
        if needed and (denied is None or allowed is None or needed & denied):
            said[purpose.name] = False
        elif needed and allowed is not None and needed <= allowed:
            said[purpose.name] = True
    return said


def _ids(management: object, member: str) -> frozenset[str] | None:
    """A list of consent ids in lower case, empty where it is absent; None where it cannot be read."""
    listed = management.get(member, []) if isinstance(management, dict) else None
    if not isinstance(listed, list) or not all(isinstance(entry, str) for entry in listed):
        return None
    return frozenset(entry.lower() for entry in listed)


def from_gpc(values: Iterable[str]) -> bool:
    """Whether a request opts out by Global Privacy Control: a `Sec-GPC` header of exactly `1`.

    Any other value, or none, says nothing: it is no consent.
    """
    return any(value == "1" for value in values)
