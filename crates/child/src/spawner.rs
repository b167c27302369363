//! Starts children, from one thread that never ends.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        OnceLock,
        mpsc::{self, Sender, SyncSender},
    },
};

use tokio::{process::Command, runtime::Handle};

use crate::{Child, ChildError, ChildSpec, enter};

struct Request {
    command: Command,
    runtime: Handle,
    answer: SyncSender<io::Result<tokio::process::Child>>,
}

static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();

impl ChildSpec {
    /// Starts it. Blocks for the few milliseconds of a fork; call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`ChildError::NoLauncher`], [`ChildError::Io`].
    pub fn spawn(self) -> Result<Child, ChildError> {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned();
        let program = find(&self.program).ok_or_else(|| ChildError::NotFound(name.clone()))?;
        let launcher = enter::launcher().ok_or(ChildError::NoLauncher)?;

        let mut command = Command::new(launcher);
        command.args(enter::arguments(&self, &program));
        if self.clean_env {
            command.env_clear();
        }
        command.envs(self.env);
        if let Some(folder) = self.cwd {
            command.current_dir(folder);
        }
        command.stdin(Stdio::null()).stdout(self.stdout).stderr(self.stderr);
        command.process_group(0).kill_on_drop(true);
        match on_its_thread(command) {
            Ok(inner) => Ok(Child { inner, program: name }),
            Err(reason) => Err(ChildError::Io { program: name, reason }),
        }
    }
}

/// The program's absolute path: found here, so that a missing one is an error of ours and not an
/// exit code of the child.
fn find(program: &Path) -> Option<PathBuf> {
    let candidates: Vec<PathBuf> = if program.components().count() > 1 {
        vec![program.to_owned()]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| OsStr::new("/usr/local/bin:/usr/bin:/bin").to_owned());
        std::env::split_paths(&path).map(|folder| folder.join(program)).collect()
    };
    let found = candidates.into_iter().find(|candidate| candidate.is_file())?;
    std::path::absolute(found).ok()
}

/// Starts `command` from the thread that lives as long as the process: the parent-death signal
/// comes when the starting *thread* ends, and a runtime's threads end with the runtime.
fn on_its_thread(command: Command) -> io::Result<tokio::process::Child> {
    let runtime = Handle::try_current().map_err(io::Error::other)?;
    let (answer, answered) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that starts children is gone");
    spawner().send(Request { command, runtime, answer }).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

fn spawner() -> &'static Sender<Request> {
    SPAWNER.get_or_init(|| {
        let (requests, inbox) = mpsc::channel::<Request>();
        // If no thread can be made, `inbox` is dropped and each request answers with an error.
        let _ = std::thread::Builder::new().name("children".into()).spawn(move || {
            for mut request in inbox {
                let _inside = request.runtime.enter();
                let _ = request.answer.send(request.command.spawn());
            }
        });
        requests
    })
}
