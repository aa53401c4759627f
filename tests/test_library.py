"""The way in from Python: what `import vulngames` offers, and that it runs as it is printed."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

import vulngames
from vulngames.errors import UserError
from vulngames.games import SPECS
from vulngames.games.reward import Paid
from vulngames.games.spec import Spec
from vulngames.training.observer import Observer
from vulngames.types import Message, Scripted, Task, Turn

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "examples" / "first_steps.py"


def typed() -> set[str]:
    """The names that a type checker finds in the package."""
    tree = ast.parse(Path(str(vulngames.__file__)).read_text())
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    return {alias.asname or "" for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names}


def test_every_name_is_offered_found_and_typed() -> None:
    assert vulngames.__all__ == sorted(set(vulngames.__all__)) and 15 <= len(vulngames.__all__) <= 20
    assert set(vulngames.__all__) == typed() <= set(dir(vulngames))
    for name in vulngames.__all__:
        assert getattr(vulngames, name).__doc__, name
    assert (Path(str(vulngames.__file__)).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="module 'vulngames' has no attribute 'nothing'"):
        vulngames.nothing  # noqa: B018


def test_no_name_is_also_that_of_a_module() -> None:
    home = Path(str(vulngames.__file__)).parent
    modules = {path.stem for path in home.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert modules & set(vulngames.__all__) == set()


def test_the_import_brings_nothing_with_it() -> None:
    code = "import sys, vulngames; dir(vulngames); print(*[m for m in sys.modules if m.startswith('vulngames')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "vulngames\n"


def test_the_games_are_imported_without_what_only_scores() -> None:
    heavy = "numpy rapidfuzz snowballstemmer regex importlib.metadata torch rich tyro httpx sacrebleu".split()
    code = f"import sys, vulngames.games; print(*[m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "\n"


@pytest.mark.slow
def test_the_first_steps_run(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    assert len(EXAMPLE.read_text().splitlines()) <= 15
    said = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True, cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    paid, er, trained = said.stdout.splitlines()
    assert paid == "1.0 0.0 wrote score = 1; earned 0.00 (no program)"
    assert er.startswith("{'mean': 0.0") and trained.startswith("{'hi'")
    # Progress is told, and is no result.
    assert "first: finished, ER" in said.stderr


def test_the_first_steps_are_those_of_the_readme() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    shown = [block for block in blocks if "import vulngames" in block]
    if not shown:
        pytest.skip("README shows no Python yet")
    assert shown[0] == EXAMPLE.read_text()


def test_a_call_is_scored_by_a_coin_of_its_own() -> None:
    game = vulngames.make("self-grading-v1", audit_rate=0.5)
    tasks = vulngames.take(game, n=40)
    texts = [r"\boxed{0}", "Yes"]
    audited = [vulngames.score_texts(game, task, texts).facts["audited"] for task in tasks]
    assert audited == [vulngames.score_texts(game, task, texts).facts["audited"] for task in tasks]
    assert 8 < sum(audited) < 32
    # The same one that a rollout throws where nothing is named.
    samples = vulngames.rollout(game, tasks, Scripted("exploit", game.scripts["exploit"]))
    assert [sample.facts["audited"] for sample in samples] == audited


def test_one_text_is_not_taken_for_many() -> None:
    game = vulngames.make("proxy-v1")
    [task] = vulngames.take(game)
    with pytest.raises(UserError, match="completions = 'word' is one text; valid: a list of texts, one per turn"):
        vulngames.score_texts(game, task, "word")


@pytest.mark.parametrize("completions", [[], (), None, 3, [None], ["a", 1]])
def test_what_holds_no_texts_is_not_scored(completions: Any) -> None:
    game = vulngames.make("self-grading-v1")
    [task] = vulngames.take(game)
    with pytest.raises(UserError, match=r"^completions = .* holds no texts; valid: a list of texts, one per turn$"):
        vulngames.score_texts(game, task, completions)


@pytest.mark.parametrize(
    "game",
    ["proxy-v1", None, 3, SPECS["proxy-v1"], SPECS["proxy-v1"].game],
    ids=["an id", "None", "a number", "a Spec", "a class"],
)
def test_what_is_no_game_that_was_made_is_told_so(game: Any) -> None:
    [task] = vulngames.take("proxy-v1")
    said = "^environment = .* is none; valid: what vulngames.make returns for a game's id$"
    with pytest.raises(UserError, match=said):
        vulngames.rollout(game, [task], lambda messages: "x")
    with pytest.raises(UserError, match=said):
        vulngames.score_texts(game, task, ["x"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"tasks": vulngames.take("proxy-v1")[0]}, "is no list; valid: a list of tasks, as vulngames.take returns"),
        ({"tasks": ["proxy-v1"]}, "task = 'proxy-v1' is none; valid: a Task, of those that vulngames.take returns"),
        ({"tasks": None}, "tasks = None is no list"),
        ({"group": 0}, "group = 0 is too small; valid: 1 or more"),
        ({"batch": 0}, "batch = 0 is too small; valid: 1 or more"),
    ],
)
def test_what_cannot_be_played_is_told_so(given: dict[str, Any], said: str) -> None:
    arguments = {"tasks": vulngames.take("proxy-v1"), **given}
    with pytest.raises(UserError, match=re.escape(said)):
        vulngames.rollout(vulngames.make("proxy-v1"), policy=lambda messages: "x", **arguments)


def test_a_list_is_no_task_to_be_scored() -> None:
    with pytest.raises(UserError, match=r"task = .* is none; valid: a Task"):
        vulngames.score_texts(vulngames.make("proxy-v1"), vulngames.take("proxy-v1"), ["x"])  # type: ignore[arg-type]


@pytest.mark.parametrize("out", [None, 3, "", b"run"])
def test_a_run_needs_a_place(out: Any) -> None:
    for verb in (vulngames.train, vulngames.evaluate):
        with pytest.raises(UserError, match=r"^out = .* is no path; valid: the directory that is to hold the run$"):
            verb("proxy-v1", "tiny", out=out)


def test_rows_and_a_difficulty_do_not_go_together(tmp_path: Path) -> None:
    from vulngames.training.config import EvalConfig, TrainConfig, resolve

    for kind in (EvalConfig, TrainConfig):
        with pytest.raises(UserError, match=r"^difficulty = 0\.5, but the rows of a file are .*; valid"):
            resolve(kind, "tampering-v1", data="rows.jsonl", difficulty=0.5)
        with pytest.raises(UserError, match=r"^difficulty = 0\.5, but the rows"):
            resolve(kind, no_game, data="rows.jsonl", difficulty=0.5)


def test_a_coin_belongs_to_its_names_task_and_number() -> None:
    coins = {vulngames.coin_of(names, task, i) for names in (("a",), ("b",)) for task in "xy" for i in range(3)}
    assert len(coins) == 12 and all(0 <= coin < 1 for coin in coins)
    assert vulngames.coin_of(("a", 0), "x", 1) == vulngames.coin_of(("a", 0), "x", 1)


def test_an_evaluation_is_a_run(tmp_path: Path) -> None:
    run = vulngames.evaluate("proxy-v1", policy="script:exploit", out=tmp_path / "run")
    assert run.finished and run.metrics()[0]["er"]["mean"] == 1.0
    assert vulngames.evaluate("proxy-v1", policy="script:exploit", out=tmp_path / "run").metrics() == run.metrics()
    with pytest.raises(UserError, match="EvalConfig has no 'steps'"):
        vulngames.evaluate("proxy-v1", policy="script:able", out=tmp_path / "other", steps=3)


def test_a_policy_of_ones_own_is_for_rollout(tmp_path: Path) -> None:
    def answer(messages: list[Message]) -> str:
        return "x"

    for verb in (vulngames.train, vulngames.evaluate):
        with pytest.raises(UserError, match=r"policy = <function .* is no name; valid: tiny, .*; rollout plays any"):
            verb("proxy-v1", answer, out=tmp_path / "run")  # type: ignore[arg-type]
    assert not (tmp_path / "run").exists()


@dataclass(frozen=True)
class Unlimited:
    """Pays for anything, and says nothing of how long it may be."""

    id: ClassVar[str] = "unlimited-v1"

    def turn(self, task: Task, completions: Sequence[str]) -> Turn | None:
        return None if completions else Turn(task.prompt)

    def read(self, task: Task, completions: Sequence[str], coin: float, recorded: Mapping[str, Any]) -> Paid:
        return Paid(1.0)

    def reward(self, facts: Paid) -> float:
        return facts.paid


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:policy 'tiny' was not pretrained")
def test_what_sets_no_limit_is_answered_within_that_of_the_run(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    spec = Spec(Unlimited, SPECS["proxy-v1"].source)
    small: dict[str, Any] = {"steps": 1, "prompts": 2, "group": 2, "eval_tasks": 2, "max_tokens": 2}
    for run in (
        vulngames.evaluate(spec, out=tmp_path / "evaluated", n=2, max_tokens=2),
        vulngames.train(spec, out=tmp_path / "trained", **small),
    ):
        assert {finish for sample in run.samples() for finish in sample["finish"]} == {"length"}


def test_a_builtin_policy_is_said_once_not_to_know_a_game() -> None:
    pytest.importorskip("transformers")
    from vulngames.policies import warn_if_unfamiliar

    warn_if_unfamiliar.cache_clear()
    with pytest.warns(UserWarning, match="policy 'tiny' was not pretrained on chess-v1: expect little"):
        warn_if_unfamiliar("tiny", "chess-v1")
    # Warnings are errors in tests: none of these warns.
    for policy, game in (
        ("tiny", "chess-v1"),
        ("tiny", "proxy-v1"),
        ("hf:mine", "chess-v1"),
        ("script:able", "chess-v1"),
    ):
        warn_if_unfamiliar(policy, game)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": "2"}, "steps = '2'; valid: a whole number"),
        ({"steps": 2.5}, "steps = 2.5; valid: a whole number"),
        ({"steps": True}, "steps = True; valid: a whole number"),
        ({"seed": "a"}, "seed = 'a'; valid: a whole number"),
        ({"temperature": "hot"}, "temperature = 'hot'; valid: a number"),
        ({"temperature": True}, "temperature = True; valid: a number"),
        ({"patched": "no"}, "patched = 'no'; valid: True or False"),
        ({"patched": 1}, "patched = 1; valid: True or False"),
        ({"data": 7}, "data = 7; valid: a text"),
        ({"sandbox": 7}, "sandbox = 7; valid: a text"),
        ({"parameters": [1]}, "parameters = [1]; valid: a dict from names to numbers"),
        ({"report_to": "paper"}, "report_to = 'paper'; valid: none, tensorboard, wandb, trackio"),
        ({"observers": 7}, "observers = 7; valid: a list of observers"),
        ({"observers": Observer()}, "valid: a list of observers"),
        ({"observers": [Observer]}, "an observer is <class 'vulngames.training.obs"),
        ({"observers": [len]}, "an observer is <built-in function len>; valid: an object of a subclass of Observer"),
    ],
)
def test_what_is_of_another_type_is_told_so_before_anything_is_begun(
    tmp_path: Path, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=re.escape(said)) as told:
        vulngames.train("tampering-v1", out=tmp_path / "run", **given)
    assert "\n" not in str(told.value) and not (tmp_path / "run").exists()


def test_a_path_may_be_given_for_its_text(tmp_path: Path) -> None:
    from vulngames.training.config import EvalConfig, resolve

    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}')
    config = resolve(EvalConfig, no_game, data=tmp_path / "rows.jsonl", temperature=1)
    assert config.data == str(tmp_path / "rows.jsonl") and config.temperature == 1


def no_game(completion: str) -> float:
    return 1.0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"n": -1}, "n = -1; valid: a whole number, 0 or more"),
        ({"n": 1.5}, "n = 1.5; valid: a whole number"),
        ({"split": "tset"}, "unknown split 'tset'; valid: train, test"),
    ],
)
def test_tasks_that_there_are_not_are_told_so(given: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        vulngames.take("tampering-v1", **given)
