//! The four children: how each is started and stopped.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, time::Duration};

use clipset_child::{ChildSpec, Signal};

use super::{folder::Secrets, keeper::Kept, plan::Plan};

const BUCKET_STOP: [(Signal, Duration); 1] = [(Signal::Terminate, Duration::from_secs(5))];
const API_STOP: [(Signal, Duration); 1] = [(Signal::Terminate, Duration::from_secs(8))];
// It gives back its lease, so that another run need not wait for it to run out.
const RUNNER_STOP: [(Signal, Duration); 1] = [(Signal::Terminate, Duration::from_secs(8))];
// First it lets requests end, then it does not.
const NGINX_STOP: [(Signal, Duration); 2] =
    [(Signal::Quit, Duration::from_secs(3)), (Signal::Terminate, Duration::from_secs(2))];

/// The embedded bucket takes any; signatures name one.
const REGION: &str = "us-east-1";

/// Builds the children of one plan.
pub(super) struct Children<'a> {
    pub(super) plan: &'a Plan,
    pub(super) secrets: &'a Secrets,
}

impl Children<'_> {
    /// The file in which the bucket says where it listens.
    pub(super) fn bucket_ready_file(&self) -> PathBuf {
        self.plan.data.run().join("bucket-address")
    }

    /// The socket on which the API listens.
    pub(super) fn api_socket(&self) -> PathBuf {
        self.plan.data.run().join("api.sock")
    }

    /// The embedded bucket.
    pub(super) fn bucket(&self) -> Kept {
        let spec = self.own(self.plan.program.clone());
        let spec = spec.arg("bucket").arg("--root").arg(self.plan.data.path("bucket"));
        let spec = spec.arg("--bucket").arg(&self.plan.bucket).arg("--ready-file").arg(self.bucket_ready_file());
        Kept {
            name: "bucket",
            spec: self.with_bucket_keys(spec),
            sockets: vec![],
            stop: &BUCKET_STOP,
            hopeless: |_| false,
        }
    }

    /// The HTTP API, once the bucket is at `endpoint`.
    pub(super) fn api(&self, endpoint: &str) -> Kept {
        let mut listen = OsString::from("unix:");
        listen.push(self.api_socket());
        let mut spec = self.own(self.plan.program.clone()).arg("serve").arg("--listen").arg(listen);
        for (name, value) in self.service_environment(endpoint) {
            spec = spec.env(name, value);
        }
        let administrator = &self.secrets.administrator;
        spec = spec.env("INITIAL_ADMIN_USERNAME", &administrator.username);
        if let Some(password) = administrator.password.as_ref().or(self.given("INITIAL_ADMIN_PASSWORD").as_ref()) {
            spec = spec.env("INITIAL_ADMIN_PASSWORD", password);
        }
        Kept { name: "api", spec, sockets: vec![self.api_socket()], stop: &API_STOP, hopeless: |_| false }
    }

    /// What the functions are told (contract, section 6), secrets included: also for commands that work on this system.
    pub(super) fn service_environment(&self, endpoint: &str) -> BTreeMap<String, String> {
        let keys = &self.secrets.bucket;
        let made = [
            ("SECRET_KEY", self.secrets.secret_key.clone()),
            ("HLS_SIGNING_SECRET", self.secrets.signing.expose().to_owned()),
            ("AWS_ACCESS_KEY_ID", keys.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", keys.secret_key.clone()),
            ("AWS_ENDPOINT_URL_S3", endpoint.to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("BUCKET", self.plan.bucket.clone()),
            ("PUBLIC_URL", self.plan.public_url.clone()),
            ("JOB_BACKEND", "runner".to_owned()),
            ("TOMBSTONES_DIR", self.plan.data.path("tombstones").to_string_lossy().into_owned()),
        ];
        let given = ["SECRET_KEY_PREVIOUS", "HLS_SIGNING_SECRET_PREVIOUS", "HLS_URL_TTL_SECONDS", "UPLOAD_URL"];
        let given = given.into_iter().filter_map(|name| Some((name, self.given(name)?)));
        given.chain(made).map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The transcode runner.
    pub(super) fn runner(&self, endpoint: &str) -> Kept {
        let mut spec = self.own(self.plan.runner.clone()).arg("watch");
        if self.given("TRANSCODER_SCRATCH").is_none() {
            // Where the space is, and not shared with another user's runner.
            spec = spec.env("TRANSCODER_SCRATCH", self.plan.data.path("scratch"));
        }
        Kept {
            name: "runner",
            spec: self.with_bucket(spec, endpoint),
            sockets: vec![],
            stop: &RUNNER_STOP,
            hopeless: |_| false,
        }
    }

    /// nginx, whose configuration is in the run folder.
    pub(super) fn nginx(&self) -> Kept {
        let run = self.plan.data.run();
        // Its secrets stand in its configuration; its environment holds none.
        let mut spec = ChildSpec::new(nginx_program()).clean_env().arg("-p").arg(&run);
        spec = spec.arg("-c").arg(run.join("nginx.conf")).arg("-e").arg("stderr");
        if nix::unistd::geteuid().is_root() {
            // The workers read the data folder, which is its owner's alone.
            spec = spec.arg("-g").arg("user root;");
        }
        // A master that is killed outright leaves its workers on the port.
        let spec = spec.death_signal(Signal::Terminate);
        let sockets = vec![run.join("previous.sock")];
        Kept { name: "nginx", spec, sockets, stop: &NGINX_STOP, hopeless: is_port_in_use }
    }

    /// One of our programs with our environment, but for what only the API is to know: a runner reads strangers' files.
    fn own(&self, program: PathBuf) -> ChildSpec {
        // Their lines stand beside others, with colours of their own.
        let spec = ChildSpec::new(program).clean_env().env("NO_COLOR", "1");
        let told = self.plan.environment.iter().filter(|(name, _)| !is_for_the_api(&name.to_string_lossy()));
        told.fold(spec, |spec, (name, value)| spec.env(name, value))
    }

    /// A variable of our own environment.
    fn given(&self, name: &str) -> Option<String> {
        let (_, value) = self.plan.environment.iter().find(|(known, _)| known == name)?;
        value.to_str().filter(|value| !value.is_empty()).map(str::to_owned)
    }

    fn with_bucket(&self, spec: ChildSpec, endpoint: &str) -> ChildSpec {
        self.with_bucket_keys(spec)
            .env("BUCKET", &self.plan.bucket)
            .env("AWS_REGION", REGION)
            .env("AWS_ENDPOINT_URL_S3", endpoint)
            .env("PUBLIC_URL", &self.plan.public_url)
    }

    fn with_bucket_keys(&self, spec: ChildSpec) -> ChildSpec {
        let keys = &self.secrets.bucket;
        spec.env("AWS_ACCESS_KEY_ID", &keys.access_key).env("AWS_SECRET_ACCESS_KEY", &keys.secret_key)
    }
}

fn is_for_the_api(name: &str) -> bool {
    ["SECRET_KEY", "HLS_SIGNING_SECRET", "INITIAL_ADMIN_"].iter().any(|start| name.starts_with(start))
}

/// In nginx's words: another program has the port, and will still have it at the next try.
pub(super) fn is_port_in_use(line: &str) -> bool {
    line.contains("Address already in use") && !line.contains("unix:")
}

/// Debian has it where only root looks.
pub(crate) fn nginx_program() -> PathBuf {
    let on_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join("nginx").is_file()));
    let elsewhere = ["/usr/sbin/nginx", "/usr/local/sbin/nginx"].map(PathBuf::from);
    let found = elsewhere.into_iter().find(|path| !on_path && path.is_file());
    found.unwrap_or_else(|| PathBuf::from("nginx"))
}
