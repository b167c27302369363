//! What to start, and under which limits.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    process::Stdio,
};

use crate::{Child, ChildError, enter, spawner};

/// The signals that a child is ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGKILL: at once.
    Kill,
    /// SIGTERM: ends most programs.
    Terminate,
    /// SIGQUIT: nginx finishes its requests.
    Quit,
    /// SIGINT.
    Interrupt,
    /// SIGHUP: nginx reads its configuration again.
    Hangup,
}

impl Signal {
    pub(crate) fn to_nix(self) -> nix::sys::signal::Signal {
        use nix::sys::signal::Signal as S;
        match self {
            Self::Kill => S::SIGKILL,
            Self::Terminate => S::SIGTERM,
            Self::Quit => S::SIGQUIT,
            Self::Interrupt => S::SIGINT,
            Self::Hangup => S::SIGHUP,
        }
    }
}

/// Limits of the kernel on one process (setrlimit(2)); `None` leaves what is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Bytes of address space. Too small for CUDA, which reserves far more than it uses.
    pub address_space: Option<u64>,
    /// Seconds of processor time, all threads together.
    pub cpu_seconds: Option<u64>,
    /// Bytes of the largest file that it may write.
    pub file_size: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
}

/// Where an output of the child goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Output {
    /// Nowhere.
    #[default]
    Null,
    /// Where ours goes.
    Inherit,
    /// To a pipe that [`Child`] holds.
    Piped,
}

impl From<Output> for Stdio {
    fn from(output: Output) -> Self {
        match output {
            Output::Null => Self::null(),
            Output::Inherit => Self::inherit(),
            Output::Piped => Self::piped(),
        }
    }
}

/// A program with its arguments: a list, never a shell string.
///
/// Standard input is empty. Unless said otherwise, outputs go nowhere, the environment is inherited,
/// the network is there, and SIGKILL comes when we die.
#[derive(Debug, Clone)]
pub struct ChildSpec {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<OsString>,
    clean_env: bool,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) network: bool,
    pub(crate) death_signal: Signal,
    stdout: Output,
    stderr: Output,
}

impl ChildSpec {
    /// `program`: a path, or a name that is looked up on our `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            clean_env: false,
            env: Vec::new(),
            cwd: None,
            limits: Limits::default(),
            network: true,
            death_signal: Signal::Kill,
            stdout: Output::Null,
            stderr: Output::Null,
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Nothing of our environment is handed on, secrets least of all; only what [`ChildSpec::env`] adds.
    #[must_use]
    pub fn clean_env(mut self) -> Self {
        self.clean_env = true;
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The folder to work in.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// Limits on what it may use.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// An empty network namespace, where the kernel allows one, and no new privileges.
    /// Where it does not (some containers), the child runs with the network; that is no error.
    #[must_use]
    pub fn without_network(mut self) -> Self {
        self.network = false;
        self
    }

    /// The signal that the kernel sends to the child when we die, however we die.
    #[must_use]
    pub fn death_signal(mut self, signal: Signal) -> Self {
        self.death_signal = signal;
        self
    }

    /// Where standard output goes.
    #[must_use]
    pub fn stdout(mut self, output: Output) -> Self {
        self.stdout = output;
        self
    }

    /// Where standard error goes.
    #[must_use]
    pub fn stderr(mut self, output: Output) -> Self {
        self.stderr = output;
        self
    }

    /// Starts it. Blocks for the few milliseconds of a fork; call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`ChildError::NotFound`], [`ChildError::NoLauncher`], [`ChildError::Io`].
    pub fn spawn(self) -> Result<Child, ChildError> {
        let name = self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned();
        let program = find(&self.program).ok_or_else(|| ChildError::NotFound(name.clone()))?;
        let launcher = enter::launcher().ok_or(ChildError::NoLauncher)?;

        let mut command = tokio::process::Command::new(launcher);
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
        match spawner::spawn(command) {
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
