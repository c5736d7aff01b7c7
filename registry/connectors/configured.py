"""The systems outside that a deployment names: reviewed descriptions, joined with what the environment holds."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from registry.connectors.anybodys import anybodys
from registry.connectors.custom import Custom
from registry.connectors.datasets import Dataset, check_together, leading_keys
from registry.connectors.kinds import check_kinds, keys_asked_by
from registry.connectors.outgoing import Outgoing
from registry.connectors.services.description import Service
from registry.documents.document import Document, check
from registry.dsr.census import OWN_SYSTEM
from registry.dsr.plan import LinkedSystem
from registry.identity.rules import IdentityRules
from registry.model.errors import DocumentInvalid, SettingInvalid

SCHEMAS: Mapping[str, str] = {"dataset": "dataset", "service": "service", "connector": "connector"}
"""The member that says what a file describes -> the schema that it conforms to."""


def described(
    folder: Path | None, read: Callable[[Path], Document], schema: Callable[[str], Mapping[str, object]]
) -> list[Document]:
    """The descriptions of systems outside in a folder, each checked against its schema; none without a folder.

    Raises:
        SettingInvalid: there is no such folder, or a file cannot be read.
        DocumentInvalid: a file is no description.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise SettingInvalid(f"the folder {folder} does not exist", pointer="connectors")
    documents = [read(path) for path in sorted(folder.glob("*.yaml"))]
    for document in documents:
        check(document, schema(f"{schema_of(document)}.schema.json"))
    return documents


def schema_of(document: Document) -> str:
    """The schema that a description conforms to, by what it says that it describes.

    Raises:
        DocumentInvalid: it does not say.
    """
    value = document.value if isinstance(document.value, Mapping) else {}
    named = [schema for member, schema in SCHEMAS.items() if member in value]
    if len(named) != 1:
        raise DocumentInvalid([document.fault("", f"describes nothing: begin with one of {', '.join(SCHEMAS)}")])
    return named[0]


def linked_systems(
    documents: Sequence[Document], environment: Mapping[str, str], outgoing: Outgoing, rules: IdentityRules
) -> list[LinkedSystem]:
    """What requests reach outside Registry; none where nothing is described.

    Args:
        documents: checked against their schemas.
        rules: by what systems tell people apart.

    Raises:
        DocumentInvalid: a description is wrong.
        SettingInvalid: the environment lacks an address or a secret, or an own connector cannot be used.
        InvalidInput: a service's address may not be sent to.
    """
    if not documents:
        return []
    datasets = [Dataset.from_document(one) for one in documents if schema_of(one) == "dataset"]
    services = [Service.from_document(one) for one in documents if schema_of(one) == "service"]
    customs = [Custom.from_document(one) for one in documents if schema_of(one) == "connector"]
    check_together(datasets, [key for service in services for key in service.keys])
    if not customs:  # which may tell identifiers of any kind
        check_kinds(datasets, services, rules.kinds)
    _require_own_names([*(d.name for d in datasets), *(s.name for s in services), *(c.name for c in customs)])
    _require(environment, datasets, services, customs)
    asked_by, systems = keys_asked_by(datasets, services), list[LinkedSystem]()
    leading = leading_keys(datasets, asked_by)
    free = anybodys(datasets, leading, asked_by)
    if datasets:
        from registry.connectors.sql.system import SqlSystem  # reading the drivers takes a while

        databases = dict[str, SqlSystem]()
        for one in datasets:
            elsewhere = {(other.schema, table) for other in datasets if other is not one for table in other.tables}
            databases[one.name] = SqlSystem(one, environment[one.url_env], leading, rules, elsewhere, free)
            databases[one.name].neighbours = databases
        systems += databases.values()
    for service in services:
        from registry.connectors.services.exchange import Exchange
        from registry.connectors.services.system import HttpService

        outgoing.require_url(service.url)
        exchange = Exchange(
            service.name, service.url, _credentials(service.auth, environment), timeout_s=service.timeout_s,
            retries=service.retries, per_second=service.per_second,
        )  # fmt: skip
        systems.append(HttpService(service, exchange, leading, rules))
    return [*systems, *(one.connect(environment) for one in customs)]


def findings_of(system: LinkedSystem) -> list[tuple[str, str, str]]:
    """Every (table, field, reason) that somebody has to decide on; an own connector gives no reasons."""
    told = getattr(system, "findings", None)
    if told is not None:
        return [tuple(one) for one in told()]
    return [(table, field, "nobody has decided on it") for table, field in system.undecided()]


def _require_own_names(names: Sequence[str]) -> None:
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        raise SettingInvalid(f"two connectors are named {twice[0]}", hint="give one another name", pointer="connectors")
    if OWN_SYSTEM in names:
        hint = "give it another name: plans and certificates call so what is held here"
        raise SettingInvalid(f"a connector is named {OWN_SYSTEM}", hint=hint, pointer="connectors")


def _require(
    environment: Mapping[str, str], datasets: Sequence[Dataset], services: Sequence[Service], customs: Sequence[Custom]
) -> None:
    wanted = {one.url_env for one in datasets}
    wanted |= {variable for service in services for variable in _variables(service.auth)}
    wanted |= {variable for custom in customs for variable in custom.secrets.values()}
    missing = sorted(variable for variable in wanted if not environment.get(variable))
    if missing:
        raise SettingInvalid(
            f"the environment lacks {', '.join(missing)}",
            hint="set each to what the description that names it says: a SQLAlchemy URL, or a credential",
            pointer=missing[0],
        )


def _variables(auth: Mapping[str, Any]) -> list[str]:
    return [value if isinstance(value, str) else value["from"] for value in auth.values()]


def _credentials(auth: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    """The header that a service knows us by."""
    if "bearer_from" in auth:
        return {"authorization": f"Bearer {environment[auth['bearer_from']]}"}
    if "basic_from" in auth:
        told = base64.b64encode(environment[auth["basic_from"]].encode()).decode()
        return {"authorization": f"Basic {told}"}
    return {auth["header"]["name"]: environment[auth["header"]["from"]]} if "header" in auth else {}
