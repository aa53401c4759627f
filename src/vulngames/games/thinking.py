"""What a model thinks aloud before it speaks: `<think>…</think>`."""

import re

_THINK = re.compile(r"<think>.*?</think>", re.DOTALL)


def strip_thinking(text: str) -> str:
    """The text without closed blocks of thought."""
    return _THINK.sub("", text).strip()


def spoken(text: str) -> str:
    """What is said after all thinking; empty if a thought was never closed. A prompt may have opened the first one."""
    rest = strip_thinking(text)
    return "" if "<think>" in rest else rest.rpartition("</think>")[2].strip()
