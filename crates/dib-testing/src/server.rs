//! A server on loopback that answers with what a test gives it.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

#[derive(Default)]
struct Shelf {
    /// For each path the bodies to answer with; the last one stays.
    files: BTreeMap<String, VecDeque<Vec<u8>>>,
    requests: Vec<String>,
}

/// A server on loopback, on a port of its own, until the process ends.
///
/// Each path answers with its bodies one after the other, and with the last one from then on; a path without bodies
/// answers with status 404.
#[derive(Clone)]
pub struct Server {
    address: SocketAddr,
    shelf: Arc<Mutex<Shelf>>,
}

impl Server {
    /// Starts a server that has nothing yet.
    ///
    /// # Panics
    /// When loopback gives no port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let shared = Arc::clone(&shelf);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is its own affair.
                let _ = answer(&stream, &shared);
            }
        });
        Self { address, shelf }
    }

    /// Returns the server's address, such as `http://127.0.0.1:4711`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a body to answer a path with, after those it has.
    pub fn serve(&self, path: &str, body: impl Into<Vec<u8>>) {
        let mut shared = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shared
            .files
            .entry(path.to_owned())
            .or_default()
            .push_back(body.into());
    }

    /// Returns the requests so far, as `GET /path` or, where the client asked for fresh data, `GET /path (no-cache)`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shelf
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .requests
            .clone()
    }
}

fn answer(mut stream: &TcpStream, shelf: &Mutex<Shelf>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut words = request.split_ascii_whitespace();
    let (method, path) = (
        words.next().unwrap_or_default().to_owned(),
        words.next().unwrap_or_default().to_owned(),
    );
    let mut fresh = false;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? == 0 || header.trim().is_empty() {
            break;
        }
        fresh |= header.to_ascii_lowercase().starts_with("cache-control: no-cache");
    }
    let body = {
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.requests.push(format!(
            "{method} {path}{}",
            if fresh { " (no-cache)" } else { "" }
        ));
        let bodies = shelf.files.get_mut(&path);
        bodies.and_then(|bodies| {
            if bodies.len() > 1 {
                bodies.pop_front()
            } else {
                bodies.front().cloned()
            }
        })
    };
    let (status, body) = body.map_or(("404 Not Found", b"nothing here\n".to_vec()), |body| {
        ("200 OK", body)
    });
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    stream.write_all(&body)?;
    stream.flush()
}
