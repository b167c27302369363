//! nginx as `clipset up` runs it: the repository's templates, rendered into a folder of its own, on a free port of 127.0.0.1.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, geteuid};
use tempfile::TempDir;

/// Text of `nginx/templates/default.conf.template`.
pub const SITE_TEMPLATE: &str = include_str!("../../nginx/templates/default.conf.template");
/// Text of `nginx/nginx.conf.template`.
pub const MAIN_TEMPLATE: &str = include_str!("../../nginx/nginx.conf.template");

const PATIENCE: Duration = Duration::from_secs(10);

/// Replaces `${NAME}` for exactly the named variables; every other `$` stays nginx's own.
pub fn render(template: &str, variables: &[(&str, &str)]) -> String {
    variables.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
}

/// What an nginx is started with.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `HLS_SIGNING_SECRET`.
    pub secret: String,
    /// `HLS_SIGNING_SECRET_PREVIOUS`; empty for none.
    pub previous_secret: String,
    /// `API_UPSTREAM`: `host:port` or `unix:/path`.
    pub api: String,
    /// `BUCKET_UPSTREAM`: `host:port`.
    pub bucket_address: String,
    /// `BUCKET`: the bucket's name.
    pub bucket: String,
    /// `PAGES_DIR`; a folder with one plain page if none is given.
    pub pages: Option<PathBuf>,
    /// `TOMBSTONES_DIR`; a new folder if none is given.
    pub tombstones: Option<PathBuf>,
    /// `REAL_IP_FROM`: lines of `set_real_ip_from`; empty for none.
    pub real_ip_from: String,
    /// Text that is put behind the rendered site, for servers that only a test has.
    pub more: String,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            secret: "0123456789abcdef0123456789abcdef".to_owned(),
            previous_secret: String::new(),
            // The discard port: nobody answers.
            api: "127.0.0.1:9".to_owned(),
            bucket_address: "127.0.0.1:9".to_owned(),
            bucket: "clipset".to_owned(),
            pages: None,
            tombstones: None,
            real_ip_from: String::new(),
            more: String::new(),
        }
    }
}

/// A running nginx; ended when dropped.
#[derive(Debug)]
pub struct Nginx {
    child: Child,
    address: SocketAddr,
    tombstones: PathBuf,
    folder: TempDir,
}

impl Nginx {
    /// Starts nginx and waits until it answers.
    ///
    /// # Errors
    /// nginx is not installed, refuses its configuration, or does not answer within 10 s; with what it said.
    pub fn start(setup: &Setup) -> anyhow::Result<Self> {
        // Between choosing a port and nginx's bind another process may take it.
        let mut attempt = Self::start_once(setup);
        for _ in 0..3 {
            match &attempt {
                Err(error) if format!("{error:#}").contains("Address already in use") => {
                    attempt = Self::start_once(setup)
                }
                _ => break,
            }
        }
        attempt
    }

    fn start_once(setup: &Setup) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = free_address()?;
        let tombstones = setup.tombstones.clone().unwrap_or_else(|| folder.path().join("tombstones"));
        write_configuration(setup, folder.path(), &tombstones, address)?;

        let child = nginx(folder.path())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("error.log"))?)
            // Its own group, so that a worker that outlives its master can still be ended.
            .process_group(0)
            .spawn()
            .context("start nginx (is it installed?)")?;
        let mut started = Self { child, address, tombstones, folder };
        started.wait_until_it_answers()?;
        Ok(started)
    }

    fn wait_until_it_answers(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(self.address).is_err() {
            ensure!(self.child.try_wait()?.is_none(), "nginx ended at once: {}", self.error_log());
            ensure!(Instant::now() < deadline, "nginx does not answer: {}", self.error_log());
            thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The public port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:{port}`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Folder in which an empty file named like a clip's uuid ends that clip.
    pub fn tombstones(&self) -> &Path {
        &self.tombstones
    }

    /// What nginx has logged of requests so far.
    pub fn access_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default()
    }

    /// What nginx has said on standard error so far.
    pub fn error_log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }

    /// Ends nginx and waits for it, so that both logs are whole; returns access log and error log.
    ///
    /// # Errors
    /// It does not end within 10 s.
    pub fn stop(mut self) -> anyhow::Result<(String, String)> {
        self.end()?;
        Ok((self.access_log(), self.error_log()))
    }

    fn end(&mut self) -> anyhow::Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        let master = Pid::from_raw(i32::try_from(self.child.id())?);
        kill(master, Signal::SIGTERM)?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                killpg(master, Signal::SIGKILL)?;
                self.child.wait()?;
                anyhow::bail!("nginx did not end on SIGTERM");
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.end());
    }
}

/// `nginx -t` for this set-up: what it says, and whether it would start.
///
/// # Errors
/// nginx is not installed, or the temporary folder cannot be written.
pub fn check(setup: &Setup) -> anyhow::Result<Output> {
    let folder = tempfile::tempdir()?;
    write_configuration(setup, folder.path(), &folder.path().join("tombstones"), free_address()?)?;
    nginx(folder.path()).arg("-t").output().context("run nginx -t")
}

fn nginx(folder: &Path) -> Command {
    let mut command = Command::new("nginx");
    command.arg("-e").arg("stderr").arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).stdin(Stdio::null());
    if geteuid().is_root() {
        command.arg("-g").arg("user root;");
    }
    command
}

fn write_configuration(setup: &Setup, folder: &Path, tombstones: &Path, address: SocketAddr) -> anyhow::Result<()> {
    let pages = match &setup.pages {
        Some(pages) => pages.clone(),
        None => plain_pages(folder)?,
    };
    fs::create_dir_all(tombstones)?;
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a path that is not UTF-8");
    let (run, pages, tombstones) = (text(folder)?, text(&pages)?, text(tombstones)?);
    let (cache, access_log, listen) = (format!("{run}/cache"), format!("{run}/access.log"), address.to_string());
    let variables = [
        ("HLS_SIGNING_SECRET", setup.secret.as_str()),
        ("HLS_SIGNING_SECRET_PREVIOUS", &setup.previous_secret),
        ("LISTEN", &listen),
        ("API_UPSTREAM", &setup.api),
        ("BUCKET_UPSTREAM", &setup.bucket_address),
        ("BUCKET", &setup.bucket),
        ("PAGES_DIR", &pages),
        ("CACHE_DIR", &cache),
        ("CACHE_MAX_SIZE", "1g"),
        ("TOMBSTONES_DIR", &tombstones),
        ("RUN_DIR", &run),
        ("ACCESS_LOG", &access_log),
        ("REAL_IP_FROM", &setup.real_ip_from),
    ];
    fs::write(folder.join("nginx.conf"), render(MAIN_TEMPLATE, &variables))?;
    fs::write(folder.join("default.conf"), render(SITE_TEMPLATE, &variables) + &render(&setup.more, &variables))?;
    Ok(())
}

fn plain_pages(folder: &Path) -> anyhow::Result<PathBuf> {
    let pages = folder.join("pages");
    fs::create_dir_all(pages.join("assets"))?;
    fs::write(pages.join("index.html"), "<!doctype html><title>Clipset</title>")?;
    fs::write(pages.join("assets/index-4f2a.js"), "export {};\n")?;
    Ok(pages)
}

fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
