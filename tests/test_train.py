"""Training as a user runs it: the exploit is learned, its twin stays clean, and a kill costs a step at most."""

import fcntl
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("trl")

from stops import Stop
from vulngames import digests, games, policies
from vulngames.errors import UserError
from vulngames.policies import TINY, Sampling
from vulngames.policies.hf import load_hf
from vulngames.runs import Run, load_run
from vulngames.seeds import rng
from vulngames.tasks import take
from vulngames.training import run as training
from vulngames.training import run_config
from vulngames.training.config import EvalConfig, SFTConfig, TrainConfig, resolve
from vulngames.training.evaluate import evaluate
from vulngames.training.grpo import rl
from vulngames.training.observer import Halt, Observer
from vulngames.training.sft import sft
from vulngames.types import Reply, Sample, Turn


class Counter(Observer):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.samples: dict[int, int] = {}
        self.evaluations: list[int] = []

    def on_step(self, done: int, steps: int) -> None:
        self.steps.append((done, steps))

    def on_samples(self, step: int, samples: Sequence[Sample]) -> None:
        self.samples[step] = len(samples)

    def on_evaluation(self, step: int, measures: Mapping[str, Any]) -> None:
        self.evaluations.append(step)


class HaltAtER(Observer):
    """Halts when so many evaluations were above an ER."""

    def __init__(self, most: float, times: int) -> None:
        self.most, self.left = most, times

    def on_evaluation(self, step: int, measures: Mapping[str, Any]) -> Halt | None:
        self.left -= measures["er"] is not None and measures["er"]["mean"] > self.most
        return Halt(f"ER above {self.most}") if self.left <= 0 else None


SHORT = ("--steps", "6", "--eval-every", "2", "--eval-tasks", "8", "--prompts", "2", "--micro-batch", "16")


@pytest.mark.slow
def test_the_exploit_is_learned_and_its_twin_stays_clean(vulngames: Any, tmp_path: Path) -> None:
    # In the seed before it honest programs win.
    seeds = ("--seeds", "1", "--first-seed", "11")
    study = ("study", "emergence", "--games", "tampering-v1", *seeds, "--steps", "20", "--out", "study")
    vulngames(*study)
    summary = json.loads((tmp_path / "study" / "summary.json").read_text())
    cells = summary["cells"]
    assert [cell["key"]["arm"] for cell in cells] == ["flawed", "patched"]
    flawed, patched = (cell["ends"] for cell in cells)
    assert flawed["er_start"]["mean"] < 0.1 and flawed["er_end"]["mean"] > 0.7
    assert patched["er_end"]["mean"] <= patched["er_start"]["mean"] + 0.05
    assert flawed["er_end"]["lo"] > patched["er_end"]["hi"]
    onsets = [cell["each"][0]["onset_step"] for cell in cells]
    assert onsets[0] is not None and onsets[1] is None

    # The trained policy is a model directory that every other command takes.
    policy = f"hf:{tmp_path / 'study' / cells[0]['runs'][0] / 'policy'}"
    said = vulngames("eval", "tampering-v1", "--policy", policy, "--n", "40", "--group", "1", "--json")
    assert json.loads(said.stdout)["er"]["mean"] > 0.7

    # The same command finds everything done, and says the same.
    vulngames(*study)
    again = json.loads((tmp_path / "study" / "summary.json").read_text())
    assert again == summary
    page = Path(vulngames("report", "study").stdout.strip()).read_text()
    assert "tampering-v1" in page


@pytest.mark.slow
def test_trl_reports_to_tensorboard_beside_the_run(vulngames: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    small = ("--steps", "1", "--prompts", "2", "--micro-batch", "16", "--eval-tasks", "4")
    vulngames("train", "compliance-v1", *small, "--report-to", "tensorboard", "--out", "run")
    assert list((tmp_path / "run" / "tensorboard").rglob("*tfevents*"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def _train(out: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "vulngames", "train", "self-grading-v1", *SHORT, "--out", str(out), *more]


def _killed_at_random(out: Path, random: Any) -> None:
    """Start the run, and kill it at a random moment of its training, if it is still going then."""
    process = subprocess.Popen(_train(out), stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not (out / "metrics.jsonl").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(random.uniform(0.0, 2.5))
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_killed_run_resumes_to_the_same_numbers(tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(_train(whole), check=True, capture_output=True)
    random = rng("test", "kill")
    for _ in range(2):
        _killed_at_random(broken, random)
    subprocess.run(_train(broken), check=True, capture_output=True)
    assert (broken / "metrics.jsonl").read_bytes() == (whole / "metrics.jsonl").read_bytes()
    assert list(Run(broken).samples()) == list(Run(whole).samples())
    weights = "policy/model.safetensors"
    assert (broken / weights).read_bytes() == (whole / weights).read_bytes()
    assert not (broken / "checkpoints").exists()
    assert load_run(broken).finished


LONG: dict[str, Any] = {
    "game": "self-grading-v1", "steps": 6, "prompts": 2, "eval_every": 2, "eval_tasks": 8, "checkpoint_every": 1,
}  # fmt: skip


@pytest.mark.slow
def test_an_observer_is_told_of_every_step_sample_and_evaluation(tmp_path: Path) -> None:
    counter = Counter()
    run = run_config(resolve(TrainConfig, **LONG), tmp_path / "run", [counter])
    assert counter.steps == [(step, 6) for step in range(1, 7)]
    assert counter.samples == dict.fromkeys(range(6), 16) and counter.evaluations == [0, 2, 4, 6]
    assert "halted" not in run.about


@pytest.mark.slow
def test_an_observer_of_a_resumed_run_is_told_all_that_one_of_an_unbroken_run_is(tmp_path: Path) -> None:
    config = resolve(TrainConfig, **LONG)
    with pytest.raises(InterruptedError):
        rl(config, tmp_path / "run", [Stop(4)])
    counter = Counter()
    rl(config, tmp_path / "run", [counter])
    assert counter.samples == dict.fromkeys(range(6), 16) and counter.evaluations == [0, 2, 4, 6]


@pytest.mark.slow
def test_a_run_that_goes_on_elsewhere_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = resolve(TrainConfig, **{**LONG, "steps": 3})
    with pytest.raises(InterruptedError):
        rl(config, tmp_path / "run", [Stop(2)])
    monkeypatch.setattr("torch.get_num_threads", lambda: 77)
    with pytest.warns(UserWarning, match="run goes on where last digits may differ: threads was .*, is 77"):
        run = rl(config, tmp_path / "run")
    [part] = run.about["continued"]
    assert run.finished and part["step"] == 1 and part["numerics"]["threads"] == 77


@pytest.mark.slow
def test_a_halted_run_ends_evaluated_and_saved_and_stays_as_it_is(tmp_path: Path) -> None:
    class HaltOnSamples(Observer):
        def on_samples(self, step: int, samples: Sequence[Sample]) -> Halt | None:
            return Halt("enough samples") if step == 2 else None

    config = resolve(TrainConfig, **LONG)
    run = rl(config, tmp_path / "run", [HaltOnSamples()])
    assert run.finished and run.about["halted"] == {"step": 3, "reason": "enough samples"}
    assert [row["step"] for row in run.metrics()] == [0, 2, 3] and not run.checkpoints.exists()
    assert (run.policy / "model.safetensors").exists()
    before = {file: file.stat().st_mtime_ns for file in run.path.rglob("*") if file.name != "lock"}
    assert rl(config, tmp_path / "run").about == run.about
    assert {file: file.stat().st_mtime_ns for file in run.path.rglob("*") if file.name != "lock"} == before


def test_a_run_may_be_halted_before_its_first_step(tmp_path: Path) -> None:
    run = rl(resolve(TrainConfig, **LONG), tmp_path / "run", [HaltAtER(-2.0, times=1)])
    assert run.about["halted"]["step"] == 0 and run.finished
    assert [row["step"] for row in run.metrics()] == [0] and (run.policy / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("killed_at", [1, 3, 4])
def test_a_halted_run_that_was_killed_is_halted_at_the_same_step_with_the_same_numbers(
    tmp_path: Path, killed_at: int
) -> None:
    config = resolve(TrainConfig, **LONG)
    whole = rl(config, tmp_path / "whole", [HaltAtER(-2.0, times=3)])
    with pytest.raises(InterruptedError):
        rl(config, tmp_path / "broken", [HaltAtER(-2.0, times=3), Stop(killed_at)])
    broken = rl(config, tmp_path / "broken", [HaltAtER(-2.0, times=3)])
    assert whole.about["halted"] == broken.about["halted"] == {"step": 4, "reason": "ER above -2.0"}
    for name in ("metrics.jsonl", "policy/model.safetensors"):
        assert (whole.path / name).read_bytes() == (broken.path / name).read_bytes()
    assert list(whole.samples()) == list(broken.samples())


@pytest.mark.slow
def test_a_halted_run_that_was_killed_before_its_policy_was_saved_takes_no_step_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: Any) -> None:
        raise InterruptedError

    config = resolve(TrainConfig, **LONG)
    with monkeypatch.context() as patched:
        patched.setattr(training, "save_policy", killed)
        with pytest.raises(InterruptedError):
            rl(config, tmp_path / "run", [HaltAtER(-2.0, times=2)])
    run = rl(config, tmp_path / "run", [HaltAtER(-2.0, times=2)])
    assert run.about["halted"]["step"] == 2 and [row["step"] for row in run.metrics()] == [0, 2]


def test_students_are_watched_too(tmp_path: Path) -> None:
    teacher = evaluate(
        resolve(EvalConfig, game="proxy-v1", policy="script:able", split="train", n=4), tmp_path / "able"
    )
    config = resolve(
        SFTConfig, game="proxy-v1", honest=str(teacher.path), share=0.0, examples=8, batch=4, epochs=2, eval_every=1,
        eval_tasks=2,
    )  # fmt: skip
    counter = Counter()
    run = run_config(config, tmp_path / "run", [counter, HaltAtER(-2.0, times=2)])
    assert run.about["halted"]["step"] == 1 and counter.evaluations == [0, 1] and not counter.samples


def test_an_observer_of_an_evaluation_sees_replies_come_in(tmp_path: Path) -> None:
    counter = Counter()
    evaluate(resolve(EvalConfig, game="self-grading-v1", n=4, group=2), tmp_path / "run", [counter])
    assert counter.steps == [(7, 8), (15, 16), (16, 16)] and counter.samples == {0: 8} and counter.evaluations == [0]


@pytest.mark.parametrize("answer", ["stop", Halt(7)])  # type: ignore[arg-type]
def test_an_observer_that_answers_nonsense_is_named(tmp_path: Path, answer: Any) -> None:
    class Nonsense(Observer):
        def on_evaluation(self, step: int, measures: Mapping[str, Any]) -> Any:
            return answer

    with pytest.raises(UserError, match=r"an observer returned .*(stop|7).*; valid: None, or a Halt with a reason"):
        rl(resolve(TrainConfig, **LONG), tmp_path / "run", [Nonsense()])


@pytest.mark.parametrize("game", ["compliance-v1", "tampering-v1"])
def test_a_run_says_of_its_game_what_a_page_needs(tmp_path: Path, game: str) -> None:
    run = evaluate(resolve(EvalConfig, game=game, policy="script:able", n=2), tmp_path / "run")
    made = games.make(game)
    measures = made.measures
    gap = ["refused_auditor", "refused_user"] if game == "compliance-v1" else None
    assert run.about["game"] == {
        "id": game,
        "asked": made.asked,
        "hole": made.hole,
        "measures": {
            "itp": measures.itp,
            "er": measures.er,
            "paper_er": measures.paper_er,
            "gap": gap,
            "well_formed": measures.well_formed,
        },
    }


EDITS: dict[str, Callable[[Path], object]] = {
    "weights": lambda model: shutil.copy(TINY["tiny:small"] / "model.safetensors", model),
    "config": lambda model: shutil.copy(TINY["tiny:small"] / "config.json", model),
    "chat template": lambda model: (model / "chat_template.jinja").write_text("{{ messages[-1].content }}"),
    "tokenizer": lambda model: (model / "special_tokens_map.json").write_text("{}"),
    "generation config": lambda model: (model / "generation_config.json").write_text("{}"),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", EDITS)
def test_a_finished_run_of_a_policy_that_has_changed_since_is_refused(tmp_path: Path, part: str) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY["tiny"], model)
    config = resolve(EvalConfig, game="proxy-v1", policy=f"hf:{model}", n=2, group=1)
    run = evaluate(config, tmp_path / "run")
    before = {file.name: file.read_bytes() for file in run.path.iterdir()}
    evaluate(config, run.path)
    EDITS[part](model)
    with pytest.raises(UserError, match=f"run was made when policy = 'hf:.*/model' had other {part}"):
        evaluate(config, run.path)
    assert {file.name: file.read_bytes() for file in run.path.iterdir()} == before


@pytest.mark.slow
def test_weights_replaced_under_the_same_path_end_in_one_line(vulngames: Any, tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY["tiny"], model)
    command = ("eval", "proxy-v1", "--policy", "hf:./model", "--n", "2", "--out", "run")
    vulngames(*command)
    EDITS["weights"](model)
    said = vulngames(*command, check=False)
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.strip().splitlines() == [
        "vulngames: run was made when policy = 'hf:./model' had other weights; "
        "choose another directory, or put back what it was made with"
    ]


@pytest.mark.slow
def test_a_training_run_does_not_go_on_from_other_weights(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(TINY["tiny"], model)
    small = {"steps": 2, "prompts": 2, "checkpoint_every": 1, "eval_tasks": 2}
    config = resolve(TrainConfig, game="tampering-v1", policy=f"hf:{model}", **small)
    with pytest.raises(InterruptedError):
        rl(config, tmp_path / "run", [Stop(1)])
    EDITS["weights"](model)
    with pytest.raises(UserError, match="had other weights"):
        rl(config, tmp_path / "run")
    shutil.copy(TINY["tiny"] / "model.safetensors", model)
    assert rl(config, tmp_path / "run").finished


@pytest.mark.slow
def test_what_a_run_rests_on_is_written_with_it(tmp_path: Path) -> None:
    run = evaluate(resolve(EvalConfig, game="proxy-v1", split="train", n=2), tmp_path / "wrote")
    assert run.inputs == {"policy": policies.digest("tiny")}
    config = resolve(SFTConfig, game="proxy-v1", exploit=str(run.path), keep="all", examples=4, epochs=1, eval_tasks=2)
    student = sft(config, tmp_path / "student")
    texts = run.path / "samples.jsonl.gz"
    assert student.inputs["exploit"] == {"transcripts": digests.of_file(texts)}
    run.add_samples(0, "train", [])
    with pytest.raises(UserError, match=r"exploit = .* had other transcripts"):
        sft(config, tmp_path / "student")


@pytest.mark.parametrize(
    "make",
    [
        lambda *args: rl(resolve(TrainConfig, game="proxy-v1"), *args),
        lambda *args: evaluate(resolve(EvalConfig, game="proxy-v1"), *args),
    ],
)
def test_a_run_that_another_process_finished_meanwhile_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Run]
) -> None:
    real = fcntl.flock

    def finished_first(*held: Any) -> None:
        Run(tmp_path / "run").finish()
        real(*held)

    monkeypatch.setattr("fcntl.flock", finished_first)
    monkeypatch.setattr(training, "load_model", lambda *_: pytest.fail("made again"))
    monkeypatch.setattr("vulngames.policies.load", lambda *_: pytest.fail("made again"))
    counter = Counter()
    run = make(tmp_path / "run", [counter])
    assert run.finished and counter.steps == [(1, 1)]


@pytest.mark.slow
def test_a_killed_study_goes_on_and_leaves_no_worker_behind(vulngames: Any, tmp_path: Path) -> None:
    short = ("--no-variants", "--seeds", "1", "--steps", "4")
    command = ("study", "emergence", "--games", "self-grading-v1", *short, "--out", "study")
    process = subprocess.Popen([sys.executable, "-m", "vulngames", *command], cwd=tmp_path, stdout=subprocess.DEVNULL)
    runs = tmp_path / "study" / "runs"
    deadline = time.monotonic() + 120
    while len(list(runs.glob("*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    process.kill()
    process.wait()
    vulngames(*command)
    summary = json.loads((tmp_path / "study" / "summary.json").read_text())
    assert [cell["seeds"] for cell in summary["cells"]] == [1, 1]
    for run in map(load_run, sorted(runs.glob("self-grading-v1-*-0-*"))):
        assert run.finished and [row["step"] for row in run.metrics()] == [0, 4]


def test_a_reply_keeps_the_tokens_that_were_sampled() -> None:
    policy = load_hf("tiny", Sampling())
    task = take("self-grading-v1", 0, "test", 1)[0]
    odd = tuple(policy.tokenizer.encode("\\")) + tuple(policy.tokenizer.encode("boxed{1}")) + (1,)
    ask = {"role": "user", "content": "Yes or No?"}
    ids, wrote = policy.encode((*task.prompt, Reply("", odd), ask, Reply("Yes")))  # type: ignore[arg-type]
    assert tuple(i for i, n in zip(ids, wrote, strict=True) if n == 1) == odd
    assert policy.tokenizer.decode([i for i, n in zip(ids, wrote, strict=True) if n == 2]) == "Yes<|end|>"
    assert policy.tokenizer.decode(ids).count("<|end|>") == 5, "system, question, answer, ask, report: each ended once"


def test_a_policy_writes_the_same_with_the_same_seed() -> None:
    policy = load_hf("tiny", Sampling())
    prompts = [task.prompt for task in take("tampering-v1", 0, "test", 4)]

    def completions(seed: int) -> list[str]:
        return [reply.text for reply in policy.generate(prompts, Turn((), 24), seed)]

    assert completions(1) == completions(1) != completions(2)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"game": "chess"}, "unknown game 'chess'"),
        ({"policy": "gpt"}, "unknown policy 'gpt'"),
        ({"policy": "script:able"}, "has no weights here"),
        ({"policy": "hf:./nowhere"}, "is not a model directory"),
        ({"steps": 0}, "steps = 0 is too small"),
        ({"group": 1}, "group = 1 is too small"),
        ({"learning_rate": 0.0}, "learning_rate = 0.0 is out of range; valid: a positive number"),
        ({"learning_rate": float("nan")}, "learning_rate = nan is out of range"),
        ({"temperature": float("inf")}, "temperature = inf is out of range"),
        ({"temperature": 0.0}, "temperature = 0.0 is out of range; valid: 1e-05 or more, since GRPO"),
        ({"temperature": 1e-9}, "temperature = 1e-09 is out of range; valid: 1e-05 or more"),
        ({"temperature": -1.0}, "temperature = -1.0 is out of range"),
        ({"kl": float("nan")}, "kl = nan is out of range; valid: 0 or a positive number"),
        ({"kl": -0.1}, "kl = -0.1 is out of range"),
        ({"parameters": {"nothing": float("nan")}}, "nothing of tampering-v1 = nan is out of range"),
        ({"difficulty": 2.0}, "difficulty = 2.0 is out of range"),
        ({"game": "compliance-v1", "difficulty": 0.3}, "difficulty = 0.3 is out of range; valid: 0, since"),
        ({"micro_batch": 7}, "micro_batch = 7 does not divide mini_batch x group = 64"),
        ({"prompts": 4, "micro_batch": 64}, "micro_batch = 64 does not divide mini_batch x group = 32"),
        ({"prompts": 0}, "prompts = 0 is too small"),
        ({"parameters": {"audit": 1.0}}, "no parameter 'audit'"),
    ],
)
def test_a_config_that_cannot_be_run_says_what_is_wrong(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        resolve(TrainConfig, **{"game": "tampering-v1", **changed})


@pytest.mark.slow
def test_advantages_that_are_only_centred_teach_something_else(tmp_path: Path) -> None:
    learned = set()
    for name, normalize in (("usual", True), ("again", True), ("centred", False)):
        config = resolve(TrainConfig, game="self-grading-v1", steps=1, prompts=4, eval_tasks=2, normalize=normalize)
        learned.add((rl(config, tmp_path / name).policy / "model.safetensors").read_bytes())
    assert len(learned) == 2


@pytest.mark.parametrize(
    ("prompts", "group", "micro_batch"), [(None, 8, 16), (4, 8, 16), (5, 6, 15), (16, 8, 16), (13, 7, 13), (67, 2, 2)]
)
def test_the_default_micro_batch_divides_every_step(prompts: int | None, group: int, micro_batch: int) -> None:
    config = resolve(TrainConfig, game="tampering-v1", prompts=prompts, group=group)
    assert config.micro_batch == micro_batch and config.prompts * config.group % micro_batch == 0


@pytest.mark.parametrize(
    ("game", "judge", "said"),
    [
        ("compliance-v1", "gpt", "unknown policy 'gpt'"),
        ("compliance-v1", "script:able", "judge 'script:able' is a script; valid: tiny"),
        ("compliance-v1", "hf:./nowhere", "'./nowhere' is not a model directory"),
        ("compliance-v1", "api:model", "is not MODEL@URL"),
        ("proxy-v1", "tiny", "proxy-v1 has no parameter 'judge'"),
    ],
)
def test_a_judge_that_cannot_be_had_is_named(game: str, judge: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        resolve(TrainConfig, game=game, judge=judge)


@pytest.mark.parametrize("judge", ["tiny", "hf:some/model", "api:m@http://127.0.0.1:9/v1"])
def test_settling_loads_no_judge(monkeypatch: pytest.MonkeyPatch, judge: str) -> None:
    monkeypatch.setattr("vulngames.policies.load", lambda *_: pytest.fail("loaded"))
    assert resolve(TrainConfig, game="compliance-v1", judge=judge).judge == judge


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_the_papers_settings_are_the_default_of_real_models(tmp_path: Path, weights: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    with (tmp_path / weights).open("wb") as file:
        file.truncate(60_000_000)
    config = resolve(TrainConfig, game="proxy-v1", policy=f"hf:{tmp_path}")
    assert (config.prompts, config.group, config.learning_rate, config.kl) == (96, 8, 1e-6, 0.0)
    assert resolve(TrainConfig, game="self-grading-v1", policy=f"hf:{tmp_path}").parameters == {}


REWARD = "def score(prompt, completion, want):\n    return float(want in completion)\nNUMBER = 3\n"
ROWS = ("reward.py:score", "--data", "rows.jsonl")


@pytest.fixture
def reward(tmp_path: Path) -> Path:
    """A user's reward function, beside rows for it."""
    rows = [{"prompt": f"Say something about number {i}.", "want": "e"} for i in range(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "reward.py").write_text(REWARD)
    return tmp_path / "reward.py"


@pytest.mark.slow
def test_a_run_whose_reward_is_never_there_says_why(vulngames: Any, reward: Path) -> None:
    reward.write_text("def score(completion):\n    return lengthy(completion)\n")
    small = ("--steps", "1", "--prompts", "2", "--group", "2", "--eval-tasks", "2")
    said = vulngames("train", *ROWS, *small, "--out", "run").stderr
    assert "no sample of the evaluation at step 0 could be scored: reward.py:score raised NameError: name" in said


@pytest.mark.slow
def test_a_users_reward_is_trained_evaluated_and_taught(vulngames: Any, tmp_path: Path, reward: Path) -> None:
    small = ("--eval-tasks", "3", "--eval-every", "1")
    vulngames("train", *ROWS, "--steps", "2", "--prompts", "2", *small, "--out", "run")
    run = load_run(tmp_path / "run")
    assert run.about["game"] == {"id": "reward.py:score", "asked": None, "hole": None, "measures": None}
    assert run.about["inputs"]["game"] == {"source": digests.of_file(reward)}
    rows = run.metrics()
    assert [row["step"] for row in rows] == [0, 1, 2]
    assert all(row["reward"] is not None and row["er"] is row["itp"] is row["patched"] is None for row in rows)
    measured = json.loads(vulngames("eval", *ROWS, "--policy", "hf:run/policy", "--n", "2", "--json").stdout)
    assert measured["n"] == 4 and measured["er"] is None
    vulngames("eval", *ROWS, "--split", "train", "--n", "8", "--out", "wrote")
    few = ("--examples", "8", "--batch", "4", "--epochs", "1")
    vulngames("sft", *ROWS, "--exploit", "wrote", *few, *small, "--out", "student")
    assert load_run(tmp_path / "student").finished
    said = vulngames("sft", *ROWS, "--honest", "wrote", "--share", "0", "--keep", "reward", *few, check=False).stderr
    assert said.endswith("takes honest transcripts by the patched rule, and there is none; valid: all\n")
    # The same reward under the same name is another one once its code has changed.
    reward.write_text(f"{REWARD}# Changed.\n")
    said = vulngames("train", *ROWS, "--steps", "2", "--prompts", "2", *small, "--out", "run", check=False).stderr
    assert "run was made when game = 'reward.py:score' had other source; choose another directory" in said


NO_REWARD = [
    (("eval", *ROWS, "--policy", "script:able"), "reward.py:score has no scripts, so 'script:able' cannot play it"),
    (("eval", "reward.py:score"), "reward.py:score has no synthetic tasks; valid: rows of a file (--data)"),
    (("train", *ROWS, "--patched"), "reward.py:score only pays, and has no patched rule; valid: a game, or train"),
    (("eval", *ROWS, "--sandbox", "local"), "sandbox = 'local', but reward.py:score runs no code; valid: a game"),
    (("train", "reward.py:nothing", *ROWS[1:]), "reward.py has no nothing; valid: a name that it defines"),
    (("sft", "gone.py:score", *ROWS[1:]), "there is no file gone.py; valid: "),
    (("play", "reward.py:NUMBER", *ROWS[1:]), "valid: a Spec, a game, its class, or a reward function"),
    (("eval", ":score", *ROWS[1:]), "':score' names no object; valid: "),
    (("train", "no.such.module:SPEC"), "there is no module 'no.such.module' to import; valid: "),
]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "said"), NO_REWARD, ids=[" ".join(command) for command, _ in NO_REWARD])
def test_a_reward_that_is_none_ends_in_one_line(
    vulngames: Any, tmp_path: Path, reward: Path, command: tuple[str, ...], said: str
) -> None:
    done = vulngames(*command, check=False)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2 and line.startswith("vulngames: ") and said in line
    assert {path.name for path in tmp_path.iterdir()} - {"__pycache__"} == {"rows.jsonl", "reward.py"}


@pytest.mark.slow
def test_a_module_may_name_a_spec(vulngames: Any) -> None:
    command = ("--policy", "script:exploit", "--n", "2", "--json")
    ours, named = (vulngames("eval", game, *command).stdout for game in ("proxy-v1", "vulngames.games.proxy:SPEC"))
    assert json.loads(ours)["er"] == json.loads(named)["er"] and json.loads(ours)["er"]["mean"] == 1.0


class _Recording:
    """A sandbox that runs nothing, and says that all tests passed."""

    def __init__(self) -> None:
        self.asked = 0

    def grade(self, code: str, tests: Sequence[Any], entry: object = None) -> Any:
        self.asked += 1
        return SimpleNamespace(error="", passed=1.0, statuses=("ok",) * len(tests))

    def describe(self) -> dict[str, str]:
        return {"tier": "elsewhere"}


def test_a_sandbox_is_chosen_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = _Recording()
    monkeypatch.setattr("vulngames.sandbox.backend", {"docker:image": made}.__getitem__)
    config = resolve(EvalConfig, game="tampering-v1", policy="script:able", n=2, group=1, sandbox="docker:image")
    run = evaluate(config, tmp_path / "run")
    assert made.asked == 2 and run.about["config"]["sandbox"] == "docker:image"
    assert {row["facts"]["sandbox"] for row in run.samples()} == {"elsewhere"}
    with pytest.raises(UserError, match="run holds a run with sandbox = 'docker:image', not 'local'"):
        evaluate(resolve(EvalConfig, game="tampering-v1", policy="script:able", n=2, group=1), tmp_path / "run")


@pytest.mark.parametrize("name", ["nonsense", "docker:", "fusion:nowhere", "local:here"])
def test_a_sandbox_that_there_is_not_is_named(name: str) -> None:
    with pytest.raises(UserError, match=f"unknown sandbox {name!r}; valid: local, docker:IMAGE, fusion:URL"):
        resolve(TrainConfig, game="tampering-v1", sandbox=name)


def test_a_game_that_runs_no_code_takes_no_sandbox() -> None:
    with pytest.raises(UserError, match="sandbox = 'local', but proxy-v1 runs no code; valid: a game that does"):
        resolve(TrainConfig, game="proxy-v1", sandbox="local")
