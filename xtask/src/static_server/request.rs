//! A request's head, and what its conditions and ranges come to.

/// A request that can be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Whether only the answer's head is wanted (HEAD).
    pub(super) head_only: bool,
    /// The path, decoded, relative to the root, with no climbing part.
    pub(super) path: String,
    headers: Vec<(String, String)>,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    /// It is not HTTP as we read it.
    Malformed,
    /// Its method is neither GET nor HEAD.
    Method,
    /// Its path leads out of the root.
    Climbs,
}

/// The part of a file that is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it.
    Whole,
    /// From the first byte to the last, both counted.
    Part { first: u64, last: u64 },
    /// A part that is not there.
    Unsatisfiable,
}

/// Reads the lines of a request's head, without the empty one at its end.
pub(super) fn parse(lines: &[String]) -> Result<Request, RequestError> {
    let (first, rest) = lines.split_first().ok_or(RequestError::Malformed)?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(RequestError::Malformed);
    };
    if !version.starts_with("HTTP/1.") {
        return Err(RequestError::Malformed);
    }
    let head_only = match method {
        "GET" => false,
        "HEAD" => true,
        _ => return Err(RequestError::Method),
    };
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path =
        decode(path.strip_prefix('/').ok_or(RequestError::Malformed)?).ok_or(RequestError::Malformed)?;
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(RequestError::Climbs);
    }
    let headers = rest
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok(Request {
        head_only,
        path,
        headers,
    })
}

impl Request {
    /// Says whether the client's copy, by the validators that it sent, is still good (RFC 9110, section 13.2.2).
    pub(super) fn is_unmodified(&self, etag: &str, last_modified: &str) -> bool {
        match self.header("if-none-match") {
            Some(list) => list
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag),
            None => self
                .header("if-modified-since")
                .is_some_and(|date| date == last_modified),
        }
    }

    /// Works out the wanted part of a file of `length` bytes; several ranges at once are answered with the whole.
    pub(super) fn range(&self, etag: &str, last_modified: &str, length: u64) -> Range {
        let still_the_same = self
            .header("if-range")
            .is_none_or(|validator| validator == etag || validator == last_modified);
        let range = self
            .header("range")
            .and_then(|value| value.strip_prefix("bytes="))
            .and_then(|value| value.split_once('-'));
        let Some((first, last)) = range.filter(|_| still_the_same) else {
            return Range::Whole;
        };
        match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first > last => Range::Whole,
            (Ok(first), _) if first >= length => Range::Unsatisfiable,
            (Ok(first), Ok(last)) => Range::Part {
                first,
                last: last.min(length - 1),
            },
            (Ok(first), Err(_)) if last.trim().is_empty() => Range::Part {
                first,
                last: length - 1,
            },
            (Err(_), Ok(count)) if first.trim().is_empty() => {
                if count == 0 || length == 0 {
                    Range::Unsatisfiable
                } else {
                    Range::Part {
                        first: length.saturating_sub(count),
                        last: length - 1,
                    }
                }
            }
            _ => Range::Whole,
        }
    }

    fn header(&self, wanted: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.as_str())
    }
}

/// Undoes percent-encoding; `None` when it is broken, not UTF-8 or holds a NUL.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = str::from_utf8(&digits)
                .ok()
                .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn targets() {
        for (target, expected) in [
            ("/a/b.txt", Ok("a/b.txt")),
            ("/", Ok("")),
            ("/a%20b?x=1", Ok("a b")),
            ("/a..b/c", Ok("a..b/c")),
            ("/../etc/passwd", Err(RequestError::Climbs)),
            ("/a/%2e%2e/%2E%2e/etc", Err(RequestError::Climbs)),
            ("/a/..%2f..%2fetc", Err(RequestError::Climbs)),
            ("//etc/passwd", Err(RequestError::Climbs)),
            ("/%2fetc/passwd", Err(RequestError::Climbs)),
            ("/%", Err(RequestError::Malformed)),
            ("/%+1", Err(RequestError::Malformed)),
            ("/%00", Err(RequestError::Malformed)),
            ("http://x/", Err(RequestError::Malformed)),
        ] {
            let parsed = parse(&lines(&format!("GET {target} HTTP/1.1"))).map(|request| request.path);
            assert_eq!(parsed, expected.map(str::to_owned), "{target}");
        }
    }

    #[test]
    fn methods() {
        assert_eq!(parse(&[]), Err(RequestError::Malformed));
        assert_eq!(parse(&lines("GET /")), Err(RequestError::Malformed));
        assert_eq!(parse(&lines("POST / HTTP/1.1")), Err(RequestError::Method));
        assert!(parse(&lines("HEAD /a HTTP/1.1")).unwrap().head_only);
    }

    #[test]
    fn ranges() {
        for (headers, expected) in [
            ("", Range::Whole),
            ("Range: bytes=0-0", Range::Part { first: 0, last: 0 }),
            ("range:bytes=3-", Range::Part { first: 3, last: 9 }),
            ("Range: bytes=3-99", Range::Part { first: 3, last: 9 }),
            ("Range: bytes=-4", Range::Part { first: 6, last: 9 }),
            ("Range: bytes=-40", Range::Part { first: 0, last: 9 }),
            ("Range: bytes=10-", Range::Unsatisfiable),
            ("Range: bytes=-0", Range::Unsatisfiable),
            ("Range: bytes=5-3", Range::Whole),
            ("Range: bytes=0-1,3-4", Range::Whole),
            ("Range: lines=1-2", Range::Whole),
            (
                "Range: bytes=2-3\nIf-Range: \"e\"",
                Range::Part { first: 2, last: 3 },
            ),
            (
                "Range: bytes=2-3\nIf-Range: date",
                Range::Part { first: 2, last: 3 },
            ),
            ("Range: bytes=2-3\nIf-Range: \"other\"", Range::Whole),
        ] {
            let request = parse(&lines(&format!("GET /a HTTP/1.1\n{headers}"))).unwrap();
            assert_eq!(request.range("\"e\"", "date", 10), expected, "{headers}");
        }
    }

    #[test]
    fn conditions() {
        for (headers, expected) in [
            ("", false),
            ("If-None-Match: \"e\"", true),
            ("If-None-Match: \"x\", W/\"e\"", true),
            ("If-None-Match: *", true),
            ("If-None-Match: \"x\"\nIf-Modified-Since: date", false),
            ("If-Modified-Since: date", true),
            ("If-Modified-Since: other", false),
        ] {
            let request = parse(&lines(&format!("GET /a HTTP/1.1\n{headers}"))).unwrap();
            assert_eq!(request.is_unmodified("\"e\"", "date"), expected, "{headers}");
        }
    }
}
