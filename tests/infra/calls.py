"""Holds what each function's role asked of the emulator against what it may. What nobody asked for on this road stands in
not-on-this-road.json: damaged records, shares, settings, sign-outs, orphans, what MediaConvert and GPU queues need, secrets asked
for together with the first, and logs, which the emulator writes itself. A right that is neither asked for nor there is one too many."""
import fnmatch
import json
from pathlib import Path

NOT_ON_THIS_ROAD = json.loads((Path(__file__).parent / "not-on-this-road.json").read_text())


def asked(folder):
    """Role, action and resource: each once."""
    return {tuple(json.loads(line)) for line in (folder / "calls.jsonl").read_text().splitlines()}


def matches(pattern, what):
    return fnmatch.fnmatchcase(what, pattern.replace("[", "[[]"))


def unused(role, policy, calls):
    """Action and resource of the policy, in short, that the role never asked for."""
    used = [(action, resource) for who, action, resource in calls if who == role]
    named = [
        (action, resource) for statement in policy["Statement"]
        for action in statement["Action"] for resource in statement["Resource"]]
    return {
        f"{action} {resource.split(':::')[-1].partition('/')[2] or resource.split(':')[-1]}" for action, resource in named
        if not any(action.lower() == one.lower() and matches(resource, what) for one, what in used)}


def too_many(folder, policies):
    """What is allowed for nothing, by role. `policies`: of each role, by its name."""
    calls = asked(folder)
    found = {role: sorted(unused(role, policy, calls) - set(NOT_ON_THIS_ROAD[role])) for role, policy in policies.items()}
    return {role: rights for role, rights in found.items() if rights}
