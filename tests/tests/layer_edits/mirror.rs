//! A mirror on loopback, whose files change between builds.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// Serves files until the process ends.
pub(super) struct Mirror {
    address: SocketAddr,
    files: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Mirror {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = Arc::<Mutex<BTreeMap<String, String>>>::default();
        let served = Arc::clone(&files);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away early is its own affair.
                let _ = answer(&stream, &served);
            }
        });
        Self { address, files }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves these files from now on, and no others.
    pub(super) fn serve(&self, files: &[(&str, String)]) {
        *self.files.lock().unwrap() = files
            .iter()
            .map(|(name, text)| (format!("/{name}"), text.clone()))
            .collect();
    }
}

fn answer(mut stream: &TcpStream, files: &Mutex<BTreeMap<String, String>>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let (status, body) = match files.lock().unwrap().get(path) {
        Some(text) => ("200 OK", text.clone()),
        None => ("404 Not Found", String::new()),
    };
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
