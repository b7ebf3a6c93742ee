//! Events while a task runs: a bar on a terminal, a line a step elsewhere.

use std::collections::BTreeSet;

use aegir_core::event::{Event, EventKind, StepInfo};
use indicatif::{ProgressBar, ProgressStyle};

use super::{Text, Ui};

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
            EventKind::TaskResumed => self.print("resumed".into()),
            EventKind::StepStarted { step, .. } | EventKind::UndoStarted { step } => {
                self.busy.insert(*step);
                self.message(*step, "");
            }
            EventKind::Progress { step, done, total, note } => {
                self.message(*step, &format!("{note}{}", share(*done, *total)));
            }
            EventKind::Output { step, line } => {
                if self.ui.verbose {
                    self.line(*step, line.into());
                } else {
                    self.message(*step, line);
                }
            }
            EventKind::Warning { step, message } => self.line(*step, self.ui.err.yellow(&format!("warning: {message}"))),
            EventKind::StepSucceeded { step } => self.end(*step, self.ui.err.green("ok"), false),
            EventKind::StepFailed { step, .. } => self.end(*step, self.ui.err.red("failed"), true),
            EventKind::UndoFinished { step } => self.end(*step, self.ui.err.yellow("taken back"), true),
            EventKind::StepGivenUp { step, .. } => self.end(*step, self.ui.err.yellow("given up"), true),
            EventKind::UndoFailed { step, .. } => self.end(*step, self.ui.err.red("could not be taken back"), true),
            _ => {}
        }
    }

    /// Says something between the events.
    pub(crate) fn print(&self, text: Text) {
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

    fn line(&self, step: usize, text: Text) {
        self.print(Text::from(self.name(step)) + "  " + text);
    }

    fn message(&self, step: usize, note: &str) {
        if let Some(bar) = &self.bar {
            let note = if note.is_empty() { String::new() } else { format!(": {note}") };
            bar.set_message(Text::one_line(&format!("{}{note}", self.name(step))).into_string());
        }
    }

    /// A bar shows what is over as its length; lines, and what went wrong, stay on the screen.
    fn end(&mut self, step: usize, how: Text, keep: bool) {
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

/// How much is done: ` 42 %`; nothing where the whole is not known. The numbers are whatever an application said.
fn share(done: u64, total: u64) -> String {
    if total == 0 { String::new() } else { format!(" {} %", u128::from(done.min(total)) * 100 / u128::from(total)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a20_no_number_of_an_application_overflows() {
        assert_eq!([share(1, 3), share(5, 0), share(u64::MAX, 2), share(u64::MAX, u64::MAX)], [" 33 %", "", " 100 %", " 100 %"]);
    }
}
