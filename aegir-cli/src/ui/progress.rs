//! Events while a task runs: a bar on a terminal, a line a step elsewhere.

use std::collections::BTreeSet;

use aegir_core::event::{Event, EventKind, StepInfo};
use indicatif::{ProgressBar, ProgressStyle};

use super::Ui;

/// Shows a task's events as they come.
#[derive(Debug)]
pub(crate) struct Progress<'a> {
    ui: &'a Ui,
    bar: Option<ProgressBar>,
    steps: Vec<StepInfo>,
    busy: BTreeSet<usize>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(ui: &'a Ui) -> Self {
        let bar = ui.live.then(|| {
            let bar = ProgressBar::new(0);
            if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
            bar
        });
        Self { ui, bar, steps: Vec::new(), busy: BTreeSet::new() }
    }

    /// Knows a task's steps before its first event, as when somebody else started it.
    pub(crate) fn with_steps(ui: &'a Ui, steps: Vec<StepInfo>) -> Self {
        let mut progress = Self::new(ui);
        progress.announce(steps);
        progress
    }

    fn announce(&mut self, steps: Vec<StepInfo>) {
        if let Some(bar) = &self.bar {
            bar.set_length(steps.len() as u64);
        }
        self.steps = steps;
    }

    /// Shows one event.
    pub(crate) fn show(&mut self, event: &Event) {
        match &event.kind {
            EventKind::TaskStarted { steps, .. } => self.announce(steps.clone()),
            EventKind::TaskResumed => self.print("resumed"),
            EventKind::StepStarted { step, .. } | EventKind::UndoStarted { step } => {
                self.busy.insert(*step);
                self.message(*step, "");
            }
            EventKind::Progress { step, done, total, note } => {
                let share = if *total > 0 { format!(" {} %", done * 100 / total) } else { String::new() };
                self.message(*step, &format!("{note}{share}"));
            }
            EventKind::Output { step, line } => {
                if self.ui.verbose {
                    self.line(*step, line);
                } else {
                    self.message(*step, line);
                }
            }
            EventKind::Warning { step, message } => self.line(*step, &self.ui.err.yellow(&format!("warning: {message}"))),
            EventKind::StepSucceeded { step } => self.end(*step, &self.ui.err.green("ok"), false),
            EventKind::StepFailed { step, .. } => self.end(*step, &self.ui.err.red("failed"), true),
            EventKind::UndoFinished { step } => self.end(*step, &self.ui.err.yellow("taken back"), true),
            EventKind::StepGivenUp { step, .. } => self.end(*step, &self.ui.err.yellow("given up"), true),
            EventKind::UndoFailed { step, .. } => self.end(*step, &self.ui.err.red("could not be taken back"), true),
            _ => {}
        }
    }

    /// Says something between the events.
    pub(crate) fn print(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| self.ui.say(text)),
            None => self.ui.say(text),
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn name(&self, step: usize) -> String {
        let place = format!("step {}/{}", step + 1, self.steps.len());
        self.steps.get(step).map_or_else(|| place.clone(), |info| format!("{}  {place}  {}", info.server, info.summary))
    }

    fn line(&self, step: usize, text: &str) {
        self.print(&format!("{}  {text}", self.name(step)));
    }

    fn message(&self, step: usize, note: &str) {
        if let Some(bar) = &self.bar {
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            bar.set_message(format!("{}{note}", self.name(step)));
        }
    }

    /// A bar shows what is over as its length; lines, and what went wrong, stay on the screen.
    fn end(&mut self, step: usize, how: &str, keep: bool) {
        self.busy.remove(&step);
        if self.bar.is_none() || keep || self.ui.verbose {
            self.line(step, how);
        }
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if let Some(next) = self.busy.first() {
                self.message(*next, "");
            }
        }
    }
}
