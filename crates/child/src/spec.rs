//! What to start, and under which limits.

use std::{ffi::OsString, path::PathBuf, process::Stdio};

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
    /// To a pipe that [`Child`](crate::Child) holds.
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
    pub(crate) clean_env: bool,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) cwd: Option<PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) network: bool,
    pub(crate) death_signal: Signal,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
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
}
