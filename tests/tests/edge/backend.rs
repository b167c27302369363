//! A small HTTP/1.1 server that records what reaches it: stand-in for the bucket and for the API.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An answer; Content-Length is added.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { status, headers, body: body.into() }
    }
}

type Handler = dyn Fn(&Seen) -> Reply + Send + Sync;

/// The server; its threads end with the test process.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Backend {
    pub(crate) fn start(handler: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (record, handler): (_, Arc<Handler>) = (Arc::clone(&seen), Arc::new(handler));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, handler) = (Arc::clone(&record), Arc::clone(&handler));
                thread::spawn(move || serve(&stream, &record, &*handler));
            }
        });
        Self { address, seen }
    }

    /// Every request that has come, oldest first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn serve(stream: &TcpStream, record: &Mutex<Vec<Seen>>, handler: &Handler) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let request = read_request(&mut reader)?;
        record.lock().unwrap().push(request.clone());
        let reply = handler(&request);
        let mut head = format!("HTTP/1.1 {} Stand-in\r\nServer: stand-in/1.0\r\n", reply.status);
        for (name, value) in &reply.headers {
            head += &format!("{name}: {value}\r\n");
        }
        if reply.status != 304 && reply.status != 204 {
            head += &format!("Content-Length: {}\r\n", reply.body.len());
        }
        head += "\r\n";
        let mut bytes = head.into_bytes();
        if request.method != "HEAD" {
            bytes.extend_from_slice(&reply.body);
        }
        (&mut &*stream).write_all(&bytes).ok()?;
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Seen> {
    let mut line = || {
        let mut text = String::new();
        (reader.read_line(&mut text).ok()? > 0).then(|| text.trim_end().to_owned())
    };
    let first = line()?;
    let mut parts = first.split(' ');
    let (method, target) = (parts.next()?.to_owned(), parts.next()?.to_owned());
    let mut headers = Vec::new();
    loop {
        let text = line()?;
        let Some((name, value)) = text.split_once(": ") else { break };
        headers.push((name.to_owned(), value.to_owned()));
    }
    let mut seen = Seen { method, target, headers, body: Vec::new() };
    let length = seen.header("content-length").map_or(0, |value| value.parse().unwrap());
    seen.body.resize(length, 0);
    reader.read_exact(&mut seen.body).ok()?;
    Some(seen)
}

/// A stand-in for an S3 bucket that may be read by anyone and listed by nobody.
pub(crate) struct Bucket {
    pub(crate) backend: Backend,
    objects: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    gate: Arc<(Mutex<bool>, Condvar)>,
}

impl Bucket {
    pub(crate) fn start() -> Self {
        let objects = Arc::new(Mutex::new(HashMap::<String, Vec<u8>>::new()));
        let gate = Arc::new((Mutex::new(true), Condvar::new()));
        let (stored, opened) = (Arc::clone(&objects), Arc::clone(&gate));
        let backend = Backend::start(move |request| {
            drop(opened.1.wait_while(opened.0.lock().unwrap(), |open| !*open).unwrap());
            answer(request, &stored.lock().unwrap())
        });
        Self { backend, objects, gate }
    }

    /// Stores an object under `/{bucket}/{key}`.
    pub(crate) fn put(&self, path: &str, bytes: impl Into<Vec<u8>>) {
        self.objects.lock().unwrap().insert(path.to_owned(), bytes.into());
    }

    pub(crate) fn remove(&self, path: &str) {
        self.objects.lock().unwrap().remove(path);
    }

    /// While closed, requests wait for their answer.
    pub(crate) fn open_gate(&self, open: bool) {
        *self.gate.0.lock().unwrap() = open;
        self.gate.1.notify_all();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.backend.seen()
    }
}

const ETAG: &str = "\"9b2cf535f27731c974343645a3985328\"";
/// Headers of a bucket that must not reach a viewer.
const PRIVATE: [(&str, &str); 5] = [
    ("x-amz-request-id", "tx000001"),
    ("x-amz-id-2", "host"),
    ("x-amz-server-side-encryption", "AES256"),
    ("Cache-Control", "private, max-age=0"),
    ("Vary", "Origin"),
];

fn answer(request: &Seen, objects: &HashMap<String, Vec<u8>>) -> Reply {
    if request.method == "PUT" {
        return Reply::new(200, &[PRIVATE.as_slice(), &[("ETag", ETAG)]].concat(), "");
    }
    let path = request.target.split('?').next().unwrap();
    let Some(object) = objects.get(path) else {
        // Without the right to list, S3 does not say what is missing.
        return Reply::new(403, &PRIVATE, "<Error><Code>AccessDenied</Code><HostId>bucket-7</HostId></Error>");
    };
    if request.header("if-none-match") == Some(ETAG) {
        return Reply::new(304, &[("ETag", ETAG)], "");
    }
    let headers = [
        PRIVATE.as_slice(),
        &[
            ("Content-Type", "video/mp2t"),
            ("ETag", ETAG),
            ("Last-Modified", "Tue, 15 Nov 2022 12:45:26 GMT"),
            ("Accept-Ranges", "bytes"),
        ],
    ]
    .concat();
    let Some((first, last)) = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'))
    else {
        return Reply::new(200, &headers, object.clone());
    };
    let first: usize = first.parse().unwrap();
    let end = last.parse::<usize>().map_or(object.len(), |last| object.len().min(last + 1));
    if first >= object.len() {
        return Reply::new(416, &PRIVATE, "<Error><Code>InvalidRange</Code></Error>");
    }
    let range = format!("bytes {first}-{}/{}", end - 1, object.len());
    Reply::new(206, &[headers.as_slice(), &[("Content-Range", range.as_str())]].concat(), &object[first..end])
}
