"""The systems outside that a deployment names: reviewed descriptions, joined with addresses from the environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from registry.connectors.datasets import Dataset, check_together
from registry.documents.document import Document
from registry.dsr.plan import LinkedSystem
from registry.model.errors import SettingInvalid


def datasets_of(documents: Sequence[Document]) -> list[Dataset]:
    """The datasets of checked documents, held against each other.

    Raises:
        DocumentInvalid: with every fault.
    """
    found = [Dataset.from_document(document) for document in documents]
    check_together(found)
    return found


def linked_systems(documents: Sequence[Document], environment: Mapping[str, str]) -> list[LinkedSystem]:
    """What requests reach outside Registry; none where nothing is described.

    Raises:
        DocumentInvalid: a description is wrong.
        SettingInvalid: the environment lacks a database's URL.
    """
    if not documents:
        return []
    from registry.connectors.sql import SqlSystems

    datasets = datasets_of(documents)
    missing = sorted({one.url_env for one in datasets if not environment.get(one.url_env)})
    if missing:
        raise SettingInvalid(
            f"the environment lacks {', '.join(missing)}",
            hint="set each to the SQLAlchemy URL of the database whose dataset names it",
            pointer=missing[0],
        )
    return [SqlSystems(datasets, {one.name: environment[one.url_env] for one in datasets})]
