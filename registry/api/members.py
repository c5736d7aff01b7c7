"""Which members the objects of a body may have: what a caller is told who sends another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

from pydantic import AliasChoices, BaseModel


def names_of(model: type[BaseModel]) -> Iterator[str]:
    """Every name by which a member of this object is taken, the one that is documented first."""
    for name, field in model.model_fields.items():
        yield field.alias or name
        if isinstance(field.validation_alias, AliasChoices):
            yield from (str(choice) for choice in field.validation_alias.choices if choice != name)


def members_at(annotation: Any, steps: Sequence[int | str]) -> list[str]:
    """The documented members of the object that stands at this place of a body; none where no object is declared.

    Args:
        annotation: of the body: a model, or a form that has models in it.
        steps: the names and positions that lead to the object.
    """
    models = list(_models(annotation))
    for step in steps:
        if isinstance(step, str):
            inner = [field for model in models for name, field in model.model_fields.items() if name == step]
            models = [found for field in inner for found in _models(field.annotation)]
    return list(dict.fromkeys(field.alias or name for model in models for name, field in model.model_fields.items()))


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)
