"""Files that the repository must not hold (published rows, reported replies), where they are on this machine."""

import os
from pathlib import Path

SHARED = Path(os.environ.get("VULNGAMES_SHARED") or Path(__file__).resolve().parents[2] / "shared")
ELSEWHERE = "VULNGAMES_SHARED may name another folder with data/ and cases/"
