"""Words of a package's page in German that stand for codes: reasons, kinds of data, how something came to be known."""

from __future__ import annotations

from collections.abc import Mapping

from registry.model.decision import SENTENCES, Reason

REASONS: Mapping[Reason, str] = {
    Reason.GRANTED: "Sie haben diesem Zweck zugestimmt.",
    Reason.BASIS_WITHOUT_CONSENT: "Der Zweck beruht auf einer anderen Rechtsgrundlage als der Einwilligung.",
    Reason.NO_RECORD: "Sie wurden nie gefragt oder haben nicht geantwortet.",
    Reason.DENIED: "Sie haben abgelehnt.",
    Reason.WITHDRAWN: "Sie haben die frühere Einwilligung widerrufen.",
    Reason.EXPIRED: "Die Einwilligung ist abgelaufen.",
    Reason.ASK_AGAIN: "Der Zweck hat sich wesentlich geändert, seit Sie zustimmten: Sie werden neu gefragt.",
    Reason.AGE_NOT_SHOWN: "Sie haben zugestimmt, aber das verlangte Alter war nicht belegt.",
    Reason.OBJECTED: "Sie haben widersprochen (Art. 21 DSGVO).",
    Reason.RESTRICTED: "Die Verarbeitung ist eingeschränkt (Art. 18 DSGVO).",
    Reason.MERGED_SIDES_DIFFER: "Zwei Einträge zu Ihnen wurden verbunden, und nicht beide erlaubten es.",
    Reason.SIGNAL_OPT_OUT: "Ihr Browser sendet ein Widerspruchssignal.",
    Reason.UNKNOWN_SUBJECT: "Unter diesem Merkmal ist niemand bekannt.",
    Reason.UNKNOWN_PURPOSE: "Diesen Zweck gibt es nicht.",
    Reason.CATEGORY_NOT_COVERED: "Der Zweck umfasst diese Art von Daten nicht.",
    Reason.NOT_PERMITTED_BY_POLICY: "Wer fragt, darf für diesen Zweck nichts nutzen.",
    Reason.OTHER_PURPOSE: "Es wurde für andere Zwecke als diesen erhoben.",
    Reason.SHREDDED: "Der Schlüssel wurde vernichtet.",
    Reason.RETENTION_ENDED: "Die Zeit, für die es zu diesem Zweck aufbewahrt werden darf, ist um.",
    Reason.DAMAGED: "Es ist beschädigt, oder sein Schlüssel ist es.",
    Reason.STALE: "Die letzte bekannte Antwort ist zu alt, um zu gelten.",
    Reason.UNAVAILABLE: "Es war keine Entscheidung zu erhalten.",
}

TERMS: Mapping[str, str] = {SENTENCES[reason]: text for reason, text in REASONS.items()} | {
    # identifiers
    "user id": "Nutzerkennung", "crm id": "Kundennummer", "email": "E-Mail", "phone": "Telefon",
    "anonymous id": "Kennung des Browsers", "device id": "Gerätekennung",
    # how a value came to be known
    "double opt in": "bestätigt", "verified": "geprüft", "self declared": "eigene Angabe", "observed": "beobachtet",
    "imported": "übernommen", "typed by staff": "vom Personal eingegeben", "inferred": "erschlossen",
    "corrected": "berichtigt", "computed here": "hier berechnet",
    # lawful bases
    "consent": "Einwilligung", "contract": "Vertrag", "legal obligation": "gesetzliche Pflicht",
    "vital interests": "lebenswichtige Interessen", "public task": "öffentliche Aufgabe",
    "legitimate interests": "berechtigtes Interesse", "opt out": "erlaubt, bis Sie widersprechen",
    # what was said of a purpose, and where
    "granted": "zugestimmt", "denied": "abgelehnt", "withdrawn": "widerrufen", "objected": "widersprochen",
    "expired": "abgelaufen", "restricted": "eingeschränkt", "unrestricted": "nicht mehr eingeschränkt",
    "unattested": "zugestimmt, Alter nicht belegt", "message": "bei der Nutzung", "api": "in einer Anwendung",
    "privacy centre": "Datenschutz-Center", "preference page": "Einstellungsseite", "import": "Übernahme",
    "dsr": "durch einen Antrag", "officer": "gegenüber dem Personal", "operator": "gegenüber dem Personal",
    # kinds of data (fideslang)
    "account": "Konto", "username": "Nutzername", "behavior": "Verhalten", "browsing history": "Angesehenes",
    "purchase history": "Käufe", "search history": "Gesuchtes", "contact": "Kontakt", "address": "Anschrift",
    "phone number": "Telefonnummer", "url": "Webadresse", "content": "Inhalte", "public": "öffentlich",
    "demographic": "Person", "age range": "Alter", "date of birth": "Geburtsdatum", "gender": "Geschlecht",
    "language": "Sprache", "device": "Gerät", "ip address": "IP-Adresse", "location": "Ort", "imprecise": "ungefähr",
    "precise": "genau", "name": "Name", "first": "Vorname", "last": "Nachname",
    "privacy preferences": "Datenschutzwahl", "unique id": "Kennung", "workplace": "Arbeitsplatz",
    "payment": "Zahlung", "user": "Person", "pseudonymous": "Pseudonym",
    "undeclared": "ohne Einordnung", "everything else": "alles andere",
    # tables
    "fragment": "Teile des Profils", "link": "Verbindungen", "refused link": "abgelehnte Verbindungen",
    "steward decision": "Entscheidungen über Verbindungen", "runaway identifier": "auffällige Merkmale",
    "standing change": "Änderungen des Stands", "merge": "Zusammenführungen", "compartment lock": "Sperren",
    "quarantine": "zurückgewiesene Meldungen", "violation": "Verstöße von Meldungen",
    "dsr request": "Anträge", "dsr event": "Verlauf der Anträge", "audit entry": "Prüfprotokoll",
    "outbox": "zu Sendendes", "destination recipient": "Empfänger", "destination failure": "Fehler beim Senden",
}  # fmt: skip

LEFT_OUT: Mapping[str, str] = {
    "declared": "[ausgelassen: betrifft jemand anderen]",
    "email": "[ausgelassen: E-Mail-Adresse von jemand anderem]",
    "phone": "[ausgelassen: Telefonnummer von jemand anderem]",
}
"""What stands in the place of what is left out, by why."""
