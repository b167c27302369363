//! The watching runner: claims jobs in the order of their turns until it is told to stop.

use std::time::Duration;

use clipset_core::job::JobKind;
use tokio::sync::{Notify, watch};

use crate::work::{Outcome, Worker};

/// Without news the queue is listed every so many polls, for leases that ran out: 3 s where asking
/// costs nothing, 15 s where a listing has a price.
const POLLS_PER_LOOK: u32 = 8;

/// The bucket is away.
const PAUSE: Duration = Duration::from_secs(2);

/// Encoders are tried again this often: a driver may have come or gone.
const MEASURE_EVERY: Duration = Duration::from_secs(3600);

/// Jobs that take less are moved on together.
const TEND_AT_MOST_EVERY: Duration = Duration::from_millis(500);

/// Jobs that are done one after the other.
struct Lane {
    kinds: &'static [JobKind],
    /// Seconds of work that it takes; a job whose work is not known yet is looked at, and given back if it is more.
    most: Option<f64>,
}

/// The first is for any job. The others are for new uploads alone, so that none waits behind a ladder or a migration of
/// hours, and for short work alone: a few minutes do not wait behind hours, nor seconds behind minutes.
const LANES: [Lane; 3] = [
    Lane { kinds: &[JobKind::First, JobKind::Ladder, JobKind::Migrate], most: None },
    Lane { kinds: &[JobKind::First], most: Some(600.0) },
    Lane { kinds: &[JobKind::First], most: Some(30.0) },
];

/// Runs until `stop` holds true: then FFmpeg is stopped and jobs are given back.
pub async fn watch(worker: Worker, stop: watch::Receiver<bool>) {
    let (told, news) = watch::channel(0_u64);
    let poller = listen(worker.clone(), told);
    let reporter = report(worker.clone());
    // One tender at a time does for all jobs that end meanwhile; the first look goes on where killed runners were.
    let ended = Notify::new();
    ended.notify_one();
    let lanes = async {
        let [any, minutes, seconds] = LANES;
        let (any_told, any_busy) = watch::channel(false);
        let (minutes_told, minutes_busy) = watch::channel(false);
        let (seconds_told, _) = watch::channel(false);
        let at = |lane| At { worker: &worker, lane, ended: &ended, news: news.clone(), stop: stop.clone() };
        tokio::join!(
            at(any).run(None, any_told),
            at(minutes).run(Some(any_busy), minutes_told),
            at(seconds).run(Some(minutes_busy), seconds_told),
        );
    };
    // Neither the poller nor the reporter nor the tender ends.
    tokio::select! {
        () = lanes => {}
        () = poller => {}
        () = reporter => {}
        () = tend(&worker, &ended) => {}
    }
}

/// Ends once `stop` holds true, or nobody can say so any more.
pub async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// A lane at work.
struct At<'a> {
    worker: &'a Worker,
    lane: Lane,
    ended: &'a Notify,
    news: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
}

impl At<'_> {
    /// Takes jobs while `wider`, a lane that could have them too, is busy, and tells when this one is.
    async fn run(mut self, mut wider: Option<watch::Receiver<bool>>, told: watch::Sender<bool>) {
        let Lane { kinds, most } = self.lane;
        let stop = self.stop.clone();
        while !*stop.borrow() {
            self.news.borrow_and_update();
            let claim = async {
                if let Some(wider) = &mut wider {
                    // It only ends with the runner.
                    let _ = wider.wait_for(|busy| *busy).await;
                }
                self.worker.jobs().claim_next_within(self.worker.name(), kinds, most).await
            };
            let claimed = tokio::select! {
                // Dropped in the middle of a claim, the lease runs out by itself.
                () = stopped(stop.clone()) => return,
                claimed = claim => claimed,
            };
            match claimed {
                Ok(Some((job, lease))) => {
                    told.send_replace(true);
                    let kind = job.kind;
                    let outcome = self.worker.run(job, lease, most, stopped(stop.clone())).await;
                    if kind == JobKind::Migrate {
                        self.ended.notify_one();
                    }
                    if outcome == Outcome::Lost {
                        pause(PAUSE, &stop).await;
                    }
                    told.send_replace(false);
                }
                Ok(None) => {
                    tokio::select! {
                        _ = self.news.changed() => {}
                        () = pause(self.worker.inner.config.pace.poll * POLLS_PER_LOOK, &stop) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the queue could not be read");
                    pause(PAUSE, &stop).await;
                }
            }
        }
    }
}

async fn pause(length: Duration, stop: &watch::Receiver<bool>) {
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        () = stopped(stop.clone()) => {}
    }
}

/// Tends the migration after its jobs have ended here.
async fn tend(worker: &Worker, ended: &Notify) {
    loop {
        ended.notified().await;
        worker.tend().await;
        tokio::time::sleep(TEND_AT_MOST_EVERY).await;
    }
}

/// Asks the marker for news, for all lanes.
async fn listen(worker: Worker, told: watch::Sender<u64>) {
    let mut seen = None;
    loop {
        match worker.jobs().news(&mut seen).await {
            Ok(true) => told.send_modify(|count| *count += 1),
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "the job marker could not be read"),
        }
        tokio::time::sleep(worker.inner.config.pace.poll).await;
    }
}

/// Says which encoders work here, at the start and every hour.
async fn report(worker: Worker) {
    loop {
        let next = if worker.report_encoders(worker.name()).await { MEASURE_EVERY } else { PAUSE * 10 };
        tokio::time::sleep(next).await;
    }
}
