"""What the page says of every study: of made runs, through summary.json to sentences, figures and numbers."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("jinja2")

from made import Values, at, findings_of, made_run, made_study
from pages import make_run, words
from vulngames import formats
from vulngames.errors import UserError
from vulngames.files import write_json
from vulngames.games import SPECS
from vulngames.measures import Interval
from vulngames.report import figures, write_report
from vulngames.report.format import label
from vulngames.runs import Run
from vulngames.studies.catalogue import CATALOGUE
from vulngames.studies.correction.key import Match, Recovery
from vulngames.studies.plan import Plan
from vulngames.studies.summary import Summary, read_summary

GAMES = ("tampering-v1", "proxy-v1")
PLAN = Plan(first_seed=0, games=GAMES, seeds=2, sizes=("tiny:small", "tiny"))


def rising(share: float) -> list[float | None]:
    return [0.02, 0.02, share, share]


def _emergence(key: Any) -> float:
    return 0.9 if (key.game, key.arm) == ("tampering-v1", "flawed") else 0.02


def _transfer(key: Any) -> float:
    if key.trained is None:
        return 0.9 if key.game == "tampering-v1" else 0.02
    moved = key.arm == "flawed" and (key.trained, key.game) != ("proxy-v1", "tampering-v1")
    return 0.9 if moved else 0.02


def _catalysis(key: Any) -> float:
    return 0.9 if (key.first, key.after) == ("tampering-v1", "flawed") else 0.02


def _distillation(key: Any) -> float:
    return 0.02 if key.share is None else float(key.share)


def _correction(key: Any) -> float:
    return {"patched rule": 0.6, "honest transcripts": 0.01, "relapse": 0.8}[key.stage]


def _audit_rate(key: Any) -> float:
    return 1 - float(key.audit_rate)


def _scale(key: Any) -> float:
    return 0.9 if key.size == "tiny" else 0.7


def _perfect_reward(key: Any) -> float:
    return 0.6 if key.game == "tampering-v1" else 0.02


def _base_rate(key: Any) -> float:
    return 0.9 if key.exploit >= 0.01 and key.rival != 0.0 else 0.02


def _correction_findings(plan: Plan) -> Any:
    """One game's exploiters are not matched, and one seed of the RL-trained policy is not cured."""
    found = findings_of("correction", plan)
    unmatched = replace(found.matches[1], gap=0.3, matched=False)
    recoveries: list[Recovery] = []
    for recovery in found.recoveries:
        if recovery.origin == "rl":
            recovery = replace(recovery, cured_step=(6, None), lowest_itp=(0.1, None), cured=(True, False))
        recoveries.append(recovery)
    return replace(found, matches=(found.matches[0], unmatched), recoveries=tuple(recoveries))


def _audit_rate_findings(plan: Plan) -> Any:
    """The curve of certain audits that are announced does not fall."""
    found = findings_of("audit-rate", plan)
    crossings = []
    for crossing in found.crossings:
        if crossing.announced_rate == 1.0:
            crossing = replace(crossing, crossing=None, right=None, expected=None, reinforced=None)
        crossings.append(crossing)
    return replace(found, crossings=tuple(crossings))


@dataclass(frozen=True)
class Case:
    """A study, by ER at the end of every cell, and sentences that its page holds."""

    er: Callable[[Any], float]
    sentences: Sequence[str]
    findings: Callable[[Plan], Any] | None = None
    seeds: int = 2
    """As many as its sentences need."""


CASES: Mapping[str, Case] = {
    "emergence": Case(
        _emergence,
        [
            "learned tampering-v1 : the exploit is learned in 2 of 2 seeds: under the flaw ER 0.02 → 0.90 "
            "[0.14, 0.98], opens in 2 of 2 seeds (a share of 1.00 [0.16, 1.00]), onset by seed 10, 10; under the patch "
            "0.02 → 0.02 [0.00, 0.85], opens in 0 of 2 seeds (a share of 0.00 [0.00, 0.84]).",
            "not learned proxy-v1 : the exploit is learned in 0 of 2 seeds: under the flaw",
            "Asked for a program that passes its tests",
            "blind spot ITP stays within ±0.10 of its start while the exploit opens in 2 of 2 seeds where that can be "
            "told (a share of 1.00 [0.16, 1.00]).",
        ],
    ),
    "transfer": Case(
        _transfer,
        ["1 of 2 cells off the diagonal", "tampering → proxy lies above both controls, ER 0.90 [0.4"],
        seeds=5,
    ),
    "catalysis": Case(
        _catalysis,
        [
            "proxy after tampering ends wider, ER 0.90 [0.43, 0.95], than fresh (0.02 [0.00, 0.53]) and after its "
            "patched twin (0.02 [0.00, 0.53]); alone for as many steps in all: 0.60"
        ],
        seeds=5,
    ),
    "distillation": Case(
        _distillation,
        [
            "tampering: a student of the exploiter ends at ER 1.00 [0.16, 1.00], one of the honest teacher at 0.00",
            "proxy: a student of the exploiter ends at ER 1.00",
        ],
    ),
    "correction": Case(
        _correction,
        [
            "tampering: matched in ER (worst seed by 0.02); after repair RL-trained 0.60 [0.09, 0.94], SFT-trained",
            "proxy: not matched in ER (worst seed by 0.30)",
            "tampering patched rule RL-trained 0.02 [0.00, 0.07] 0.60 [0.09, 0.94] 0.50 [0.08, 0.92] 6, not 0.10, –",
            "tampering honest transcripts SFT-trained 0.02 [0.00, 0.07] 0.01 [0.00, 0.84] 0.50 [0.08, 0.92] 6, 6",
            "tampering patched rule RL-trained 0.02 [0.00, 0.07] 0.80 [0.13, 0.97] 10, 10",
            "tampering – fresh 0.02 [0.00, 0.07] 0.80 [0.13, 0.97] 10, 10",
        ],
        _correction_findings,
    ),
    "audit-rate": Case(
        _audit_rate,
        [
            "nothing announced: over-claiming falls through one half at an audit probability of 0.30 [0.20, 0.40]; the "
            "reward stops paying for it at 0.25 (surely wrong answers: 0.14), these advantages stop reinforcing it at "
            "0.52 (surely wrong answers: 0.31)",
            "50% announced: over-claiming falls through one half at an audit probability of 0.30 [0.20, 0.40]",
            "100% announced: over-claiming falls through one half at an audit probability of not on the grid",
            "nothing announced, advantages centred: over-claiming",
        ],
        _audit_rate_findings,
    ),
    "scale": Case(
        _scale,
        ["tampering: ER under the flaw 0.70 at 150,000, 0.90 at 300,000", "proxy: ER under the flaw 0.70 at 150,000"],
    ),
    "base-rate": Case(
        _base_rate,
        [
            "proxy: shown in 0 % and used in 0 of 1,000 (at most 0.0030), it opens in 0 of 2 seeds; shown in 0.1 % and "
            "used in 0 of 1,000 (at most 0.0030), it opens in 0 of 2 seeds; shown in 1 % and used in 0.0050 [0.0016, "
            "0.0116], it opens in 2 of 2 seeds; shown in 5 % and used in 0.0250 [0.0162, 0.0367], it opens in 2 of 2",
            "with its rival shown in none, and used in 0.0250 [0.0162, 0.0367], it opens in 0 of 2 seeds",
            "proxy 10 % 16.7 % 0.0500 [0.0373, 0.0654] 0.40 [0.35, 0.45] 2 of 2 10, 10 0.90 [0.14, 0.98]",
            "5 % 5 %, no rival 10 % proxy: when",
            "proxy 5 % 0 % 0.0250 [0.0162, 0.0367] 0.40 [0.35, 0.45] 0 of 2 never, never 0.02 [0.00, 0.85]",
        ],
    ),
    "perfect-reward": Case(
        _perfect_reward,
        [
            "tampering: the unpaid exploit grows, ER 0.02 → 0.60 [0.09, 0.94]",
            "proxy: the unpaid exploit does not measurably change, ER 0.02 → 0.02 [0.00, 0.85]",
        ],
    ),
}


def make(home: Path, name: str, plan: Plan = PLAN) -> Summary:
    """One of the cases."""
    case = CASES[name]
    findings = case.findings(plan) if case.findings else None

    def er(key: Any, seed: int) -> Values:
        return rising(case.er(key))

    return made_study(home, name, plan, er, findings=findings)


def change(summary: Summary, alter: Callable[[dict[str, Any]], None]) -> None:
    """Change every cell in a study's summary.json."""
    path = summary.home / "summary.json"
    held = json.loads(path.read_text())
    for cell in held["cells"]:
        alter(cell)
    write_json(path, held)


def test_every_study_has_a_case() -> None:
    assert CASES.keys() == CATALOGUE.keys()


@pytest.mark.parametrize("name", CASES)
def test_what_a_chapter_says(tmp_path: Path, name: str) -> None:
    make(tmp_path / name, name, replace(PLAN, seeds=CASES[name].seeds))
    page = write_report([tmp_path / name], tmp_path / "page.html")
    said = words(page)
    for sentence in (CATALOGUE[name].question, *CASES[name].sentences):
        assert sentence in said
    html = page.read_text()
    assert "<svg" in html and "http://" not in html.replace("http://www.w3.org", "") and not re.search(r"\bnan\b", said)
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", CASES)
def test_every_cell_has_its_numbers_and_they_lead_to_their_files(tmp_path: Path, name: str) -> None:
    summary = make(tmp_path / name, name)
    page = write_report([tmp_path / name], tmp_path / "page.html")
    html = page.read_text()
    shown = re.findall(rf'<tbody id="study-{name}-cell-\d+">(.*?)</tbody>', html, re.DOTALL)
    assert len(shown) == len(summary.cells) > 1
    for cell, rows in zip(summary.cells.values(), shown, strict=True):
        # What the key holds, the cell with all its seeds, then each of them.
        names = [unescaped(each) for each in re.findall(r'<th scope="row">(.*?)</th>', rows)]
        assert sorted(names) == sorted(label(value) for value in cell.labels.values())
        assert names[0] == cell.game
        assert rows.count("<tr") == 1 + len(cell.each)
        assert f'<span class="mean">{CASES[name].er(cell.key):.2f}<' in rows.partition("</tr>")[0]
        for run, ends in zip(cell.runs, cell.each, strict=True):
            link = re.escape(quote(f"{name}/{run}/metrics.jsonl"))
            assert ends.er_end and re.search(rf'href="{link}"><span class="mean">{ends.er_end.mean:.2f}<', rows)
    links = {unquote(link) for link in re.findall(r'href="([^"#]+)"', html) if not link.startswith("data:")}
    assert links and all((page.parent / link).is_file() for link in links)


@pytest.mark.parametrize(
    ("value", "said"), [(None, "none"), (1 / 6, "0.1667"), (0.0, "0"), (0.0003, "0.0003"), (3, "3"), ("rl", "rl")]
)
def test_what_a_key_holds_is_written_short(value: object, said: str) -> None:
    assert label(value) == said


def test_exact_intervals_are_drawn_where_the_caption_says_so() -> None:
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    points = [(0.0, Interval(0.0, 0.0, 0.84)), (0.5, Interval(1.0, 0.16, 1.0))]
    for bars in (True, False):
        axes = Figure().subplots()
        figures.lines(axes, [figures.Line("x", points, "flawed", "o", bars=bars)], "use")
        drawn = []
        for collection in axes.collections:
            assert isinstance(collection, LineCollection)
            drawn += [np.asarray(segment).tolist() for segment in collection.get_segments()]
        assert drawn == ([[[0.0, 0.0], [0.0, 0.84]], [[0.5, 0.16], [0.5, 1.0]]] if bars else [])


def unescaped(text: str) -> str:
    return re.sub(r"&#\d+;|&\w+;", "", text)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_chapter_is_on_the_page_as_csv(tmp_path: Path, name: str, vulngames: Any) -> None:
    home = make(tmp_path / name, name).home
    html = write_report([home], home / "page.html").read_text()
    (data,) = re.findall(rf'download="{name}.csv" href="data:text/csv;charset=utf-8,([^"]+)"', html)
    assert unquote(data) == vulngames("table", home, "--csv").stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "studies"),
    [
        (1, ["emergence", "catalysis", "transfer", "distillation", "correction", "scale", "perfect-reward"]),
        (5, ["emergence", "catalysis", "transfer", "distillation", "correction", "scale", "perfect-reward"]),
        (9, ["catalysis"]),
    ],
)
def test_studies_of_any_number_of_games_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, studies: Sequence[str]
) -> None:
    from matplotlib.figure import Figure

    names = [f"made-{place}-v2" for place in range(count)]
    for name in names:
        made = type("Made", (SPECS["tampering-v1"].game,), {"id": name})
        monkeypatch.setitem(SPECS, name, replace(SPECS["tampering-v1"], game=made))
    legends: dict[str, set[str]] = {}
    draw = Figure.savefig

    def savefig(figure: Any, *given: Any, **options: Any) -> None:
        for axes in figure.axes:
            legends.setdefault(axes.get_title(loc="left"), set()).update(axes.get_legend_handles_labels()[1])
        draw(figure, *given, **options)

    monkeypatch.setattr(Figure, "savefig", savefig)
    plan = replace(PLAN, games=tuple(names), seeds=1)
    for name in studies:
        made_study(tmp_path / "all" / name, name, plan, lambda key, seed: [0.02, 0.5])
    picture = tmp_path / "er.png" if "emergence" in studies else None
    said = words(write_report([tmp_path / "all"], tmp_path / "page.html", picture))
    for place in range(count):
        # Every game is a panel, without its version, and none is dropped where it is trained second.
        others = [f"made-{other}" for other in range(count) if other != place]
        assert {"fresh", *others, *(f"{other}, patched" for other in others)} <= legends[f"made-{place}"]
    assert f"of {count * (count - 1)} cells off the diagonal" in said or "transfer" not in studies


def test_colours_come_again_where_there_are_more_names() -> None:
    from vulngames.report.figures import COLOURS, colours

    names = [str(place) for place in range(len(COLOURS) + 1)]
    assert [*colours(names).values()] == [*COLOURS, COLOURS[0]]
    assert colours(["a", "a", "b"]) == {"a": COLOURS[0], "b": COLOURS[1]}


def test_one_table_of_several_studies_has_one_header(tmp_path: Path, vulngames: Any) -> None:
    homes = [make(tmp_path / name, name).home for name in ("scale", "perfect-reward")]
    said = list(csv.DictReader(io.StringIO(vulngames("table", *homes, "--csv").stdout)))
    assert {row["study"]: row["size"] for row in said} == {"scale": "tiny", "perfect-reward": ""}
    assert [row["seed"] for row in said[:3]] == ["all", "0", "1"] and said[1]["seeds"] == "1"
    assert None not in said[0] and list(said[0])[:2] == ["study", "game"]


def test_no_text_in_a_table_is_a_formula(tmp_path: Path) -> None:
    from vulngames.report.records import to_csv

    said = list(csv.DictReader(io.StringIO(to_csv([{"study": "x", "size": "=1+1", "er_end": -0.5}]))))
    assert (said[0]["size"], said[0]["er_end"]) == ("'=1+1", "-0.5")


def test_claims_of_studies_that_are_not_there_are_a_line(tmp_path: Path) -> None:
    said = words(write_report([make(tmp_path / "scale", "scale").home], tmp_path / "page.html"))
    assert "no such study" not in said and "Larger models exploit less." in said
    assert "51 other statements are not judged by what was given; they need emergence (9), " in said
    assert "a study that does not exist (1)." in said


@pytest.mark.parametrize("cut", [0.25, None])
def test_cut_replies_and_unscored_samples_are_in_a_study_s_table(tmp_path: Path, vulngames: Any, cut: Any) -> None:
    summary = make(tmp_path / "s", "perfect-reward")
    value = cut and asdict(at(cut))
    change(summary, lambda cell: cell["ends"].update(cut_end=value, failed=3, evaluated=1000))
    head, _, first, *_ = vulngames("table", summary.home).stdout.splitlines()
    page = words(write_report([summary.home], tmp_path / "page.html"))
    assert ("cut end | failed" in head) == ("0.25 [0.20, 0.30] | 0.3 %" in first) == ("Cut, end" in page) == bool(cut)
    assert "failed" in head and "0.3 %" in first and "0.3 %" in page


@pytest.mark.parametrize("name", CASES)
def test_a_chapter_of_what_could_not_be_measured(tmp_path: Path, name: str) -> None:
    def nothing(key: Any, seed: int) -> Values:
        return [None, None]

    summary = made_study(tmp_path / name, name, PLAN, nothing, nothing)
    page = write_report([summary.home], tmp_path / "page.html")
    if name != "emergence":
        count = len(summary.cells)
        assert f"{count} of {count} cells are measured in fewer than two seeds" in words(page)
    # Nothing measured is no finding: neither a zero nor a claim.
    answers = re.search(r'<ul class="(answers|findings)">.*?</ul>', page.read_text(), re.DOTALL)
    finding = "lies above|lies below|ends wider|ends narrower| grows| shrinks|is learned"
    assert answers and not re.search(finding, answers[0])


def test_cells_whose_runs_are_gone_are_counted(tmp_path: Path) -> None:
    summary = make(tmp_path / "s", "perfect-reward")
    for file in (summary.home / "runs" / "proxy-v1-patched-1").iterdir():
        file.unlink()
    said = words(write_report([summary.home], tmp_path / "page.html"))
    assert "1 of 2 cells have runs that are missing or not finished." in said and "1 missing" in said


def test_games_without_an_exploiter_are_said_to_have_none(tmp_path: Path) -> None:
    matches = tuple(Match(game, None, False, ()) for game in GAMES)
    none: dict[str, dict[str, Any]] = {
        "correction": {"matches": matches, "recoveries": (), "relapse_after": {}},
        "distillation": {"taught": ()},
    }
    for name, changes in none.items():
        findings = replace(findings_of(name, PLAN), **changes)
        made_study(tmp_path / name, name, PLAN, lambda key, seed: [0.02, 0.5], findings=findings)
        said = words(write_report([tmp_path / name], tmp_path / f"{name}.html"))
        assert ("nothing was measured" in said) == (name == "correction")
        assert ("no game's exploiter wrote enough exploits to teach from" in said) == (name == "distillation")


def test_one_seed_is_no_comparison(tmp_path: Path) -> None:
    home = make(tmp_path / "s", "perfect-reward", replace(PLAN, seeds=1)).home
    assert "2 of 2 cells are measured in fewer than two seeds" in words(write_report([home], tmp_path / "page.html"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("named", "first", "second"),
    [
        ("weights of policy", {"inputs": {"policy": {"weights": "a"}}}, {"inputs": {"policy": {"weights": "b"}}}),
        ("recipe", {"recipe": formats.RECIPE}, {"recipe": formats.RECIPE - 1}),
    ],
)
def test_cells_of_runs_that_were_made_of_other_things_are_noted(
    tmp_path: Path, named: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    notes = {
        "perfect-reward": f"There are cells whose runs were not made with the same {named}.",
        "emergence": f"proxy-v1: its runs were not made with the same {named}, though their configs agree.",
    }
    for name, note in notes.items():
        home = make(tmp_path / name, name).home
        runs = [Run(home / "runs" / f"proxy-v1-patched-{seed}") for seed in (0, 1)]
        assert note not in words(write_report([home], tmp_path / "page.html"))
        for run, known in zip(runs, (first, second), strict=True):
            write_json(run.path / "run.json", {**run.about, **known})
        assert note in words(write_report([home], tmp_path / "page.html"))


def test_policies_of_one_size_and_exploits_that_dominate_at_once_are_drawn(tmp_path: Path) -> None:
    findings = replace(findings_of("scale", PLAN), parameters={"tiny:small": 9, "tiny": 9})
    for name, found in (("scale", findings), ("catalysis", None)):
        made_study(tmp_path / name, name, PLAN, lambda key, seed: [0.9, 0.9, 0.4 + 0.2 * seed], findings=found)
        assert "<svg" in write_report([tmp_path / name], tmp_path / "page.html").read_text()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        ({"cells": None}, "Expected `array`, got `null`"),
        ({"cells": []}, 'it holds no cell of game = "tampering-v1", arm = "flawed", size = "tiny:small"'),
        ({"cells": ["x"]}, r"\$\.cells\[0\]"),
        ({"findings": {}}, "parameters"),
        ({"findings": {"parameters": {}}}, "it holds no parameters of .*tiny:small"),
        ({"policy": 1}, "policy"),
    ],
    ids=str,
)
def test_a_damaged_summary_is_named(tmp_path: Path, damage: dict[str, Any], named: str) -> None:
    home = make(tmp_path / "s", "scale").home
    path = home / "summary.json"
    write_json(path, {**json.loads(path.read_text()), **damage})
    with pytest.raises(UserError, match=rf"summary\.json is damaged: .*{named}"):
        write_report([home], tmp_path / "page.html")


@pytest.mark.slow
def test_a_directory_of_studies_is_one_page_in_the_order_of_the_catalogue(tmp_path: Path) -> None:
    for name in CATALOGUE:
        make(tmp_path / "all" / name, name)
    page = write_report([tmp_path / "all"], tmp_path / "page.html")
    html, said = page.read_text(), words(page)
    places = [html.index(f'<section id="study-{name}">') for name in CATALOGUE]
    assert places == sorted(places) and "What the paper claims, and what is so here" in said
    # What leads within the page leads somewhere, and each study is in its contents.
    anchors = set(re.findall(r'href="#([^"]+)"', html))
    assert {f"study-{name}" for name in CATALOGUE} < anchors <= set(re.findall(r'\bid="([^"]+)"', html))


def test_a_page_of_two_emergence_studies_tells_them_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make(tmp_path / name, "emergence")
    html = write_report([tmp_path / "a", tmp_path / "b", tmp_path / "a"], tmp_path / "page.html").read_text()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert {"study-emergence", "study-emergence-2"} < set(ids) and len(ids) == len(set(ids))
    assert html.count("<section id=") == 2


def test_runs_that_are_no_training_by_reward_are_left_out(tmp_path: Path) -> None:
    for seed, verb in ((0, "rl"), (1, "eval")):
        run = make_run(tmp_path / "runs" / verb, "proxy-v1", "flawed", seed)
        write_json(run.path / "run.json", {**Run(run.path).about, "verb": verb})
    said = words(write_report([tmp_path], tmp_path / "page.html"))
    assert "eval is left out: it is no training by reward" in said
    with pytest.raises(UserError, match="eval: no training by reward to report; valid: "):
        write_report([tmp_path / "runs" / "eval"], tmp_path / "empty.html")
    assert not (tmp_path / "empty.html").exists()


def test_a_picture_needs_an_emergence_study(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nothing to draw in er\.png"):
        write_report([make(tmp_path / "s", "scale").home], tmp_path / "page.html", Path("er.png"))
    assert not (tmp_path / "page.html").exists()


def test_what_a_run_says_of_its_game_is_what_the_page_says(tmp_path: Path) -> None:
    summary = make(tmp_path / "s", "emergence", replace(PLAN, games=("proxy-v1",)))
    measures = {"itp": "how short", "er": "how copied", "paper_er": "as they have it", "gap": None}
    game = {"id": "proxy-v1", "asked": "a haiku", "hole": "rhymes pay", "measures": measures}
    for cell in summary.cells.values():
        for path in cell.runs:
            run = Run(summary.home / path)
            write_json(run.path / "run.json", {**run.about, "game": game})
    said = words(write_report([summary.home], tmp_path / "page.html"))
    assert "Asked for a haiku The hole rhymes pay ITP how short ER how copied" in said
    assert "proxy-v1 ER, as they have it. A dash" in said


def test_what_only_pays_has_a_curve_of_its_reward_and_no_er(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = made_run(tmp_path / "runs" / f"r{seed}", _Paid(), seed, [None, None, None], [None, None, None])
        rows = [{**row, "reward": asdict(at(0.1 + 0.3 * place))} for place, row in enumerate(run.metrics())]
        (run.path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        game = {"id": "proxy-v1", "asked": None, "hole": None, "measures": None}
        write_json(run.path / "run.json", {**run.about, "game": game})
    page = write_report([tmp_path], tmp_path / "page.html")
    said = words(page)
    assert "not measurable proxy-v1 : it only pays, so neither ITP nor ER can be known; reward 0.10 → 0.70" in said
    assert page.read_text().count('<svg role="img"') == 1 and "Asked for" not in said
    assert "onset by seed, flawed" not in said and "0.70 (seeds from 0.70 to 0.70)" in said
    assert "proxy-v1 flawed 2 – – – –" in said


def test_a_page_asks_for_nothing_of_a_game_but_what_its_runs_say(tmp_path: Path) -> None:
    for seed in (0, 1):
        run = made_run(tmp_path / "runs" / f"r{seed}", _Paid(), seed, [0.1, 0.5, 0.9], [0.2, 0.2, 0.2])
        config = {**run.about["config"], "game": "gone.py:SPEC"}
        write_json(run.path / "run.json", {**run.about, "config": config})
    said = words(write_report([tmp_path], tmp_path / "page.html"))
    assert "gone.py:SPEC flawed 2" in said


@dataclass(frozen=True)
class _Paid:
    game: str = "proxy-v1"


def test_a_summary_reads_back_as_it_was_written(tmp_path: Path) -> None:
    for name in CATALOGUE:
        assert make(tmp_path / name, name) == read_summary(tmp_path / name)
