//! One child, kept alive: started again after its end, until it ends too often.

use std::{
    collections::VecDeque,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clipset_child::{Child, ChildError, ChildSpec, Output, Signal};
use nix::{
    sys::signal::{Signal as NixSignal, killpg},
    unistd::Pid,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use super::{
    console::{Console, LastLines},
    stopped,
};

/// A child that ended this often within [`WINDOW`] is not started again.
const MOST_ENDS: usize = 5;
const WINDOW: Duration = Duration::from_secs(60);

/// What to keep alive, and how it is asked to stop.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// In logs.
    pub(super) name: &'static str,
    /// How it is started, each time.
    pub(super) spec: ChildSpec,
    /// Sockets that a killed one leaves and that it cannot bind again.
    pub(super) sockets: Vec<PathBuf>,
    /// Signals with the time that each is given; then SIGKILL.
    pub(super) stop: &'static [(Signal, Duration)],
    /// What its last lines mean, where another start would not help.
    pub(super) hopeless: fn(&str) -> bool,
}

/// What happened to a child.
#[derive(Debug)]
pub(super) enum Event {
    /// It runs (again).
    Started { name: &'static str, pid: u32 },
    /// It is not started again.
    GaveUp { name: &'static str, reason: String },
}

/// A child that is being kept.
#[derive(Debug)]
pub(super) struct Keeper {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Starts keeping.
    pub(super) fn start(kept: Kept, events: mpsc::UnboundedSender<Event>, console: Console) -> Self {
        let (stop, stopped) = watch::channel(false);
        Self { stop, task: tokio::spawn(keep(kept, events, console, stopped)) }
    }

    /// Stops the child and waits for its end.
    pub(super) async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn keep(kept: Kept, events: mpsc::UnboundedSender<Event>, console: Console, mut stop: watch::Receiver<bool>) {
    let mut ends = Ends::default();
    loop {
        let reason = match run_once(&kept, &events, console, &mut stop).await {
            Ok(End::Stopped) => return,
            Ok(End::ByItself { reason, hopeless: false }) => reason,
            Ok(End::ByItself { reason, hopeless: true }) => return give_up(&kept, &events, reason),
            // A program that is missing will not appear.
            Err(error) => return give_up(&kept, &events, error.to_string()),
        };
        let Some(pause) = ends.another(Instant::now()) else {
            return give_up(&kept, &events, format!("it ended {MOST_ENDS} times within a minute, last with: {reason}"));
        };
        console.say(format!("{} ended ({reason}) and is started again", kept.name));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn give_up(kept: &Kept, events: &mpsc::UnboundedSender<Event>, reason: String) {
    let _ = events.send(Event::GaveUp { name: kept.name, reason });
}

enum End {
    Stopped,
    ByItself { reason: String, hopeless: bool },
}

async fn run_once(
    kept: &Kept,
    events: &mpsc::UnboundedSender<Event>,
    console: Console,
    stop: &mut watch::Receiver<bool>,
) -> Result<End, ChildError> {
    for socket in &kept.sockets {
        let _ = fs::remove_file(socket);
    }
    let mut child = kept.spec.clone().stdout(Output::Piped).stderr(Output::Piped).spawn()?;
    let pid = child.id().unwrap_or_default();
    let last = LastLines::default();
    let (stdout, stderr) = (child.take_stdout(), child.take_stderr());
    let lines = async {
        let follow_stdout = async {
            if let Some(pipe) = stdout {
                console.follow(kept.name, pipe, LastLines::default()).await
            }
        };
        let follow_stderr = async {
            if let Some(pipe) = stderr {
                console.follow(kept.name, pipe, last.clone()).await
            }
        };
        tokio::join!(follow_stdout, follow_stderr);
    };
    let life = async {
        let _ = events.send(Event::Started { name: kept.name, pid });
        let status = tokio::select! {
            status = child.wait() => Some(status),
            never = stopped::watch(kept.name, pid, console) => match never {},
            _ = stop.wait_for(|stop| *stop) => None,
        };
        let Some(status) = status else {
            end(&mut child, kept.stop).await?;
            return Ok(None);
        };
        // What it started may hold its port and its pipes: nginx's workers outlive a killed master.
        kill_group(pid);
        Ok(Some(status?))
    };
    // Its last lines arrive after its end; a grandchild that holds the pipe is not waited for.
    let mut lines = std::pin::pin!(lines);
    let mut life = std::pin::pin!(life);
    let status: Result<_, ChildError> = tokio::select! {
        status = &mut life => {
            let _ = tokio::time::timeout(Duration::from_millis(500), &mut lines).await;
            status
        }
        () = &mut lines => life.await,
    };
    let Some(status) = status? else { return Ok(End::Stopped) };
    let lines = last.take();
    let hopeless = lines.iter().any(|line| (kept.hopeless)(line));
    // Killed, it had no last word.
    let said = lines.last().filter(|_| status.code().is_some());
    Ok(End::ByItself { reason: said.cloned().unwrap_or_else(|| status.to_string()), hopeless })
}

async fn end(child: &mut Child, stop: &[(Signal, Duration)]) -> Result<(), ChildError> {
    for (signal, patience) in stop {
        child.signal(*signal);
        if let Ok(ended) = tokio::time::timeout(*patience, child.wait()).await {
            return ended.map(drop);
        }
    }
    child.signal(Signal::Kill);
    child.wait().await.map(drop)
}

fn kill_group(pid: u32) {
    if let Ok(pid) = i32::try_from(pid)
        && pid > 1
    {
        let _ = killpg(Pid::from_raw(pid), NixSignal::SIGKILL);
    }
}

/// The times at which a child ended.
#[derive(Debug, Default)]
struct Ends {
    recent: VecDeque<Instant>,
}

impl Ends {
    /// Counts an end; gives the pause before the next start, or none if it ended too often.
    fn another(&mut self, now: Instant) -> Option<Duration> {
        self.recent.retain(|end| now.duration_since(*end) < WINDOW);
        self.recent.push_back(now);
        let doublings = u32::try_from(self.recent.len()).unwrap_or(u32::MAX).saturating_sub(1);
        (self.recent.len() < MOST_ENDS).then(|| Duration::from_millis(250) * 2_u32.pow(doublings))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_the_fifth_end_within_a_minute_is_the_last() {
        let mut ends = Ends::default();
        let start = Instant::now();
        let pauses: Vec<_> = (0..5).map(|second| ends.another(start + Duration::from_secs(second))).collect();
        let millis = |count| Some(Duration::from_millis(count));
        assert_eq!(pauses, [millis(250), millis(500), millis(1000), millis(2000), None]);
    }

    #[test]
    fn ends_that_are_far_apart_do_not_add_up() {
        let mut ends = Ends::default();
        let start = Instant::now();
        for minute in 0..20 {
            let pause = ends.another(start + WINDOW * minute);
            assert_eq!(pause, Some(Duration::from_millis(250)));
        }
    }
}
