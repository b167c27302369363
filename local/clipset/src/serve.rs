//! `clipset serve`: every function of the HTTP API in one process.

use std::{
    any::Any, convert::Infallible, env, fs, future::Future, io, os::unix::fs::PermissionsExt as _, sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::Request,
    middleware::{Next, from_fn},
    response::{IntoResponse as _, Response},
    serve::ListenerExt as _,
};
use clipset_core::id::ShortId;
use clipset_events::{Removal, remove_deleted};
use clipset_local_bucket::drain::returning;
use clipset_logs::init_logs;
use clipset_service::{Problem, Service, in_time};
use reqwest::{StatusCode, header};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::mpsc::UnboundedReceiver,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{args::ServeArgs, disk, listen::Listen};

/// Between two parts of the sweep.
const SWEEP_EVERY: Duration = Duration::from_secs(180);

/// Between two looks at a migration that is under way, and at whether there is one.
const TEND_EVERY: Duration = Duration::from_millis(1500);
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Before a deleted clip is looked at again that a runner was at work on.
const RUNNER_LOOKS: Duration = Duration::from_secs(8);

/// How long requests that are under way may take to end.
const GRACE: Duration = Duration::from_secs(6);

/// `clipset serve`: until SIGTERM or SIGINT.
///
/// # Errors
/// A sentence about the environment, the bucket or the address.
pub async fn serve(args: &ServeArgs) -> Result<()> {
    init_logs();
    let stop = stop_signal()?;
    let service = Service::from_env().await?;
    service.bucket.probe().await.context("the bucket cannot be used")?;
    make_first_administrator(&service).await?;
    tokio::select! {
        served = listen(router(Arc::clone(&service)), &args.listen, stop) => served,
        never = keep_sweeping(&service) => match never {},
        never = keep_migrating(&service) => match never {},
        never = keep_removing(&service, service.deletions.follow()) => match never {},
        never = disk::keep_looking(&service) => match never {},
    }
}

/// The routers of all functions, with what the edge of a process adds.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .merge(clipset_stream_info::router(Arc::clone(&service)))
        .merge(clipset_sign_manifest::router(Arc::clone(&service)))
        .merge(clipset_api::router(service))
        .layer(from_fn(in_time))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(drained))
}

/// Reads what a refusal left of the body. Else the connection would close under a client that still sends, which then sees
/// a broken pipe and not the refusal; nginx would make a 503 of it.
async fn drained(request: Request, next: Next) -> Response {
    // Who waits for 100 Continue has not begun to send.
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return next.run(request).await;
    }
    let (head, body) = request.into_parts();
    let (body, rest) = returning(body);
    let response = next.run(Request::from_parts(head, Body::new(body))).await;
    rest.drain().await;
    response
}

/// A panic is one request's failure, not the process's.
fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    tracing::error!(message, "a handler panicked");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong here; it has been logged.").into_response()
}

/// `INITIAL_ADMIN_USERNAME` and `INITIAL_ADMIN_PASSWORD`, where no account exists yet.
async fn make_first_administrator(service: &Service) -> Result<()> {
    let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let Some(password) = var("INITIAL_ADMIN_PASSWORD") else { return Ok(()) };
    let username = var("INITIAL_ADMIN_USERNAME").unwrap_or_else(|| "admin".to_owned());
    let made = clipset_api::ensure_first_admin(service, &username, &password).await;
    if made.context("the first administrator was not made")? {
        tracing::info!(username, "made the first administrator");
    }
    Ok(())
}

/// Does a part of the sweep now and every few minutes, as long as the process lives; all of it where there is little.
async fn keep_sweeping(service: &Service) -> Infallible {
    let mut times = tokio::time::interval(SWEEP_EVERY);
    times.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        match clipset_events::step(service).await {
            Ok(swept) if swept == clipset_events::Swept::default() => {}
            Ok(swept) => tracing::info!("swept: {swept}"),
            Err(error) => tracing::warn!(%error, "the sweep broke off; the next one goes on"),
        }
    }
}

/// Removes what is deleted here, as long as the process lives: space is free again at once. The sweep makes up for what
/// fails.
async fn keep_removing(service: &Arc<Service>, mut deleted: UnboundedReceiver<ShortId>) -> Infallible {
    loop {
        let Some(id) = deleted.recv().await else { std::future::pending().await };
        match remove_deleted(service, &id).await {
            Ok(Removal::Done(objects)) => tracing::info!(%id, objects, "a deleted clip is gone"),
            Ok(Removal::Nothing) => {}
            Ok(Removal::Busy) => {
                let service = Arc::clone(service);
                tokio::spawn(async move {
                    tokio::time::sleep(RUNNER_LOOKS).await;
                    service.deletions.tell(id);
                });
            }
            Err(error) => tracing::warn!(%id, %error, "a deleted clip is left to the sweep"),
        }
    }
}

/// Starts a migration that should be under way, and moves it on, as long as the process lives. Runners do so too; this
/// makes up for those that are killed.
async fn keep_migrating(service: &Service) -> Infallible {
    let mut run = service.migrations.start(false).await;
    loop {
        let running = match &run {
            Ok(run) => run.as_ref().is_some_and(|run| run.is_running()),
            Err(error) => {
                tracing::warn!(%error, "the migration could not be tended");
                true
            }
        };
        tokio::time::sleep(if running { TEND_EVERY } else { LOOK_EVERY }).await;
        run = service.migrations.tend().await;
    }
}

/// Serves `router` until `stop`; then what is under way may end.
async fn listen(router: Router, address: &Listen, stop: impl Future<Output = ()> + Send + 'static) -> Result<()> {
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        let _ = stopping.send(());
    };
    let unusable = || format!("{address} cannot be listened on");
    let served = async {
        match address {
            Listen::Tcp(tcp) => {
                let listener = TcpListener::bind(tcp).await.with_context(unusable)?;
                // Answers are small and whole: waiting to fill a packet only costs time.
                let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
                tracing::info!(%address, "listening");
                axum::serve(listener, router).with_graceful_shutdown(stop).await.with_context(unusable)
            }
            Listen::Unix(path) => {
                // What a killed process left; a living one has its own data folder.
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).with_context(unusable),
                    _ => {}
                }
                let listener = UnixListener::bind(path).with_context(unusable)?;
                fs::set_permissions(path, fs::Permissions::from_mode(0o600)).with_context(unusable)?;
                tracing::info!(%address, "listening");
                axum::serve(listener, router).with_graceful_shutdown(stop).await.with_context(unusable)
            }
        }
    };
    let too_long = async {
        match stopped.await {
            Ok(()) => tokio::time::sleep(GRACE).await,
            // Never asked to stop: it ended by itself.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        served = served => served,
        () = too_long => {
            tracing::warn!("requests were still under way at the end");
            Ok(())
        }
    }
}

/// Completes at SIGTERM or SIGINT.
///
/// # Errors
/// A sentence if signals cannot be received.
pub fn stop_signal() -> Result<impl Future<Output = ()> + Send + 'static> {
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be received")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be received")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
