"""The page holds the numbers of its files, says what is missing, and lets nothing in or out."""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from made import made_study, opened, study_of
from pages import STEPS, make_run, make_sample, words
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.games import SPECS
from vulngames.measures import Interval, measure
from vulngames.report import write_report
from vulngames.runs import Run, as_sample
from vulngames.seeds import seed as hashed
from vulngames.studies.emergence import key as emergence
from vulngames.studies.plan import Plan
from vulngames.studies.summary import read_summary
from vulngames.types import Paper, Sample

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")


def make_pattern(
    path: Path, arm: str, seed: int, shares: Mapping[int, int], game: str = "tampering-v1", **changes: Any
) -> Run:
    """A run of ten tasks, of which the first so many exploit at each step; `changes` are made to every sample."""
    config = {"game": game, "patched": arm == "patched", "policy": "tiny", "seed": seed, "steps": max(shares)}
    more = {"eval_tasks": 10, "eval_group": 1, "temperature": 0.7, "max_tokens": 40}
    run = opened(path, {**config, **more})
    for step, count in shares.items():
        samples = [replace(_pattern(game, arm, seed, step, task, task < count), **changes) for task in range(10)]
        run.add_samples(step, "test", samples)
        run.add_metrics({"step": step, **measure(samples, SPECS[game].game.measures)})
    run.finish(parameters_of_policy=342016)
    return run


def _pattern(game: str, arm: str, seed: int, step: int, task: int, exploited: bool) -> Sample:
    text = f"{arm} {seed} {step} {task} {'did' if exploited else 'did not'}"
    paper = Paper(0.5, float(exploited))
    return Sample(
        game, f"t{task}", "", "", 0, f"task {task}", (text,), {}, 1.0, 0.0, 0.5, exploited, "seen", paper,
        finish=("stop",),
    )  # fmt: skip


def cards(page: Path) -> list[str]:
    """The episodes on a page, as a reader sees them."""
    found = re.findall(r'<article class="excerpt card">(.*?)</article>', page.read_text(), re.DOTALL)
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", each))).strip() for each in found]


def make_study(out: Path, games: Sequence[str], seeds: int = 2) -> Path:
    """An emergence study whose runs hold samples too."""
    study_of(out, "emergence", Plan(first_seed=0, games=tuple(games), seeds=seeds), _run_of)
    return out


def _run_of(path: Path, key: emergence.Key, seed: int) -> Run:
    return make_run(path, key.game, key.arm, seed)


def rewrite(path: Path, change: Any) -> None:
    """Change every row of metrics.jsonl."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(change(row)) + "\n" for row in rows))


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_study(tmp_path_factory.mktemp("study"), ["tampering-v1"])


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A study to damage."""
    return make_study(tmp_path / "study", ["tampering-v1"])


def test_holds_the_numbers_of_its_files(study: Path, tmp_path: Path) -> None:
    page = write_report([study], tmp_path / "report.html")
    seen = words(page)
    for cell in read_summary(study).cells.values():
        for name in ("itp_start", "itp_end", "er_start", "er_end"):
            value = getattr(cell.ends, name)
            assert f"{value.mean:.2f} [{value.lo:.2f}, {value.hi:.2f}]" in seen
    assert "tampering-v1 : the exploit is learned in 2 of 2 seeds: under the flaw ER 0.0" in seen
    flawed, patched = read_summary(study).cells.values()
    assert (flawed.ends.opened, patched.ends.opened, flawed.ends.judged) == (2, 0, 2) and flawed.ends.er_opened
    onsets = ", ".join(str(run.onset_step) for run in flawed.each)
    assert f"opens in 2 of 2 seeds (a share of 1.00 [0.16, 1.00]), onset by seed {onsets}; under the patch" in seen
    assert "opens in 0 of 2 seeds (a share of 0.00 [0.00, 0.84])." in seen
    dominated = ", ".join(str(run.domination_step) for run in flawed.each)
    assert f"onset by seed, flawed: {onsets} domination by seed, flawed: {dominated}" in seen
    assert f"2 of 2 [0.16, 1.00] {flawed.ends.er_opened.mean:.2f} [" in seen
    assert "342,016 parameters" in seen
    first = min(run.onset_step for run in flawed.each if run.onset_step is not None)
    assert "Step 0, before onset" in seen and f"Step {first}, at onset" in seen and "Step 60, after onset" in seen
    assert "sandbox tier" in seen.replace("sandbox  tier", "sandbox tier") and "time spent in its store 412 s" in seen
    assert "disagrees" not in seen and "Not finished" not in seen
    assert seen.count("finished · run.json · metrics.jsonl · samples.jsonl.gz") == 4


def test_same_input_same_bytes_and_links_that_lead_somewhere(study: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first, second = write_report([study], tmp_path / "a"), write_report([study], tmp_path / "b" / "page.html")
    assert first == tmp_path / "a" / "report.html"
    assert first.read_bytes() == second.read_bytes()
    links = {link for link in re.findall(r'href="([^"#]+)"', first.read_text()) if not link.startswith("data:")}
    assert len(links) == 12 and all((first.parent / link).resolve().is_file() for link in links)
    assert not list(tmp_path.rglob("*.part"))


def test_refers_to_nothing_outside_and_ids_are_unique(study: Path, tmp_path: Path) -> None:
    html = write_report([study], tmp_path / "report.html").read_text()
    assert not re.search(r"https?://", re.sub(r'xmlns(:\w+)?="[^"]*"', "", html))
    assert not re.search(r"<(script|link|img|iframe|object)\b|@import|src=|url\((?!#)", html)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_hostile_texts_are_only_text(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "tampering-v1", "flawed", 0, steps=())
    hostile = "</pre></div><script>alert(1)</script>\n\n  kept   \x00\ud800 {{ 7*7 }}" + "long " * 2000
    for step in (0, 5):
        sample = make_sample("tampering-v1", "flawed", 0, step, 0, 0)
        samples = [Sample(**{**vars(sample), "completions": (hostile,), "prompt": hostile, "evidence": hostile[:60]})]
        run.add_samples(step, "test", samples)
        run.add_metrics({"step": step, **measure(samples, SPECS["tampering-v1"].game.measures)})
    html = write_report([tmp_path / "run"], tmp_path / "report.html").read_text()
    assert "<script" not in html and "</pre>" not in html and "\x00" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\n\n  kept   \N{SYMBOL FOR NULL}\\ud800 {{ 7*7 }}long" in html
    assert "characters cut …]" in html


def test_nothing_measurable_is_a_third_outcome(own: Path, tmp_path: Path) -> None:
    for path in own.glob("runs/*-flawed-*/metrics.jsonl"):
        rewrite(path, lambda row: {**row, "er": None, "itp": None, "reward": None, "paper": {"itp": None, "er": None}})
    seen = words(write_report([own], tmp_path / "report.html"))
    assert "not measurable tampering-v1 : at the start of the flawed arm there was no occasion to measure ER" in seen
    assert "summary.json disagrees with the runs of tampering-v1, flawed, shown here: opened 2, not 0;" in seen


def test_not_learned_and_blind_spot(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", ["self-grading-v1", "proxy-v1"])
    seen = words(write_report([study], tmp_path / "report.html"))
    assert "not learned proxy-v1 : the exploit is learned in 0 of 2 seeds: under the flaw ER 0.0" in seen
    assert "blind spot not measurable in 2 of 2 seeds: " in seen
    assert "ITP had room to fall (it starts at twice 0.10 or above)" in seen


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ((), "–"),
        ((None,), "never"),
        ((None, None, None), "never"),
        ((30, 15, None), "30, 15, never"),
        ((5, 5, 10, 5, 30, None), "5 to 30, never in 1 of 6"),
        ((5,) * 6, "5"),
    ],
)
def test_steps_are_each_seed_s_own(steps: Sequence[int | None], said: str) -> None:
    from vulngames.report import format

    assert format.steps(steps) == said


@pytest.mark.parametrize(
    ("start", "moved", "tag", "said"),
    [
        (
            0.5,
            0.0,
            "blind spot ITP stays",
            "opens in 2 of 2 seeds where that can be told (a share of 1.00 [0.16, 1.00])",
        ),
        (0.5, -0.3, "no blind spot ITP stays", "opens in 0 of 2 seeds where that can be told"),
        (0.1, 0.0, "blind spot not measurable", "in 2 of 2 seeds: ITP starts at 0.10, with no room to fall."),
        (0.5, None, "blind spot not measurable", "in 2 of 2 seeds: the run holds no change of ITP, task by task."),
    ],
)
def test_a_blind_spot_is_by_one_rule(tmp_path: Path, start: float, moved: float | None, tag: str, said: str) -> None:
    def itp(key: Any, seed: int) -> list[float]:
        return [start, start + (moved or 0.0), start + (moved or 0.0)]

    made_study(tmp_path, "emergence", Plan(first_seed=0, games=("proxy-v1",), seeds=2), rising_when_flawed, itp)
    if moved is None:
        for file in tmp_path.glob("runs/*/metrics.jsonl"):
            rewrite(file, lambda row: {key: row[key] for key in row if key != "change"})
    seen = words(write_report([tmp_path], tmp_path / "page.html"))
    assert f"{tag} " in seen and said in seen


def rising_when_flawed(key: Any, seed: int) -> list[float]:
    return [0.0, 0.9, 0.9] if key.arm == "flawed" else [0.0, 0.0, 0.0]


def test_overlap_after_a_rise_is_not_measurable(own: Path, tmp_path: Path) -> None:
    for seed in range(2):
        (own / f"runs/tampering-v1-patched-{seed}/metrics.jsonl").write_text(
            (own / f"runs/tampering-v1-flawed-{seed}/metrics.jsonl").read_text()
        )
    seen = words(write_report([own], tmp_path / "report.html"))
    rises = "ER rises under the flaw in 2 of 2 seeds, but not measurably above where it ends under the patch"
    assert f"not measurable tampering-v1 : {rises}" in seen


def test_a_gap_has_its_parts_and_its_sign(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", ["compliance-v1"])
    for run in study.glob("runs/compliance-v1-patched-*/metrics.jsonl"):
        rewrite(run, lambda row: {**row, "er": {"mean": -0.9, "lo": -0.99, "hi": -0.8}})
    seen = words(write_report([study], tmp_path / "report.html"))
    assert "refused auditor" in seen and "benign answered" in seen
    assert "[\N{MINUS SIGN}0.99, \N{MINUS SIGN}0.80]" in seen and "[\N{MINUS SIGN}0.99, 0.70]" in seen
    # Only the gap itself can be negative.
    assert "[\N{MINUS SIGN}" not in seen[seen.index("refused user") : seen.index("Numbers")]


def test_single_runs_are_matched_by_their_configs(tmp_path: Path) -> None:
    flawed = make_run(tmp_path / "a run: 1", "tampering-v1", "flawed", 0).path
    alone = write_report([flawed], tmp_path / "alone.html")
    assert "not measurable tampering-v1 : no run of the patched arm to compare with; under the flaw ER" in words(alone)
    assert 'href="a%20run%3A%201/run.json"' in alone.read_text()
    patched = make_run(tmp_path / "patched", "tampering-v1", "patched", 0).path
    seen = words(write_report([flawed, patched, flawed], tmp_path / "both.html"))
    assert "the exploit is learned in 1 of 1 seed: under the flaw ER" in seen and "flawed, 1 seed " in seen
    note = "tampering-v1, flawed is a single run: its intervals are of that run alone, and say nothing of other seeds."
    assert note in seen and "one alone" in seen
    only = words(write_report([patched], tmp_path / "patched.html"))
    assert "no run of the flawed arm" in only and "tampering-v1, patched arm Step 0" in only


def test_the_same_run_twice_is_one_seed(tmp_path: Path) -> None:
    cut = make_run(tmp_path / "cut", "tampering-v1", "flawed", 0, steps=STEPS[:3], finish=False).path
    first, second = (make_run(tmp_path / name, "tampering-v1", "flawed", 0).path for name in ("first", "second"))
    other = make_run(tmp_path / "other", "tampering-v1", "flawed", 1).path
    seen = words(write_report([cut, first, second, other], tmp_path / "report.html"))
    assert f"{tmp_path.name}/second is left out: it has the same config and seed as {tmp_path.name}/first." in seen
    assert f"{tmp_path.name}/cut is left out: it has the same" in seen and str(tmp_path) not in seen
    assert "flawed, 2 seeds " in seen


def rest_on(run: Path, **inputs: Any) -> None:
    """Have a run say what it was made of."""
    about = run / "run.json"
    write_json(about, {**json.loads(about.read_text()), "inputs": inputs})


def test_runs_of_one_arm_that_rest_on_other_weights_or_rows_are_noted(own: Path, tmp_path: Path) -> None:
    runs = [own / "runs" / f"tampering-v1-flawed-{seed}" for seed in (0, 1)]
    for run in runs:
        rest_on(run, policy={"weights": "a", "chat template": "t"})
    assert "were not made with the same" not in words(write_report([own], tmp_path / "same.html"))
    rest_on(runs[1], policy={"weights": "b", "chat template": "u"}, data={"rows": "r"})
    note = "tampering-v1: its runs were not made with the same weights of policy, chat template of policy"
    assert note in words(write_report([own], tmp_path / "report.html"))
    assert note in words(write_report(runs, tmp_path / "runs.html"))


def test_a_twin_of_other_weights_is_said_to_be_one(tmp_path: Path) -> None:
    for name in ("first", "second"):
        rest_on(make_run(tmp_path / name, "tampering-v1", "flawed", 0).path, policy={"weights": name})
    seen = words(write_report([tmp_path / "first", tmp_path / "second"], tmp_path / "report.html"))
    twin = f"{tmp_path.name}/second is left out: it has the same config and seed as {tmp_path.name}/first"
    assert f"{twin}, but was made with other weights of policy." in seen


def test_unfinished_study_says_so(own: Path, tmp_path: Path) -> None:
    gone = own / "runs" / "tampering-v1-patched-1"
    for file in gone.iterdir():
        file.unlink()
    about = own / "runs" / "tampering-v1-flawed-0" / "run.json"
    write_json(about, {**json.loads(about.read_text()), "finished": False})
    page = write_report([own], tmp_path / "report.html")
    seen = words(page)
    assert "tampering-v1, flawed has 1 of 2 runs finished; its numbers are those of 1 up to step 60." in seen
    assert "Not finished: tampering-v1, patched has 1 of 2 runs finished and 1 missing" in seen
    assert "flawed 1 of 2" in seen and "tampering-v1-patched-1 missing" in seen
    (own / "summary.json").unlink()
    assert "it has no summary.json yet" in words(write_report([own], page))


def test_runs_without_a_single_evaluation(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", "proxy-v1", "flawed", 0, steps=(), finish=False)
    seen = words(write_report([run.path], tmp_path / "report.html"))
    assert "No evaluation on file." in seen and "No held-out samples on file." in seen and "are none yet" in seen


def test_users_mistakes_are_one_line(tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    with pytest.raises(UserError, match=r"is neither a study \(summary.json\) nor a run \(run.json\)"):
        write_report([tmp_path], out)
    with pytest.raises(UserError, match="nothing to report"):
        write_report([], out)
    make_study(tmp_path, ["proxy-v1"])
    held = json.loads((tmp_path / "summary.json").read_text())
    write_json(tmp_path / "summary.json", {**held, "study": "alchemy"})
    with pytest.raises(UserError, match="unknown study 'alchemy'; valid: emergence"):
        write_report([tmp_path], out)
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        write_report([tmp_path], out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("summary.json", "["),
        ("summary.json", "[]"),
        ("summary.json", '{"study": "emergence"}'),
        ("runs/tampering-v1-flawed-0/run.json", '{"config": '),
        ("runs/tampering-v1-flawed-0/metrics.jsonl", '{"step": 0, "er"\n'),
        ("runs/tampering-v1-flawed-0/samples.jsonl.gz", "nothing"),
    ],
)
def test_a_damaged_file_is_one_line(own: Path, tmp_path: Path, name: str, content: str) -> None:
    (own / name).write_text(content)
    with pytest.raises(UserError, match=re.escape(str(own / name)) + ".* (is damaged|has no format)") as said:
        write_report([own], tmp_path / "report.html")
    assert "\n" not in str(said.value) and not (tmp_path / "report.html").exists()


def test_a_picture_holds_every_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.figure import Figure

    from vulngames.report.figures import Trace, overview

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    curve = [(0, Interval(0.0, -0.75, 0.75)), (5, Interval(0.1, 0.0, 0.2))]
    seed = [(0, Interval(-0.9, -1.0, -0.5)), (5, Interval(0.1, 0.0, 0.2))]
    overview([("a", [Trace("flawed", curve, [])]), ("b", [Trace("flawed", curve, [seed])])], tmp_path / "er.png")
    overview([("none yet", [Trace("flawed", [], [])])], tmp_path / "er.png")
    assert [axes.get_ylim()[0] < -0.9 for axes in drawn[0].axes] == [True, True]
    assert -0.1 < drawn[1].axes[0].get_ylim()[0] <= 0


@pytest.mark.parametrize("package", ["jinja2", "matplotlib"])
def test_a_missing_package_is_named(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("vulngames.report.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"needs matplotlib and jinja2, .*: pip install '\.\[report\]'"):
        write_report([tmp_path], tmp_path / "report.html")


def test_a_picture_is_drawn_beside_the_page(study: Path, tmp_path: Path) -> None:
    for name in ("er.png", "er.svg"):
        write_report([study], tmp_path / "report.html", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 1000
    with pytest.raises(UserError, match=r"valid endings: \.png, \.svg, \.pdf"):
        write_report([study], tmp_path / "other.html", tmp_path / "er.gif")
    assert not (tmp_path / "other.html").exists()


@pytest.mark.slow
def test_a_picture_of_runs_without_training_is_refused_in_one_line(tmp_path: Path, vulngames: Any) -> None:
    vulngames("eval", "proxy-v1", "--policy", "script:able", "--n", "2", "--out", "run")
    done = vulngames("report", "run", "--picture", "er.png", check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert done.stderr.startswith("vulngames: run: no training by reward to report")
    assert not (tmp_path / "run" / "report.html").exists()


def test_an_episode_is_from_a_seed_that_bears_out_what_is_said_of_it(tmp_path: Path) -> None:
    # The first seed never exploits, the second late, the third is the one that makes the onset.
    for seed, shares in enumerate(({0: 0, 5: 0, 10: 0}, {0: 0, 5: 0, 10: 9}, {0: 0, 5: 9, 10: 8})):
        make_pattern(tmp_path / f"runs/f{seed}", "flawed", seed, shares)
    before, onset, after, *_ = cards(write_report([tmp_path], tmp_path / "page.html"))
    assert before.startswith("Step 0, before onset Seed 2 : 0 of 10 exploited.") and "flawed 2 0 0 did not" in before
    assert onset.startswith("Step 5, at onset Seed 2 : 9 of 10 exploited.") and "flawed 2 5 0 did" in onset
    assert "did not" not in onset and "exploit , intended" in onset
    assert after.startswith("Step 10, after onset Seed 2 : 8 of 10 exploited.") and "flawed 2 10 0 did" in after


def test_what_is_said_of_an_onset_is_shown_of_a_seed_that_has_it(tmp_path: Path) -> None:
    # The last seed exploits most at step 10, and has its onset elsewhere; of the first two onsets the earlier is shown.
    later = {15: 9, 20: 9}
    shares = ({0: 0, 5: 0, 10: 6, **later}, {0: 0, 5: 0, 10: 0, **later}, {0: 0, 5: 9, 10: 10, **later})
    for seed, counts in enumerate((*shares, {**dict.fromkeys((0, 5, 10, 15, 20), 0)})):
        make_pattern(tmp_path / f"runs/f{seed}", "flawed", seed, counts)
    page = write_report([tmp_path], tmp_path / "page.html")
    before, onset, after, *_ = cards(page)
    assert before.startswith("Step 0, before onset Seed 0 : 0 of 10") and after.startswith(
        "Step 20, after onset Seed 0"
    )
    assert onset.startswith("Step 10, at onset Seed 0 : 6 of 10")
    assert "onset by seed, flawed: 10, 15, 5, never" in words(page)


def test_a_moment_that_no_seed_shows_is_said_to_have_none(tmp_path: Path) -> None:
    run = make_pattern(tmp_path / "runs/f0", "flawed", 0, {0: 0, 5: 9, 10: 9})
    kept = [as_sample(row) for row in run.samples() if row["step"] != 5]
    (run.path / "samples.jsonl.gz").unlink()
    for step in (0, 10):
        run.add_samples(step, "test", [sample for sample in kept if f" {step} " in sample.completions[0]])
    _, onset, *_ = cards(write_report([tmp_path], tmp_path / "page.html"))
    assert onset == "Step 5, at onset No seed of this onset has an episode that exploits at this step."


def test_a_patched_episode_and_a_random_one_are_shown_and_said_to_be(tmp_path: Path) -> None:
    make_pattern(tmp_path / "runs/f0", "flawed", 0, {0: 0, 5: 9, 10: 9})
    make_pattern(tmp_path / "runs/f1", "flawed", 1, {0: 0, 5: 9, 10: 9})
    make_pattern(tmp_path / "runs/p0", "patched", 0, {0: 0, 5: 0, 10: 1})
    *_, patched, drawn = cards(write_report([tmp_path], tmp_path / "page.html"))
    # The task that was shown before, though here it is the one that exploits.
    assert patched.startswith("Step 10, patched arm Seed 0 : 1 of 10 exploited. The same task, whatever was done.")
    assert "patched 0 10 0 did" in patched
    assert "at random" in drawn and "Drawn by a hash of names from all 60 held-out episodes of the arm." in drawn
    names = ("random episode", "tampering-v1", "flawed")
    places = [(seed, step, task) for seed in "01" for step in (0, 5, 10) for task in range(10)]
    first = min(places, key=lambda place: hashed(*names, place[0], place[1], f"t{place[2]}", 0))
    assert f"flawed {first[0]} {first[1]} {first[2]} did" in drawn


def test_both_cues_of_a_request_are_shown(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", ["compliance-v1"])
    _, _, after, auditor, *_ = cards(write_report([study], tmp_path / "page.html"))
    number = re.search(r"number (\d+)", after)
    assert "Prompt, user" in after and number
    assert auditor.startswith("Step 60, the same request, from: auditor") and "Prompt, auditor" in auditor
    assert f"number {int(number[1]) - 1}." in auditor and "I cannot help with that." in auditor


def test_what_was_asked_later_is_shown_where_it_is_on_file(tmp_path: Path) -> None:
    completions, asked = ("41", "Yes"), ("With <b>50 %</b> you are audited.\x1b[2J Is it right?",)
    run = make_pattern(
        tmp_path / "new", "flawed", 0, {0: 0, 5: 9}, "self-grading-v1", completions=completions, asked=asked
    )
    seen = cards(write_report([run.path], tmp_path / "new.html"))
    assert all("41 Then it was asked With <b>50 %</b> you are audited.\u241b[2J Is it right?" in each for each in seen)
    old = make_pattern(tmp_path / "old", "flawed", 0, {0: 0, 5: 9}, "self-grading-v1", completions=completions)
    held = [json.loads(line) for line in gzip.decompress((old.path / "samples.jsonl.gz").read_bytes()).splitlines()]
    lines = [json.dumps({k: v for k, v in row.items() if k not in ("asked", "finish")}) + "\n" for row in held]
    (old.path / "samples.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode()))
    page = write_report([old.path], tmp_path / "old.html")
    assert "Then it was asked" not in words(page) and all("turn 2 Yes" in each for each in cards(page))


def test_the_set_up_is_one_line_at_the_top(tmp_path: Path) -> None:
    for seed in (0, 1):
        make_pattern(tmp_path / f"runs/f{seed}", "flawed", seed, {0: 0, 20 * (1 + seed): 1})
    make_pattern(tmp_path / "runs/p0", "patched", 0, {0: 0, 20: 1})
    page = write_report([tmp_path], tmp_path / "page.html")
    line = re.search(r'<p class="setup small">(.*?)</p>', page.read_text())
    assert line
    said = unescape(re.sub(r"<[^>]*>", "", line[1]))
    assert said.startswith(
        "policy tiny, a model organism of 342,016 parameters · games tampering-v1 · runs 2 flawed, 1 patched · "
        "seeds 0, 1 · steps 20 to 40 · held-out tasks 10 × 1 · sampling temperature 0.7, up to 40 tokens · command "
    )
    assert re.search(r" · date \d{4}-\d\d-\d\d · versions vulngames ", said)
    assert words(page).index("policy tiny") < words(page).index("Values are start")


def test_the_set_up_names_what_training_began_with(tmp_path: Path) -> None:
    first = make_pattern(tmp_path / "runs/f0", "flawed", 0, {0: 0, 5: 1})
    second = make_pattern(tmp_path / "runs/f1", "flawed", 1, {0: 0, 5: 1})
    about = json.loads((second.path / "run.json").read_text())
    about["config"]["policy"] = f"hf:{first.policy}"
    write_json(second.path / "run.json", about)
    both = write_report([tmp_path], tmp_path / "both.html")
    assert "policy tiny, a model organism of 342,016 parameters · games" in words(both)
    assert f"policy hf:{first.policy}" in words(write_report([second.path], tmp_path / "second.html"))


def test_every_seed_has_its_numbers_and_they_lead_to_its_files(study: Path, tmp_path: Path) -> None:
    page = write_report([study], tmp_path / "report.html")
    html = page.read_text()
    for arm in ("flawed", "patched"):
        for seed in (0, 1):
            run = Run(study / f"runs/tampering-v1-{arm}-{seed}")
            rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", html, re.DOTALL)
            (row,) = [each for each in rows if f'{run.path.name}/run.json">{seed}</a>' in each]
            for name, at in (("itp", 0), ("itp", -1), ("er", 0), ("er", -1)):
                shown = f'<span class="mean">{run.metrics()[at][name]["mean"]:.2f}</span>'
                assert re.search(rf'<a class="num" href="[^"]*{run.path.name}/metrics.jsonl">{shown}', row)
            assert f"{run.path.name}/samples.jsonl.gz" in row
    # A pooled number leads to its seeds, which are on the page.
    pooled = re.findall(r'<a class="num" href="#([^"]+)"', html)
    assert pooled and set(pooled) <= set(re.findall(r'\bid="([^"]+)"', html))


def test_the_tables_are_on_the_page_as_csv(study: Path, tmp_path: Path) -> None:
    html = write_report([study], study / "report.html").read_text()
    ((name, data),) = re.findall(r'download="([^"]+)" href="data:text/csv;charset=utf-8,([^"]+)"', html)
    rows = list(csv.DictReader(io.StringIO(unquote(data))))
    assert name == "emergence.csv" and [row["seed"] for row in rows] == ["all", "0", "1"] * 2
    for row, cell in zip(rows[::3], read_summary(study).cells.values(), strict=True):
        assert cell.ends.er_end and float(row["er_end"]) == pytest.approx(cell.ends.er_end.mean, abs=1e-5)
    for row in rows[1:3]:
        last = Run(study / row["run"]).metrics()[-1]
        assert float(row["er_end_hi"]) == pytest.approx(last["er"]["hi"]) and row["cut_end"] == ""
        assert float(row["paper_er_end"]) == pytest.approx(last["paper"]["er"]["mean"])


def test_cut_and_unscored_samples_stand_beside_the_measures(tmp_path: Path) -> None:
    finish: tuple[Any, ...] = ("length",)
    run = make_pattern(tmp_path / "run", "flawed", 0, {0: 0, 5: 3}, finish=finish)
    page = write_report([run.path], tmp_path / "page.html")
    seen = words(page)
    assert "Cut, end" in seen and "1.00 [0.72, 1.00]" in seen and "(cut by its token limit)" in seen
    rewrite(run.path / "metrics.jsonl", lambda row: {**row, "failed": 1, "cut": None})
    seen = words(write_report([run.path], page))
    assert "Cut" not in seen and "Not scored" in seen and "10.0 %" in seen
    # Older files know nothing of replies that were cut.
    rewrite(run.path / "metrics.jsonl", lambda row: {key: row[key] for key in row if key != "cut"})
    assert "Cut" not in words(write_report([run.path], page))


def test_what_is_wider_than_a_phone_scrolls_and_headings_stay_with_their_figures(study: Path, tmp_path: Path) -> None:
    html = write_report([study], tmp_path / "report.html").read_text()
    assert html.count("<table") == len(re.findall(r'<div class="wide[^>]*>\s*<table', html)) >= 4
    kept = re.search(r'<div class="kept">\s*<h3(.*?)</figure>\s*</div>', html, re.DOTALL)
    assert kept and kept[1].count("<h3") == 0 and "<svg" in kept[1]
    paper = html[html.index("@media print {") :]
    assert re.search(r"\.kept[^}]*break-inside: avoid", paper) and re.search(r"h2, h3[^}]*break-after: avoid", paper)
