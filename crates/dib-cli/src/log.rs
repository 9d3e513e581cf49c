//! Lines of the log: where they go and how they look. Progress displays and `tracing` both write through here.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use indicatif::MultiProgress;

use crate::error::{CliError, ErrorKind};

/// Which of its streams a command logs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, as upstream's `disk-image-create` does.
    Stdout,
    /// Standard error, so that standard output holds data alone.
    Stderr,
}

/// Whether the log is shown on its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loudness {
    /// It is.
    Shown,
    /// It is not (`DIB_QUIET=1`, or `--logfile` alone).
    Silenced,
}

/// Whether lines on the stream begin with the time; those of a log file always do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timestamps {
    /// They do.
    Written,
    /// They don't (`DIB_NO_TIMESTAMP=1`).
    Omitted,
}

/// Whether the log says of each piece of work why it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explanations {
    /// It does (`--explain`).
    Given,
    /// It does not.
    Omitted,
}

/// Where the log of a build goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsoleOptions {
    /// The stream to log to.
    pub stream: Stream,
    /// Whether anything is shown there.
    pub loudness: Loudness,
    /// Whether lines there begin with the time.
    pub timestamps: Timestamps,
    /// Whether it says of each piece of work why it is done.
    pub explanations: Explanations,
    /// A file that gets every line as well (`--logfile`); it is appended to.
    pub log_file: Option<Utf8PathBuf>,
    /// What of `tracing` is logged, in the syntax of its `EnvFilter` (`DIB_LOG`).
    pub filter: String,
}

/// Takes the lines of a log.
pub(crate) struct LogSink {
    screen: Screen,
    file: Option<Mutex<File>>,
}

/// What shows the log.
pub(crate) enum Screen {
    /// Nothing.
    Nothing,
    /// A stream, line by line.
    Lines(Mutex<Box<dyn Write + Send>>, Timestamps),
    /// A terminal with progress bars, above which lines are printed.
    Bars(MultiProgress),
}

impl LogSink {
    /// Makes a sink that shows lines on `screen` and appends them to `log_file`.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub(crate) fn open(screen: Screen, log_file: Option<&Utf8Path>) -> Result<Self, CliError> {
        Ok(Self {
            screen,
            file: log_file.map(open_log_file).transpose()?.map(Mutex::new),
        })
    }

    /// Writes a line, or several, everywhere.
    pub(crate) fn line(&self, text: &str) {
        for line in text.lines() {
            if let Screen::Bars(bars) = &self.screen {
                // Losing a line of a closed terminal must not end the build; so below.
                let _ = bars.println(line);
            }
            self.detail(line);
        }
    }

    /// Writes a line everywhere but above progress bars, which have their own way to show what it tells.
    pub(crate) fn detail(&self, line: &str) {
        if let Screen::Lines(stream, timestamps) = &self.screen {
            let stamp = match timestamps {
                Timestamps::Written => stamp(),
                Timestamps::Omitted => String::new(),
            };
            let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = stream
                .write_all(format!("{stamp}{line}\n").as_bytes())
                .and_then(|()| stream.flush());
        }
        self.file_line(line);
    }

    /// Writes a line to the log file alone.
    pub(crate) fn file_line(&self, line: &str) {
        if let Some(file) = &self.file {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = file.write_all(format!("{}{line}\n", stamp()).as_bytes());
        }
    }
}

impl Stream {
    /// Returns a writer to the stream.
    pub(crate) fn writer(self) -> Box<dyn Write + Send> {
        match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::Stderr => Box::new(io::stderr()),
        }
    }
}

fn open_log_file(path: &Utf8Path) -> Result<File, CliError> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map_err(|source| {
            let error = LogFileError {
                path: path.to_owned(),
                source,
            };
            CliError::new(ErrorKind::CannotCreate, error)
                .hint("--logfile and LOGFILE name the file to log to")
        })
}

#[derive(Debug, thiserror::Error)]
#[error("failed to open the log file {path}")]
struct LogFileError {
    path: Utf8PathBuf,
    source: io::Error,
}

/// Returns the time in UTC as upstream's log has it: `2026-11-24 03:30:00.123 | `.
fn stamp() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%d %H:%M:%S.%3f | ")
        .to_string()
}

/// Sends what `tracing` tells to the log, unless another subscriber is there already.
///
/// # Errors
/// When `filter` is not in the syntax of `EnvFilter`.
pub(crate) fn subscribe(sink: &Arc<LogSink>, filter: &str) -> Result<(), CliError> {
    use tracing_subscriber::EnvFilter;

    let filter = EnvFilter::try_new(filter).map_err(|error| {
        CliError::new(ErrorKind::Usage, error)
            .hint("DIB_LOG takes a level or a list such as dib_cache=debug,warn")
    })?;
    let sink = Arc::clone(sink);
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || TraceWriter(Arc::clone(&sink)))
        .with_ansi(false)
        .without_time()
        .finish();
    // A second subscriber is refused; the first one is ours too, or a downstream binary's own.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// Writes each event, which comes in one piece, to the log.
struct TraceWriter(Arc<LogSink>);

impl Write for TraceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.line(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a test's log has been given so far.
    #[derive(Clone, Default)]
    pub(crate) struct Recorded(Arc<Mutex<Vec<u8>>>);

    impl Recorded {
        pub(crate) fn screen(&self, timestamps: Timestamps) -> Screen {
            Screen::Lines(Mutex::new(Box::new(self.clone())), timestamps)
        }

        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Recorded {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_bear_the_time_unless_it_is_omitted() {
        let recorded = Recorded::default();
        LogSink::open(recorded.screen(Timestamps::Omitted), None)
            .unwrap()
            .line("one\ntwo");
        assert_eq!(recorded.text(), "one\ntwo\n");

        let recorded = Recorded::default();
        LogSink::open(recorded.screen(Timestamps::Written), None)
            .unwrap()
            .line("one");
        let text = recorded.text();
        let (stamp, line) = text.split_once(" | ").unwrap();
        assert_eq!(line, "one\n");
        let shape: String = stamp
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(shape, "0000-00-00 00:00:00.000");
    }

    #[test]
    fn a_log_file_is_appended_to_and_always_bears_the_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::try_from(directory.path().join("log")).unwrap();
        for text in ["one", "two"] {
            LogSink::open(Screen::Nothing, Some(&path)).unwrap().line(text);
        }
        let written = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = written
            .lines()
            .map(|line| line.split_once(" | ").unwrap().1)
            .collect();
        assert_eq!(lines, ["one", "two"]);
    }

    #[test]
    fn a_log_file_that_cannot_be_opened_is_named() {
        let error = LogSink::open(Screen::Nothing, Some("/dev/null/log".into()))
            .err()
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::CannotCreate);
        assert!(
            error
                .render()
                .starts_with("error: failed to open the log file /dev/null/log\n  because ")
        );
    }
}
