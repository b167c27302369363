//! Processes that a test starts, and free ports for them.

use std::{
    fs::File,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process that ends with the test.
#[derive(Debug)]
pub struct Process {
    child: Child,
    signal: Signal,
}

impl Process {
    /// Starts `command`; its output is passed over unless `CLIPSET_TEST_LOGS` is set.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let output = || if std::env::var_os("CLIPSET_TEST_LOGS").is_some() { Stdio::inherit() } else { Stdio::null() };
        let child = command.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        Self { child, signal: Signal::SIGKILL }
    }

    /// Starts `command`; what it says is appended to the file `log`.
    ///
    /// # Panics
    /// If the program cannot be started, or the file not be opened.
    pub fn start_into(command: &mut Command, log: &Path) -> Self {
        let output = || File::options().create(true).append(true).open(log).expect("the log");
        let child = command.stdin(Stdio::null()).stdout(output()).stderr(output()).spawn();
        let child = child.unwrap_or_else(|error| panic!("{command:?} did not start: {error}"));
        Self { child, signal: Signal::SIGKILL }
    }

    /// Ends by `signal` instead of SIGKILL: a master process ends its workers only if it is asked to.
    #[must_use]
    pub fn ended_by(mut self, signal: Signal) -> Self {
        self.signal = signal;
        self
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.child.id().cast_signed()), self.signal);
        let _ = self.child.wait();
    }
}

/// A port that was free a moment ago. It and the one 10,000 above it, which SeaweedFS takes for its
/// own use, are below those that the system gives to outgoing connections.
///
/// # Panics
/// If there is none.
pub fn free_port() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let random = std::iter::repeat_with(|| rand::random_range(10_000..22_000));
    random.take(1000).find(|port| free(*port) && free(*port + 10_000)).expect("a free port")
}
