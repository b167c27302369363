"""Compose, really run: one system from its first start to its move to another store. The tests build on each other, since
what takes the time is to start."""
import json
import time

import pytest
from world import ROOT, SERVICES, World, run, until


def make(path, seconds, size, *codec):
    picture, sound = f"testsrc2=size={size}:rate=30:duration={seconds}", f"sine=duration={seconds}"
    run("ffmpeg", "-v", "error", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-g", "60", *codec, "-c:a", "aac", path)
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    world = World(tmp_path_factory.mktemp("containers"))
    world.clip = make(world.folder / "clip.mp4", 8, "320x180", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
    try:
        world.up()
        yield world
    finally:
        world.down("--volumes", "--timeout", "0")


@pytest.fixture(scope="module")
def kept(world):
    """A clip that outlives all that is done here."""
    return world.upload(world.clip, "--title", "Kept", "--wait")


def test_a_clip_is_uploaded_played_refused_and_deleted(world):
    plays_and_goes(world, world.upload(world.clip, "--wait"))


def plays_and_goes(world, short_id):
    """403 for a wrong signature, 410 once it is deleted; nothing of the bucket for a forged one."""
    assert world.plays(short_id)
    segment = world.segment(short_id)
    path, query = segment.split("?")
    changed = ("B" if query[4] == "A" else "A") + query[5:]
    assert world.get(f"{path}?md5={changed}").status == 403
    original = world.get(f"/api/videos/{short_id}/original", world.as_admin())
    assert original.status == 200 and original.body == world.clip.read_bytes()
    uuid = original.url.split("?")[0].rsplit("/", 1)[-1]
    forged = world.get(f"/clipset/originals/{uuid}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00")
    assert forged.status in (400, 403), "a forged signature opens an original"
    assert world.get(f"/api/videos/{short_id}", world.as_admin(), "DELETE").status == 204
    until("410", lambda: world.get(segment).status == 410, 10)


def test_what_runs_is_nobody_special_and_can_take_and_change_little(world):
    for service in SERVICES:
        host = world.inspect(service)["HostConfig"]
        assert host["Memory"] > 0, service
        assert world.inside(service, "id", "-u").stdout.strip() in ("10001", "101"), service
        refused = world.inside(service, "touch", "/usr/written")
        assert "Read-only file system" in refused.stderr, (service, refused)
        powers = world.inside(service, "grep", "CapBnd", "/proc/self/status").stdout.split()
        assert int(powers[1], 16) == 0, (service, powers)


def test_each_service_comes_back_after_a_kill(world, kept):
    for service in SERVICES:
        world.kill(service)
    until("all to be started again", lambda: all(world.inspect(name)["RestartCount"] == 1 for name in SERVICES))
    until("the clip to play", lambda: world.plays(kept))
    again = world.upload(world.clip, "--wait")
    assert world.plays(again), "the runner came back"
    assert world.get(f"/api/videos/{again}", world.as_admin(), "DELETE").status == 204


def test_the_edge_follows_services_that_come_back_at_each_others_addresses(world, kept):
    assert world.swap("bucket", "api")
    until("the clip to play", lambda: world.plays(kept), 15)
    until("the edge to be well", lambda: world.health("edge") == "healthy", 15)


def test_an_api_that_hangs_turns_it_unhealthy_soon_and_is_forgotten_when_it_goes_on(world, kept):
    segment = world.segment(kept)
    run("docker", "pause", world.id("api"))
    until("the edge to be unhealthy", lambda: world.health("edge") == "unhealthy", 20)
    assert world.get(segment).status == 200, "what was signed plays on"
    run("docker", "unpause", world.id("api"))
    until("all to be well", lambda: world.health("edge") == "healthy" and world.health("api") == "healthy", 15)


def test_a_runner_that_is_stopped_in_mid_encode_gives_its_job_back(world):
    long = make(world.folder / "long.mp4", 60, "640x360", "-c:v", "mpeg4", "-q:v", "10")
    short_id = world.upload(long)
    under_way = lambda: json.loads(world.get(f"/api/videos/{short_id}", world.as_admin()).body)["progress"] or 0
    until("the encode to be under way", lambda: under_way() > 0.1)
    begun = time.monotonic()
    run("docker", "stop", world.id("runner"))
    assert time.monotonic() - begun < 5, "it had to be killed"
    assert 'Released("this runner stops")' in world.logs("runner")
    run("docker", "start", world.id("runner"))
    until("it to be begun anew", lambda: world.logs("runner").count(f"begun job={short_id}") == 2)
    assert world.get(f"/api/videos/{short_id}", world.as_admin(), "DELETE").status == 204


def test_the_logs_hold_no_secret_and_not_what_the_edge_asks_itself(world):
    logs = world.logs()
    for name, secret in world.secrets.items():
        assert secret not in logs, name
    assert "md5=" not in logs and "X-Amz-Signature" not in logs
    edge = world.logs("edge")
    assert "127.0.0.1 GET /healthz" not in edge
    assert " GET /hls/" in edge


def test_all_is_there_after_down_and_up(world, kept):
    world.down("--timeout", "5")
    world.up()
    assert world.plays(kept)


def test_a_backup_of_one_store_is_restored_into_another(world, kept):
    backup = world.folder / "backup"
    local = lambda name: run(ROOT / "local" / name, "--compose", backup, env=world.env, check=False)
    run("docker", "stop", world.id("bucket"))
    refused = local("backup")
    said = next(line for line in refused.stderr.splitlines() if line.startswith("clipset: "))
    assert refused.returncode == 1 and "the bucket does not answer" in said and len(said) < 200, refused
    run("docker", "start", world.id("bucket"))
    until("the bucket to answer", lambda: world.get("/healthz").status == 200)
    done = local("backup")
    assert done.returncode == 0, done
    world.down("--timeout", "5")

    world.up("compose.seaweedfs.yaml")
    assert not world.plays(kept), "the other store is empty"
    restored = local("restore")
    assert restored.returncode == 0, restored
    until("the clip to play", lambda: world.plays(kept))
    plays_and_goes(world, world.upload(world.clip, "--wait"))
    only_s3_listens(world)


def only_s3_listens(world):
    """SeaweedFS's master, volumes, filer and their like answer anyone; so they do not listen to the network. (19000 is S3's
    own gRPC, which has no address of its own to listen on.)"""
    sockets = world.inside("bucket", "cat", "/proc/net/tcp", "/proc/net/tcp6").stdout.splitlines()
    listening = [fields[1].split(":") for fields in map(str.split, sockets) if len(fields) > 3 and fields[3] == "0A"]
    # As the kernel writes it, 127.0.0.1 ends with 7F.
    ports = {int(port, 16) for address, port in listening if not address.endswith("7F")}
    assert ports == {9000, 19000}, ports
