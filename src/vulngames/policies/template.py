"""A tokenizer's chat template: what it writes before replies, between them and at their end."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from jinja2 import TemplateError

from vulngames.errors import UserError
from vulngames.types import Message

# Stands where a reply or a message will stand when a template is asked what it writes around one.
_MARK = "\u241f"
# What a template that somebody else wrote may raise; it is a program, and these are its own mistakes.
_BROKEN = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, RecursionError)

Way = Callable[[Sequence[Message]], list[Message]]


class ChatTemplate:
    """What a policy's chat template makes of messages, as text.

    A template that refuses or drops a system message is given it at the head of the user's next one, and one that
    demands that roles alternate is given consecutive messages as one; a warning says so once.

    Attributes:
        end: id of the token with which it ends a reply; None if it writes none.
        closing: that token, and the one with which it ends a reply that a message follows, where they differ.
        changes: what had to be done to messages so that it takes them, a phrase each.

    Raises:
        UserError: it cannot be read, refuses a dialogue, or loses what was said in it.
    """

    def __init__(self, name: str, tokenizer: Any) -> None:
        self._name, self._tokenizer = name, tokenizer
        self._ways: dict[tuple[bool, tuple[str, ...]], Way] = {}
        self.changes: list[str] = []
        last, within = self._ends()
        self.end = within if last is None else last
        self.closing = {last, within} - {None}

    def before(self, messages: Sequence[Message], prompt: bool = True) -> str:
        """Messages, and with `prompt` what stands before a reply to them."""
        key = (prompt, tuple(message["role"] for message in messages))
        if key not in self._ways:
            self._ways[key] = self._way(key[1], prompt)
        return self._rendered(self._ways[key](messages), prompt)

    def between(self, messages: Sequence[Message]) -> str:
        """What stands between a reply and the next one, with `messages` in between."""
        return self.before([_said("user"), _said("assistant", _MARK), *messages]).partition(_MARK)[2]

    def _way(self, roles: tuple[str, ...], prompt: bool) -> Way:
        """How messages of these roles are to be handed over so that the template takes them and loses none."""
        marked = [_said(role, f"{_MARK}{place}{_MARK}") for place, role in enumerate(roles)]
        complaint: UserError | None = None
        for way, change in _WAYS:
            given = way(marked)
            try:
                text = self._rendered(given, prompt)
            except UserError as problem:
                complaint = complaint or problem
                continue
            lost = next(
                (role for role, message in zip(roles, marked, strict=True) if message["content"] not in text), None
            )
            if lost is None:
                self._note(change)
                return way
            complaint = complaint or self._refused(f"loses what the {lost} said among {', '.join(roles)}")
        assert complaint is not None
        raise complaint

    def _note(self, change: str) -> None:
        if change and change not in self.changes:
            self.changes.append(change)
            warnings.warn(f"policy {self._name!r}: as its chat template demands, {change}", stacklevel=2)

    def _rendered(self, messages: list[Message], prompt: bool) -> str:
        try:
            text = self._tokenizer.apply_chat_template(messages, add_generation_prompt=prompt, tokenize=False)
        except _BROKEN as problem:
            reason = " ".join(str(problem).split()) or type(problem).__name__
            raise self._refused(f"cannot be used ({reason[:200]})") from problem
        return str(text)

    def _refused(self, why: str) -> UserError:
        return UserError(
            f"policy {self._name!r}: its chat template {why}; valid: one that takes a user's and an assistant's "
            "messages in turn"
        )

    def _ends(self) -> tuple[int | None, int | None]:
        """The token that ends a reply when nothing follows it, and when a message does."""
        asked, reply = _said("user", _MARK), _said("assistant", _MARK)
        try:
            last = self._first(self.before([_said("user"), reply], False).partition(_MARK)[2])
        except UserError:
            last = None
        opening, (head, _, tail) = (
            self.before([asked], False).partition(_MARK)[0],
            self.between([asked]).partition(_MARK),
        )
        within = self._first(head)
        # Where nothing ends a reply, the token that opens the next message is the first.
        opens = within in self._encoded(opening) and within != self._first(tail)
        return last, None if opens else within

    def _first(self, text: str) -> int | None:
        """The token that text begins with, after any space; None unless it is one that was added to the vocabulary."""
        first = next((id for id in self._encoded(text) if self._tokenizer.decode([id]).strip()), None)
        return first if first in self._tokenizer.added_tokens_decoder else None

    def _encoded(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False))


def _said(role: str, content: str = ".") -> Message:
    return Message(role=role, content=content)


def _as_it_is(messages: Sequence[Message]) -> list[Message]:
    return list(messages)


def _folded(messages: Sequence[Message]) -> list[Message]:
    """System messages at the head of what the user says next, or as the user's where that is not next."""
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
            continue
        if waiting and message["role"] != "user":
            folded.append(_said("user", "\n\n".join(waiting)))
        elif waiting:
            message = _said("user", "\n\n".join([*waiting, message["content"]]))
        waiting = []
        folded.append(message)
    return [*folded, _said("user", "\n\n".join(waiting))] if waiting else folded


def _joined(messages: Sequence[Message]) -> list[Message]:
    """Consecutive messages of one role as one."""
    joined: list[Message] = []
    for role, run in groupby(messages, key=lambda message: message["role"]):
        joined.append(_said(role, "\n\n".join(message["content"] for message in run)))
    return joined


_FOLDED = "a system message is put at the head of the user's"
_JOINED = "consecutive messages of one role are joined"
# What changes least comes first.
_WAYS: tuple[tuple[Way, str], ...] = (
    (_as_it_is, ""),
    (_folded, _FOLDED),
    (_joined, _JOINED),
    (lambda messages: _joined(_folded(messages)), f"{_FOLDED}, and {_JOINED}"),
)
