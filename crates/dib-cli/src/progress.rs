//! What a build shows while it runs: one line per download, phase and file on a terminal, a plain log elsewhere.
//!
//! A [`Console`] starts threads, so it must be opened inside the sandbox, which only a process with one thread can
//! make.

mod plain;
mod profile;
mod terminal;
mod throttle;

use std::error::Error as _;
use std::io::{IsTerminal, Write as _};
use std::sync::{Arc, Mutex};

use dib_core::{
    BreakPoint, Entry, Explanation, HookTiming, Observer, Phase, PhaseProfile, PlannedHook, RunError, Unit,
    Work, WorkUnit,
};
use indicatif::{BinaryBytes, MultiProgress, ProgressDrawTarget};

use crate::error::CliError;
use crate::log::{self, ConsoleOptions, Explanations, LogSink, Loudness, Screen, Stream};
use plain::LogProgress;
use terminal::TerminalProgress;

/// Shows a build; clones show the same one.
#[derive(Clone)]
pub struct Console {
    display: Arc<dyn Display>,
    sink: Arc<LogSink>,
    explanations: Explanations,
}

/// A way to show a build.
trait Display: Observer + dib_cache::Progress {
    /// So much of a step of the build, counted in bytes, is done.
    fn step_advanced(&self, name: &str, done: u64, total: u64);

    /// A step of the build is done.
    fn step_finished(&self, name: &str);

    /// Nothing more will be shown.
    fn finish(&self);
}

impl ConsoleOptions {
    /// Opens the log's file and begins to show things; `tracing` is logged from now on.
    ///
    /// # Errors
    /// When the file can't be opened or the filter can't be read.
    pub fn open(&self) -> Result<Console, CliError> {
        let bars = self.bars();
        let screen = match (self.loudness, &bars) {
            (Loudness::Silenced, _) => Screen::Nothing,
            (Loudness::Shown, Some(bars)) => Screen::Bars(bars.clone()),
            (Loudness::Shown, None) => Screen::Lines(Mutex::new(self.stream.writer()), self.timestamps),
        };
        let sink = Arc::new(LogSink::open(screen, self.log_file.as_deref())?);
        log::subscribe(&sink, &self.filter)?;
        let display: Arc<dyn Display> = match bars {
            Some(bars) => Arc::new(TerminalProgress::new(bars, self.stream, Arc::clone(&sink))),
            None => Arc::new(LogProgress::new(Arc::clone(&sink))),
        };
        Ok(Console {
            display,
            sink,
            explanations: self.explanations,
        })
    }

    /// Returns progress bars where there is a person to see them.
    fn bars(&self) -> Option<MultiProgress> {
        let is_terminal = match self.stream {
            Stream::Stdout => std::io::stdout().is_terminal(),
            Stream::Stderr => std::io::stderr().is_terminal(),
        };
        let target = draw_target(self.stream);
        // The target is hidden on terminals that can't move the cursor, too.
        (self.loudness == Loudness::Shown && is_terminal && !target.is_hidden())
            .then(|| MultiProgress::with_draw_target(target))
    }
}

fn draw_target(stream: Stream) -> ProgressDrawTarget {
    match stream {
        Stream::Stdout => ProgressDrawTarget::stdout(),
        Stream::Stderr => ProgressDrawTarget::stderr(),
    }
}

impl Console {
    /// Returns what shows the progress of downloads.
    #[must_use]
    pub fn cache_progress(&self) -> Arc<dyn dib_cache::Progress> {
        Arc::<dyn Display>::clone(&self.display)
    }

    /// Logs a line, or several.
    pub fn say(&self, text: &str) {
        self.sink.line(text);
    }

    /// Shows an error that ends the build: on standard error, however quiet the console is, and in the log file.
    pub fn show_error(&self, error: &CliError) {
        let rendered = error.render();
        // Nobody is left to tell when standard error is closed.
        let _ = Stream::Stderr.writer().write_all(rendered.as_bytes());
        rendered.lines().for_each(|line| self.sink.file_line(line));
    }

    /// Logs an entry of the journal: the trace of `DIB_DEBUG_TRACE`.
    pub fn follow(&self, entry: &Entry) {
        self.sink.line(&format!("+ {entry}"));
    }

    /// Begins to show a step of the build that works through bytes, such as writing an image.
    #[must_use]
    pub fn step(&self, name: &str) -> Step {
        self.display.step_advanced(name, 0, 0);
        Step {
            display: Arc::clone(&self.display),
            name: name.to_owned(),
        }
    }

    /// Removes what is not to stay on the terminal.
    pub fn finish(&self) {
        self.display.finish();
    }
}

/// A step of the build as it is shown; dropping it shows that it is done.
pub struct Step {
    display: Arc<dyn Display>,
    name: String,
}

impl Step {
    /// Shows that so many bytes of the step are done.
    pub fn advance_to(&self, done: u64, total: u64) {
        self.display.step_advanced(&self.name, done, total);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.display.step_finished(&self.name);
    }
}

impl Observer for Console {
    fn phase_started(&self, phase: Phase, hooks: usize) {
        self.display.phase_started(phase, hooks);
    }

    fn hook_started(&self, hook: &PlannedHook) {
        self.display.hook_started(hook);
    }

    fn output(&self, line: &str) {
        self.display.output(line);
    }

    fn working(&self, work: &Work<'_>) {
        self.display.working(work);
    }

    fn explained(&self, unit: Unit<'_>, explanation: Explanation<'_>) {
        if self.explanations == Explanations::Given {
            self.say(&explained(unit, explanation));
        }
    }

    fn hook_reused(&self, hook: &PlannedHook) {
        if self.explanations == Explanations::Given {
            return;
        }
        self.say(&format!(
            "known from a build before: {}.d/{} of {}",
            hook.phase, hook.name, hook.element
        ));
    }

    fn hook_finished(&self, timing: &HookTiming) {
        self.display.hook_finished(timing);
    }

    fn phase_finished(&self, profile: &PhaseProfile) {
        self.display.phase_finished(profile);
    }

    fn failed(&self, error: &RunError) {
        // Told at once, since a shell may come before the build's end.
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        self.say(&text);
    }

    fn stopping_at(&self, point: BreakPoint) {
        self.display.stopping_at(point);
    }

    fn resuming(&self) {
        self.display.resuming();
    }
}

fn downloading(name: &str) -> String {
    format!("downloading {name}")
}

fn waiting(name: &str, holder: &str) -> String {
    format!("waiting for {holder}, which works on {name}")
}

fn trying_again(name: &str, attempt: u32, reason: &str) -> String {
    format!("trying {name} again, attempt {attempt}: {reason}")
}

fn beginning(phase: Phase, hooks: usize) -> String {
    format!(
        "phase {phase}: {hooks} {}",
        if hooks == 1 { "hook" } else { "hooks" }
    )
}

fn running(hook: &PlannedHook) -> String {
    format!("running {}.d/{} of {}", hook.phase, hook.name, hook.element)
}

fn explained(unit: Unit<'_>, explanation: Explanation<'_>) -> String {
    let element = match unit {
        Unit::Hook(hook) => format!(" of {}", hook.element),
        Unit::Step(_) => String::new(),
    };
    match explanation {
        Explanation::Reused => format!("known from a build before: {unit}{element}"),
        Explanation::Run(why) => format!("to do: {unit}{element}: {why}"),
        Explanation::NotKept(why) => {
            format!("not kept, nor is anything after it: {unit}{element}: {why}")
        }
    }
}

/// Writes a number of what a work counts.
fn counted(number: u64, unit: WorkUnit) -> String {
    match unit {
        WorkUnit::Bytes => BinaryBytes(number).to_string(),
        WorkUnit::Packages if number == 1 => "1 package".to_owned(),
        WorkUnit::Packages => format!("{number} packages"),
    }
}

/// Says that a shell is about to open, and what comes after it.
fn stopped(point: BreakPoint) -> String {
    let next = if point == BreakPoint::AfterError {
        "ends"
    } else {
        "goes on"
    };
    format!("stopped at {point}; the build {next} when the shell ends")
}

/// Returns the last text of a line that a program drew over and over, without what would move the cursor.
fn plain_text(line: &str) -> String {
    let drawn_last = line
        .trim_end_matches('\r')
        .rsplit('\r')
        .next()
        .unwrap_or_default();
    // A colour or a cursor movement is ESC [ … letter.
    let mut text = String::new();
    let mut characters = drawn_last.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next() == Some('[') {
                characters.by_ref().find(|end| ('@'..='~').contains(end));
            }
        } else if character == '\t' || !character.is_control() {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_cursor_is_left_out() {
        let check = |line, expected| assert_eq!(plain_text(line), expected, "{line:?}");
        check("Reading package lists...\r", "Reading package lists...");
        check("10%\r50%\r100%", "100%");
        check("\u{1b}[1;32mok\u{1b}[0m done\u{7}", "ok done");
        check("a\tb", "a\tb");
        check("cut \u{1b}[", "cut ");
    }

    #[test]
    fn a_silenced_console_still_logs_to_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::try_from(directory.path().join("log")).unwrap();
        let options = ConsoleOptions {
            stream: Stream::Stdout,
            loudness: Loudness::Silenced,
            timestamps: log::Timestamps::Omitted,
            explanations: Explanations::Omitted,
            log_file: Some(path.clone()),
            filter: "warn".to_owned(),
        };
        let console = options.open().unwrap();
        console.say("hello");
        console.output("a line of a command");
        drop(console.step("writing image.raw"));
        console.finish();
        let log = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = log
            .lines()
            .map(|line| line.split_once(" | ").unwrap().1)
            .collect();
        assert_eq!(
            lines,
            [
                "hello",
                "a line of a command",
                "writing image.raw",
                "writing image.raw: done"
            ]
        );
    }
}
