"""What a number rests on: a digest that follows the contents and nothing else."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulngames import digests, policies
from vulngames.policies import BUILT_IN, TINY

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model directory with every kind of file, none of which is one."""
    folder = tmp_path / "model"
    folder.mkdir()
    for names in FILES.values():
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(f"{name} as it was")
    return folder


FILES = {
    "weights": ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model-00001.bin"),
    "config": ("config.json",),
    "tokenizer": ("tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt", "merges.txt", "spiece.model"),
    "chat template": ("chat_template.jinja", "chat_template.json", "additional_chat_templates/tools.jinja"),
    "generation config": ("generation_config.json",),
}
CHANGES = {
    "other bytes": lambda file: file.write_text("other"),
    "one byte less": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "gone": lambda file: file.unlink(),
}


@pytest.mark.parametrize("how", CHANGES)
@pytest.mark.parametrize(("part", "name"), [(part, name) for part, names in FILES.items() for name in names])
def test_every_file_that_decides_what_a_model_writes_is_part_of_its_digest(
    model: Path, part: str, name: str, how: str
) -> None:
    before = digests.of_model(model)
    CHANGES[how](model / name)
    after = digests.of_model(model)
    assert digests.differing({"policy": before}, {"policy": after}) == [("policy", part)]


@pytest.mark.parametrize(
    "name", ["README.md", "card.json", "training_args.bin", "optimizer.pt", "sub/model.safetensors"]
)
def test_what_no_loader_reads_is_no_part_of_it(model: Path, name: str) -> None:
    before = digests.of_model(model)
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("more")
    assert digests.of_model(model) == before


def test_the_digest_of_a_policy_does_not_depend_on_where_it_lies_or_how_it_is_linked(tmp_path: Path) -> None:
    found = {name: policies.digest(name) for name in BUILT_IN}
    assert len({json.dumps(each) for each in found.values()}) == len(BUILT_IN)
    assert set(found["tiny"]) == {"weights", "config", "tokenizer", "chat template"}
    copy, linked = tmp_path / "a" / "copy", tmp_path / "linked"
    shutil.copytree(TINY["tiny"], copy)
    linked.mkdir()
    for file in copy.iterdir():
        (linked / file.name).symlink_to(file)
    (tmp_path / "folder").symlink_to(copy)
    for folder in (copy, linked, tmp_path / "folder"):
        assert policies.digest(f"hf:{folder}") == found["tiny"]


def test_other_contents_of_one_size_are_seen_through_a_link(model: Path) -> None:
    weights = model / "model.safetensors"
    for name in ("one", "two"):
        (model / name).write_text(name)
    found = []
    for name in ("one", "two", "one"):
        weights.unlink()
        weights.symlink_to(model / name)
        found.append(digests.of_file(weights))
    assert found[0] == found[2] != found[1]


def test_a_file_is_read_once_while_it_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("a")
    before = digests.of_file(file)
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))
    assert digests.of_file(file) == before


@pytest.mark.parametrize("name", ["hf:some/model", "api:m@http://127.0.0.1:9/v1", "script:able"])
def test_what_is_not_here_to_be_read_is_known_by_its_name_and_says_so(name: str) -> None:
    assert policies.digest(name) == {"name alone": name.removeprefix("hf:")}


@pytest.mark.slow
@given(st.dictionaries(st.text(), JSON), st.dictionaries(st.text(), JSON))
def test_values_have_one_digest_if_they_are_the_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    shuffled = dict(reversed(a.items()))
    assert digests.of_json(a) == digests.of_json(shuffled)
    assert (digests.of_json(a) == digests.of_json(b)) is (
        json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    )
