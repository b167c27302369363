//! The one thread that starts children, and never ends.

use std::{
    io,
    sync::{
        OnceLock,
        mpsc::{self, Sender, SyncSender},
    },
};

use tokio::{
    process::{Child, Command},
    runtime::Handle,
};

struct Request {
    command: Command,
    runtime: Handle,
    answer: SyncSender<io::Result<Child>>,
}

static SPAWNER: OnceLock<Sender<Request>> = OnceLock::new();

/// Starts `command` from the thread that lives as long as the process: the parent-death signal
/// comes when the starting *thread* ends, and a runtime's threads end with the runtime.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
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
