use std::os::unix::fs::symlink;

use super::*;

/// Sends a request's head and gives back the whole answer.
fn ask(server: &StaticServer, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(stream, "{}\r\n\r\n", head.replace('\n', "\r\n")).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn header<'answer>(answer: &'answer str, name: &str) -> &'answer str {
    answer
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
        .trim()
}

fn serve_one_file() -> (tempfile::TempDir, StaticServer) {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("current")).unwrap();
    fs::write(directory.path().join("current/file"), "0123456789").unwrap();
    symlink("/etc/passwd", directory.path().join("outside")).unwrap();
    let server = start(Utf8Path::from_path(directory.path()).unwrap(), 0).unwrap();
    (directory, server)
}

#[test]
fn a_file_and_its_head() {
    let (_directory, server) = serve_one_file();
    let whole = ask(&server, "GET /current/file HTTP/1.1");
    assert!(
        whole.starts_with("HTTP/1.1 200 OK\r\n") && whole.ends_with("\r\n\r\n0123456789"),
        "{whole}"
    );
    let head = ask(&server, "HEAD /current/file HTTP/1.1");
    assert_eq!(header(&head, "Content-Length:"), "10");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
}

#[test]
fn a_part_and_what_is_beyond() {
    let (_directory, server) = serve_one_file();
    let part = ask(&server, "GET /current/file HTTP/1.1\nRange: bytes=4-");
    assert!(
        part.starts_with("HTTP/1.1 206 ") && part.ends_with("\r\n\r\n456789"),
        "{part}"
    );
    assert_eq!(header(&part, "Content-Range:"), "bytes 4-9/10");
    let beyond = ask(&server, "GET /current/file HTTP/1.1\nRange: bytes=10-");
    assert!(beyond.starts_with("HTTP/1.1 416 "), "{beyond}");
}

#[test]
fn an_unchanged_file_is_not_sent_again() {
    let (directory, server) = serve_one_file();
    let first = ask(&server, "GET /current/file HTTP/1.1");
    let (etag, date) = (header(&first, "ETag:"), header(&first, "Last-Modified:"));
    let by_tag = format!("GET /current/file HTTP/1.1\nIf-None-Match: {etag}");
    assert!(ask(&server, &by_tag).starts_with("HTTP/1.1 304 "));
    assert!(
        ask(
            &server,
            &format!("GET /current/file HTTP/1.1\nIf-Modified-Since: {date}")
        )
        .starts_with("HTTP/1.1 304 ")
    );
    fs::write(directory.path().join("current/file"), "changed").unwrap();
    assert!(ask(&server, &by_tag).starts_with("HTTP/1.1 200 "));
}

#[test]
fn nothing_else_is_served() {
    let (_directory, server) = serve_one_file();
    for (target, status) in [
        ("/current/none", "404"),
        ("/current", "404"),
        ("/", "404"),
        ("/outside", "404"),
        ("/../etc/passwd", "403"),
        ("/%2e%2e/etc/passwd", "403"),
    ] {
        let answer = ask(&server, &format!("GET {target} HTTP/1.1"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{target}: {answer}"
        );
    }
    assert!(ask(&server, "DELETE /current/file HTTP/1.1").starts_with("HTTP/1.1 405 "));
}

#[test]
fn it_misbehaves_as_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let path = Utf8Path::from_path(directory.path()).unwrap();
    for (name, text) in [("file", "0123456789"), ("other", "abc")] {
        fs::write(path.join(name), text).unwrap();
    }
    let other = path.join("other");
    let server = start_with_faults(path, 0, move |path| match path {
        "absent" => Some(Fault::Absent),
        "instead" => Some(Fault::Other(other.clone())),
        "file" => Some(Fault::Cut(4)),
        "silent" => Some(Fault::Silent),
        _ => None,
    })
    .unwrap();
    assert!(ask(&server, "GET /other HTTP/1.1").ends_with("\r\n\r\nabc"));
    assert!(ask(&server, "GET /absent HTTP/1.1").starts_with("HTTP/1.1 404 "));
    assert!(ask(&server, "GET /instead HTTP/1.1").ends_with("\r\n\r\nabc"));
    let cut = ask(&server, "GET /file HTTP/1.1");
    assert_eq!(header(&cut, "Content-Length:"), "10");
    assert!(cut.ends_with("\r\n\r\n0123"), "{cut}");
    let rest = ask(&server, "GET /file HTTP/1.1\nRange: bytes=4-");
    assert!(rest.ends_with("\r\n\r\n4567"), "{rest}");
    let mut silent = TcpStream::connect(server.address).unwrap();
    write!(silent, "GET /silent HTTP/1.1\r\n\r\n").unwrap();
    silent.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    silent.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "");
}
