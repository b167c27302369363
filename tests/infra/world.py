"""The emulator, Terraform over it, and a viewer of the emulated CloudFront."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import boto3
import botocore

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(os.environ.get("CLIPSET_BINARIES", ROOT / "target/debug"))
PLUGINS = Path(os.environ.get("TERRAFORM_PLUGINS", "/opt/tf-plugins"))
FUNCTIONS = ["stream-info", "sign-manifest", "api", "events"]
SERVICES = """apigatewayv2 batch cloudfront cloudfrontkeyvaluestore cloudwatch cloudwatchevents cloudwatchlogs ec2 ecr ecs eventbridge
iam lambda logs s3 scheduler secretsmanager sns sqs ssm sts""".split()


def until(what, check, seconds=60):
    """The first true answer of `check`, within the time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = check()
        if found:
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {seconds} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class World:
    def __init__(self, folder):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.infra = folder / "infra"
        keep = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_EC2_METADATA_DISABLED": "true"}
        self.env = keep | {
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url, "TF_IN_AUTOMATION": "1"}
        launch = self.env | {
            "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "MINISTACK_REGION": "us-east-1", "AUTH": "true", "BATCH_LOCAL": "1"}
        self.log = open(folder / "emulator.log", "wb")
        launcher = [sys.executable, str(ROOT / "tests/infra/ministack_launcher.py")]
        self.emulator = subprocess.Popen(launcher, env=launch, cwd=folder, stdout=self.log, stderr=self.log)
        until("the emulator to listen", self.listens, 30)

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def end(self):
        self.emulator.terminate()
        try:
            self.emulator.wait(10)
        except subprocess.TimeoutExpired:
            self.emulator.kill()
        self.log.close()

    def prepare(self):
        """A copy of infra/ that speaks to the emulator, with debug builds of the functions."""
        shutil.copytree(ROOT / "infra", self.infra, ignore=shutil.ignore_patterns(".terraform", "tests", "build", "*.tfstate*"))
        # What Terraform reads of the pages: their policy's hashes.
        (self.infra.parent / "web").mkdir()
        shutil.copy(ROOT / "web/style-hashes.txt", self.infra.parent / "web")
        packages = self.infra / "build"
        packages.mkdir()
        for name in FUNCTIONS:
            bare = self.folder / name
            subprocess.run(["strip", "-o", bare, BINARIES / f"clipset-{name}"], check=True)
            with zipfile.ZipFile(packages / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                entry = zipfile.ZipInfo("bootstrap")
                entry.external_attr = 0o755 << 16
                archive.writestr(entry, bare.read_bytes(), zipfile.ZIP_DEFLATED, 1)
        shutil.copytree(ROOT / "web/dist", packages / "pages")
        endpoints = "\n".join(f'    {name} = "{self.url}"' for name in SERVICES if name not in ("eventbridge", "logs"))
        provider = f"""
  region                      = "us-east-1"
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  endpoints {{
{endpoints}
  }}"""
        (self.infra / "emulator_override.tf").write_text(f"""
provider "aws" {{{provider}
}}

provider "aws" {{
  alias = "us_east_1"{provider}
}}

locals {{
  api_origin = {{
    domain   = "localhost"
    path     = "/_aws/execute-api/${{aws_apigatewayv2_api.api.id}}/$default"
    port     = {self.port}
    protocol = "http-only"
  }}
  more_environment = {{
    AWS_ENDPOINT_URL    = "{self.url}"
    AWS_ENDPOINT_URL_S3 = "{self.url}"
    UPLOAD_URL          = "{self.url}"
    SSL_CERT_FILE       = "{Path(botocore.__file__).with_name("cacert.pem")}"
    PATH                = "{os.environ['PATH']}"
  }}
}}
""")
        (self.infra / "terraform.tfvars.json").write_text(json.dumps({
            "transcoder_image": "clipset-transcoder:test",
            "transcoder_command": [str(BINARIES / "clipset-transcoder"), "run", "Ref::job"],
            "force_destroy": True,
        }))
        self.terraform("init", f"-plugin-dir={PLUGINS}", "-input=false")

    def terraform(self, command, *arguments, codes=(0,)):
        run = subprocess.run(["terraform", f"-chdir={self.infra}", command, "-no-color", *arguments], env=self.env, capture_output=True, text=True)
        assert run.returncode in codes, f"terraform {command}: {run.returncode}\n{run.stdout[-6000:]}\n{run.stderr[-6000:]}"
        return run.stdout

    def aws(self, service):
        """A client that may do everything."""
        return boto3.client(
            service, region_name="us-east-1", endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test")

    def outputs(self):
        text = self.terraform("output", "-json")
        (self.folder / "outputs.json").write_text(text)
        return {name: found["value"] for name, found in json.loads(text).items()}

    def smoke(self, part):
        """A part of infra/smoke, on what is here."""
        more = {name: "-no-color -parallelism=30" for name in ("TF_CLI_ARGS_apply", "TF_CLI_ARGS_destroy")} | {
            "SMOKE_FOLDER": str(self.folder), "SMOKE_YES": "1", "SMOKE_WAIT": "0", "PYTHON": sys.executable,
            "CLIPSET": str(BINARIES / "clipset"), "AWS_ENDPOINT_URL_S3": self.url}
        run = subprocess.run([ROOT / "infra/smoke", part], env=self.env | more, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert run.returncode == 0, f"infra/smoke {part}: {run.returncode}\n{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
        return run.stdout

    def secrets(self, *arguments):
        command = [sys.executable, str(ROOT / "infra/secrets"), *arguments, "--outputs", str(self.folder / "outputs.json"), "--wait", "0"]
        run = subprocess.run(command, env=self.env, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr[-3000:]
        return run.stdout


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)


class Viewer:
    """A browser before CloudFront: it asks over HTTPS, which ends before the emulator."""

    def __init__(self, world, host):
        self.world, self.host, self.token = world, host, None

    def ask(self, method, target, body=None, headers=None, address="127.0.0.1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.world.port, timeout=60, source_address=(address, 0))
        sent = {"Host": self.host, "X-Forwarded-Proto": "https"} | (headers or {})
        if not target.startswith("/api"):
            sent["Origin"] = "https://elsewhere.example"
        elif self.token:
            sent["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            sent["Content-Type"], body = "application/json", json.dumps(body)
        connection.request(method, target, body=body, headers=sent)
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, target, **headers):
        return self.ask("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})
