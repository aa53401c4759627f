"""What a model thinks aloud before it speaks: `<think>…</think>` and its like."""

import re

_THINK = re.compile(r"<think>.*?</think>", re.DOTALL)
_NAMES = "think|thinking|thoughts?|reasoning|analysis|scratchpad|reflection"
_TAG = re.compile(rf"<(?P<end>/?)(?P<name>{_NAMES})>|\[(?P<END>/?)THINK\]", re.IGNORECASE)
# Harmony (gpt-oss) names the channel of all that is written; what is meant to be read is in the final one.
_CHANNEL = "<|channel|>"
_FINAL = re.compile(r"final[^<]*<\|message\|>(?P<said>.*?)(?:<\|(?:return|end)\|>)?\s*", re.DOTALL)


def strip_thinking(text: str) -> str:
    """The text without closed `<think>` blocks: what the paper takes from a summary."""
    return _THINK.sub("", text).strip()


def spoken(text: str) -> str:
    """What is said outside all thinking; empty if a thought was never closed.

    What stands before a closing tag that nothing opened is thought, too: a prompt may have opened it.
    """
    if _CHANNEL in text:
        final = _FINAL.fullmatch(text.rpartition(_CHANNEL)[2])
        text = final["said"] if final else ""
    parts, start, thinking = list[str](), 0, ""
    for tag in _TAG.finditer(text):
        name, ends = (tag["name"] or "[").lower(), bool(tag["end"] or tag["END"])
        if not thinking and ends:
            parts, start = [], tag.end()
        elif not thinking:
            parts.append(text[start : tag.start()])
            thinking = name
        elif ends and name == thinking:
            thinking, start = "", tag.end()
    return "" if thinking else "".join([*parts, text[start:]]).strip()
