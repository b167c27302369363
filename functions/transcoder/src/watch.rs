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

/// Two lanes: one for any job, and one that new uploads alone may take, so that none waits behind
/// a ladder or a migration of hours.
const LANES: [&[JobKind]; 2] = [&[JobKind::First, JobKind::Ladder, JobKind::Migrate], &[JobKind::First]];

/// Runs until `stop` holds true: then FFmpeg is stopped and jobs are given back.
pub async fn watch(worker: Worker, stop: watch::Receiver<bool>) {
    let (told, news) = watch::channel(0_u64);
    let poller = listen(worker.clone(), told);
    let reporter = report(worker.clone());
    // One tender at a time does for all jobs that end meanwhile; the first look goes on where killed runners were.
    let ended = Notify::new();
    ended.notify_one();
    let lanes = async {
        let [any, first] = LANES.map(|kinds| lane(worker.clone(), kinds, &ended, news.clone(), stop.clone()));
        tokio::join!(any, first);
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

async fn lane(
    worker: Worker,
    kinds: &[JobKind],
    ended: &Notify,
    mut news: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
) {
    while !*stop.borrow() {
        news.borrow_and_update();
        let claimed = tokio::select! {
            // Dropped in the middle of a claim, the lease runs out by itself.
            () = stopped(stop.clone()) => return,
            claimed = worker.jobs().claim_next(worker.name(), kinds) => claimed,
        };
        match claimed {
            Ok(Some((job, lease))) => {
                let kind = job.kind;
                let outcome = worker.run(job, lease, stopped(stop.clone())).await;
                if kind == JobKind::Migrate {
                    ended.notify_one();
                }
                if outcome == Outcome::Lost {
                    pause(PAUSE, &stop).await;
                }
            }
            Ok(None) => {
                tokio::select! {
                    _ = news.changed() => {}
                    () = pause(worker.inner.config.poll * POLLS_PER_LOOK, &stop) => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the queue could not be read");
                pause(PAUSE, &stop).await;
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
        tokio::time::sleep(worker.inner.config.poll).await;
    }
}

/// Says which encoders work here, at the start and every hour.
async fn report(worker: Worker) {
    loop {
        let next = if worker.report_encoders(worker.name()).await { MEASURE_EVERY } else { PAUSE * 10 };
        tokio::time::sleep(next).await;
    }
}
