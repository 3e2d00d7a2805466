"""Marking handlers: `@intent` names what a function serves, `@wish` what it must know first."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar, dataclass_transform, get_type_hints

from bot.dialog.kinds import Kind
from bot.dialog.turn import Instead, Prompt, Turn
from bot.replies import Replies

Handler = Callable[..., Replies | Instead | None]
T = TypeVar("T")
H = TypeVar("H", bound=Handler)


def ask(prompt: Prompt, kind: Kind[Any]) -> Any:
    """A slot the rider is asked for: the English question, or a function that makes it."""
    return field(metadata={"prompt": prompt, "kind": kind})


def maybe(kind: Kind[Any]) -> Any:
    """A slot that is filled when the rider happens to say it and never asked for."""
    return field(default=None, metadata={"prompt": None, "kind": kind})


@dataclass_transform(field_specifiers=(ask, maybe))
def wish(cls: type[T]) -> type[T]:
    """A frozen dataclass of slots; the engine fills them one question at a time."""
    return dataclass(frozen=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing a wish must know."""

    name: str
    kind: Kind[Any]
    prompt: Prompt | None  # None: taken when offered, never asked

    def claims(self, turn: Turn) -> bool:
        """Whether the whole message is a value of this slot, whatever the NLU takes it for."""
        claims = getattr(self.kind, "claims", None)
        return claims is not None and bool(claims(turn))


@dataclass(frozen=True, slots=True)
class Intent:
    """A handler with its wish. A `digression` is answered and the open dialog goes on after it."""

    name: str
    run: Handler
    wish: type[Any] | None
    slots: tuple[Slot, ...]
    digression: bool
    words: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()


def intent(
    *names: str,
    digression: bool = False,
    words: tuple[str, ...] = (),
    patterns: tuple[str, ...] = (),
) -> Callable[[H], H]:
    """Mark a function as the handler of NLU labels; `collect` finds it.

    `words` are whole messages that mean the first label whatever the NLU thinks ("web");
    `patterns` are regular expressions for the same where a part varies (r"case \\d+").
    """

    def mark(run: H) -> H:
        run.intent = (names, digression, words, patterns)  # type: ignore[attr-defined]  # a mark, read by collect
        return run

    return mark


@cache
def collect(package: ModuleType) -> Mapping[str, Intent]:
    """Every marked handler of a package by intent name; two for one name is an error."""
    found: dict[str, Intent] = {}
    for info in pkgutil.iter_modules(package.__path__, package.__name__ + "."):
        module = import_module(info.name)
        for value in vars(module).values():
            mark = getattr(value, "intent", None)
            if not isinstance(mark, tuple) or value.__module__ != module.__name__:
                continue
            names, digression, words, patterns = mark
            for name in names:
                if name in found:
                    raise ValueError(f"two handlers for {name}: {found[name].run}, {value}")
                first = name == names[0]
                found[name] = describe(
                    name, value, digression, words if first else (), patterns if first else ()
                )
    return found


def describe(
    name: str,
    run: Handler,
    digression: bool = False,
    words: tuple[str, ...] = (),
    patterns: tuple[str, ...] = (),
) -> Intent:
    """A handler as the engine sees it: the type of a second parameter is its wish."""
    hints = get_type_hints(run)
    hints.pop("return", None)
    wishes = [hint for parameter, hint in hints.items() if hint is not Turn]
    wish_type = wishes[0] if wishes else None
    slots = tuple(
        Slot(each.name, each.metadata["kind"], each.metadata["prompt"])
        for each in (fields(wish_type) if wish_type else ())
        if each.default is MISSING or each.metadata
    )
    return Intent(name, run, wish_type, slots, digression, words, patterns)
