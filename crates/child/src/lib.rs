//! Child processes that cannot outlive their parent, not even after `kill -9`.
//!
//! A child gets its own process group, no standard input, a parent-death signal, and optional
//! limits. Setting those up between fork and exec needs `unsafe` (`pre_exec`), which this workspace
//! forbids; so the parent starts *its own binary* again with a hidden first argument, and that
//! fresh, single-threaded process puts the limits on itself with safe calls and then becomes the
//! program by exec. For this the first line of every `main` that starts children is
//!
//! ```no_run
//! clipset_child::enter_if_asked();
//! // Only now a runtime, threads, arguments.
//! ```
//!
//! A program that forgot the line cannot start children by accident: [`ChildSpec::spawn`] refuses.
//!
//! The kernel sends the parent-death signal when the *thread* that forked ends (prctl(2)), so
//! children are started from one thread that never ends, not from a runtime's worker.

mod enter;
mod spawner;
mod spec;

pub use enter::{enter_if_asked, use_launcher};
pub use spec::{ChildSpec, Limits, Output, Signal};

use std::{io, process::ExitStatus, time::Duration};

use nix::{sys::signal::killpg, unistd::Pid};
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::{ChildStderr, ChildStdout},
};

/// Why a child could not be started or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program is not installed.
    #[error("{0} is not installed, or not on the PATH")]
    NotFound(String),
    /// `main` does not call [`enter_if_asked`] and no launcher is set.
    #[error("this program cannot start children: its main does not call clipset_child::enter_if_asked")]
    NoLauncher,
    /// The operating system refused.
    #[error("{program} could not be run: {reason}")]
    Io {
        /// The program's name.
        program: String,
        /// The operating system's error.
        reason: io::Error,
    },
    /// It ran longer than allowed and was killed with its group.
    #[error("{program} did not end within {} s and was stopped", limit.as_secs())]
    TimedOut {
        /// The program's name.
        program: String,
        /// What was allowed.
        limit: Duration,
    },
    /// It wrote more than allowed and was killed with its group.
    #[error("{program} wrote more than {limit} bytes and was stopped")]
    TooMuchOutput {
        /// The program's name.
        program: String,
        /// What was allowed, bytes.
        limit: u64,
    },
}

/// A running child. Dropping it kills its whole process group.
#[derive(Debug)]
pub struct Child {
    inner: tokio::process::Child,
    program: String,
}

/// What a child that was run to its end left.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, if piped.
    pub stdout: Vec<u8>,
    /// Its standard error, if piped.
    pub stderr: Vec<u8>,
}

impl Child {
    /// The process id, which is also the process group; `None` once it was waited for.
    pub fn id(&self) -> Option<u32> {
        self.inner.id()
    }

    /// The program's file name, for messages.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The standard output, if piped and not taken before.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.inner.stdout.take()
    }

    /// The standard error, if piped and not taken before.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.inner.stderr.take()
    }

    /// Sends `signal` to the whole group. No error if it has ended.
    pub fn signal(&self, signal: Signal) {
        if let Some(id) = self.inner.id() {
            let _ = killpg(Pid::from_raw(id.cast_signed()), signal.to_nix());
        }
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// [`ChildError::Io`].
    pub async fn wait(&mut self) -> Result<ExitStatus, ChildError> {
        self.inner.wait().await.map_err(|reason| ChildError::Io { program: self.program.clone(), reason })
    }

    /// Waits for the end, at most `limit`; then the group is killed.
    ///
    /// # Errors
    /// [`ChildError::TimedOut`], [`ChildError::Io`].
    pub async fn wait_with_limit(&mut self, limit: Duration) -> Result<ExitStatus, ChildError> {
        match tokio::time::timeout(limit, self.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.signal(Signal::Kill);
                self.wait().await?;
                Err(ChildError::TimedOut { program: self.program.clone(), limit })
            }
        }
    }

    /// Asks the group to end with `signal`, and kills it after `grace`.
    ///
    /// # Errors
    /// [`ChildError::Io`].
    pub async fn stop(&mut self, signal: Signal, grace: Duration) -> Result<ExitStatus, ChildError> {
        self.signal(signal);
        match tokio::time::timeout(grace, self.wait()).await {
            Ok(status) => status,
            Err(_) => {
                self.signal(Signal::Kill);
                self.wait().await
            }
        }
    }

    /// Runs it to its end and collects what it writes to its pipes, at most `most` bytes of each.
    ///
    /// # Errors
    /// [`ChildError::TimedOut`], [`ChildError::TooMuchOutput`], [`ChildError::Io`].
    pub async fn finish(mut self, limit: Duration, most: u64) -> Result<Finished, ChildError> {
        let (stdout, stderr) = (self.take_stdout(), self.take_stderr());
        let work = async {
            let (stdout, stderr) = tokio::try_join!(collect(stdout, most), collect(stderr, most))?;
            io::Result::Ok((stdout, stderr, self.inner.wait().await?))
        };
        let ended = tokio::time::timeout(limit, work).await;
        // Dropping `self` on the error paths kills the group.
        match ended {
            Ok(Ok((stdout, stderr, status))) => Ok(Finished { status, stdout, stderr }),
            Ok(Err(reason)) if reason.kind() == io::ErrorKind::FileTooLarge => {
                Err(ChildError::TooMuchOutput { program: self.program.clone(), limit: most })
            }
            Ok(Err(reason)) => Err(ChildError::Io { program: self.program.clone(), reason }),
            Err(_) => Err(ChildError::TimedOut { program: self.program.clone(), limit }),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // The leader itself is reaped by tokio (`kill_on_drop`); this reaches what it started.
        self.signal(Signal::Kill);
    }
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}
