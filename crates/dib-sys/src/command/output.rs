//! Cutting a command's output into lines.

use std::collections::VecDeque;

use super::Stream;

/// The length in bytes above which a line comes in pieces.
const LONGEST_LINE: usize = 16 * 1024;
/// How many lines are kept for the error message.
const KEPT_LINES: usize = 20;

/// The lines of both outputs of one command.
pub(super) struct Lines<'a> {
    on_line: &'a mut dyn FnMut(Stream, &str),
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    last: VecDeque<String>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(on_line: &'a mut dyn FnMut(Stream, &str)) -> Self {
        Self {
            on_line,
            stdout: Vec::new(),
            stderr: Vec::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes bytes as they were read.
    pub(super) fn take(&mut self, stream: Stream, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let mut line = std::mem::take(self.pending(stream));
            line.extend_from_slice(&rest[..end]);
            self.emit_pieces(stream, &mut line);
            self.emit(stream, line.strip_suffix(b"\r").unwrap_or(&line));
            rest = &rest[end + 1..];
        }
        let mut line = std::mem::take(self.pending(stream));
        line.extend_from_slice(rest);
        self.emit_pieces(stream, &mut line);
        *self.pending(stream) = line;
    }

    /// Hands out lines that were not ended, and returns the last lines.
    pub(super) fn finish(mut self) -> Vec<String> {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let line = std::mem::take(self.pending(stream));
            if !line.is_empty() {
                self.emit(stream, &line);
            }
        }
        self.last.into()
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }

    /// Hands out pieces of a line until what is left is no longer than a line may be.
    fn emit_pieces(&mut self, stream: Stream, line: &mut Vec<u8>) {
        while line.len() > LONGEST_LINE {
            // A character has at most three bytes after its first: none is cut in two.
            let inside = line[LONGEST_LINE - 3..=LONGEST_LINE]
                .iter()
                .rev()
                .take_while(|&&byte| byte & 0xc0 == 0x80);
            let rest = line.split_off(LONGEST_LINE - inside.count().min(3));
            self.emit(stream, line);
            *line = rest;
        }
    }

    fn emit(&mut self, stream: Stream, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        (self.on_line)(stream, &line);
        if self.last.len() == KEPT_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.into_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds standard output in these pieces and returns the lines.
    fn check(pieces: &[&[u8]], expected: &[&str]) {
        let mut seen = Vec::new();
        let mut on_line = |_: Stream, line: &str| seen.push(line.to_owned());
        let mut lines = Lines::new(&mut on_line);
        for piece in pieces {
            lines.take(Stream::Stdout, piece);
        }
        lines.finish();
        assert_eq!(seen, expected);
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        check(&[b"one\ntw", b"o\n\nthr", b"ee"], &["one", "two", "", "three"]);
        check(&[b"dos\r\nmore\n"], &["dos", "more"]);
        check(&[b""], &[]);
    }

    #[test]
    fn what_is_not_utf8_is_replaced() {
        check(&[b"a\xffb\n"], &["a\u{fffd}b"]);
        check(&[b"\xc3", b"\xa9\n"], &["\u{e9}"]);
    }

    #[test]
    fn long_lines_come_in_pieces_of_whole_characters() {
        let long = "x".repeat(LONGEST_LINE);
        check(&[long.as_bytes(), b"\n"], &[&long]);
        check(&[long.as_bytes(), b"y\n"], &[&long, "y"]);
        let cut = "\u{20ac}".repeat(LONGEST_LINE / 3 + 1);
        let (first, second) = cut.split_at(LONGEST_LINE / 3 * 3);
        check(&[cut.as_bytes(), b"\n"], &[first, second]);
    }

    #[test]
    fn streams_do_not_mix_and_the_last_lines_stay() {
        let mut seen = Vec::new();
        let mut on_line = |stream: Stream, line: &str| seen.push((stream, line.to_owned()));
        let mut lines = Lines::new(&mut on_line);
        lines.take(Stream::Stdout, b"out");
        lines.take(Stream::Stderr, b"err\n");
        lines.take(Stream::Stdout, b"put\n");
        for number in 0..KEPT_LINES {
            lines.take(Stream::Stdout, format!("{number}\n").as_bytes());
        }
        let last = lines.finish();
        assert_eq!(
            seen[..2],
            [
                (Stream::Stderr, "err".to_owned()),
                (Stream::Stdout, "output".to_owned())
            ]
        );
        assert_eq!((last.len(), last[0].as_str()), (KEPT_LINES, "0"));
    }
}
