"""A run directory: appended whole or not at all, cut back, and never mistaken for another."""

import errno
import gzip
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas
import pytest

from vulngames import games
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.provenance import provenance
from vulngames.rollouts import rollout
from vulngames.runs import Run, load_run, mixed, open_run
from vulngames.tasks import take
from vulngames.types import Sample, Scripted

CONFIG = {"game": "proxy-v1", "seed": 0}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return open_run(tmp_path / "run", CONFIG, "cpu")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    game = games.make("proxy-v1")
    return rollout(game, take("proxy-v1", 0, "test", 4), Scripted("able", game.scripts["able"]), ("x",))


def test_provenance_names_what_the_sandbox_does_not_hold(run: Run) -> None:
    about = run.about
    assert about["config"] == CONFIG and about["device"] == "cpu" and not run.finished
    assert about["sandbox"]["tier"] and "missing" in about["sandbox"]
    assert about["versions"]["vulngames"] and about["argv"]


def test_a_foreign_repository_says_nothing_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, "-C", str(tmp_path), *arguments], check=True, capture_output=True)

    installed = tmp_path / ".venv" / "provenance.py"
    installed.parent.mkdir()
    installed.touch()
    (tmp_path / "thesis.tex").touch()
    git("init")
    git("add", "thesis.tex")
    git("commit", "-m", "mine")
    monkeypatch.setattr("vulngames.provenance.__file__", str(installed))
    assert provenance("cpu")["commit"] is None
    git("add", "--force", ".venv/provenance.py")
    git("commit", "-m", "the package's own")
    assert len(provenance("cpu")["commit"] or "") == 12


def test_samples_open_in_pandas(run: Run, samples: list[Sample]) -> None:
    run.add_samples(0, "test", samples)
    run.add_samples(1, "train", samples)
    frame = pandas.read_json(run.path / "samples.jsonl.gz", lines=True)
    assert list(frame["step"]) == [0] * 4 + [1] * 4 and frame["reward"].notna().all()
    assert frame["facts"][0]["overlap"] == pytest.approx(samples[0].facts["overlap"])


def test_rewinding_gives_back_what_was(run: Run, samples: list[Sample]) -> None:
    run.add_samples(0, "test", samples)
    run.add_metrics({"step": 0})
    then, before = run.sizes(), {p.name: p.read_bytes() for p in run.path.iterdir()}
    run.add_samples(1, "train", samples)
    run.add_metrics({"step": 1})
    run.rewind(then)
    assert {p.name: p.read_bytes() for p in run.path.iterdir()} == before
    assert [row["step"] for row in run.metrics()] == [0] and len(list(run.samples())) == 4


def test_a_full_disk_leaves_no_half_record(run: Run, samples: list[Sample], monkeypatch: pytest.MonkeyPatch) -> None:
    run.add_samples(0, "test", samples)
    real = Path.open

    def full(self: Path, mode: str = "r", *args: Any, **kw: Any) -> Any:
        file = real(self, mode, *args, **kw)
        if "a" in mode:
            whole = file.write

            def write(data: bytes) -> int:
                whole(data[: len(data) // 2])
                file.flush()
                raise OSError(errno.ENOSPC, "No space left on device", str(self))

            class Full:
                def __enter__(self) -> Any:
                    return self

                def __exit__(self, *_: Any) -> None:
                    file.close()

            Full.write = staticmethod(write)  # type: ignore[attr-defined]
            return Full()
        return file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match="No space left"):
        run.add_samples(1, "train", samples)
    monkeypatch.undo()
    assert len(list(run.samples())) == 4
    assert gzip.decompress((run.path / "samples.jsonl.gz").read_bytes())


def test_json_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"x": object()})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_what_a_kill_has_cut_short_is_left_out(run: Run, samples: list[Sample]) -> None:
    for step in (0, 1):
        run.add_samples(step, "train", samples)
        run.add_metrics({"step": step})
    for name in ("samples.jsonl.gz", "metrics.jsonl"):
        whole = (run.path / name).read_bytes()
        (run.path / name).write_bytes(whole[:-5])
    assert [row["step"] for row in run.metrics()] == [0]
    assert [row["step"] for row in run.samples()][:4] == [0] * 4


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", b"{", "run.json is damaged: it is not JSON"),
        ("run.json", b"", "run.json is damaged: it is not JSON"),
        ("run.json", b"\xff\x00", "run.json is damaged: it is not JSON"),
        ("run.json", b"[]", "run.json is damaged: it holds no JSON object"),
        ("run.json", b"{}", "run.json is damaged: Object missing required field `config`"),
        ("run.json", b'{"config": {}, "numerics": 3}', "run.json is damaged: Expected"),
        ("run.json", b'{"config": {}, "versions": 3}', "run.json is damaged: Expected"),
        ("run.json", b'{"config": {}, "continued": [{}]}', "run.json is damaged: Object missing required field `step`"),
        ("metrics.jsonl", b'{"step": 0}\n{"ste\n', "metrics.jsonl line 2 is damaged: it is not JSON"),
        ("metrics.jsonl", b"7\n", "metrics.jsonl line 1 is damaged: it holds no JSON object"),
        ("metrics.jsonl", b"{}\n", "metrics.jsonl line 1 is damaged: it holds no step"),
        (
            "samples.jsonl.gz",
            gzip.compress(b"{}\n", mtime=0),
            "samples.jsonl.gz line 1 is damaged: Object missing",
        ),
        ("samples.jsonl.gz", b"no archive", "samples.jsonl.gz is damaged: Not a gzipped file"),
        ("samples.jsonl.gz", gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 40, "samples.jsonl.gz is damaged"),
        ("samples.jsonl.gz", gzip.compress(b"{\n", mtime=0), "samples.jsonl.gz line 1 is damaged"),
    ],
)
def test_a_damaged_file_is_named(run: Run, name: str, content: bytes, said: str) -> None:
    (run.path / name).write_bytes(content)
    with pytest.raises(UserError, match=said) as found:
        _ = run.about, run.metrics(), list(run.samples())
    assert "\n" not in str(found.value)


def test_another_config_is_refused_by_name_and_value(run: Run) -> None:
    with pytest.raises(UserError, match="seed = 0, not 1"):
        open_run(run.path, {**CONFIG, "seed": 1}, "cpu")
    assert open_run(run.path, CONFIG, "cpu").about == run.about


INPUTS = {"policy": {"weights": "w", "config": "c"}, "data": {"rows": "r"}}


@pytest.mark.parametrize(
    ("name", "parts", "said"),
    [
        ("policy", {"weights": "other", "config": "c"}, "policy = 'hf:m' had other weights"),
        ("policy", {"weights": "w"}, "policy = 'hf:m' had other config"),
        ("policy", {**INPUTS["policy"], "chat template": "t"}, "policy = 'hf:m' had other chat template"),
        ("data", {"rows": "other"}, "data = 'rows.parquet' had other rows"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_run_made_of_other_contents_is_refused(
    tmp_path: Path, name: str, parts: dict[str, str], said: str, finished: bool
) -> None:
    config = {"policy": "hf:m", "data": "rows.parquet"}
    run = open_run(tmp_path / "run", config, "cpu", inputs=INPUTS)
    if finished:
        run.finish()
    assert run.about["inputs"] == INPUTS
    with pytest.raises(UserError) as error:
        open_run(run.path, config, "cpu", inputs={**INPUTS, name: parts})
    assert str(error.value).startswith(f"{run.path} was made when {said}; choose another directory")
    assert open_run(run.path, config, "cpu", inputs=INPUTS).about == run.about


def test_a_run_from_before_there_were_digests_is_taken_as_it_is(run: Run) -> None:
    about = run.about
    del about["inputs"]
    write_json(run.path / "run.json", about)
    assert open_run(run.path, CONFIG, "cpu", inputs=INPUTS).inputs == {}


@pytest.mark.parametrize("inputs", [[], 3, "x", {"policy": "x"}, {"policy": None}])
def test_digests_that_are_none_are_named(run: Run, inputs: Any) -> None:
    write_json(run.path / "run.json", {**run.about, "inputs": inputs})
    with pytest.raises(UserError, match=r"run\.json is damaged: Expected .* at `\$\.inputs"):
        open_run(run.path, CONFIG, "cpu", inputs=INPUTS)


def test_what_runs_call_by_one_name_and_found_otherwise_is_named(tmp_path: Path) -> None:
    def made(name: str, policy: str, weights: str) -> Run:
        inputs = {"policy": {"weights": weights}, "data": {"rows": "r"}}
        return open_run(tmp_path / name, {"policy": policy, "data": "d"}, "cpu", inputs=inputs)

    same = [made("a", "hf:m", "1"), made("b", "hf:m", "1"), made("c", "hf:n", "2"), open_run(tmp_path / "d", {}, "cpu")]
    assert mixed(same) == []
    assert mixed([*same, made("e", "hf:m", "2"), made("f", "hf:m", "3")]) == ["weights of policy"]


def test_a_run_says_what_decides_its_last_digits(run: Run) -> None:
    torch = pytest.importorskip("torch")
    numerics = run.about["numerics"]
    assert numerics["processor"] and numerics["capability"] == torch.backends.cpu.get_cpu_capability()
    assert {"mkl", "onednn", "threads", "accelerator", "settings"} <= numerics.keys()


@pytest.mark.parametrize("device", ["none", "api"])
def test_where_no_policy_runs_no_processor_decides(device: str) -> None:
    assert provenance(device)["numerics"] is None


def test_a_setting_of_the_libraries_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("MKL_CBWR", "AVX2")
    assert provenance("cpu")["numerics"]["settings"] == {"MKL_CBWR": "AVX2"}


def made_elsewhere(run: Run, change: Mapping[str, Any]) -> None:
    """As if the run had been begun on a machine that differs in this."""
    about = run.about
    numerics = {"capability": "AVX512", "threads": 1, "settings": {}}
    whole = {**about, "numerics": numerics}
    write_json(run.path / "run.json", {**whole, **change, "numerics": {**numerics, **change.get("numerics", {})}})


MACHINES = [
    ({"numerics": {"capability": "AVX2"}}, "capability was AVX2, is AVX512"),
    ({"numerics": {"threads": 2}}, "threads was 2, is 1"),
    ({"numerics": {"settings": {"MKL_CBWR": "AVX2"}}}, "settings was {'MKL_CBWR': 'AVX2'}, is {}"),
    ({"versions": {"torch": "2.6.0"}}, "torch was 2.6.0, is "),
    ({"device": "cuda"}, "device was cuda, is cpu"),
]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this machine be a known one."""
    numerics = {"capability": "AVX512", "threads": 1, "settings": {}}
    monkeypatch.setattr("vulngames.provenance._numerics", lambda device: numerics)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("change", "said"), MACHINES)
def test_a_run_that_goes_on_elsewhere_says_so_and_records_it(run: Run, change: Mapping[str, Any], said: str) -> None:
    made_elsewhere(run, change)
    with pytest.warns(UserWarning, match=re.escape(said)) as warned:
        run.go_on("cpu", 5)
    assert "\n" not in str(warned[0].message) and str(run.path) in str(warned[0].message)
    [part] = run.about["continued"]
    assert part["step"] == 5 and part["numerics"]["capability"] == "AVX512" and part["device"] == "cpu"
    made = run.about
    run.go_on("cpu", 10)
    assert run.about == made, "nothing has changed since"


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("change", [{}, {"versions": {"vulngames": "0.0.1"}}, {"versions": {}}, {"argv": ["x"]}])
def test_what_decides_no_digits_or_is_not_known_is_no_other_machine(run: Run, change: Mapping[str, Any]) -> None:
    made_elsewhere(run, change)
    before = run.about
    run.go_on("cpu", 5)
    assert run.about == before


@pytest.mark.usefixtures("here")
def test_a_run_from_before_machines_were_told_goes_on(run: Run) -> None:
    about = run.about
    del about["numerics"], about["versions"]
    write_json(run.path / "run.json", about)
    run.go_on("cpu", 5)
    assert run.about == about


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("step", "recorded"), [(0, []), (5, []), (6, [5])])
def test_of_what_is_done_again_only_the_last_machine_is_told(run: Run, step: int, recorded: list[int]) -> None:
    elsewhere = {"step": 5, "numerics": {"capability": "AVX2"}}
    write_json(run.path / "run.json", {**run.about, "continued": [elsewhere]})
    if recorded:
        with pytest.warns(UserWarning, match="capability was AVX2, is AVX512"):
            run.go_on("cpu", step)
        recorded.append(step)
    else:
        run.go_on("cpu", step)
    assert [part["step"] for part in run.about.get("continued", [])] == recorded


@pytest.mark.usefixtures("here")
def test_a_run_of_which_nothing_is_kept_was_made_here(run: Run) -> None:
    made_elsewhere(run, {"numerics": {"capability": "AVX2"}})
    run.go_on("cpu", 0)
    assert run.about["numerics"]["capability"] == "AVX512" and "continued" not in run.about


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("change", "said"), MACHINES)
def test_runs_of_unlike_machines_are_not_alike(tmp_path: Path, change: Mapping[str, Any], said: str) -> None:
    runs = [open_run(tmp_path / name, CONFIG, "cpu") for name in "abc"]
    assert mixed(runs) == []
    made_elsewhere(runs[1], change)
    assert mixed(runs) == [said.split()[0]]


def test_a_run_of_two_machines_is_not_alike_by_itself(run: Run) -> None:
    elsewhere = {"step": 5, "numerics": {"capability": "AVX2"}}
    write_json(run.path / "run.json", {**run.about, "numerics": {"capability": "AVX512"}, "continued": [elsewhere]})
    assert mixed([run]) == ["capability"]


def test_a_sandbox_elsewhere_is_told_and_not_this_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere:
        def describe(self) -> dict[str, Any]:
            return {"tier": "docker:python", "layers": ["container"], "missing": [], "refused": {}}

    monkeypatch.setattr("vulngames.sandbox.backend", lambda name: Elsewhere())
    run = open_run(tmp_path / "run", {**CONFIG, "sandbox": "docker:python"}, "cpu")
    assert run.about["sandbox"]["tier"] == "docker:python"


def test_a_sandbox_that_is_not_there_leaves_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="needs the docker command"):
        open_run(tmp_path / "run", {**CONFIG, "sandbox": "docker:python"}, "cpu")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "other"])
def test_a_place_that_holds_something_else_is_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x"
    if what == "file":
        path.write_text("mine")
    else:
        path.mkdir()
        (path / "thesis.tex").write_text("mine")
    with pytest.raises(UserError, match="is not a run directory"):
        open_run(path, CONFIG, "cpu")


def test_a_run_is_written_by_one_process_at_a_time(run: Run) -> None:
    with run.writing(), pytest.raises(UserError, match="written by another process"), Run(run.path).writing():
        pass
    with run.writing():
        run.finish()
        with pytest.raises(UserError, match="written by another process"), Run(run.path).writing():
            pass
    with run.writing():
        pass
    assert open_run(run.path, CONFIG, "cpu").finished


def test_a_lock_alone_is_no_run_and_in_no_runs_way(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert open_run(tmp_path, CONFIG, "cpu").about["config"] == CONFIG


def test_loading_what_is_not_a_run(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no run\.json"):
        load_run(tmp_path)
