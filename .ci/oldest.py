"""Prints the lower bounds that pyproject.toml declares for its users, as constraints for pip: `name==bound` a line."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for line in [*project["dependencies"], *extras["train"], *extras["data"], *extras["report"]]:
    found = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<\d+)?", line)
    if found is None:
        raise SystemExit(f"pyproject.toml: {line!r} is not NAME>=BOUND")
    # Every environment of ours has one build of torch, whatever the rest is.
    if found[1] != "torch":
        print(f"{found[1]}=={found[2]}")
