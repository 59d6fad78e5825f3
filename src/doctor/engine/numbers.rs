//! Where an engine's numbers come from, and whether a probe of all containers fits into the interval.

use std::time::Duration;

use super::super::line::{Sheet, time, worst_and_median};
use super::judge::{let_through, told};
use super::{Calls, Subject, Tried};
use crate::model::engine::{ApiVersion, EngineError, EngineInfo, Source};

/// Which sources work, which is used and why, and how long it takes.
pub(super) fn judge(subject: &Subject, info: &EngineInfo, calls: &Calls, sheet: &mut Sheet) {
    let used = Source::used(subject.source, info.api);
    let (name, tried) = tried(used, calls);
    let why = why(subject, info);
    let Some(tried) = tried else {
        return untried(calls, &format!("{name} ({why})"), sheet);
    };
    let works = works(calls, info);
    match &tried.error {
        // It may be that the few that ran have stopped.
        Some(EngineError::NoData) => {
            let mend = "does `docker stats` show some? Rootless engines need cgroup v2 with controllers delegated";
            sheet.warn("source", format!("{name} ({why}): the engine has no numbers for what runs; {works}"), mend);
        }
        // The others are not concerned: their numbers come.
        Some(error) if !tried.calls.is_empty() => {
            let (found, mend) = told(error, "`docker stats` shows which; without numbers its series are retracted");
            let some = match tried.calls.len() {
                1 => "1 call gave numbers".to_owned(),
                n => format!("{n} calls gave numbers"),
            };
            sheet.warn("source", format!("{name} ({why}): {some}, but not all did: {found}; {works}"), mend);
        }
        Some(error) => {
            let (found, mend) = told(error, "does the engine's log say why? Another source may work: engines[].source");
            let mend = if error.is_forbidden() { let_through("/containers/{id}/stats", "CONTAINERS") } else { mend };
            sheet.fail("source", format!("{name} ({why}) gives no numbers: {found}; {works}"), mend);
        }
        None if used == Source::TwoSample && subject.source == Some(Source::OneShot) => {
            let mend = "update the engine, or set source: two_sample, which means the same there";
            sheet.warn("source", format!("{name} ({why}); {works}"), mend);
        }
        None => sheet.ok("source", format!("{name} ({why}); {works}")),
    }
    latency(subject, info, used, tried, calls, sheet);
}

/// The source that is used was not tried.
fn untried(calls: &Calls, used: &str, sheet: &mut Sheet) {
    match &calls.list {
        // Its own line says why.
        Err(_) => {}
        Ok(seen) if seen.running.is_empty() => {
            sheet.ok("source", format!("{used}; not tried, because no container runs"));
        }
        Ok(_) => {
            let mend = "is the engine overloaded? `docker stats --no-stream` asks it the same";
            sheet.warn("source", format!("{used}; not tried, because there was no time left"), mend);
        }
    }
}

fn tried(used: Source, calls: &Calls) -> (&'static str, Option<&Tried>) {
    match used {
        Source::OneShot => ("one_shot", calls.one_shot.as_ref()),
        Source::TwoSample => ("two_sample", calls.two_sample.as_ref()),
        Source::Stream { .. } => ("stream", calls.stream.as_ref()),
    }
}

fn why(subject: &Subject, info: &EngineInfo) -> String {
    let (least, api) = (ApiVersion::ONE_SHOT, info.api);
    match (subject.source, api >= least) {
        (None, true) => format!("auto: API {api} knows it"),
        (None, false) => format!("auto: one_shot needs API {least}, this is {api}"),
        (Some(Source::OneShot), false) => format!("one_shot is set, but needs API {least}, and this is {api}"),
        (Some(_), _) => "as set".to_owned(),
    }
}

fn works(calls: &Calls, info: &EngineInfo) -> String {
    let all = [("one_shot", &calls.one_shot), ("two_sample", &calls.two_sample), ("stream", &calls.stream)];
    let (mut works, mut not) = (Vec::new(), Vec::new());
    for (name, tried) in all {
        match tried.as_ref().map(|tried| (&tried.error, worst_and_median(&tried.calls))) {
            Some((_, Some((_, median)))) => works.push(format!("{name} in {}", time(median))),
            Some((Some(_), None)) => not.push(name),
            None if info.api < ApiVersion::ONE_SHOT && name == "one_shot" => not.push(name),
            _ => {}
        }
    }
    let list = |what: &str, names: Vec<String>| match names.is_empty() {
        true => String::new(),
        false => format!("{what} {}", names.join(", ")),
    };
    let parts = [list("works:", works), list("does not:", not.into_iter().map(str::to_owned).collect())];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

fn latency(subject: &Subject, info: &EngineInfo, used: Source, tried: &Tried, calls: &Calls, sheet: &mut Sheet) {
    let Some((worst, median)) = worst_and_median(&tried.calls) else { return };
    let running = calls.list.as_ref().map_or(0, |seen| seen.running.len());
    let list = worst_and_median(&calls.lists).map_or(Duration::ZERO, |(worst, _)| worst);
    let all = list + all_numbers(subject, info, used, tried, running);
    let found = format!(
        "numbers of one container take {}, at worst {} ({} at once); a probe of all takes about {} of the {} there are",
        time(median),
        time(worst),
        tried.at_once,
        time(all),
        time(subject.interval)
    );
    if all <= subject.interval / 2 {
        return sheet.ok("latency", found);
    }
    let mend = match (subject.is_fixed, used) {
        (true, Source::OneShot) => "set a longer interval, or concurrency: auto",
        (_, Source::TwoSample) => "set a longer interval: with two_sample each call takes a second or two",
        _ => "set a longer interval, or watch less containers (containers.include)",
    };
    sheet.warn("latency", format!("{found}: more than half"), mend);
}

/// About how long the numbers of all take. Calls for which the engine waits cost it nothing meanwhile: they go as many at
/// once as there may be. Others take turns at its processors, as they did when some were asked for.
fn all_numbers(subject: &Subject, info: &EngineInfo, used: Source, tried: &Tried, running: usize) -> Duration {
    let Some((worst_call, _)) = worst_and_median(&tried.calls) else { return Duration::ZERO };
    let Some((_, round)) = worst_and_median(&tried.rounds) else { return Duration::ZERO };
    let turns = |at_once: usize| u32::try_from(running.div_ceil(at_once.max(1))).unwrap_or(u32::MAX);
    match used {
        // They come by themselves.
        Source::Stream { .. } => Duration::ZERO,
        used if used.waits(info) > Duration::ZERO => worst_call.saturating_mul(turns(subject.at_once)),
        _ => round.saturating_mul(turns(tried.at_once.min(subject.at_once))),
    }
}
