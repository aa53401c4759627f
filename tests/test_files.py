"""Files are replaced whole, through links and never over what is no file; what others wrote cannot steer a terminal."""

import os
import pty
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vulngames.errors import UserError
from vulngames.files import write_text
from vulngames.printable import one_line, printable


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A completions file and its rows, for `score`."""
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    held = {"prompt": [[{"role": "user", "content": "Sum up."}]], "data_source": ["proxy_gaming"]}
    held["reward_model"] = [{"original_article": "A fox ran home.", "ground_truth": "A fox ran."}]
    parquet.write_table(pyarrow.table(held), tmp_path / "rows.parquet")
    (tmp_path / "texts.jsonl").write_text('{"row": 0, "texts": ["A fox ran."]}\n')
    return tmp_path


def score(home: Path, out: str, **how: Any) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "vulngames", "score", "proxy-v1", "--data", "rows.parquet"]
    return subprocess.run([*command, "--texts", "texts.jsonl", "--out", out], cwd=home, stderr=subprocess.PIPE, **how)


@pytest.mark.slow
def test_a_link_is_followed_and_stays(rows: Path) -> None:
    (rows / "target.jsonl").write_text("old\n")
    (rows / "link.jsonl").symlink_to("target.jsonl")
    (rows / "dangling.jsonl").symlink_to("made.jsonl")
    assert score(rows, "link.jsonl", stdout=subprocess.DEVNULL).returncode == 0
    assert score(rows, "dangling.jsonl", stdout=subprocess.DEVNULL).returncode == 0
    assert (rows / "link.jsonl").is_symlink() and (rows / "dangling.jsonl").is_symlink()
    assert "reward" in (rows / "target.jsonl").read_text() and "reward" in (rows / "made.jsonl").read_text()


@pytest.mark.slow
def test_a_fifo_is_written_into(rows: Path) -> None:
    os.mkfifo(rows / "fifo")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((rows / "fifo").read_text()))
    reader.start()
    assert score(rows, "fifo", stdout=subprocess.DEVNULL).returncode == 0
    reader.join(60)
    assert "reward" in read[0]
    assert stat.S_ISFIFO((rows / "fifo").stat().st_mode)


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="making a device node takes root")
def test_a_device_stays_a_device(rows: Path) -> None:
    try:
        os.mknod(rows / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (rows / "null").write_text("")
    except OSError as refused:
        pytest.skip(f"no device nodes here: {refused}")
    assert score(rows, "null", stdout=subprocess.DEVNULL).returncode == 0
    assert stat.S_ISCHR((rows / "null").stat().st_mode)


@pytest.mark.slow
@pytest.mark.parametrize("redirected", ["pipe", "file", "appended"])
def test_standard_output_is_written_into_and_holds_nothing_else(rows: Path, redirected: str) -> None:
    if redirected == "pipe":
        said = score(rows, "/dev/stdout", stdout=subprocess.PIPE).stdout.decode()
    else:
        (rows / "said").write_text("before\n" if redirected == "appended" else "")
        with (rows / "said").open("ab" if redirected == "appended" else "wb") as stdout:
            score(rows, "/dev/stdout", stdout=stdout)
        said = (rows / "said").read_text()
    lines = said.splitlines()
    assert lines[:-1] == (["before"] if redirected == "appended" else [])
    assert lines[-1].startswith('{"row": 0')


def test_a_written_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    path.write_text("old")
    path.chmod(0o640)
    write_text(path, "new")
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_part_that_somebody_linked_elsewhere_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / f"out.{os.getpid()}.part").symlink_to("victim")
    write_text(tmp_path / "out", "new")
    assert (tmp_path / "victim").read_text() == "mine"
    assert (tmp_path / "out").read_text() == "new"


@pytest.mark.parametrize("where", [".", "nowhere/out", "file/out", "loop"])
def test_nowhere_to_write_is_one_line(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match="cannot write"):
        write_text(tmp_path / where, "new")


# A title, a link, the clipboard, a cleared screen, an 8-bit sequence, a reordered line, a carriage return.
STEERING = [
    "\x1b]0;owned\x07",
    "\x1b]8;;http://x\x1b\\y",
    "\x1b]52;c;aGk=\x07",
    "\x1b[2J",
    "\x9b2J",
    "\u202eabc",
    "\rok",
]


@given(st.text() | st.sampled_from(STEERING))
def test_nothing_printable_steers_a_terminal(text: str) -> None:
    for safe in (printable(text), one_line(text)):
        assert not any(char < " " or "\x7f" <= char <= "\x9f" for char in safe if char not in "\n\t")
        assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") & set(safe)
        safe.encode()
    assert not {"\n", "\t", "\u2028"} & set(one_line(text))


def test_what_a_policy_wrote_does_not_reach_the_terminal_raw(tmp_path: Path) -> None:
    code = (
        "from vulngames import console, games\n"
        "from vulngames.rollouts import rollout\n"
        "from vulngames.tasks import take\n"
        f"text = {''.join(STEERING)!r}\n"
        "for name in ('proxy-v1', 'tampering-v1'):\n"
        "    game = games.make(name)\n"
        "    console.show_samples(game, rollout(game, take(name, 0, 'test', 1), lambda messages: text, ('x',)))\n"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "owned" in said and "\u241b" in said
    assert not {"\x1b", "\x07", "\x9b", "\u202e", "\r"} & set(said)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("--help",), ("train", "--help"), ("games",), ("games", "--json")])
def test_a_reader_that_leaves_is_no_error(command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-m", "vulngames", *command], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode in (1, 141)


@pytest.mark.slow
def test_closed_streams_and_a_full_disk() -> None:
    games = f"{sys.executable} -m vulngames games --json"
    for closing in (">&-", "2>&-", ">&- 2>&-", "<&-"):
        assert subprocess.run(f"{games} {closing}", shell=True, capture_output=True).stderr == b""
    full = subprocess.run(f"{games} > /dev/full", shell=True, capture_output=True, text=True)
    assert full.returncode == 2
    assert full.stderr == "vulngames: disk: No space left on device\n"
    lost = subprocess.run(f"{sys.executable} -m vulngames table nowhere 2> /dev/full", shell=True)
    assert lost.returncode == 2


@pytest.mark.slow
def test_a_path_does_not_steer_the_terminal_and_is_piped_as_it_is(tmp_path: Path) -> None:
    named = tmp_path / "\x1b[31mred"
    command = [sys.executable, "-m", "vulngames", "eval", "proxy-v1", "--policy", "script:able", "--n", "2"]
    done = subprocess.run([*command, "--out", named], capture_output=True, text=True)
    assert "next: " in done.stderr and "\x1b[31mred" not in done.stderr
    show = [sys.executable, "-m", "vulngames", "show", str(named), "--html"]
    ours, theirs = pty.openpty()
    subprocess.run(show, stdout=theirs, check=True)
    os.close(theirs)
    shown = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "\u241b[31mred/samples.html" in shown and "\x1b[31mred" not in shown
    piped = subprocess.run(show, capture_output=True, text=True)
    assert Path(piped.stdout.rstrip("\n")).is_file()


@pytest.mark.parametrize("columns", ["1", "5"])
def test_help_comes_to_an_end_on_a_terminal_of_a_few_columns(columns: str) -> None:
    environment = {**os.environ, "COLUMNS": columns}
    done = subprocess.run(
        [sys.executable, "-m", "vulngames", "--help"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.returncode == 0 and "usage: vulngames" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_terminals_that_know_few_characters(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for command in (("games",), ("play", "proxy-v1", "--policy", "script:able"), ("eval", "proxy-v1", "--policy", "é")):
        done = subprocess.run([sys.executable, "-m", "vulngames", *command], capture_output=True, env=environment)
        assert b"Traceback" not in done.stderr
        (done.stdout + done.stderr).decode(encoding)
