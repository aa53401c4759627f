"""One row of a file of published tasks, read field by field."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vulngames.errors import Unscored
from vulngames.types import Json, Message

VALID = "; valid: "
"""What stands before the valid values in a reason."""
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class PublishedRow:
    """One row of a file. Fields are named with dots (`reward_model.ground_truth`); a wrong one is `Unscored`."""

    path: Path
    number: int
    fields: Mapping[str, Json]

    @property
    def id(self) -> str:
        return f"{self.path.name}#{self.number}"

    def get(self, name: str) -> Json:
        """The field, or None."""
        value: Json = self.fields
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def text(self, name: str) -> str:
        """The field, if it is a string and not blank."""
        value = self.get(name)
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(name, "a string that is not empty")
        return value

    def wrong(self, name: str, valid: str) -> Unscored:
        """The error that says what `name` holds and what it should."""
        value = self.get(name)
        what = repr(value)[:60]
        if value is None:
            what = "missing"
        elif value in ("", [], {}):
            what = "empty"
        return Unscored(f"row {self.number}: {name} is {what}{VALID}{valid}")

    def parse(self, name: str, text: str, valid: str) -> Json:
        """`text`, which stands in the field `name`, read as JSON."""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self.wrong(name, valid) from None

    def messages(self, text: bool = False) -> tuple[Message, ...]:
        """The prompt: a list of chat messages, or a JSON string of one; with `text` any other string, too, is one
        message of a user's."""
        valid = 'chat messages, each with a "role" and a "content", or a JSON string of them'
        if text:
            valid = f"a text, or {valid}"
        prompt = self.get("prompt")
        if text and isinstance(prompt, str) and prompt.strip() and not _is_list(prompt):
            prompt = [{"role": "user", "content": prompt}]
        if isinstance(prompt, str):
            prompt = self.parse("prompt", prompt, valid)
        if not isinstance(prompt, list) or not prompt:
            raise self.wrong("prompt", valid)
        messages = []
        for part in prompt:
            match part:
                case {"role": "system" | "user" | "assistant" as role, "content": str(content)}:
                    messages.append(Message(role=role, content=content))
                case _:
                    raise self.wrong("prompt", valid)
        if messages[-1]["role"] != "user" or not messages[-1]["content"].strip():
            raise self.wrong("prompt", f"{valid}, and the last a user's that is not empty")
        # JSON can hold half a surrogate pair, and a tokenizer takes none.
        if any(_HALF_A_PAIR.search(message["content"]) for message in messages):
            raise self.wrong("prompt", "text that can be written in UTF-8, without half a surrogate pair")
        return tuple(messages)


def _is_list(text: str) -> bool:
    """Whether a text is a JSON list of objects, and so meant as chat messages: a prompt may start with a bracket."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and any(isinstance(part, dict) for part in value)
