//! Progress on stderr: a bar on a terminal, silence elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;

/// A running display; it goes away when dropped.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar to `total`, or a spinner when `total` is 0.
    pub fn new(what: &str, total: u64, visible: bool) -> Self {
        if !visible {
            return Progress { bar: None };
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
        let template = if total == 0 {
            "{msg} {human_pos} ({rate}/s, {elapsed})"
        } else {
            "{msg} [{bar:30}] {human_pos}/{human_len} ({rate}/s, {eta} left)"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            // The plain rate has four decimals.
            let rate = |state: &ProgressState, w: &mut dyn Write| {
                let _ = write!(w, "{:.0}", state.per_sec());
            };
            bar.set_style(style.with_key("rate", rate).progress_chars("=> "));
        }
        bar.set_message(what.to_string());
        Progress { bar: Some(bar) }
    }

    /// `done` so far.
    pub fn at(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
        }
    }

    /// A line above the bar.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
