//! `dockpulse doctor`: is everything there that the agent needs, and if not, what mends it?
//!
//! Each subject (`engine`, `collector`, `host`) has two halves: `ask` makes the calls and puts down what came of them;
//! `judge` makes [`Line`]s of that, and is pure. All subjects are asked at the same time, and nobody is waited for longer
//! than [`LONGEST`]. Nothing is changed: engines get GET requests, the collector one point without a value, the
//! outbox of a running agent is not opened.

mod certificate;
pub mod collector;
pub mod engine;
pub mod host;
mod line;
pub mod show;
mod waiting;

use std::time::Duration;

use futures_util::future::{join, join_all};

pub use line::{Line, Status};

use crate::model::time::Clock;
use line::Sheet;
use waiting::{Budget, Waiting};

/// After so long no answer is waited for any more.
pub const LONGEST: Duration = Duration::from_secs(9);

/// What is to be looked at.
pub struct Plan {
    /// The settings.
    pub settings: SettingsFound,
    /// Each engine of theirs.
    pub engines: Vec<engine::Subject>,
    /// Where the points go.
    pub collector: collector::Subject,
    /// What the agent has here.
    pub host: host::Subject,
}

/// What was found out when the settings were read. They are right, else nothing could be looked at.
#[derive(Debug, Clone, Default)]
pub struct SettingsFound {
    /// Their file, if there is one.
    pub file: Option<String>,
    /// What is odd about them; each says the mend itself.
    pub warnings: Vec<String>,
}

/// Looks at everything. `tell` hears once in a while what is waited for, at last nothing (an empty text).
pub async fn examine(plan: &Plan, clock: Clock, mut tell: impl FnMut(&str)) -> Vec<Line> {
    let (waiting, budget) = (Waiting::default(), Budget::new(clock, LONGEST));
    let engines = join_all(plan.engines.iter().map(|subject| engine::ask(subject, budget, &waiting)));
    let asking =
        join(engines, join(collector::ask(&plan.collector, budget, &waiting), host::ask(&plan.host, budget, &waiting)));
    let (engines, (collector, host)) = waiting.show(asking, &mut tell).await;
    let now = clock.now().wall;
    let mut lines = settings(&plan.settings);
    for (subject, findings) in plan.engines.iter().zip(&engines) {
        lines.extend(engine::judge(subject, findings, now));
    }
    lines.extend(engine::judge_together(&plan.engines, &engines));
    lines.extend(collector::judge(&plan.collector, &collector, now));
    lines.extend(host::judge(&plan.host, &host, engine::streams(&plan.engines, &engines), now));
    lines
}

fn settings(found: &SettingsFound) -> Vec<Line> {
    let mut sheet = Sheet::of("settings");
    match &found.file {
        Some(file) => sheet.ok("file", format!("{file} is right")),
        None => sheet.ok("file", "there is none; defaults, variables and flags are in effect"),
    }
    for warning in &found.warnings {
        let (found, mend) = warning.split_once("; ").unwrap_or((warning, "see `dockpulse config print`"));
        sheet.warn("value", found, mend);
    }
    sheet.into_lines()
}
