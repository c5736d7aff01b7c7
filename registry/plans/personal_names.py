"""Names that usually stand before personal data: what a field's name says it holds.

A matcher sees the words of a name (`homePhoneNumber` is home, phone, number), so that `phone` is found
in it and `ip` is not found in `recipient`. It knows names, not values: it points a reviewer at a field.
"""

from __future__ import annotations

import re

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_BY_CATEGORY = {
    "user.contact.email": "email e_mail mail_address",
    "user.contact.phone_number": "phone telephone mobile mobile_number cell_phone msisdn fax whatsapp",
    "user.name": "first_name last_name full_name given_name family_name middle_name surname forename maiden_name "
    "nickname customer_name user_name username firstname lastname fullname",
    "user.demographic.date_of_birth": "birth birthday birthdate birth_date dob",
    "user.demographic.age_range": "age",
    "user.demographic.gender": "gender sex",
    "user.demographic.race_ethnicity": "race ethnicity",
    "user.demographic.religious_belief": "religion",
    "user.demographic.marital_status": "marital_status",
    "user.demographic": "nationality citizenship",
    "user.contact.address": "address street postal_code postcode zip zipcode zip_code house_number city",
    "user.government_id": "ssn social_security passport national_id tax_id tin driving_licence drivers_license "
    "identity_card",
    "user.device.ip_address": "ip ip_address ipv4 ipv6 remote_addr",
    "user.device.device_id": "device_id idfa idfv gaid aaid advertising_id imei imsi mac_address push_token",
    "user.device": "user_agent",
    "user.location.precise": "lat latitude lon lng longitude geolocation gps coordinates",
    "user.authorization.credentials": "token api_key secret session_id cookie otp pin",
    "user.authorization.password": "password passwd passphrase",
    "user.payment": "card_number credit_card iban bic cvv cvc pan account_number bank_account sort_code",
    "user.workplace": "employer job_title salary",
}

_OF_A_PERSON = {"name": "user.name", "title": "user.name", "company": "user.workplace", "country": "user.location"}
"""What these words mean among a person's traits; a product and a page have names and titles too."""

_CATEGORY = {name: category for category, names in _BY_CATEGORY.items() for name in names.split()}
_NOT_PERSONAL = frozenset(
    {"email_template", "address_type", "token_count", "ip_version", "product_name", "sex_category"}
)
_LONGEST = 3


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in any spelling (camelCase, snake_case, Title Case), in small letters."""
    return tuple(word.lower() for word in _WORDS.findall(name))


def personal_category(name: str, *, of_person: bool = False) -> str | None:
    """The data category (a fideslang key) that a field of this name usually holds; None where it says nothing.

    Args:
        of_person: whether the field is a trait of a person.
    """
    words = words_of(name)
    if "_".join(words) in _NOT_PERSONAL:
        return None
    for length in range(_LONGEST, 0, -1):  # the longest run says most: device_id, not id
        for start in range(len(words) - length + 1):
            found = _CATEGORY.get("_".join(words[start : start + length]))
            if found is not None:
                return found
    return _OF_A_PERSON.get("_".join(words)) if of_person else None
