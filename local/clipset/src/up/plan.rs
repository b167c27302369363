//! What is to be started where: from the arguments and the environment, checked before anything happens.

use std::{
    env,
    ffi::OsString,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    path::PathBuf,
};

use anyhow::{Context as _, Result, ensure};
use clipset_service::TrustedProxies;

use crate::{
    args::UpArgs,
    data::{DataDir, repository},
};

/// The longest path below the data folder that is a unix socket's, which the kernel limits to 107 bytes.
const LONGEST_SOCKET: usize = 107;

/// Everything that is decided before the first child starts.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Where everything is kept.
    pub(super) data: DataDir,
    /// The public address to bind.
    pub(super) listen: SocketAddr,
    /// What browsers use.
    pub(super) public_url: String,
    /// The same from this machine.
    pub(super) local_url: String,
    /// The bucket's name.
    pub(super) bucket: String,
    /// Proxies in front, whose word on a client's address is believed.
    pub(super) trusted_proxies: TrustedProxies,
    /// The built pages.
    pub(super) pages: PathBuf,
    /// nginx's templates.
    pub(super) nginx_dir: PathBuf,
    /// Where nginx writes a line for each request.
    pub(super) access_log: PathBuf,
    /// Whether an empty library gets a demo clip.
    pub(super) demo: bool,
    /// This program.
    pub(super) program: PathBuf,
    /// The transcode runner.
    pub(super) runner: PathBuf,
    /// The environment of the children that are ours.
    pub(super) environment: Vec<(OsString, OsString)>,
}

impl Plan {
    /// From the arguments and the environment.
    ///
    /// # Errors
    /// A sentence about what is missing or cannot be.
    pub(super) fn new(args: &UpArgs) -> Result<Self> {
        let data = match &args.data {
            Some(root) => std::path::absolute(root).context("CLIPSET_DATA")?,
            None => std::path::absolute(DataDir::find().root())?,
        };
        let data = DataDir::new(data);
        // The longest of the sockets there is nginx's for the previous secret.
        let socket = data.run().join("previous.sock");
        ensure!(
            socket.as_os_str().len() <= LONGEST_SOCKET,
            "the data folder's path is too long for the sockets in it: set CLIPSET_DATA to a shorter one"
        );
        let repository =
            || repository().context("the repository was not found: run ./local/up, or name --pages and --nginx-dir");
        let nginx_dir = match &args.nginx_dir {
            Some(folder) => folder.clone(),
            None => repository()?.join("nginx"),
        };
        let pages = match &args.pages {
            Some(folder) => folder.clone(),
            None => repository()?.join("web/dist"),
        };
        let nginx_dir = std::path::absolute(nginx_dir)?;
        let pages = std::path::absolute(pages)?;
        ensure!(pages.join("index.html").is_file(), "{} holds no built pages (no index.html)", pages.display());

        let program = env::current_exe().context("this program's own path is not known")?;
        let runner = program.with_file_name("clipset-transcoder");
        ensure!(runner.is_file(), "{} is not there; ./local/up builds it", runner.display());

        let var = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            listen: SocketAddr::new(args.bind, args.port),
            public_url: var("PUBLIC_URL").unwrap_or_else(|| url(reachable(args.bind, outward_address), args.port)),
            local_url: url(reachable(args.bind, || None), args.port),
            bucket: var("BUCKET").unwrap_or_else(|| "clipset".to_owned()),
            trusted_proxies: var("TRUSTED_PROXIES").unwrap_or_default().parse()?,
            // A line for each segment would carry the password that is shown once out of sight.
            access_log: std::path::absolute(var("CLIPSET_ACCESS_LOG").as_deref().unwrap_or("/dev/null"))?,
            demo: !args.no_demo,
            environment: env::vars_os().filter(|(name, _)| is_passed_on(&name.to_string_lossy())).collect(),
            data,
            pages,
            nginx_dir,
            program,
            runner,
        })
    }
}

/// The credentials and endpoints of another store would lead the children away from the embedded bucket.
fn is_passed_on(name: &str) -> bool {
    !name.starts_with("AWS_") && !matches!(name, "CLIPSET_TOKEN" | "CLIPSET_USERNAME" | "CLIPSET_PASSWORD")
}

fn url(address: IpAddr, port: u16) -> String {
    format!("http://{}", SocketAddr::new(address, port))
}

/// An address at which a server that is bound to `bind` can be reached.
fn reachable(bind: IpAddr, outward: impl Fn() -> Option<IpAddr>) -> IpAddr {
    match bind {
        IpAddr::V4(any) if any.is_unspecified() => outward().unwrap_or(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(any) if any.is_unspecified() => outward().unwrap_or(Ipv6Addr::LOCALHOST.into()),
        one => one,
    }
}

/// This machine's address in its network: the one from which it would send to the world. Nothing is sent.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // TEST-NET-1 (RFC 5737): connecting a UDP socket only chooses a route.
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_bound_to_every_address_is_named_by_one() {
        let any: IpAddr = "0.0.0.0".parse().expect("an address");
        let home: IpAddr = "192.168.1.5".parse().expect("an address");
        assert_eq!(url(reachable(any, || Some(home)), 80), "http://192.168.1.5:80");
        assert_eq!(url(reachable(any, || None), 80), "http://127.0.0.1:80");
        assert_eq!(url(reachable("::".parse().expect("an address"), || None), 80), "http://[::1]:80");
        assert_eq!(url(reachable(home, || None), 80), "http://192.168.1.5:80");
    }

    #[test]
    fn another_stores_credentials_are_not_passed_on() {
        assert!(!is_passed_on("AWS_PROFILE"));
        assert!(!is_passed_on("AWS_SESSION_TOKEN"));
        assert!(!is_passed_on("CLIPSET_PASSWORD"));
        assert!(is_passed_on("PATH"));
        assert!(is_passed_on("HLS_URL_TTL_SECONDS"));
    }
}
