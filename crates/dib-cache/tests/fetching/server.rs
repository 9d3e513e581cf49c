//! A small HTTP server on loopback: one answer per connection, made by the test, and a record of all requests.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request as it came; header names are in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) path: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// Whether the client asked caches on the way not to answer.
    pub(crate) fn is_past_caches(&self) -> bool {
        self.header("cache-control") == Some("no-cache") && self.header("pragma") == Some("no-cache")
    }
}

/// What to answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Where the body stops although its announced length is more, and how.
    stop: Option<(usize, Stop)>,
}

#[derive(Debug, Clone, Copy)]
enum Stop {
    Close,
    Hang,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn body(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Closes the connection after so many bytes of the body.
    pub(crate) fn cut_after(mut self, count: usize) -> Self {
        self.stop = Some((count, Stop::Close));
        self
    }

    /// Sends nothing more after so many bytes of the body, but keeps the connection.
    pub(crate) fn hang_after(mut self, count: usize) -> Self {
        self.stop = Some((count, Stop::Hang));
        self
    }
}

/// Answers as a good server of a file does: knows its validator, and sends the rest when asked for it.
pub(crate) fn file(request: &Request, body: &[u8], etag: &str) -> Reply {
    if request.header("if-none-match") == Some(etag) {
        return Reply::status(304).with("etag", etag);
    }
    let offset = request
        .header("range")
        .filter(|_| request.header("if-range") == Some(etag))
        .and_then(|range| {
            range
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        });
    match offset {
        None => Reply::body(body).with("etag", etag),
        Some(offset) if offset >= body.len() => Reply::status(416),
        Some(offset) => {
            let (last, total) = (body.len() - 1, body.len());
            Reply {
                status: 206,
                ..Reply::body(&body[offset..])
            }
            .with("content-range", format!("bytes {offset}-{last}/{total}"))
            .with("etag", etag)
        }
    }
}

/// A running server; it ends with the test's process.
pub(crate) struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Starts a server whose answers `answer` makes, from the request and how many came before it.
    pub(crate) fn start(answer: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on loopback");
        let address = listener.local_addr().expect("the port's address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (record, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (record, answer) = (Arc::clone(&record), Arc::clone(&answer));
                std::thread::spawn(move || {
                    // A client that goes away is part of some tests.
                    let _ = serve(stream, &record, answer.as_ref());
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic while locked").clone()
    }

    pub(crate) fn requests_for(&self, path: &str) -> Vec<Request> {
        self.requests()
            .into_iter()
            .filter(|request| request.path == format!("/{path}"))
            .collect()
    }
}

fn serve(
    mut stream: TcpStream,
    record: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request, usize) -> Reply + Send + Sync),
) -> std::io::Result<()> {
    let Some(request) = read_request(&stream)? else {
        return Ok(());
    };
    let earlier = {
        let mut record = record.lock().expect("no panic while locked");
        record.push(request.clone());
        record.len() - 1
    };
    let reply = answer(&request, earlier);
    write!(
        stream,
        "HTTP/1.1 {} Of Test\r\nconnection: close\r\n",
        reply.status
    )?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if reply.status != 304 {
        write!(stream, "content-length: {}\r\n", reply.body.len())?;
    }
    stream.write_all(b"\r\n")?;
    let end = reply
        .stop
        .map_or(reply.body.len(), |(count, _)| count.min(reply.body.len()));
    stream.write_all(&reply.body[..end])?;
    stream.flush()?;
    if let Some((_, Stop::Hang)) = reply.stop {
        std::thread::sleep(Duration::from_secs(60));
    }
    Ok(())
}

fn read_request(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = BTreeMap::new();
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    Ok(Some(Request { path, headers }))
}
