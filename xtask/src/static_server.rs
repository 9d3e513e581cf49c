//! A static HTTP/1.1 server on the loopback address, with what a downloader can ask for: HEAD, ranges, validators.
//!
//! One thread per connection, one request per connection. It serves plain files under its directory and nothing else,
//! unless it is told to misbehave.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::task_error::TaskError;

mod http_date;
mod request;

use http_date::http_date;
use request::{Range, Request, RequestError};

/// A running server; it ends with the process.
#[derive(Debug)]
pub(crate) struct StaticServer {
    address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl StaticServer {
    /// The server's address as a URL without a slash at its end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Waits until the server ends, which is when the process does.
    pub(crate) fn wait(self) {
        // The accepting thread never ends by itself; should it have panicked, its message is printed already.
        drop(self.accepting.join());
    }
}

/// How a server misbehaves about a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has no such file.
    Absent,
    /// It serves this file instead.
    Other(Utf8PathBuf),
    /// It never answers.
    Silent,
    /// It closes the connection after so many bytes of the body that it has announced.
    Cut(u64),
}

/// Starts to serve a directory; port 0 takes a free one.
pub(crate) fn start(directory: &Utf8Path, port: u16) -> Result<StaticServer, TaskError> {
    start_with_faults(directory, port, |_| None)
}

/// Starts to serve a directory and asks at each request with what fault: for the path, relative and decoded.
pub(crate) fn start_with_faults(
    directory: &Utf8Path,
    port: u16,
    fault_at: impl Fn(&str) -> Option<Fault> + Send + Sync + 'static,
) -> Result<StaticServer, TaskError> {
    let root = fs::canonicalize(directory).map_err(TaskError::file("serve", directory))?;
    let listen = || -> io::Result<(TcpListener, SocketAddr)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let (listener, address) =
        listen().map_err(TaskError::file("listen on the loopback address for", directory))?;
    let fault_at = Arc::new(fault_at);
    let accepting = thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (root, fault_at) = (root.clone(), Arc::clone(&fault_at));
            thread::spawn(move || {
                // A client that goes away in the middle is its own business.
                drop(answer(&stream, &root, fault_at.as_ref()));
            });
        }
    });
    Ok(StaticServer { address, accepting })
}

/// Reads one request and answers it.
fn answer(stream: &TcpStream, root: &Path, fault_at: &dyn Fn(&str) -> Option<Fault>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut lines = Vec::new();
    // A request's head is short; more than this is no downloader of ours.
    for line in BufReader::new(stream).take(64 * 1024).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    match request::parse(&lines) {
        Ok(request) => match fault_at(&request.path) {
            None => respond(stream, find(root, &request.path), &request, u64::MAX),
            Some(Fault::Absent) => respond(stream, None, &request, u64::MAX),
            Some(Fault::Other(file)) => respond(stream, described(file.into()), &request, u64::MAX),
            Some(Fault::Cut(most)) => respond(stream, find(root, &request.path), &request, most),
            Some(Fault::Silent) => wait_for_end(stream),
        },
        Err(RequestError::Malformed) => refuse(stream, "400 Bad Request"),
        Err(RequestError::Method) => refuse(stream, "405 Method Not Allowed"),
        Err(RequestError::Climbs) => refuse(stream, "403 Forbidden"),
    }
}

/// Waits until the client goes away.
fn wait_for_end(mut stream: &TcpStream) -> io::Result<()> {
    stream.set_read_timeout(None)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

/// Answers with a file, of whose wanted part no more than `most` bytes are sent, whatever is announced.
fn respond(mut stream: &TcpStream, found: Option<Found>, request: &Request, most: u64) -> io::Result<()> {
    let Some((path, length, modified)) = found else {
        return refuse(stream, "404 Not Found");
    };
    let etag = format!("\"{length:x}-{}\"", modified.nanoseconds);
    let last_modified = http_date(modified.seconds);
    let validators = format!(
        "ETag: {etag}\r\nLast-Modified: {last_modified}\r\nAccept-Ranges: bytes\r\nConnection: close\r\n"
    );
    if request.is_unmodified(&etag, &last_modified) {
        return write!(stream, "HTTP/1.1 304 Not Modified\r\n{validators}\r\n");
    }
    let (first, count) = match request.range(&etag, &last_modified, length) {
        Range::Whole => {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{validators}"
            )?;
            (0, length)
        }
        Range::Part { first, last } => {
            let count = last - first + 1;
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nContent-Length: {count}\r\nContent-Range: bytes {first}-{last}/{length}\r\n{validators}"
            )?;
            (first, count)
        }
        Range::Unsatisfiable => {
            return write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 0\r\nContent-Range: bytes */{length}\r\n{validators}\r\n"
            );
        }
    };
    write!(stream, "Content-Type: application/octet-stream\r\n\r\n")?;
    if request.head_only {
        return Ok(());
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(first))?;
    io::copy(&mut file.take(count.min(most)), &mut stream)?;
    stream.flush()
}

struct Modified {
    seconds: i64,
    nanoseconds: String,
}

/// A plain file, with its length and time.
type Found = (PathBuf, u64, Modified);

/// Finds a plain file under the root; links that lead outside are not followed.
fn find(root: &Path, path: &str) -> Option<Found> {
    let path = fs::canonicalize(root.join(path)).ok()?;
    path.starts_with(root).then(|| described(path))?
}

fn described(path: PathBuf) -> Option<Found> {
    let metadata = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
    let nanoseconds = format!("{:x}.{:x}", metadata.mtime(), metadata.mtime_nsec());
    Some((
        path,
        metadata.len(),
        Modified {
            seconds: metadata.mtime(),
            nanoseconds,
        },
    ))
}

fn refuse(mut stream: &TcpStream, status: &str) -> io::Result<()> {
    let length = status.len() + 1;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{status}\n"
    )
}

#[cfg(test)]
mod tests;
