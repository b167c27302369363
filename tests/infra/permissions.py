"""Holds policies against AWS's service authorization reference, in the copy that PyPI's parliament 1.6.4 brings: as AWS told it
between December 2024 (it knows Aurora DSQL) and February 2025 (it does not know Batch's consumable resources)."""
import functools
import importlib.util
import json
import re
from pathlib import Path

# What AWS has told since: the resource types that an action takes, none for those that want "*".
SINCE = {"mediaconvert:Probe": []}


def reference():
    """Action, in lower case: the resource types that it takes, as patterns of ARNs, and whether each is asked for."""
    package = Path(importlib.util.find_spec("parliament").origin).parent
    actions = {}
    for service in json.loads((package / "iam_definition.json").read_text()):
        arns = {kind["resource"]: pattern(kind["arn"]) for kind in service["resources"]}
        for action in service["privileges"]:
            kinds = [kind["resource_type"] for kind in action["resource_types"]]
            takes = [(arns[kind.rstrip("*")], kind.endswith("*")) for kind in kinds if kind.rstrip("*") in arns]
            actions.setdefault(f"{service['prefix']}:{action['privilege']}".lower(), takes)
    return actions | {action.lower(): takes for action, takes in SINCE.items()}


def pattern(kind):
    """A type's ARN with wildcards: `*`, and `+` for what has neither slash nor colon."""
    narrow = {"Partition": "aws", "Region": "+", "Account": "+", "BucketName": "+"}
    return re.sub(r"\$\{([^}]*)\}", lambda found: narrow.get(found[1], "*"), kind)


@functools.lru_cache(None)
def overlap(one, other):
    """Whether some text is of both patterns."""
    if not one or not other:
        return set(one + other) <= set("*+")
    if one[0] in "*+":
        return overlap(one[1:], other) or (one[0] == "*" or other[0] not in "/:") and overlap(one, other[1:])
    if other[0] in "*+":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])


def faults(policy, actions):
    """What is wrong with a policy, in words. AWS takes such a one, and it allows nothing, or too much."""
    found = []
    for statement in policy["Statement"]:
        named, resources = ([one] if isinstance(one, str) else one for one in (statement["Action"], statement["Resource"]))
        kinds = []
        for action in named:
            takes = actions.get(action.lower())
            if takes is None:
                found.append(f"{action} is no action of AWS")
            elif not takes and resources != ["*"]:
                found.append(f"{action} has no resource types, so it is allowed for * alone")
            elif takes and resources == ["*"]:
                found.append(f"{action} is allowed for everything")
            kinds += takes or []
            lacks = [kind for kind, needed in takes or [] if needed and not any(overlap(one, kind) for one in resources)]
            found += [f"{action} needs a resource like {kind}" for kind in lacks]
        if kinds:
            useless = [one for one in resources if not any(overlap(one, kind) for kind, _ in kinds)]
            found += [f"{', '.join(named)}: there is no resource like {one}" for one in useless]
    return found
