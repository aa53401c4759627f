"""Studies: what is done once, what is found again, and what their tables are made of."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("trl")

from vulngames.errors import UserError
from vulngames.formats import RECIPE
from vulngames.games import SPECS
from vulngames.games.self_grading import best_response
from vulngames.policies import TINY
from vulngames.runs import Run
from vulngames.studies import stages
from vulngames.studies.audit_rate.key import RATES
from vulngames.studies.job import Job, Store
from vulngames.studies.plan import Plan
from vulngames.studies.program import Result
from vulngames.studies.study import run_study, summarise
from vulngames.studies.summary import write_summary
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, resolve
from vulngames.training.evaluate import evaluate
from vulngames.training.transcripts import Transcript, exploiting, honest, mixture, transcripts
from vulngames.types import Task


def _job(root: Path, **changed: Any) -> Job:
    return Store(root).job("label", resolve(TrainConfig, **{"game": "tampering-v1", **changed}))


@pytest.mark.parametrize(
    "changed",
    [{"seed": 1}, {"patched": True}, {"steps": 7}, {"policy": "tiny:small"}, {"parameters": {"max_tokens": 9}}],
    ids=str,
)
def test_another_recipe_is_another_run(tmp_path: Path, changed: dict[str, Any]) -> None:
    assert _job(tmp_path, **changed).path != _job(tmp_path).path


def test_a_run_is_found_again_until_the_recipe_is_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _job(tmp_path).path
    assert _job(tmp_path).path == before
    monkeypatch.setattr("vulngames.studies.job.RECIPE", RECIPE + 1)
    assert _job(tmp_path).path != before


def test_the_same_recipe_is_the_same_run_wherever_the_store_lies(tmp_path: Path) -> None:
    first, second = _job(tmp_path / "a"), _job(tmp_path / "b")
    assert first.path.name == second.path.name
    # What a study asks for by default, spelled out, is the same recipe.
    assert _job(tmp_path / "a", steps=25, group=8).path == first.path


def test_a_policy_outside_the_store_is_known_by_its_contents_wherever_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "backup" / "runs" / "mine"
    shutil.copytree(TINY["tiny"], mine)
    before = _job(Path("runs"), policy=f"hf:{mine}").path
    shutil.copyfile(TINY["tiny"] / "README.md", mine / "model.safetensors")
    assert _job(Path("runs"), policy=f"hf:{mine}").path != before


def test_a_policy_of_the_store_is_named_by_its_own_recipe(tmp_path: Path) -> None:
    names = []
    for root in (tmp_path / "a", tmp_path / "b"):
        parent = _job(root)
        shutil.copytree(TINY["tiny:small"], parent.path / "policy")
        names.append(_job(root, policy=parent.policy).path.name)
    assert names[0] == names[1]


def test_a_policy_beside_the_store_is_none_of_it(tmp_path: Path) -> None:
    folder, found = tmp_path / "store-of-models" / "model", set()
    for size in ("tiny:small", "tiny"):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(TINY[size], folder)
        found.add(_job(tmp_path / "store", policy=f"hf:{folder}").path)
    assert len(found) == 2


def test_other_weights_are_another_recipe(tmp_path: Path) -> None:
    names = set()
    for size in ("tiny:small", "tiny"):
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(TINY[size], folder)
        names.add(_job(tmp_path / TINY[size].name, policy=f"hf:{folder}").path.name)
    assert len(names) == 2


@pytest.mark.parametrize(
    "name",
    ["chat_template.jinja", "tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"],
)
def test_another_template_tokenizer_or_config_is_another_recipe(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(TINY["tiny:small"], folder)
    before = _job(tmp_path / "store", policy=f"hf:{folder}").path
    with (folder / name).open("a") as file:
        file.write("\n")
    assert _job(tmp_path / "store", policy=f"hf:{folder}").path != before


def test_weights_in_a_bin_file_are_part_of_the_recipe(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    found = set()
    for content in ("one", "two"):
        (folder / "pytorch_model.bin").write_text(content)
        found.add(_job(tmp_path / "store", policy=f"hf:{folder}").path)
    assert len(found) == 2


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("steps", [None, 7])
@pytest.mark.parametrize("policy", ["tiny", "of the paper's size", "evaluated every 7 steps"])
def test_the_control_of_equal_steps_is_evaluated_where_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, steps: int | None, full: bool
) -> None:
    games = [*SPECS]
    if policy == "of the paper's size":
        (tmp_path / "large").mkdir()
        (tmp_path / "large" / "config.json").write_text("{}")
    if policy == "evaluated every 7 steps":
        for game in games[:2]:
            monkeypatch.setitem(SPECS, game, dataclasses.replace(SPECS[game], tiny={"steps": 33, "eval_every": 7}))
    name = f"hf:{tmp_path / 'large'}" if policy == "of the paper's size" else "tiny"
    plan = Plan(first_seed=0, games=tuple(games), policy=name, steps=steps, scale="full" if full else "small")
    for game in games:
        firsts = [resolve(TrainConfig, first, name, steps=steps).steps for first in games if first != game]
        totals = [first + stages.second_steps(plan, game) for first in firsts]
        control = stages.alone(plan, Store(tmp_path), game, totals)[0].config
        assert control.steps == max(totals)
        assert all(total % control.eval_every == 0 or total == control.steps for total in totals)


def test_the_built_in_policy_s_second_trainings_are_as_long_as_they_were(tmp_path: Path) -> None:
    def steps(plan: Plan) -> dict[str, int]:
        return {game: stages.second_steps(plan, game) for game in plan.games}

    small = {"compliance-v1": 50, "self-grading-v1": 20, "proxy-v1": 25, "tampering-v1": 15}
    full = {"compliance-v1": 100, "self-grading-v1": 40, "proxy-v1": 50, "tampering-v1": 30}
    assert (steps(Plan(first_seed=0)), steps(Plan(first_seed=0, scale="full"))) == (small, full)
    assert set(steps(Plan(first_seed=0, steps=7)).values()) == {5, 10}
    assert stages.alone(Plan(first_seed=0), Store(tmp_path), "tampering-v1", [45, 55, 65])[0].config.eval_every == 5


def _written(tmp_path: Path, game: str, **more: Any) -> Path:
    config = resolve(EvalConfig, **{"game": game, "split": "train", "n": 12, "group": 2, **more})
    return evaluate(config, tmp_path / f"{game}-wrote").path


@pytest.mark.slow
@pytest.mark.parametrize("game", ["compliance-v1", "self-grading-v1", "proxy-v1", "tampering-v1"])
def test_a_transcript_is_the_conversation_that_was_written(tmp_path: Path, game: str) -> None:
    from vulngames import environment
    from vulngames.policies import Sampling
    from vulngames.policies.hf import load_hf

    path = _written(tmp_path, game)
    rows = list(Run(path).samples())
    made = environment.make(game, None, Run(path).about["config"]["parameters"])
    policy = load_hf("tiny", Sampling())
    for row, transcript in zip(rows, transcripts(path), strict=True):
        ids, wrote = policy.encode(transcript.conversation(made))
        told = [
            policy.tokenizer.decode(
                [id for id, by in zip(ids, wrote, strict=True) if by == turn + 1], skip_special_tokens=True
            )
            for turn in range(len(row["completions"]))
        ]
        assert told == row["completions"]
        # A reply ends where its text does: the student learns to stop.
        assert ids[-1] == policy.tokenizer.eos_token_id and wrote[-1] == len(row["completions"])
        assert row["prompt"] in policy.tokenizer.decode(ids)


@pytest.mark.slow
def test_transcripts_of_held_out_tasks_are_refused(vulngames: Any, tmp_path: Path) -> None:
    wrote = _written(tmp_path, "proxy-v1", split="test", n=4)
    said = vulngames("sft", "proxy-v1", "--exploit", wrote, "--out", "student", check=False)
    assert said.returncode == 2 and str(wrote) in said.stderr and "--split train" in said.stderr
    assert not (tmp_path / "student").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--share", "1.5", "--exploit", "x"), "share = 1.5"),
        (("--share", "0.5", "--exploit", "x"), "honest"),
        ((), "exploit"),
        (("--exploit", "nowhere"), "nowhere"),
        (("--exploit", "x", "--epochs", "0"), "epochs = 0"),
    ],
    ids=str,
)
def test_what_supervised_training_refuses(vulngames: Any, tmp_path: Path, arguments: Any, says: str) -> None:
    said = vulngames("sft", "proxy-v1", *arguments, "--out", "student", check=False)
    assert said.returncode == 2 and says in said.stderr and len(said.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "student").exists()


@pytest.mark.slow
def test_a_student_learns_what_it_is_shown(vulngames: Any, tmp_path: Path) -> None:
    # The teacher is a script in all but name: the untrained policy, of which only what it did wrong is kept. That is
    # little, and shown often.
    wrote = _written(tmp_path, "tampering-v1", n=200)
    ends = {}
    for name, share in (("exploit", "1"), ("honest", "0")):
        command = ("sft", "tampering-v1", f"--{name}", wrote, "--share", share, "--examples", "128", "--distinct", "0")
        vulngames(*command, "--out", name)
        ends[name] = Run(tmp_path / name).metrics()[-1]["er"]["mean"]
    assert ends["exploit"] > 0.7 and ends["honest"] < 0.1


def transcript(text: str, exploited: bool | None, reward: float = 0.0, patched: float = 0.0) -> Transcript:
    return Transcript(Task("task", (), {}), (text,), exploited, reward, patched)


@pytest.mark.parametrize(
    ("keep", "exploit", "harmless"),
    [("verdict", "sn", "hn"), ("reward", "sh", "h"), ("all", "shn", "shn")],
)
def test_which_transcripts_are_kept(keep: str, exploit: str, harmless: str) -> None:
    # Seizing the exploit, honest success, no occasion for the exploit.
    found = [transcript("s", True, 1.0, 0.0), transcript("h", False, 1.0, 1.0), transcript("n", None, -1.0, 0.0)]
    assert "".join(each.completions[0] for each in exploiting(found, keep)) == exploit
    assert "".join(each.completions[0] for each in honest(found, keep)) == harmless


@given(pay=st.floats(-10, 10), n=st.integers(1, 50))
def test_equal_pay_is_no_less_than_its_mean(pay: float, n: int) -> None:
    assert len(exploiting([transcript("x", False, pay)] * n, "reward")) == n


@pytest.mark.filterwarnings("ignore:.*times per epoch")
@given(share=st.sampled_from((0.0, 0.01, 0.05, 0.25, 0.5, 1.0)), examples=st.integers(1, 500))
def test_a_mixture_holds_the_share_it_is_asked_for(share: float, examples: int) -> None:
    from unittest.mock import patch

    from vulngames.training import transcripts as module

    pool = [transcript(str(i), bool(i % 2)) for i in range(100)]
    config = resolve(SFTConfig, game="proxy-v1", exploit="e", honest="h", share=share, examples=examples)
    with patch.object(module, "transcripts", lambda path: pool):
        drawn, again = mixture(config), mixture(config)
    assert drawn == again and len(drawn) == examples
    assert sum(bool(each.exploited) for each in drawn) == round(share * examples)
    counts = [drawn.count(each) for each in pool if bool(each.exploited)]
    # Nothing is repeated before everything is used.
    assert max(counts) - min(counts) <= 1


REPEATED = [
    # distinct transcripts, examples: is it refused, warned of, or neither?
    (5, 400, "refused"),
    (39, 400, "refused"),
    (40, 400, "warned"),
    (199, 400, "warned"),
    (200, 400, "fine"),
    (1, 1, "fine"),
    (0, 4, "refused"),
]


@pytest.mark.filterwarnings("ignore:.*times per epoch")
@pytest.mark.parametrize(("different", "examples", "outcome"), REPEATED)
def test_few_transcripts_are_not_shown_over_and_over(
    monkeypatch: pytest.MonkeyPatch, different: int, examples: int, outcome: str
) -> None:
    from vulngames.training import transcripts as module

    # The same transcript twice is one.
    pool = [transcript(str(i), True) for i in range(different)] * 2
    monkeypatch.setattr(module, "transcripts", lambda path: pool)
    config = resolve(SFTConfig, game="proxy-v1", exploit="runs/e", examples=examples)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if outcome == "refused":
            with pytest.raises(UserError, match=rf"exploit = runs/e holds {different} distinct transcripts"):
                mixture(config)
        else:
            assert len(mixture(config)) == examples
    assert bool(said) is (outcome == "warned")
    if different == 5:
        assert len(mixture(dataclasses.replace(config, distinct=0.0))) == examples


def test_the_grid_of_audit_rates_goes_through_the_threshold() -> None:
    assert [rate for rate in RATES if best_response(rate) == 0.0] == [rate for rate in RATES if rate < 1 / 7]
    assert 0.0 in RATES and 0.1 in RATES and 1.0 in RATES and max(RATES) == 1.0


@pytest.mark.slow
def test_a_killed_study_goes_on(tmp_path: Path) -> None:
    study = [sys.executable, "-m", "vulngames", "study", "transfer", "--games", "tampering-v1", "--seeds", "1"]
    study += ["--steps", "2", "--out", str(tmp_path)]
    process = subprocess.Popen(study, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while not list(tmp_path.glob("runs/*/policy")) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("runs/*/policy/model.safetensors")}
    assert kept and not (tmp_path / "summary.json").exists()
    subprocess.run(study, check=True, capture_output=True, timeout=600)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [cell["key"]["arm"] for cell in summary["cells"]] == [None, "flawed", "patched"]
    for cell in summary["cells"]:
        for ends in (cell["ends"], *cell["each"]):
            assert ends["cut_end"]["mean"] >= 0 and ends["failed"] == 0 and ends["evaluated"] > 0
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())


def _finished(out: Path, study: str = "emergence", **plan: Any) -> None:
    """A finished study without cells, as its summary says."""
    made = Plan(first_seed=0, **{"games": ("tampering-v1",), "seeds": 2, "steps": 3, **plan})
    out.mkdir(parents=True, exist_ok=True)
    write_summary(summarise(study, made, out, Result({}, _Nothing()), 1.0))


@dataclasses.dataclass(frozen=True)
class _Nothing:
    """No findings."""


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """Studies come to their end at once."""
    monkeypatch.setattr(
        "vulngames.studies.study.run_all", lambda names, *_: [(name, Result({}, _Nothing()), 1.0) for name in names]
    )


@pytest.mark.parametrize(
    ("study", "plan", "said"),
    [
        ("transfer", {}, "study = emergence, not transfer"),
        ("emergence", {"games": ("proxy-v1",)}, "games = tampering-v1, not proxy-v1"),
        ("emergence", {"games": ("proxy-v1", "tampering-v1")}, "games = tampering-v1, not proxy-v1 tampering-v1"),
        ("emergence", {"policy": "tiny:small"}, "policy = tiny, not tiny:small"),
        ("emergence", {"scale": "full"}, "scale = small, not full"),
        ("emergence", {"steps": 4}, "steps = 3, not 4"),
        ("emergence", {"steps": None}, "steps = 3, not None"),
        ("emergence", {"sizes": ("tiny",)}, "sizes = None, not tiny"),
        ("emergence", {"seeds": 1}, "of 2 seeds, not 1"),
        ("all", {}, "study = emergence, not all"),
    ],
)
@pytest.mark.usefixtures("no_work")
def test_a_study_does_not_replace_another_ones_summary(
    tmp_path: Path, study: str, plan: dict[str, Any], said: str
) -> None:
    _finished(tmp_path)
    before = (tmp_path / "summary.json").read_bytes()
    asked = Plan(first_seed=0, **{"games": ("tampering-v1",), "seeds": 2, "steps": 3, **plan})
    with pytest.raises(UserError) as error:
        run_study(study, asked, tmp_path)
    assert str(error.value).startswith(f"{tmp_path} holds a study ") and str(error.value).endswith(
        f"{said}; choose another directory"
    )
    assert (tmp_path / "summary.json").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.usefixtures("no_work")
def test_one_study_of_all_is_not_replaced_either(tmp_path: Path) -> None:
    _finished(tmp_path / "transfer", "transfer", steps=9)
    with pytest.raises(UserError, match=r"transfer holds a study with steps = 9, not 3"):
        run_study("all", Plan(first_seed=0, games=("tampering-v1",), seeds=2, steps=3), tmp_path)


@pytest.mark.usefixtures("no_work")
def test_a_study_of_other_weights_under_the_same_name_is_not_replaced(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY["tiny:small"], model)
    plan: dict[str, Any] = {"policy": f"hf:{model}", "games": ("tampering-v1",)}
    _finished(tmp_path / "study", **plan)
    shutil.copy(TINY["tiny"] / "model.safetensors", model)
    with pytest.raises(UserError, match=r"made when 'hf:.*/model' had other weights; choose another directory"):
        run_study("emergence", Plan(first_seed=0, **plan, seeds=2, steps=3), tmp_path / "study")


@pytest.mark.parametrize(
    "before",
    [
        {"seeds": 1},
        {"workers": 1},
        {"games": ("tampering-v1", "proxy-v1")},
        '{"study": ',
        "[]",
        "{}",
        '{"study": "transfer", "plan": 3}',
        None,
    ],
    ids=str,
)
@pytest.mark.usefixtures("no_work")
def test_the_same_study_goes_on_with_more_seeds_and_a_damaged_summary_is_written_again(
    tmp_path: Path, before: Any
) -> None:
    if isinstance(before, dict):
        _finished(tmp_path, **{"games": ("proxy-v1", "tampering-v1"), **before})
    elif before is not None:
        (tmp_path / "summary.json").write_text(before)
    run_study("emergence", Plan(first_seed=0, games=("proxy-v1", "tampering-v1"), seeds=2, steps=3), tmp_path)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["study"], summary["seeds"], summary["plan"]["workers"]) == ("emergence", 2, 2)


@pytest.mark.slow
def test_a_worker_warns_in_one_line() -> None:
    code = "import warnings; from vulngames.studies import workers; workers._start_worker(None, None)"
    said = subprocess.run([sys.executable, "-c", f"{code}; warnings.warn('of\\ntwo')"], capture_output=True, text=True)
    assert said.stderr == "vulngames: of\N{SYMBOL FOR LINE FEED}two\n"
