"""The containers of compose as a person has them: up, kill, down; and a client beside them."""
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
SERVICES = ["bucket", "api", "runner", "edge"]


def until(what, check, seconds=30):
    """The first true answer of `check`, within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*command, env=None, check=True):
    done = subprocess.run([str(part) for part in command], env=env, capture_output=True, text=True)
    if check and done.returncode:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def compose_command():
    """The newer compose where it is, else the older one."""
    newer = shutil.which("docker") and run("docker", "compose", "version", check=False).returncode == 0
    return ["docker", "compose"] if newer else ["docker-compose"]


class World:
    """One project of compose, with secrets of its own and a free port."""

    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.secrets = {name: secrets.token_hex(32) for name in ["SECRET_KEY", "HLS_SIGNING_SECRET", "AWS_SECRET_ACCESS_KEY"]}
        # Empty is unset to compose: so nothing comes from a local/.env of this machine.
        example = (ROOT / "local/.env.example").read_text()
        unset = dict.fromkeys(re.findall(r"^#?([A-Z0-9_]+)=", example, re.MULTILINE), "")
        kept = {name: os.environ[name] for name in ["PATH", "HOME", "DOCKER_HOST"]}
        self.env = unset | kept | self.secrets | {
            "COMPOSE_PROJECT_NAME": f"clipset-test-{secrets.token_hex(4)}", "CLIPSET_PORT": str(self.port),
            "INITIAL_ADMIN_PASSWORD": secrets.token_hex(16)}
        self.command, self.files = compose_command(), []

    def compose(self, *arguments, check=True):
        files = [part for file in ["compose.yaml", *self.files] for part in ["-f", ROOT / "local" / file]]
        return run(*self.command, *files, *arguments, env=self.env, check=check)

    def up(self, *overlays):
        self.files = list(overlays)
        self.compose("up", "--detach", "--no-build")
        until("the edge to answer", lambda: self.get("/healthz").status == 200)
        # Anew, for an account that is made anew takes no older one.
        token = run(BINARIES / "clipset", "token", "--user", "admin", "--role", "admin", "--ttl", "3600", env=self.env)
        self.token = token.stdout.strip()

    def down(self, *arguments):
        self.compose("down", *arguments)

    def id(self, service):
        labels = {"project": self.env["COMPOSE_PROJECT_NAME"], "service": service, "oneoff": "False"}
        filters = [part for name, value in labels.items() for part in ["--filter", f"label=com.docker.compose.{name}={value}"]]
        return run("docker", "ps", "--all", "--quiet", "--no-trunc", *filters).stdout.strip()

    def inspect(self, service):
        return json.loads(run("docker", "inspect", self.id(service)).stdout)[0]

    def health(self, service):
        return self.inspect(service)["State"]["Health"]["Status"]

    def address(self, service):
        """Its address in the network that all share."""
        return self.inspect(service)["NetworkSettings"]["Networks"][self.network()]["IPAddress"]

    def network(self):
        return f"{self.env['COMPOSE_PROJECT_NAME']}_inside"

    def inside(self, service, *command):
        return run("docker", "exec", self.id(service), *command, check=False)

    def kill(self, service):
        """As the machine's memory or a fault would: the engine was not asked."""
        os.kill(self.inspect(service)["State"]["Pid"], signal.SIGKILL)

    def swap(self, lower, higher):
        """Both are started again, and get each other's address: the engine gives the lowest that is free."""
        before = self.address(lower), self.address(higher)
        run("docker", "stop", self.id(higher), self.id(lower))
        placeholder = run("docker", "run", "--detach", "--rm", "--network", self.network(), "--entrypoint", "sleep", "clipset", "60")
        run("docker", "start", self.id(lower))
        run("docker", "kill", placeholder.stdout.strip())
        run("docker", "start", self.id(higher))
        return (self.address(higher), self.address(lower)) == before

    def logs(self, *services):
        said = [run("docker", "logs", self.id(service)) for service in services or SERVICES]
        return "".join(one.stdout + one.stderr for one in said)

    def get(self, path, headers=None, method="GET"):
        """An answer, whatever its status; 0 where nobody answers."""
        asked = urllib.request.Request(self.url + path, headers=headers or {}, method=method)
        try:
            answer = urllib.request.urlopen(asked, timeout=10)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError as error:
            answer = urllib.error.HTTPError(asked.full_url, 0, str(error), {}, None)
            answer.body = b""
            return answer
        with answer:
            answer.body = answer.read()
        return answer

    def clipset(self, *arguments, check=True):
        told = {"CLIPSET_USERNAME": "admin", "CLIPSET_PASSWORD": self.env["INITIAL_ADMIN_PASSWORD"]}
        env = self.env | told | {"CLIPSET_SERVER": self.url}
        return run(BINARIES / "clipset", *arguments, env=env, check=check)

    def as_admin(self):
        return {"Authorization": f"Bearer {self.token}"}

    def upload(self, clip, *arguments):
        return self.clipset("upload", *arguments, clip).stdout.strip().rsplit("/", 1)[-1]

    def segment(self, short_id):
        """The signed address of the clip's first segment, by way of its playlists; None until there is one."""
        path = f"/api/videos/{short_id}/hls/master.m3u8"
        for _ in range(2):
            playlist = self.get(path, self.as_admin())
            if playlist.status != 200:
                return None
            path = next(line for line in playlist.body.decode().splitlines() if line and not line.startswith("#"))
            path = path.removeprefix(self.url)
            if path.startswith("/hls/"):
                return path
        return None

    def plays(self, short_id):
        segment = self.segment(short_id)
        answer = segment and self.get(segment)
        return bool(answer) and answer.status == 200 and answer.body[:1] == b"G"
