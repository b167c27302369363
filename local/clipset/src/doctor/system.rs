//! What the running system says: the bucket, the secrets at API and edge, the clocks, the queue, the records.

use std::{sync::Arc, time::Duration};

use clipset_bucket::BucketError;
use clipset_core::{Timestamp, job::JobState, key::DocumentKey};
use clipset_events::Walk;
use clipset_service::Service;
use reqwest::{StatusCode, redirect};
use uuid::Uuid;

use super::{Finding, PATIENCE};
use crate::{data::DataDir, output, repair};

/// A difference of clocks that matters to nobody: HTTP dates have whole seconds.
const TOLERATED_SECONDS: i64 = 5;

/// A job that has waited longer has met no runner.
const LONG_WAIT: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// Sweeps run every three minutes on one machine, and hourly on AWS.
const SWEPT_WITHIN: jiff::SignedDuration = jiff::SignedDuration::from_hours(3);

pub(super) async fn look(data: &DataDir) -> Vec<Finding> {
    let service = match Service::from_env().await {
        Ok(service) => service,
        Err(error) => return vec![Finding::bad("environment", error.to_string(), "set that variable, and ask again")],
    };
    let bucket = bucket(&service).await;
    let usable = bucket.state != super::State::Bad;
    let mut findings = vec![bucket];
    if usable {
        findings.push(clock(&service).await);
        findings.push(settings(&service).await);
        findings.push(queue(&service).await);
        findings.push(sweep(&service).await);
        findings.push(records(&service).await);
    }
    findings.extend(edge(&service, data).await);
    findings
}

async fn bucket(service: &Service) -> Finding {
    let name = service.bucket.name();
    let remedy = "see that the store runs and that its address, keys and bucket are as set";
    match tokio::time::timeout(PATIENCE, service.bucket.probe()).await {
        Ok(Ok(())) => Finding::ok("bucket", format!("{name} honours conditional writes and refuses strangers")),
        Ok(Err(error @ (BucketError::NoConditionalWrites(_) | BucketError::OpenToStrangers { .. }))) => {
            Finding::bad("bucket", error.to_string(), "use another store: docs/operations/containers.md names some")
        }
        Ok(Err(error)) => Finding::bad("bucket", sentence(error), remedy),
        Err(_) => Finding::bad("bucket", format!("{name} does not answer within {} s", PATIENCE.as_secs()), remedy),
    }
}

async fn clock(service: &Service) -> Finding {
    match service.bucket.time().await {
        Ok(now) => {
            let ahead = Timestamp::now().as_second() - now.as_second();
            if ahead.abs() <= TOLERATED_SECONDS {
                return Finding::ok("clock", "this machine's and the bucket's agree");
            }
            let seen = format!(
                "this machine is {} s {} the bucket",
                ahead.abs(),
                if ahead > 0 { "ahead of" } else { "behind" }
            );
            Finding::bad("clock", seen, "set both by NTP: signatures and tokens run out at the wrong time")
        }
        Err(error) => Finding::bad("clock", sentence(error), "see the bucket"),
    }
}

async fn settings(service: &Service) -> Finding {
    match service.settings.reading().await {
        Ok(reading) if reading.fallen_back => Finding::bad(
            "settings",
            "the stored settings are damaged, and the last good ones are in force",
            "replace them under Admin > Settings",
        ),
        Ok(_) => Finding::ok("settings", "readable"),
        Err(error) => Finding::bad("settings", sentence(error), "see the bucket"),
    }
}

async fn queue(service: &Service) -> Finding {
    let ids = match service.jobs.queue().await {
        Ok(ids) => ids,
        Err(error) => return Finding::bad("queue", sentence(error), "see the bucket"),
    };
    let now = service.jobs.now();
    let (mut held, mut waiting, mut longest) = (0, 0, jiff::SignedDuration::ZERO);
    for id in &ids {
        // One that ended meanwhile, or cannot be read: the records are looked at below.
        let Ok(Some(job)) = service.jobs.get(id).await else { continue };
        match &job.state {
            JobState::Leased(lease) if lease.until() > now => held += 1,
            JobState::Leased(_) | JobState::Waiting => {
                waiting += 1;
                longest = longest.max(now.duration_since(job.created_at));
            }
            JobState::Done { .. } | JobState::Failed { .. } => {}
        }
    }
    let seen = format!("{held} jobs at work, {waiting} waiting");
    if waiting > 0 && held == 0 && longest > LONG_WAIT {
        let seen = format!("{seen}, the oldest for {} min", longest.as_mins());
        return Finding::bad("queue", seen, "start a runner, or read the log of the one that runs: nobody takes jobs");
    }
    Finding::ok("queue", seen)
}

async fn sweep(service: &Service) -> Finding {
    let remedy =
        "read the log of the API, or on AWS that of the events function: what is deleted stays stored meanwhile";
    match service.bucket.read::<Walk>(&DocumentKey::Walk).await {
        Ok(None) => Finding::warning("sweep", "none has run yet", "wait three minutes, on AWS an hour, and ask again"),
        Ok(Some(found)) => {
            let ago = service.bucket.now().duration_since(found.value.ran());
            let seen = format!("the last one ran {} min ago", ago.as_mins());
            if ago > SWEPT_WITHIN { Finding::bad("sweep", seen, remedy) } else { Finding::ok("sweep", seen) }
        }
        Err(error) if error.is_unreadable() => {
            Finding::ok("sweep", "its state is damaged, and the next one begins anew")
        }
        Err(error) => Finding::bad("sweep", sentence(error), "see the bucket"),
    }
}

async fn records(service: &Arc<Service>) -> Finding {
    match repair::mend(service, true).await {
        Ok(damaged) if damaged.is_empty() => Finding::ok("records", "all readable"),
        Ok(damaged) => {
            let keys: Vec<_> = damaged.iter().map(|finding| finding.key.as_str()).take(5).collect();
            let more = if damaged.len() > keys.len() { ", …" } else { "" };
            let seen = format!("{} damaged: {}{more}", damaged.len(), keys.join(", "));
            Finding::bad("records", seen, "clipset repair --dry-run, then clipset repair")
        }
        Err(error) => Finding::bad("records", output::sentence(&error), "see the bucket"),
    }
}

/// Whether the API answers, and whether the edge goes by the secret that the API signs with: an object that is not there is
/// 404 under a good signature and 403 under a bad one.
async fn edge(service: &Service, data: &DataDir) -> Vec<Finding> {
    let url = data.address().map_or_else(|| service.config.public_url.clone(), |address| address.local_url);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).redirect(redirect::Policy::none()).build();
    let Ok(client) = client else { return vec![Finding::bad("API", "no client can be made", "see the error")] };
    let remedy = "see that the API and the edge run, and that PUBLIC_URL is theirs";
    let ask = async |path: String| match client.get(format!("{url}{path}")).send().await {
        Ok(answer) => Ok(answer.status()),
        Err(error) => {
            Err(Finding::bad("API", format!("{url}: {}", output::sentence(&error.without_url().into())), remedy))
        }
    };
    let health = match ask("/healthz".to_owned()).await {
        Ok(status) if status.is_success() => Finding::ok("API", format!("{url} answers")),
        Ok(status) => Finding::bad("API", format!("{url}/healthz answers {status}"), remedy),
        Err(unreachable) => return vec![unreachable],
    };
    let uri = format!("/hls/{}/segment000.ts", Uuid::new_v4());
    let expires = (Timestamp::now() + Duration::from_secs(60)).as_second().unsigned_abs();
    let signed = ask(service.signing_secret().signed_url(&uri, expires)).await;
    let forged = ask(format!("{uri}?md5=AAAAAAAAAAAAAAAAAAAAAA&expires={expires}")).await;
    let edge = match (signed, forged) {
        (Ok(StatusCode::NOT_FOUND), Ok(StatusCode::FORBIDDEN)) => {
            Finding::ok("secrets", "the edge takes the API's signatures, and no others")
        }
        (Ok(StatusCode::FORBIDDEN), Ok(_)) => Finding::bad(
            "secrets",
            "the edge refuses the API's signatures",
            "give both the same HLS_SIGNING_SECRET (clipset secret hls), and see that their clocks agree",
        ),
        (Ok(_), Ok(status)) if status != StatusCode::FORBIDDEN => Finding::bad(
            "secrets",
            format!("the edge answers a forged signature with {status}"),
            "look at its configuration",
        ),
        (Ok(status), Ok(_)) => {
            Finding::bad("secrets", format!("the edge answers {status} for an object that is not there"), remedy)
        }
        (Err(unreachable), _) | (_, Err(unreachable)) => unreachable,
    };
    vec![health, edge]
}

fn sentence(error: BucketError) -> String {
    output::sentence(&error.into())
}
