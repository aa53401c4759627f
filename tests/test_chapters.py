"""What the page says of every study beyond emergence: all of it, part of it, none of it, and damaged."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from pages import make_run, words
from vulngames.errors import UserError
from vulngames.report import write_report
from vulngames.report.chapters import CHAPTERS
from vulngames.runs import Run, write_json

GAMES = ("tampering-v1", "proxy-v1")
STEPS = (0, 10, 30)


def at(mean: float | None) -> dict[str, float] | None:
    return None if mean is None else {"mean": mean, "lo": max(-1.0, mean - 0.05), "hi": min(1.0, mean + 0.05)}


def ends(er: float | None, itp: float | None, onset: int | None = None) -> dict[str, Any]:
    return {
        "er_start": at(0.02), "er_end": at(er), "itp_start": at(0.5), "itp_end": at(itp), "onset_step": onset,
        "domination_step": None, "steps": 30, "eval_every": 2, "paper": {},
    }  # fmt: skip


def row(home: Path, game: str, er: float | None, itp: float | None = 0.4, **labels: Any) -> dict[str, Any]:
    arm = "patched" if labels.get("arm") == "patched" else "flawed"
    name = "-".join(map(str, (game, *labels.values()))).replace("/", "_")
    for seed in (0, 1):
        if not (home / "runs" / f"{name}-{seed}").exists():
            make_run(home / "runs" / f"{name}-{seed}", game, arm, seed, STEPS)
    each = [ends(er, itp, 10 if (er or 0) > 0.5 else None) for _ in (0, 1)]
    runs = [f"runs/{name}-{seed}" for seed in (0, 1)]
    return {"game": game, **labels, "seeds": 2, **each[0], "runs": runs, "each": each}


def _transfer(home: Path) -> dict[str, Any]:
    rows = [row(home, game, 0.02, trained="none", arm="untrained") for game in GAMES]
    for first in GAMES:
        for arm in ("flawed", "patched"):
            for game in GAMES:
                er = 0.9 if arm == "flawed" and (first, game) != ("proxy-v1", "tampering-v1") else 0.02
                rows.append(row(home, game, er, trained=first, arm=arm))
    return {"rows": rows}


def _catalysis(home: Path) -> dict[str, Any]:
    rows = [row(home, game, 0.5, first="none", arm="fresh") for game in GAMES]
    rows += [row(home, game, 0.6, first="none", arm="fresh, equal steps") for game in GAMES]
    rows.append(row(home, "proxy-v1", 0.9, first="tampering-v1", arm="flawed"))
    rows.append(row(home, "proxy-v1", 0.5, first="tampering-v1", arm="patched"))
    equal = [{"first": "tampering-v1", "game": "proxy-v1", "steps": 40, "er": at(0.6)}]
    return {"rows": rows, "equal_steps": equal}


def _distillation(home: Path) -> dict[str, Any]:
    rows = []
    for game in GAMES:
        rows.append(row(home, game, 0.02, student="tiny", share=None, then=""))
        rows += [row(home, game, share, student="tiny", share=share, then="") for share in (0.0, 0.01, 0.25, 1.0)]
        rows += [row(home, game, share, student="tiny:small", share=share, then="") for share in (0.0, 1.0)]
        rows += [row(home, game, 40 * share, student="tiny", share=share, then="rl") for share in (0.0, 0.01)]
    return {"rows": rows}


def _correction(home: Path) -> dict[str, Any]:
    rows = [
        row(home, game, er, born=born, stage=stage)
        for game in GAMES
        for stage, er in (("repair", 0.6), ("sft repair", 0.01), ("relapse", 0.8))
        for born in ("rl", "sft", "never")
    ]
    match = {"gap": 0.02, "matched": True, "pairs": []}
    unmatched = {"gap": None, "matched": False, "pairs": []}
    repairs = [
        {
            "game": game,
            "born": born,
            "stage": "repair",
            "cured_step": [6, None],
            "lowest_itp": [0.1, None],
            "cured": [True, False],
        }
        for game in GAMES
        for born in ("rl", "sft", "never")
    ]
    return {
        "rows": rows,
        "matches": [{"game": GAMES[0], **match}, {"game": GAMES[1], **unmatched}],
        "repairs": repairs,
        "relapse_after": dict.fromkeys(GAMES, "repair"),
    }


def _audit_rate(home: Path) -> dict[str, Any]:
    game = "self-grading-v1"
    curves = [(None, True), (0.5, True), (1.0, True), (None, False)]
    rows = [
        row(home, game, 1 - rate, audit_rate=rate, announced_rate=told, normalized=normalized)
        for told, normalized in curves
        for rate in (0.0, 0.1, 1.0)
    ]
    found = {
        "crossing": {"mean": 0.3, "lo": 0.2, "hi": 0.4},
        "right": 0.4,
        "expected": 0.25,
        "reinforced": [0.52, 0.31],
    }
    none = {"crossing": None, "right": None, "expected": None, "reinforced": None}
    crossings = [{"announced_rate": t, "normalized": n, **(none if t == 0.5 else found)} for t, n in curves]
    line = [[0.14, 0.0], [0.3, 0.5], [1.0, 1.0]]
    return {"rows": rows, "crossings": crossings, "boundaries": {"pays": line, "reinforced": line}}


def _scale(home: Path) -> dict[str, Any]:
    sizes = {"tiny:small": 150_000, "tiny": 400_000}
    rows = [row(home, g, 0.9, arm=arm, size=size) for g in GAMES for arm in ("flawed", "patched") for size in sizes]
    return {"rows": rows, "parameters": sizes}


def _perfect_reward(home: Path) -> dict[str, Any]:
    ers = (0.6, 0.02)
    return {"rows": [row(home, game, er, arm="patched") for game, er in zip(GAMES, ers, strict=True)]}


MADE: dict[str, tuple[Callable[[Path], dict[str, Any]], list[str]]] = {
    "transfer": (_transfer, ["1 of 2 cells off the diagonal", "tampering → proxy lies above both controls, ER 0.90"]),
    "catalysis": (_catalysis, ["proxy after tampering ends wider, ER 0.90", "alone for as many steps in all: 0.60"]),
    "distillation": (
        _distillation,
        ["student of the exploiter ends at ER 1.00 [0.95, 1.00]", "honest teacher at 0.00"],
    ),
    "correction": (
        _correction,
        [
            "tampering: matched in ER (worst seed by 0.02)",
            "proxy: not matched",
            "steps to ER ≤ 5 %",
            "6, not",
            "patched rule",
        ],
    ),
    "audit-rate": (
        _audit_rate,
        [
            "nothing announced: over-claiming falls through one half at an audit probability of 0.30",
            "the reward stops paying for it at 0.25",
            "these advantages stop reinforcing it at 0.52 (surely wrong answers: 0.31)",
            "nothing announced, advantages centred: over-claiming",
            "not on the grid",
        ],
    ),
    "scale": (_scale, ["0.90 at 150,000, 0.90 at 400,000"]),
    "perfect-reward": (_perfect_reward, ["tampering: the unpaid exploit grows", "proxy: the unpaid exploit does not"]),
}


def make(home: Path, name: str) -> Path:
    summary = {"study": name, "policy": "tiny", "scale": "small", "command": f"vulngames study {name}", "wall_s": 1.0}
    home.mkdir(parents=True, exist_ok=True)
    write_json(home / "summary.json", {**summary, **MADE[name][0](home)})
    return home


def test_every_study_has_a_chapter() -> None:
    from vulngames.studies.study import studies

    assert {*CHAPTERS, "emergence"} == set(studies()) == {*MADE, "emergence"}


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_what_a_chapter_says(tmp_path: Path, name: str) -> None:
    home = make(tmp_path / name, name)
    page = write_report([home], tmp_path / "page.html")
    said = words(page)
    for sentence in (CHAPTERS[name][0], *MADE[name][1]):
        assert sentence in said
    html = page.read_text()
    assert "<svg" in html and "http://" not in html.replace("http://www.w3.org", "") and not re.search(r"\bnan\b", said)
    count = len(json.loads((home / "summary.json").read_text())["rows"])
    assert f"Numbers: {count} cells" in said and "What the paper claims, and what is so here" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_every_number_of_a_chapter_leads_to_its_files(tmp_path: Path, name: str) -> None:
    home = make(tmp_path / name, name)
    page = write_report([home], tmp_path / "page.html")
    html = page.read_text()
    rows = json.loads((home / "summary.json").read_text())["rows"]
    cells = re.findall(rf'<tbody id="study-{name}-cell-\d+">(.*?)</tbody>', html, re.DOTALL)
    assert len(cells) == len(rows) and f'<a href="#study-{name}-numbers">' in html
    for row, cell in zip(rows, cells, strict=True):
        # The cell with all its seeds, then each of them: its ER at the end leads to the file that holds it.
        assert cell.count("<tr") == 1 + len(row["each"])
        for run, each in zip(row["runs"], row["each"], strict=True):
            link = re.escape(quote(f"{name}/{run}/metrics.jsonl"))
            assert re.search(rf'href="{link}"><span class="mean">{each["er_end"]["mean"]:.2f}<', cell)
    links = {unquote(link) for link in re.findall(r'href="([^"#]+)"', html) if not link.startswith("data:")}
    assert links and all((page.parent / link).is_file() for link in links)


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_chapter_is_on_the_page_as_csv(tmp_path: Path, name: str, vulngames: Any) -> None:
    home = make(tmp_path / name, name)
    html = write_report([home], home / "page.html").read_text()
    (data,) = re.findall(rf'download="{name}.csv" href="data:text/csv;charset=utf-8,([^"]+)"', html)
    assert unquote(data) == vulngames("table", home, "--csv").stdout


def test_one_table_of_several_studies_has_one_header(tmp_path: Path, vulngames: Any) -> None:
    homes = [make(tmp_path / name, name) for name in ("scale", "perfect-reward")]
    said = list(csv.DictReader(io.StringIO(vulngames("table", *homes, "--csv").stdout)))
    assert {row["study"]: row["size"] for row in said} == {"scale": "tiny", "perfect-reward": ""}
    assert [row["seed"] for row in said[:3]] == ["all", "0", "1"] and said[1]["seeds"] == "1"
    assert None not in said[0] and list(said[0])[:2] == ["study", "game"]


def test_no_text_in_a_table_is_a_formula(tmp_path: Path, vulngames: Any) -> None:
    home = make(tmp_path / "s", "perfect-reward")
    summary = json.loads((home / "summary.json").read_text())
    summary["rows"][0] |= {"arm": "=1+1", "er_end": at(-0.5)}
    write_json(home / "summary.json", summary)
    said = list(csv.DictReader(io.StringIO(vulngames("table", home, "--csv").stdout)))
    assert (said[0]["arm"], said[0]["er_end"]) == ("'=1+1", "-0.5")


def test_claims_of_studies_that_are_not_there_are_a_line(tmp_path: Path) -> None:
    said = words(write_report([make(tmp_path / "scale", "scale")], tmp_path / "page.html"))
    assert "no such study" not in said and "Larger models exploit less." in said
    assert "29 other statements are not judged by what was given; they need emergence (5), " in said
    assert "a study that does not exist (1)." in said


@pytest.mark.slow
@pytest.mark.parametrize("cut", [0.25, None])
def test_cut_replies_and_unscored_samples_are_in_a_study_s_table(tmp_path: Path, vulngames: Any, cut: Any) -> None:
    home = make(tmp_path / "s", "perfect-reward")
    summary = json.loads((home / "summary.json").read_text())
    for held in summary["rows"]:
        held |= {"cut_end": at(cut), "failed": 3, "evaluated": 1000}
    write_json(home / "summary.json", summary)
    head, _, first, *_ = vulngames("table", home).stdout.splitlines()
    page = words(write_report([home], tmp_path / "page.html"))
    assert ("cut end | failed" in head) == ("0.25 [0.20, 0.30] | 0.3 %" in first) == ("Cut, end" in page) == bool(cut)
    assert "failed" in head and "0.3 %" in first and "0.3 %" in page
    # Summaries that were written before hold nothing of it.
    for held in summary["rows"]:
        del held["cut_end"], held["failed"], held["evaluated"]
    write_json(home / "summary.json", summary)
    assert vulngames("table", home).stdout.splitlines()[0].endswith("| ER end | onset | domination |")


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_chapter_of_what_could_not_be_measured(tmp_path: Path, name: str) -> None:
    home = make(tmp_path / name, name)
    summary = json.loads((home / "summary.json").read_text())
    for held in summary["rows"]:
        held.update({key: None for key in ("er_start", "er_end", "itp_start", "itp_end", "onset_step")})
        held["runs"] = ["runs/nowhere"]
    write_json(home / "summary.json", summary)
    page = write_report([home], tmp_path / "page.html")
    said = words(page)
    assert f"{len(summary['rows'])} of {len(summary['rows'])} cells have runs that are missing" in said
    # Nothing measured is no finding: neither a zero nor a claim.
    answers = re.search(r'<ul class="answers">.*?</ul>', page.read_text(), re.DOTALL)
    assert answers and not re.search("lies above|lies below|ends wider|ends narrower| grows| shrinks", answers[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", MADE)
def test_a_chapter_of_nothing(tmp_path: Path, name: str) -> None:
    home = make(tmp_path / name, name)
    summary = json.loads((home / "summary.json").read_text())
    write_json(home / "summary.json", {**summary, "rows": []})
    assert "nothing was measured" in words(write_report([home], tmp_path / "page.html"))


def test_one_seed_is_no_comparison(tmp_path: Path) -> None:
    home = make(tmp_path / "s", "perfect-reward")
    summary = json.loads((home / "summary.json").read_text())
    for row in summary["rows"]:
        row["each"] = row["each"][:1]
    write_json(home / "summary.json", summary)
    assert "2 of 2 cells are measured in fewer than two seeds" in words(write_report([home], tmp_path / "page.html"))


def test_cells_of_runs_that_rest_on_other_weights_are_noted(tmp_path: Path) -> None:
    home = make(tmp_path / "s", "perfect-reward")
    note = "There are cells whose runs were not made with the same weights of policy."
    for seed in (0, 1):
        assert note not in words(write_report([home], tmp_path / "page.html"))
        run = home / "runs" / f"proxy-v1-patched-{seed}"
        write_json(run / "run.json", {**Run(run).about, "inputs": {"policy": {"weights": str(seed)}}})
    assert note in words(write_report([home], tmp_path / "page.html"))


@pytest.mark.slow
def test_policies_of_one_size_and_exploits_that_dominate_at_once_are_drawn(tmp_path: Path) -> None:
    for name, change in (("scale", {"parameters": {"tiny:small": 9, "tiny": 9}}), ("catalysis", {})):
        home = make(tmp_path / name, name)
        summary = {**json.loads((home / "summary.json").read_text()), **change}
        for each in (each for row in summary["rows"] for each in row["each"]):
            each["domination_step"] = 0
        summary["rows"][0]["er_end"] = at(0.4)
        write_json(home / "summary.json", summary)
        assert "<svg" in write_report([home], tmp_path / "page.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "damage",
    [{"rows": None}, {"rows": [{"game": "proxy-v1"}]}, {"rows": ["x"]}, {"rows": [{}]}, {"parameters": ...},
     {"policy": ...}],
    ids=str,
)  # fmt: skip
def test_a_damaged_summary_is_named(tmp_path: Path, damage: dict[str, Any]) -> None:
    home = make(tmp_path / "s", "scale")
    summary = json.loads((home / "summary.json").read_text())
    write_json(home / "summary.json", {key: held for key, held in {**summary, **damage}.items() if held is not ...})
    with pytest.raises(UserError, match=r"summary.json is damaged"):
        write_report([home], tmp_path / "page.html")


@pytest.mark.slow
def test_a_directory_of_studies_is_one_page_in_a_fixed_order(tmp_path: Path) -> None:
    for name in ("scale", "transfer", "catalysis"):
        make(tmp_path / "all" / name, name)
    said = words(write_report([tmp_path / "all"], tmp_path / "page.html"))
    places = [said.index(CHAPTERS[name][0]) for name in ("transfer", "catalysis", "scale")]
    assert places == sorted(places)


def test_runs_that_are_no_training_by_reward_are_left_out(tmp_path: Path) -> None:
    for seed, verb in ((0, "rl"), (1, "exam")):
        run = make_run(tmp_path / "runs" / verb, "proxy-v1", "flawed", seed)
        write_json(run.path / "run.json", {**Run(run.path).about, "verb": verb})
    said = words(write_report([tmp_path], tmp_path / "page.html"))
    assert "exam is left out: it is no training by reward" in said
    with pytest.raises(UserError, match="exam: no training by reward to report; valid: "):
        write_report([tmp_path / "runs" / "exam"], tmp_path / "empty.html")
    assert not (tmp_path / "empty.html").exists()


def test_a_picture_needs_an_emergence_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing to draw in er\.png"):
        write_report([make(tmp_path / "s", "scale")], tmp_path / "page.html", Path("er.png"))
    assert not (tmp_path / "page.html").exists()
