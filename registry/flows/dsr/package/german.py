"""The page of a package in German: what it says, by what it says in English; `%(name)s` is filled in."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, str] = {
    "the controller of this registry": "der Verantwortliche dieses Registers",
    "What %(name)s holds about you": "Was %(name)s über Sie gespeichert hat",
    "nothing": "nichts",
    "yes": "ja",
    "no": "nein",
    "none in particular": "keinen bestimmten",
    "To the content": "Zum Inhalt",
    "access, GDPR Art. 15": "Auskunft, Art. 15 DSGVO",
    "data to take elsewhere, GDPR Art. 20": "Daten zum Mitnehmen, Art. 20 DSGVO",
    "to know, CCPA 1798.110": "Auskunft, CCPA 1798.110",
    "You asked on %(received)s (%(what)s). This was put together on %(written)s. You need nothing but this page "
    "to read it; the files beside it hold the same, and every single entry, for spreadsheets "
    "(<code>.csv</code>) and programs (<code>.json</code>, <code>.jsonl</code>).": "Sie haben dies am "
    "%(received)s verlangt (%(what)s). Zusammengestellt wurde es am %(written)s. Zum Lesen brauchen Sie nur "
    "diese Seite; die Dateien daneben enthalten dasselbe und jeden einzelnen Eintrag, für Tabellenprogramme "
    "(<code>.csv</code>) und andere Programme (<code>.json</code>, <code>.jsonl</code>).",
    "ways to recognise you": "Merkmale, an denen wir Sie erkennen",
    "details about you": "Angaben über Sie",
    "things you did": "Vorgänge",
    "choices you made": "Entscheidungen von Ihnen",
    "systems that were sent data": "Systeme, die Daten erhielten",
    "On this page": "Auf dieser Seite",
    "How we recognise you": "Woran wir Sie erkennen",
    "What we know of you": "Was wir über Sie wissen",
    "What kinds of data these are": "Was für Daten das sind",
    "What you did": "Was Sie getan haben",
    "Your choices": "Ihre Entscheidungen",
    "Why we use it, and for how long": "Wozu wir es nutzen, und wie lange",
    "Decisions by machines": "Entscheidungen durch Maschinen",
    "Who receives it": "Wer es erhält",
    "What else is recorded": "Was noch festgehalten ist",
    "Your rights": "Ihre Rechte",
    "What we keep although we erased you": "Was wir behalten, obwohl wir Sie gelöscht haben",
    "Table, scrolls sideways": "Tabelle, seitlich verschiebbar",
    "Set aside under a key of its own, for one purpose alone": "Unter einem eigenen Schlüssel abgelegt, für einen "
    "einzigen Zweck",
    "Ground": "Grund",
    "Purpose": "Zweck",
    "What": "Was",
    "Values": "Werte",
    "Since": "Seit",
    "everything": "alles",
    "destroyed %(day)s": "vernichtet %(day)s",
    "We hold no profile of you.": "Wir haben kein Profil von Ihnen.",
    "Connected systems hold what is listed below.": "In verbundenen Systemen liegt, was unten steht.",
    "Left out, because it is about other people": "Ausgelassen, weil es andere betrifft",
    "(GDPR Art. 15(4))": "(Art. 15 Abs. 4 DSGVO)",
    "and": "und",
    "in texts, which are none of those that we know to be yours. Should one be yours, tell us": "in Texten; "
    "nichts davon ist uns als Ihres bekannt. Ist etwas doch Ihres, sagen Sie es uns",
    "Where something was left out, it says so.": "Wo etwas ausgelassen ist, steht es dort.",
    "Ask us about it.": "Fragen Sie uns danach.",
    "Kind": "Art",
    "Value": "Wert",
    "Learnt from": "Erfahren von",
    "First seen": "Zuerst gesehen",
    "Nothing.": "Nichts.",
    "Every source's word is listed, also where sources differ.": "Was jede Quelle sagt, steht hier, auch wo "
    "sich Quellen widersprechen.",
    "Detail": "Angabe",
    "When": "Wann",
    "Used for": "Genutzt für",
    "totals that we computed": "von uns berechnete Summen",
    '%(names)s; the numbers stand in <a href="traits.json">traits.json</a>': "%(names)s; die Zahlen stehen in "
    '<a href="traits.json">traits.json</a>',
    "Each kind has a table of every value, for spreadsheets": "Zu jeder Art gibt es eine Tabelle mit jedem Wert, für "
    "Tabellenprogramme",
    "Kind of data": "Art der Daten",
    "File": "Datei",
    "How much when; each bar: the values that came, by kind of data": "Wann wie viel; jeder Balken: die Werte, "
    "die kamen, nach Art der Daten",
    "Time": "Zeit",
    "Things you did": "Vorgänge",
    "By kind": "Nach Art",
    "Number": "Anzahl",
    'The latest %(shown)s of %(events)s; every one stands in <a href="events.jsonl">events.jsonl</a>': "Die letzten "
    '%(shown)s von %(events)s; alle stehen in <a href="events.jsonl">events.jsonl</a>',
    "The latest %(shown)s": "Die letzten %(shown)s",
    "With": "Womit",
    "Learnt from, used for": "Erfahren von, genutzt für",
    "Now": "Jetzt",
    "Because": "Weil",
    "allowed": "erlaubt",
    "not allowed": "nicht erlaubt",
    "What you said, and when": "Was Sie gesagt haben, und wann",
    "How": "Wie",
    "You have not been asked, or have not answered.": "Sie wurden nicht gefragt oder haben nicht geantwortet.",
    "In words": "In Worten",
    "Lawful basis": "Rechtsgrundlage",
    "Kept for": "Aufbewahrt",
    "nobody outside": "niemand außerhalb",
    "%(days)s days": "%(days)s Tage",
    "No machine decides alone about you.": "Keine Maschine entscheidet allein über Sie.",
    "Systems that were sent data of yours": "Systeme, die Daten von Ihnen erhielten",
    "System": "System",
    "For": "Für",
    "No system outside was sent data of yours by this registry. Whom each purpose may reach stands "
    '<a href="#why">above</a>.': "Kein System außerhalb hat von diesem Register Daten von Ihnen erhalten. An "
    'wen Daten für welchen Zweck gehen dürfen, steht <a href="#why">oben</a>.',
    "In systems outside; the rows are in the folder <code>outside</code>": "In Systemen außerhalb; die Zeilen "
    "liegen im Ordner <code>outside</code>",
    "System and table": "System und Tabelle",
    "Rows": "Zeilen",
    "About the running of your profile; the rows are in the folder <code>records</code>": "Über die Führung Ihres "
    "Profils; die Zeilen liegen im Ordner <code>records</code>",
    "<strong>Correct</strong>: have what is wrong corrected (GDPR Art. 16).": "<strong>Berichtigung</strong>: Falsches "
    "berichtigen lassen (Art. 16 DSGVO).",
    "<strong>Erase</strong>: have your data erased (Art. 17).": "<strong>Löschung</strong>: Ihre Daten löschen lassen "
    "(Art. 17).",
    "<strong>Restrict</strong>: have it kept but not used (Art. 18).": "<strong>Einschränkung</strong>: Ihre "
    "Daten nur aufbewahren, nicht nutzen lassen (Art. 18).",
    "<strong>Take elsewhere</strong>: receive it for another provider (Art. 20); the files beside this page are "
    "meant for that.": "<strong>Mitnahme</strong>: Ihre Daten für einen anderen Anbieter erhalten (Art. 20); dafür "
    "sind die Dateien neben dieser Seite da.",
    "<strong>Object</strong>: to a use that rests on our interest, and to advertising at any time "
    "(Art. 21).": "<strong>Widerspruch</strong>: gegen eine Nutzung, die auf unserem berechtigten Interesse "
    "beruht, und jederzeit gegen Werbung (Art. 21).",
    "<strong>Withdraw</strong>: a consent, as easily as you gave it (Art. 7(3)).": "<strong>"
    "Widerruf</strong>: einer Einwilligung, so leicht, wie Sie sie gaben (Art. 7 Abs. 3).",
    "<strong>Complain</strong>: to the supervisory authority where you live, work, or think that you were "
    "wronged (Art. 77).": "<strong>Beschwerde</strong>: bei der Aufsichtsbehörde, wo Sie wohnen, arbeiten oder "
    "meinen, dass Ihnen Unrecht geschah (Art. 77).",
    "Write to: %(contact)s": "Schreiben Sie an: %(contact)s",
}

COUNTED: Mapping[str, tuple[str, str]] = {
    "You were erased. So that you are not recorded again we keep %(count)s keyed mark, from which nobody can "
    "tell who you are, since %(since)s (GDPR Art. 17 and 21(3)).": (
        (
            "Sie wurden gelöscht. Damit Sie nicht wieder erfasst werden, behalten wir seit dem %(since)s %(count)s "
            "verschlüsseltes Kennzeichen, aus dem niemand ersieht, wer Sie sind (Art. 17 und 21 Abs. 3 DSGVO)."
        ),
        (
            "Sie wurden gelöscht. Damit Sie nicht wieder erfasst werden, behalten wir seit dem %(since)s %(count)s "
            "verschlüsselte Kennzeichen, aus denen niemand ersieht, wer Sie sind (Art. 17 und 21 Abs. 3 DSGVO)."
        ),
    ),
    "%(count)s value in fields that hold somebody else's data": (
        "%(count)s Wert in Feldern, die Daten anderer enthalten",
        "%(count)s Werte in Feldern, die Daten anderer enthalten",
    ),
    "%(count)s e-mail address": ("%(count)s E-Mail-Adresse", "%(count)s E-Mail-Adressen"),
    "%(count)s telephone number": ("%(count)s Telefonnummer", "%(count)s Telefonnummern"),
    "<strong>%(count)s value could not be opened</strong> and is missing here.": (
        "<strong>%(count)s Wert ließ sich nicht öffnen</strong> und fehlt hier.",
        "<strong>%(count)s Werte ließen sich nicht öffnen</strong> und fehlen hier.",
    ),
    "<strong>What %(names)s holds of you is missing here.</strong> It could not be reached.": (
        "<strong>Was %(names)s über Sie gespeichert hat, fehlt hier.</strong> Es war nicht erreichbar.",
        "<strong>Was %(names)s über Sie gespeichert haben, fehlt hier.</strong> Sie waren nicht erreichbar.",
    ),
}
"""What goes with a number, by what it is for one: for one, and for several."""
