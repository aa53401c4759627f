"""What submitted code finds imported, by profile."""

import sys

import pytest

from vulngames.errors import UserError
from vulngames.sandbox import Limits, Sandbox, Status, Test, worker

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux"),
    pytest.mark.filterwarnings("ignore:vulngames.sandbox runs at tier"),
]

USES = {
    "a module of the lean part": "import heapq, decimal\nprint(decimal.Decimal(1) + 2)",
    "a module of the rest": "import xml.dom.minidom, sqlite3\nprint(3)",
    "numpy": "import numpy as np\nprint(int(np.linalg.det(np.eye(2)) + np.fft.fft([1, 1])[0].real))",
    "numpy's random": "import numpy as np\nprint(3 if np.random.default_rng(0).random(3).shape == (3,) else 0)",
}
WORKS = {"lean": 2, "full": 2, "numpy": 4}


@pytest.mark.parametrize("profile", WORKS)
def test_what_a_profile_lets_import(profile: str) -> None:
    with Sandbox(Limits(wall_s=10, cpu_s=10), profile=profile) as sandbox:
        statuses = [sandbox.grade(code, [Test("", "3")]).statuses[0] for code in USES.values()]
    works = WORKS[profile]
    assert statuses == [Status.OK] * works + [Status.RUNTIME_ERROR] * (len(USES) - works)


def test_a_package_is_there_to_use_and_not_to_read() -> None:
    reads = "import numpy\nprint(open(numpy.__file__).read(1) and 3)"
    others = "import numpy, sys\nimport scipy\nprint(3)"
    with Sandbox(profile="numpy") as sandbox:
        if sandbox.describe()["tier"] == "T0":
            pytest.skip("at T0 anything can be read")
        assert [sandbox.grade(code, [Test("", "3")]).passed for code in (reads, others)] == [0.0, 0.0]


def test_full_has_everything_at_hand() -> None:
    code = "import sys\nprint('sqlite3' in sys.modules)"
    for profile, loaded in (("lean", "False"), ("full", "True")):
        with Sandbox(profile=profile) as sandbox:
            if sandbox.describe()["tier"] in ("T3", "T2"):
                assert sandbox.stdio(code, [""])[0].output == f"{loaded}\n"
            assert sandbox.describe()["profile"] == profile


def test_profiles_that_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="unknown profile 'fat'; valid: lean, full, numpy"):
        Sandbox(profile="fat")
    monkeypatch.setattr(worker, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="profile 'numpy' needs numpy: pip install numpy"):
        Sandbox(profile="numpy")
