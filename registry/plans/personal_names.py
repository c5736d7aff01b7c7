"""Names that usually stand before personal data: what a field's name says it holds.

A matcher sees the words of a name (`homePhoneNumber` is home, phone, number), so that `phone` is found
in it and `ip` is not found in `recipient`. It knows names in English and German, with umlauts and
without, run together where people do that. It knows names, not values: it points a reviewer at a field.
"""

from __future__ import annotations

import re
from unicodedata import combining, normalize

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

_BY_CATEGORY = {
    "user.contact.email": "email e_mail mail email_address emailaddress mail_address mailadresse emailadresse courriel",
    "user.contact.phone_number": "phone phone_number phonenumber telephone mobile mobile_number cell_phone msisdn fax "
    "whatsapp telefon telefonnummer telefonnr tel handy handynummer handynr mobilnummer mobiltelefon rufnummer",
    "user.name": "first_name last_name full_name given_name family_name middle_name surname forename maiden_name "
    "nickname customer_name user_name username firstname lastname fullname fname lname givenname familyname "
    "vorname nachname familienname geburtsname zuname rufname vollname kundenname benutzername anrede prenom",
    "user.demographic.date_of_birth": "birth birthday birthdate birth_date date_of_birth dateofbirth dob "
    "geburtsdatum geburtstag geburtsjahr geburtsort geb_datum gebdat geboren",
    "user.demographic.age_range": "age lebensalter",
    "user.demographic.gender": "gender sex geschlecht",
    "user.demographic.race_ethnicity": "race ethnicity ethnie",
    "user.demographic.religious_belief": "religion konfession",
    "user.demographic.political_opinion": "political_opinion political_party parteimitglied",
    "user.demographic.sexual_orientation": "sexual_orientation sexuelle_orientierung",
    "user.demographic.marital_status": "marital_status familienstand",
    "user.demographic": "nationality citizenship staatsangehoerigkeit nationalitaet",
    "user.contact.address": "address street street_address postal_code postcode zip zipcode zip_code house_number city "
    "adresse anschrift strasse strassenname hausnummer hausnr plz postleitzahl wohnort",
    "user.government_id": "ssn social_security passport national_id tax_id tin driving_licence drivers_license "
    "identity_card steuernummer steuer_id steuerid sozialversicherungsnummer svnr ausweisnummer personalausweis "
    "reisepass fuehrerschein",
    "user.device.ip_address": "ip ip_address ipaddress ipv4 ipv6 remote_addr ip_adresse",
    "user.device.device_id": "device_id idfa idfv gaid aaid advertising_id imei imsi mac_address push_token",
    "user.device": "user_agent",
    "user.location.precise": "lat latitude lon lng longitude geolocation gps coordinates",
    "user.authorization.credentials": "token api_key secret session_id cookie otp pin",
    "user.authorization.password": "password passwd passphrase passwort kennwort",
    "user.payment": "card_number credit_card creditcard iban bic cvv cvc pan account_number bank_account sort_code "
    "kontonummer kontonr kontoinhaber kreditkarte kreditkartennummer bankverbindung",
    "user.workplace": "employer job_title salary arbeitgeber gehalt",
    "user.health_and_medical": "diagnosis diagnoses diagnose diagnosen medication medikament medikamente allergy "
    "allergies allergie allergien blood_type blutgruppe symptom symptoms symptome icd10 krankenkasse",
    "user.content.private": "diary tagebuch",
}

_OF_A_PERSON = {
    "name": "user.name", "title": "user.name", "titel": "user.name", "company": "user.workplace",
    "country": "user.location", "land": "user.location", "ort": "user.contact.address", "firma": "user.workplace",
    "transcript": "user.content", "comment": "user.content", "comments": "user.content", "note": "user.content",
    "notes": "user.content", "notiz": "user.content", "notizen": "user.content", "bemerkung": "user.content",
    "kommentar": "user.content",
}  # fmt: skip
"""What these words mean among a person's traits; a product and a page have names and titles too."""

_CATEGORY = {name: category for category, names in _BY_CATEGORY.items() for name in names.split()}
_NOT_PERSONAL = frozenset(
    {"email_template", "mail_template", "address_type", "token_count", "ip_version", "product_name", "sex_category"}
)
_LONGEST = 3
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "ẞ": "SS"})


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in any spelling (camelCase, snake_case, Title Case), in small letters."""
    return tuple(word.lower() for word in _WORDS.findall(name))


def personal_category(name: str, *, of_person: bool = False) -> str | None:
    """The data category (a fideslang key) that a field of this name usually holds; None where it says nothing.

    Args:
        of_person: whether the field is a trait of a person.
    """
    words = words_of(_in_ascii(name))
    if "_".join(words) in _NOT_PERSONAL:
        return None
    for length in range(_LONGEST, 0, -1):  # the longest run says most: device_id, not id
        for start in range(len(words) - length + 1):
            found = _CATEGORY.get("_".join(words[start : start + length]))
            if found is not None:
                return found
    return _OF_A_PERSON.get("_".join(words)) if of_person else None


def _in_ascii(name: str) -> str:
    """A name as it is spelt where there are no umlauts and accents."""
    if name.isascii():
        return name
    return "".join(
        char for char in normalize("NFKD", normalize("NFC", name).translate(_SPELT_OUT)) if not combining(char)
    )
