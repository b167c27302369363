//! What this machine has: programs, encoders, the sandbox, the port, the disk.

use std::{env, io::ErrorKind, net::TcpListener, path::PathBuf, time::Duration};

use clipset_child::{ChildError, ChildSpec, Finished, Output};
use clipset_core::size::{Round, said};

use super::Finding;
use crate::{data::DataDir, disk, up::nginx_program};

/// How long a program may take, also on a machine that encodes several clips just now.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a program may write in answer.
const MOST_OUTPUT: u64 = 1 << 20;

/// One frame and a moment of silence through the encoders that every clip needs.
const ENCODE: &str = "-hide_banner -loglevel error -f lavfi -i color=size=320x180:rate=25 -f lavfi -i anullsrc \
                      -frames:v 1 -t 0.04 -c:v libx264 -c:a aac -f null -";

pub(super) async fn look(data: &DataDir) -> Vec<Finding> {
    let mut findings = Vec::new();
    for program in ["ffmpeg", "ffprobe"] {
        findings.push(version(program, program.into(), "-version", "apt-get install ffmpeg").await);
    }
    findings.push(encoders().await);
    findings.push(tone_mapping().await);
    findings.push(version("nginx", nginx_program(), "-v", "apt-get install nginx").await);
    findings.push(sandbox().await);
    findings.push(port(data));
    findings.push(room(data));
    findings
}

/// The program's first line on itself.
async fn version(what: &'static str, program: PathBuf, flag: &str, install: &str) -> Finding {
    match run(ChildSpec::new(program).arg(flag)).await {
        Ok(finished) => {
            let text = [finished.stdout, finished.stderr].concat();
            let line = String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned();
            Finding::ok(what, line.split(" Copyright").next().unwrap_or_default())
        }
        Err(error) => Finding::bad(what, error.to_string(), install),
    }
}

async fn encoders() -> Finding {
    match run(ffmpeg(ENCODE)).await {
        Ok(finished) if finished.status.success() => Finding::ok("encoders", "libx264 and aac encode a frame"),
        Ok(finished) => {
            let why = String::from_utf8_lossy(&finished.stderr).lines().next().unwrap_or("no reason given").to_owned();
            Finding::bad("encoders", why, "install an FFmpeg that is built with libx264, such as Debian's")
        }
        Err(error) => Finding::bad("encoders", error.to_string(), "apt-get install ffmpeg"),
    }
}

/// HDR is brought down by zscale, which not every FFmpeg is built with.
async fn tone_mapping() -> Finding {
    match run(ffmpeg("-hide_banner -filters")).await {
        Ok(finished) if String::from_utf8_lossy(&finished.stdout).contains(" zscale ") => {
            Finding::ok("HDR", "this FFmpeg has zscale: HDR clips are tone-mapped")
        }
        Ok(_) => Finding::warning(
            "HDR",
            "this FFmpeg has no zscale: HDR clips fail",
            "install an FFmpeg that is built with libzimg, such as Debian's",
        ),
        Err(error) => Finding::bad("HDR", error.to_string(), "apt-get install ffmpeg"),
    }
}

/// A child asks for what FFmpeg gets, and says which network interfaces it has.
async fn sandbox() -> Finding {
    match run(ChildSpec::new("cat").arg("/proc/self/net/dev").without_network()).await {
        Ok(finished) => {
            let text = String::from_utf8_lossy(&finished.stdout).into_owned();
            let interfaces: Vec<_> = text.lines().filter_map(|line| Some(line.split_once(':')?.0.trim())).collect();
            if interfaces == ["lo"] {
                return Finding::ok("sandbox", "FFmpeg is cut off from the network");
            }
            Finding::warning(
                "sandbox",
                format!("FFmpeg keeps the network ({})", interfaces.join(", ")),
                "allow unprivileged user namespaces (sysctl kernel.unprivileged_userns_clone, AppArmor), or keep the \
                 runner in a container without a network of its own",
            )
        }
        Err(error) => Finding::bad("sandbox", error.to_string(), "start children as this user does: see the error"),
    }
}

fn port(data: &DataDir) -> Finding {
    if let Some(address) = data.address() {
        return Finding::ok("port", format!("Clipset runs at {}", address.url));
    }
    let port = env::var("CLIPSET_PORT").ok().and_then(|text| text.parse().ok()).unwrap_or(8080_u16);
    match TcpListener::bind(("127.0.0.1", port)) {
        Ok(_) => Finding::ok("port", format!("{port} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Finding::bad("port", format!("{port} is another program's"), "set CLIPSET_PORT to a free one")
        }
        Err(error) => Finding::bad("port", format!("{port}: {error}"), "set CLIPSET_PORT to one that may be bound"),
    }
}

fn room(data: &DataDir) -> Finding {
    let folder = data.root();
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(folder);
    let Some(space) = disk::space(there) else {
        return Finding::warning(
            "disk",
            format!("{} does not say how full it is", there.display()),
            "look by hand: df",
        );
    };
    let seen = format!(
        "{} of {} free for {}",
        said(space.free, Round::Down),
        said(space.total, Round::Down),
        folder.display()
    );
    match space {
        space if space.is_full() => Finding::bad("disk", seen, "delete clips, or make room: uploads wait"),
        space if space.is_low() => Finding::warning("disk", seen, "delete clips, or make room soon"),
        _ => Finding::ok("disk", seen),
    }
}

fn ffmpeg(arguments: &str) -> ChildSpec {
    ChildSpec::new("ffmpeg").args(arguments.split_whitespace()).without_network()
}

async fn run(spec: ChildSpec) -> Result<Finished, ChildError> {
    spec.stdout(Output::Piped).stderr(Output::Piped).spawn()?.finish(PATIENCE, MOST_OUTPUT).await
}
