//! `clipset up`: everything on this machine, started in order, kept alive, and stopped together.
//!
//! The order is by health: the bucket answers, then the API, then nginx on the public port. A child that ends is started
//! again; one that ends too often stops all. The children end with this process, however it ends.

mod children;
mod console;
mod demo;
mod folder;
mod health;
mod keeper;
mod nginx;
mod plan;
mod stopped;

pub(crate) use self::children::nginx_program;

use std::{collections::BTreeMap, env, fs, future::Future, pin::pin};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::sys::stat::{Mode, umask};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use self::{
    children::Children,
    console::Console,
    folder::Secrets,
    keeper::{Event, Keeper, Kept},
    plan::Plan,
};
use crate::{
    args::UpArgs,
    data::{Address, Administrator},
};

/// `clipset up`: until it is told to stop.
///
/// # Errors
/// A sentence: it cannot start, or a child ends again and again.
pub async fn up(args: &UpArgs) -> Result<()> {
    // What the children write is this user's alone.
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
    let console = Console::new();
    let mut stop = StopSignals::new()?;
    let plan = Plan::new(args)?;
    let _held = folder::take(&plan.data)?;
    let secrets = folder::secrets(&plan.data, |name| env::var(name).ok().filter(|value| !value.is_empty()))?;
    if env::var_os("AWS_ENDPOINT_URL_S3").is_some() {
        console.say("AWS_ENDPOINT_URL_S3 is not used: ./local/up has a bucket of its own");
    }

    let (events, inbox) = mpsc::unbounded_channel();
    let mut system = System {
        plan: &plan,
        secrets: &secrets,
        console,
        events,
        inbox,
        keepers: Vec::new(),
        pids: BTreeMap::new(),
        address: None,
    };
    let outcome = tokio::select! {
        outcome = system.run() => outcome,
        () = stop.next() => Ok(()),
    };
    if !system.keepers.is_empty() {
        console.say("stopping");
    }
    for gone in ["address", "environment"] {
        let _ = fs::remove_file(plan.data.run().join(gone));
    }
    tokio::select! {
        () = system.stop() => {}
        // What still runs is killed as it is dropped.
        () = stop.next() => console.say("stopping at once"),
    }
    outcome
}

struct System<'a> {
    plan: &'a Plan,
    secrets: &'a Secrets,
    console: Console,
    events: mpsc::UnboundedSender<Event>,
    inbox: mpsc::UnboundedReceiver<Event>,
    /// In the order of their start.
    keepers: Vec<Keeper>,
    pids: BTreeMap<String, u32>,
    /// Set once all is ready.
    address: Option<Address>,
}

impl System<'_> {
    /// Starts everything, then watches over it; ends only with an error.
    async fn run(&mut self) -> Result<()> {
        health::port_is_free(self.plan.listen).await?;
        let children = Children { plan: self.plan, secrets: self.secrets };
        self.keep(children.bucket());
        let bucket = self.while_all_live(health::bucket(&children.bucket_ready_file(), &self.plan.bucket)).await?;
        let endpoint = format!("http://{bucket}");

        let environment = children.service_environment(&endpoint);
        self.plan.data.write_environment(&environment).context("the data folder cannot be written")?;
        self.keep(children.api(&endpoint));
        self.while_all_live(health::api(&children.api_socket())).await?;
        self.keep(children.runner(&endpoint));

        let api_upstream = format!("unix:{}", children.api_socket().display());
        nginx::write_configuration(self.plan, self.secrets, &api_upstream, &bucket.to_string())?;
        self.keep(children.nginx());
        self.while_all_live(health::public(&self.plan.local_url)).await?;

        let demo = match self.plan.demo {
            true => self.while_all_live(demo::make(self.plan, self.secrets, self.console)).await?,
            false => None,
        };
        self.announce(demo)?;
        self.while_all_live(std::future::pending()).await
    }

    fn announce(&mut self, demo: Option<String>) -> Result<()> {
        self.address = Some(Address {
            url: self.plan.public_url.clone(),
            local_url: self.plan.local_url.clone(),
            pids: BTreeMap::new(),
        });
        self.write_address()?;
        self.console.say(format!("ready at {}", self.plan.public_url));
        if let Some(watch_url) = demo {
            self.console.say(format!("demo clip: {watch_url}"));
        }
        if let Administrator { username, password: Some(password) } = &self.secrets.administrator {
            self.console.say(format!("sign in as {username} with the password {password} (shown this once)"));
            let shown = Administrator { username: username.clone(), password: None };
            self.plan.data.write_json("administrator", &shown).context("the data folder cannot be written")?;
        }
        self.console.say("Ctrl-C stops everything");
        Ok(())
    }

    fn keep(&mut self, kept: Kept) {
        self.keepers.push(Keeper::start(kept, self.events.clone(), self.console));
    }

    /// Awaits `work`, unless a child is given up meanwhile.
    async fn while_all_live<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                Some(event) = self.inbox.recv() => self.note(event)?,
            }
        }
    }

    fn note(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Started { name, pid } => {
                self.pids.insert(name.to_owned(), pid);
                self.write_address()
            }
            Event::GaveUp { name: "nginx", reason } if children::is_port_in_use(&reason) => {
                bail!("port {} is in use: set CLIPSET_PORT", self.plan.listen.port())
            }
            Event::GaveUp { name, reason } => Err(anyhow!("{name} cannot be kept running: {reason}")),
        }
    }

    fn write_address(&mut self) -> Result<()> {
        let Some(address) = &mut self.address else { return Ok(()) };
        address.pids = self.pids.clone();
        address.pids.insert("up".to_owned(), std::process::id());
        self.plan.data.write_json("run/address", address).context("the data folder cannot be written")
    }

    /// Stops the children, the last first.
    async fn stop(&mut self) {
        while let Some(keeper) = self.keepers.pop() {
            keeper.stop().await;
        }
    }
}

/// Ctrl-C, `kill`, and the end of the terminal.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl StopSignals {
    fn new() -> Result<Self> {
        let listen = |kind| signal(kind).context("signals cannot be received");
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}
