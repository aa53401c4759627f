"""What a name that is no model directory may have meant."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

# A first folder has to be more alike than what is in it: a hub's organisations are many.
_ALIKE_FIRST, _ALIKE = 0.7, 0.5


def would_be_here(source: str) -> bool:
    """Whether a name that nothing on this disk has is a mistyped path rather than the id of a model on a hub.

    An id is `organisation/model`; it is a path all the same where a folder here is called like the organisation, or
    where both are nearly the name of something here.
    """
    if source.startswith((".", "/", "~")) or source.count("/") != 1:
        return True
    return Path(source.split("/")[0]).is_dir() or bool(_alike(Path(source)))


def what_is_there(path: Path) -> str:
    """Why `path` is no model directory, and what would be, in a clause."""
    if not path.exists():
        near: list[str] = []
        for folder in _alike(path):
            near += [f"hf:{model}" for model in (folder, folder / "policy") if _is_model(model)]
        return f"it does not exist; near it: {', '.join(near)}" if near else "it does not exist"
    if not path.is_dir():
        return "it is a file; valid: the directory that holds config.json and the weights"
    if (path / "adapter_config.json").exists():
        return (
            "it holds an adapter (LoRA), not a model; valid: the adapter merged into its model "
            "(merge_and_unload of peft) and saved with the tokenizer"
        )
    if _is_model(path / "policy"):
        return f"it holds no config.json; valid: hf:{path / 'policy'}"
    if (path / "run.json").exists():
        return "it holds no config.json: it is a run that has left no policy"
    return "it holds no config.json"


def _is_model(path: Path) -> bool:
    return (path / "config.json").is_file()


def _alike(path: Path) -> list[Path]:
    """Existing folders whose every part is that of `path` or close to it, at most three."""
    folders, first = [Path(path.anchor)], not path.is_absolute()
    for part in path.parts[1:] if path.is_absolute() else path.parts:
        cutoff = _ALIKE_FIRST if first else _ALIKE
        children: list[Path] = []
        for folder in folders:
            children += _children(folder, part, cutoff)
        folders, first = children, False
    return folders[:3]


def _children(folder: Path, name: str, cutoff: float) -> list[Path]:
    if (folder / name).is_dir():
        return [folder / name]
    try:
        names = [child.name for child in folder.iterdir() if child.is_dir()]
    except OSError:
        return []
    return [folder / close for close in get_close_matches(name, names, cutoff=cutoff)]
