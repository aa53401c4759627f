"""Text that others wrote, made safe to show: characters that steer a terminal or reorder a line become pictures."""

import sys
from pathlib import Path
from typing import Any

_REORDERING = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
_PICTURES: dict[int, int] = {
    **{code: 0x2400 + code for code in range(0x20)},
    0x7F: 0x2421,
    # Unicode has no pictures for the other control characters, which some terminals obey, nor for these.
    **dict.fromkeys((*range(0x80, 0xA0), 0x2028, 0x2029, *_REORDERING), 0xFFFD),
}
_PARAGRAPHS = {code: picture for code, picture in _PICTURES.items() if chr(code) not in "\n\t"}


def printable(text: str) -> str:
    """The text with control characters shown as pictures; line breaks and tabs stay. Half a surrogate pair, which no
    terminal takes, is shown by its escape."""
    return _encodable(text.translate(_PARAGRAPHS))


def one_line(text: str) -> str:
    """As `printable`, with line breaks and tabs as pictures, too."""
    return _encodable(text.translate(_PICTURES))


def print_path(path: Path) -> None:
    """Print where something is: as `one_line` at a terminal, and as it is elsewhere, so that it can be opened."""
    print(one_line(str(path)) if sys.stdout.isatty() else path)


def print_warning(message: Warning | str, *_: Any) -> None:
    """Say a warning in one line; stands in for `warnings.showwarning` in the processes of a command."""
    print(f"vulngames: {one_line(str(message))}", file=sys.stderr)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
