#!/usr/bin/env python3
"""The workflows of .github: by GitHub's schema, with actions pinned by commit, and with scripts that shellcheck finds good."""
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
TOOLS = Path(sys.executable).parent


def steps(workflow):
    for name, job in workflow["jobs"].items():
        for number, step in enumerate(job["steps"], 1):
            yield f"{name}, step {number}", step


def faults(file):
    """What is wrong, in words."""
    text = file.read_text()
    for line in re.findall(r"uses: (.*)", text):
        if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v[\d.]+", line):
            yield f"{line} is not pinned by a commit, with its version beside it"
    for where, step in steps(yaml.safe_load(text)):
        script = step.get("run", "")
        # What somebody else may name (a branch, a title) would be run.
        if "${{" in script:
            yield f"{where}: an expression within a script; hand it over by env"
        if script:
            checked = subprocess.run([TOOLS / "shellcheck", "--shell=bash", "-"], input=script, text=True, capture_output=True)
            if checked.returncode:
                yield f"{where}: {checked.stdout}"


files = sorted((ROOT / ".github/workflows").glob("*.yml"))
found = [f"{file.name}: {fault}" for file in files for fault in faults(file)]
schema = [TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
sys.exit("\n".join(found) or subprocess.run(schema).returncode)
