//! A build as progress lines on a terminal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dib_core::{BreakPoint, HookTiming, Observer, Phase, PhaseProfile, PlannedHook, Work, WorkUnit};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{
    Display, beginning, downloading, draw_target, plain_text, profile, running, trying_again, waiting,
};
use crate::log::{LogSink, Stream};

/// How often a line is drawn anew although nothing happened, so that its time goes on.
const TICK: Duration = Duration::from_millis(250);

/// Shows a build as one line for its phase, with the running hook, and one for each work below.
pub(crate) struct TerminalProgress {
    bars: MultiProgress,
    stream: Stream,
    sink: Arc<LogSink>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    phase: Option<ProgressBar>,
    hook: String,
    works: BTreeMap<String, ProgressBar>,
    /// Which of them end with the hook that runs.
    of_hook: BTreeSet<String>,
}

impl TerminalProgress {
    pub(crate) fn new(bars: MultiProgress, stream: Stream, sink: Arc<LogSink>) -> Self {
        Self {
            bars,
            stream,
            sink,
            lines: Mutex::default(),
        }
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the line of a work, a new one where there is none.
    fn work(&self, title: &str, total: u64, unit: WorkUnit) -> ProgressBar {
        let mut lines = self.lines();
        let bar = lines.works.entry(title.to_owned()).or_insert_with(|| {
            self.sink.detail(title);
            let bar = self.bars.add(ProgressBar::no_length());
            bar.set_style(style("{wide_msg}  {elapsed}"));
            bar.set_message(title.to_owned());
            bar.enable_steady_tick(TICK);
            bar
        });
        if total > 0 && bar.length() != Some(total) {
            bar.set_length(total);
            bar.set_style(style(match unit {
                WorkUnit::Bytes => {
                    "{wide_msg}  [{bar:12}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left"
                }
                WorkUnit::Packages => "{wide_msg}  [{bar:12}] {pos}/{len}  {eta} left",
            }));
        }
        bar.clone()
    }

    fn end_work(&self, title: &str) {
        if let Some(bar) = self.lines().works.remove(title) {
            bar.finish_and_clear();
            self.bars.remove(&bar);
            self.sink.detail(&format!("{title}: done"));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates of this file are well-formed")
        .progress_chars("=> ")
}

impl Display for TerminalProgress {
    fn step_advanced(&self, name: &str, done: u64, total: u64) {
        self.work(name, total, WorkUnit::Bytes).set_position(done);
    }

    fn step_finished(&self, name: &str) {
        self.end_work(name);
    }

    fn finish(&self) {
        let lines = std::mem::take(&mut *self.lines());
        for bar in lines.works.into_values().chain(lines.phase) {
            bar.finish_and_clear();
        }
    }
}

impl Observer for TerminalProgress {
    fn phase_started(&self, phase: Phase, hooks: usize) {
        if hooks == 0 {
            return;
        }
        self.sink.detail(&beginning(phase, hooks));
        let hooks = u64::try_from(hooks).unwrap_or(u64::MAX);
        let bar = self.bars.insert(0, ProgressBar::new(hooks));
        bar.set_style(style("{prefix}  {pos}/{len}  {elapsed}  {wide_msg}"));
        bar.set_prefix(format!("phase {phase}"));
        bar.enable_steady_tick(TICK);
        self.lines().phase = Some(bar);
    }

    fn hook_started(&self, hook: &PlannedHook) {
        self.sink.detail(&running(hook));
        let mut lines = self.lines();
        hook.name.as_str().clone_into(&mut lines.hook);
        if let Some(bar) = &lines.phase {
            bar.set_message(lines.hook.clone());
        }
    }

    fn output(&self, line: &str) {
        let text = plain_text(line);
        self.sink.detail(&text);
        let lines = self.lines();
        if let Some(bar) = &lines.phase
            && !text.trim().is_empty()
        {
            bar.set_message(format!("{}  {}", lines.hook, text.trim()));
        }
    }

    fn working(&self, work: &Work<'_>) {
        self.work(work.name, work.total, work.unit)
            .set_position(work.done);
        let mut lines = self.lines();
        if !lines.of_hook.contains(work.name) {
            lines.of_hook.insert(work.name.to_owned());
        }
    }

    fn hook_finished(&self, _timing: &HookTiming) {
        let ended = std::mem::take(&mut self.lines().of_hook);
        for title in ended {
            self.end_work(&title);
        }
        if let Some(bar) = &self.lines().phase {
            bar.inc(1);
        }
    }

    fn phase_finished(&self, profile: &PhaseProfile) {
        if let Some(bar) = self.lines().phase.take() {
            bar.finish_and_clear();
            self.bars.remove(&bar);
        }
        self.sink.line(&profile::table(profile));
    }

    fn stopping_at(&self, point: BreakPoint) {
        self.sink.line(&super::stopped(point));
        // The terminal is the shell's now.
        let _ = self.bars.clear();
        self.bars.set_draw_target(ProgressDrawTarget::hidden());
    }

    fn resuming(&self) {
        self.bars.set_draw_target(draw_target(self.stream));
        self.sink.line("resuming");
    }
}

impl dib_cache::Progress for TerminalProgress {
    fn started(&self, name: &str, total: Option<u64>, resumed_at: u64) {
        let bar = self.work(&downloading(name), total.unwrap_or(0), WorkUnit::Bytes);
        if total.is_none() {
            bar.set_style(style("{wide_msg}  {bytes}  {bytes_per_sec}"));
        }
        bar.set_position(resumed_at);
        // What was there before is no part of the rate.
        bar.reset_eta();
    }

    fn advanced(&self, name: &str, bytes: u64) {
        self.work(&downloading(name), 0, WorkUnit::Bytes).inc(bytes);
    }

    fn finished(&self, name: &str) {
        self.end_work(&downloading(name));
    }

    fn waiting_for_lock(&self, name: &str, holder: &str) {
        self.sink.line(&waiting(name, holder));
    }

    fn retrying(&self, name: &str, attempt: u32, reason: &str) {
        self.sink.line(&trying_again(name, attempt, reason));
    }

    fn warning(&self, message: &str) {
        self.sink.line(&format!("warning: {message}"));
    }
}
