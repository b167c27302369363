"""The whole system on the emulator: apply, one clip's way through the emulated CloudFront, plan, destroy.

Its steps build on each other, so they are one test: an apply takes more than a minute.
"""
import base64
import hashlib
import http.client
import json
import re
import subprocess
import urllib.parse

import calls
import pytest
from permissions import faults, reference
from world import Viewer, World, until

PART = 5 << 20


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    yield world
    world.end()


def test_one_clip_in_the_cloud(world):
    world.prepare()
    world.terraform("apply", "-auto-approve", "-input=false", "-parallelism=30")
    policies = permissions(world)
    out = world.outputs()
    viewer = Viewer(world, out["address"].removeprefix("https://"))

    # Nothing is open, and nothing signs, before there are secrets.
    assert viewer.get("/hls/a/b.ts?md5=AAAAAAAAAAAAAAAAAAAAAA&expires=9999999999").status == 503
    # The way of infra/smoke, over what is there already.
    assert "about 0.05" in world.smoke("up")
    sign_in(world, viewer)
    assert viewer.get("/").status == 200

    closed_door(world, viewer)
    guesses(world, out, viewer)
    short = upload(world, viewer)
    # While it waits, too.
    assert viewer.get(f"/api/videos/{short}/stream-info").status == 200
    finished(viewer, short)
    alarms(world)
    segment = watch(viewer, short)
    pictures(viewer, short)
    refusals(viewer, segment)
    kept = rotation(world, viewer, short, segment)
    deletion(viewer, short, kept)
    sweep(world, out)

    # A second plan shows no difference (2 would be one).
    world.terraform("plan", "-detailed-exitcode", "-input=false", "-parallelism=30")
    assert "destroyed" in world.smoke("down")
    assert json.loads((world.infra / "terraform.tfstate").read_text())["resources"] == []
    assert left(world) == {}
    assert calls.too_many(world.folder, policies) == {}


def permissions(world):
    """What every role may do, whoever converts clips, against AWS's reference."""
    actions, plan = reference(), world.folder / "plan"
    for backend in ("batch", "mediaconvert"):
        world.terraform("plan", "-refresh=false", "-input=false", "-parallelism=30", f"-out={plan}", f"-var=job_backend={backend}")
        shown = json.loads(world.terraform("show", "-json", str(plan)))
        resources = shown["planned_values"]["root_module"]["resources"]
        policies = {one["address"]: json.loads(one["values"]["policy"]) for one in resources if one["type"] == "aws_iam_role_policy"}
        assert len(policies) == 7
        assert {address: found for address, policy in policies.items() if (found := faults(policy, actions))} == {}
        if backend == "batch":
            functions = {address.split('"')[1]: policy for address, policy in policies.items() if "aws_iam_role_policy.function" in address}
    return {f"clipset-{name}": policy for name, policy in functions.items()}


def alarms(world):
    """Alarms of our own metrics look where the functions write."""
    told = world.aws("logs").filter_log_events(logGroupName="/aws/lambda/clipset-events")["events"]
    lines = [json.loads(event["message"]) for event in told if '"_aws"' in event["message"]]
    written = {(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], line["Function"]) for line in lines}
    own = [alarm for alarm in world.aws("cloudwatch").describe_alarms()["MetricAlarms"] if alarm["Namespace"].startswith("Clipset/")]
    assert {alarm["MetricName"] for alarm in own} == {"JobsFailed", "JobsNotTaken", "QueueAge"}
    assert {(alarm["Namespace"], *(held["Value"] for held in alarm["Dimensions"])) for alarm in own} == written


def sign_in(world, viewer):
    password = (world.folder / "password").read_text().strip()
    answer = viewer.ask("POST", "/api/auth/login", {"username": "smoke", "password": password})
    assert answer.status == 200, answer.body
    viewer.token = answer.json()["access_token"]
    assert viewer.get("/api/videos").status == 200
    assert Viewer(world, viewer.host).get("/api/videos").status == 401


def closed_door(world, viewer):
    """The API's own address answers nobody, whatever header it is shown."""
    api = world.aws("apigatewayv2").get_apis()["Items"][0]["ApiId"]
    for headers in ({}, {"x-clipset-origin": "0" * 43}):
        headers["Host"] = f"127.0.0.1:{world.port}"
        for path in ("/healthz", "/api/videos/aaaaaaaaaa/stream-info"):
            answer = viewer.ask("GET", f"/_aws/execute-api/{api}/$default{path}", headers=headers)
            assert (answer.status, b"CloudFront alone" in answer.body) == (403, True), answer.body


def guesses(world, out, viewer):
    """Wrong passwords are counted by the address that CloudFront saw, not by one that the viewer names."""
    def guess(number, address):
        named = f"6.6.6.{number}"
        forged = {"X-Clipset-Viewer": named, "X-Forwarded-For": named, "CloudFront-Viewer-Address": f"{named}:1"}
        wrong = {"username": "nobody", "password": "a wrong password"}
        return viewer.ask("POST", "/api/auth/login", wrong, forged, address).status
    # Five are free, however many addresses the viewer names; then it waits, and another viewer does not.
    answers = [guess(number, "127.0.0.1") for number in range(8)]
    assert answers[:5] == [401] * 5 and 429 in answers[5:], answers
    assert guess(9, "127.0.0.2") == 401
    listed = world.aws("s3").list_objects_v2(Bucket=out["bucket"], Prefix="accounts/attempts/addresses/")["Contents"]
    assert [item["Key"] for item in listed] == [f"accounts/attempts/addresses/127.0.0.{n}.json" for n in (1, 2)]


def upload(world, viewer):
    """By presigned parts, from the client straight to the bucket."""
    clip = world.folder / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=12", "-f", "lavfi", "-i", "sine=duration=12"]
    subprocess.run(["ffmpeg", "-v", "error", *source, "-c:v", "libx264", "-preset", "ultrafast", "-b:v", "6M", "-minrate", "6M", "-maxrate", "6M",
                    "-bufsize", "6M", "-x264-params", "nal-hrd=cbr", "-g", "50", "-c:a", "aac", "-shortest", str(clip)], check=True)
    content = clip.read_bytes()
    made = viewer.ask("POST", "/api/s3/multipart", {"filename": "clip.mp4", "type": "video/mp4", "metadata": {"title": "Cloud", "size": str(len(content))}})
    assert made.status == 200, made.body
    made, parts = made.json(), []
    assert len(content) > PART
    for number, start in enumerate(range(0, len(content), PART), 1):
        query = urllib.parse.urlencode({"key": made["key"]})
        signed = viewer.get(f"/api/s3/multipart/{urllib.parse.quote(made['uploadId'], safe='')}/{number}?{query}").json()["url"]
        address = urllib.parse.urlsplit(signed)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        connection.request("PUT", f"{address.path}?{address.query}", body=content[start:start + PART])
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        parts.append({"PartNumber": number, "ETag": answer.headers["ETag"]})
        connection.close()
    query = urllib.parse.urlencode({"key": made["key"]})
    done = viewer.ask("POST", f"/api/s3/multipart/{urllib.parse.quote(made['uploadId'], safe='')}/complete?{query}", {"parts": parts})
    assert done.status == 200, done.body
    return done.json()["short_id"]


def finished(viewer, short):
    """The notification wakes the events function, which gives the job to Batch, which runs it."""
    def status():
        video = viewer.get(f"/api/videos/{short}").json()
        assert video["processing_status"] != "failed", video
        return video["processing_status"] == "completed"
    until("the job to be done", status, 120)


def segment_of(viewer, short):
    info = viewer.get(f"/api/videos/{short}/stream-info").json()
    assert (info["format"], info["ready"]) == ("hls", True)
    manifest = viewer.get(info["manifest_url"])
    assert manifest.status == 200 and manifest.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    for target in (info["manifest_url"], f"/api/videos/{short}/stream-info"):
        head = viewer.ask("HEAD", target)
        assert (head.status, head.body) == (200, b""), target
    text = manifest.body.decode()
    if "#EXT-X-STREAM-INF" in text:
        text = viewer.get(next(line for line in text.splitlines() if line.startswith("/api/"))).body.decode()
    return next(line for line in text.splitlines() if line.startswith("/hls/"))


def watch(viewer, short):
    segment = segment_of(viewer, short)
    whole = viewer.get(segment)
    assert (whole.status, whole.body[0]) == (200, 0x47)
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    part = viewer.get(segment, Range="bytes=0-187")
    assert (part.status, part.body) == (206, whole.body[:188])
    for answer in (whole, part):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return segment


def pictures(viewer, short):
    """What follows the first publication, and the original."""
    video = f"/api/videos/{short}"
    until("the pictures", lambda: {"poster_url", "stream_url"} <= viewer.get(f"{video}/stream-info").json().keys(), 60)
    for what, kind in [("poster", "image/jpeg"), ("stream", "video/mp4")]:
        led = viewer.get(f"{video}/{what}")
        assert led.status == 307, led.body
        shown = viewer.get(led.headers["Location"])
        assert (shown.status, shown.headers["Content-Type"]) == (200, kind), shown.body[:500]
    sprites = until("the storyboard", lambda: (found := viewer.get(f"{video}/storyboard.vtt")).status == 200 and found, 60)
    assert sprites.body.startswith(b"WEBVTT")
    assert viewer.get(f"{video}/original").status == 307
    # The machines of the queue say what they can.
    until("the encoders", lambda: "libx264" in viewer.get("/api/config/encoders").json()["encoders"], 30)


def refusals(viewer, segment):
    path, query = segment.split("?")
    md5, expires = re.fullmatch(r"md5=(.{22})&expires=(\d+)", query).groups()
    for target, status in [
        (path, 403),
        (f"{path}?expires={expires}&md5={md5}", 403),
        (f"{path}?md5={'A' * 22}&expires={expires}", 403),
        (f"{path}?{query}&x=1", 403),
        (segment.replace("/hls/", "/HLS/"), 403),
        (segment.replace("/hls/", "/%68ls/"), 403),
    ]:
        refused(viewer.get(target), status)
    assert viewer.ask("OPTIONS", segment).status == 204
    assert viewer.ask("POST", segment).status == 405


def refused(answer, status):
    assert answer.status == status, answer.body
    assert answer.headers["Access-Control-Allow-Origin"] == "*" and answer.headers["Cache-Control"] == "no-store"


def signed(world_secret, path, expires):
    digest = hashlib.md5(f"{expires}{path}{world_secret}".encode()).digest()
    return f"{path}?md5={base64.urlsafe_b64encode(digest).decode().rstrip('=')}&expires={expires}"


def rotation(world, viewer, short, old):
    ssm = world.aws("ssm")
    def secret():
        return ssm.get_parameter(Name="/clipset/hls-signing-secret", WithDecryption=True)["Parameter"]["Value"]
    path = old.split("?")[0]
    before = secret()
    refused(viewer.get(signed(before, path, 1000000000)), 410)
    refused(viewer.get(signed(before, path.replace("segment", "none"), 9999999999)), 404)
    world.secrets("rotate", "hls-signing-secret")
    new = signed(secret(), path, 9999999999)
    assert secret() != before
    assert (viewer.get(old).status, viewer.get(new).status) == (200, 200)
    world.secrets("drop", "hls-signing-secret")
    refused(viewer.get(old), 403)
    assert viewer.get(new).status == 200
    return new


def deletion(viewer, short, segment):
    """The tombstone that the events function writes into the key value store."""
    assert viewer.ask("DELETE", f"/api/videos/{short}").status in (200, 202, 204)
    until("the clip to be gone", lambda: viewer.get(segment).status == 410, 30)
    refused(viewer.get(segment), 410)
    assert viewer.get(f"/api/videos/{short}").status == 404


def sweep(world, out):
    """What the schedule asks for: nothing of the deleted clip stays."""
    swept = world.aws("lambda").invoke(FunctionName="clipset-events", Payload=b'{"clipset": "sweep"}')
    assert "FunctionError" not in swept, swept["Payload"].read()
    listed = world.aws("s3").list_objects_v2(Bucket=out["bucket"]).get("Contents", [])
    kept = [item["Key"] for item in listed]
    assert [key for key in kept if key.startswith(("hls/", "progressive/", "images/", "originals/", "catalog/videos/", "jobs/queue/"))] == []


def left(world):
    """What the emulator still holds of ours, by kind."""
    aws = world.aws
    found = {
        "buckets": aws("s3").list_buckets()["Buckets"],
        "distributions": aws("cloudfront").list_distributions()["DistributionList"].get("Items", []),
        "stores": aws("cloudfront").list_key_value_stores()["KeyValueStoreList"].get("Items", []),
        "functions": aws("lambda").list_functions()["Functions"],
        "APIs": aws("apigatewayv2").get_apis()["Items"],
        "queues": aws("batch").describe_job_queues()["jobQueues"],
        "environments": aws("batch").describe_compute_environments()["computeEnvironments"],
        "roles": [role for role in aws("iam").list_roles()["Roles"] if role["RoleName"].startswith("clipset")],
        "rules": aws("events").list_rules()["Rules"],
        "schedules": aws("scheduler").list_schedules()["Schedules"],
        "alarms": aws("cloudwatch").describe_alarms()["MetricAlarms"],
        "logs": aws("logs").describe_log_groups()["logGroups"],
        "secrets": aws("ssm").describe_parameters()["Parameters"],
        "networks": [network for network in aws("ec2").describe_vpcs()["Vpcs"] if not network["IsDefault"]],
    }
    return {kind: what for kind, what in found.items() if what}
