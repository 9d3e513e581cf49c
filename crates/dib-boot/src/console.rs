//! What a machine writes to its serial console, as lines of text.

/// Longer lines are cut into pieces, so that no garbage fills the memory.
const LONGEST_LINE: usize = 4096;
/// How many lines are kept.
const KEPT: usize = 200;

/// A console's text: the lines that are complete, and the one that is being written.
///
/// Escape sequences are left out. One that moves the cursor to another line ends a line, for firmware and boot loaders
/// begin lines that way. Empty lines are left out.
#[derive(Debug, Clone, Default)]
pub struct ConsoleText {
    lines: Vec<String>,
    current: Vec<u8>,
    escape: Escape,
}

/// Where in an escape sequence the console is. Source: ECMA-48, 5.4 and 5.6.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Escape {
    /// In none.
    #[default]
    None,
    /// After ESC.
    Begun,
    /// After ESC and a byte that announces one more.
    OneMore,
    /// In a control sequence, which a byte from 0x40 to 0x7e ends.
    Control,
    /// In a string, which BEL or ESC `\` ends.
    Text,
}

impl ConsoleText {
    /// Takes bytes as they come, and returns the lines that they complete.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut completed = Vec::new();
        for byte in bytes {
            self.take_byte(*byte, &mut completed);
        }
        self.lines.extend(completed.iter().cloned());
        let surplus = self.lines.len().saturating_sub(KEPT);
        self.lines.drain(..surplus);
        completed
    }

    /// Returns the line that is being written.
    #[must_use]
    pub fn current(&self) -> String {
        String::from_utf8_lossy(&self.current).trim_end().to_owned()
    }

    /// Returns the last lines, as many as `count`, with the one that is being written.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> Vec<String> {
        let current = self.current();
        let mut lines: Vec<String> = self.lines.clone();
        if !current.is_empty() {
            lines.push(current);
        }
        lines.split_off(lines.len().saturating_sub(count))
    }

    fn take_byte(&mut self, byte: u8, completed: &mut Vec<String>) {
        match self.escape {
            Escape::None => match byte {
                0x1b => self.escape = Escape::Begun,
                b'\r' | b'\n' => self.complete(completed),
                b'\t' => self.current.push(b' '),
                0x08 => {
                    self.current.pop();
                }
                0x00..0x20 | 0x7f => {}
                _ => {
                    self.current.push(byte);
                    if self.current.len() >= LONGEST_LINE {
                        self.complete(completed);
                    }
                }
            },
            Escape::Begun => {
                self.escape = match byte {
                    b'[' => Escape::Control,
                    b']' | b'P' | b'X' | b'^' | b'_' => Escape::Text,
                    0x20..0x30 => Escape::OneMore,
                    _ => Escape::None,
                };
            }
            Escape::OneMore => self.escape = Escape::None,
            Escape::Control => {
                if (0x40..0x7f).contains(&byte) {
                    self.escape = Escape::None;
                    if matches!(byte, b'H' | b'f' | b'J') {
                        self.complete(completed);
                    }
                }
            }
            Escape::Text => match byte {
                0x07 => self.escape = Escape::None,
                0x1b => self.escape = Escape::Begun,
                _ => {}
            },
        }
    }

    fn complete(&mut self, completed: &mut Vec<String>) {
        let line = self.current();
        self.current.clear();
        if !line.is_empty() {
            completed.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(written: &[u8], lines: &[&str], current: &str) {
        let mut whole = ConsoleText::default();
        assert_eq!(whole.take(written), lines);
        assert_eq!(whole.current(), current);
        // However it comes, it is the same text.
        let mut in_bytes = ConsoleText::default();
        let completed: Vec<String> = written
            .iter()
            .flat_map(|byte| in_bytes.take(std::slice::from_ref(byte)))
            .collect();
        assert_eq!(completed, lines);
        assert_eq!(in_bytes.current(), current);
    }

    #[test]
    fn lines_without_their_decoration() {
        check(b"one\r\ntwo\n\r\n\nthree", &["one", "two"], "three");
        check(
            b"[\x1b[0;1;32m  OK  \x1b[0m] Started \x1b[0;1;39mA\x1b[0m.\r\n",
            &["[  OK  ] Started A."],
            "",
        );
        check(
            b"\x1b[2J\x1b[01;01H\x1b[=3hBdsDxe: failed\x1b[02;01HShell> ",
            &["BdsDxe: failed"],
            "Shell>",
        );
        check(b"\x1b]0;title\x07a\x1b(Bb\x1bc\tc", &[], "ab c");
        check(
            "M\u{fc}nchen \u{2713}\r\n".as_bytes(),
            &["M\u{fc}nchen \u{2713}"],
            "",
        );
    }

    #[test]
    fn garbage_has_an_end() {
        let mut text = ConsoleText::default();
        let lines = text.take(&[b'x'; LONGEST_LINE * 3 / 2]);
        assert_eq!(lines.len(), 1);
        assert_eq!(text.current().len(), LONGEST_LINE / 2);
        for _ in 0..KEPT * 2 {
            text.take(b"line\n");
        }
        assert_eq!(text.last_lines(usize::MAX).len(), KEPT);
        assert_eq!(text.last_lines(3), ["line"; 3]);
    }
}
