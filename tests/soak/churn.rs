//! One container after the other is replaced: nothing of it may stay.

use std::time::Duration;

use dockpulse::sim::Spec;

use crate::Wanted;
use crate::figures::Course;
use crate::outside::agent::Figures;
use crate::outside::ears::truth;
use crate::outside::progress;
use crate::stage::Stage;

/// How often it is looked at the process.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is told.
const TELL: Duration = Duration::from_secs(10);
/// How long the collector is away.
const OUTAGE: Duration = Duration::from_secs(5);
/// Until what is believed is so.
const SETTLES_WITHIN: Duration = Duration::from_secs(60);
/// Descriptors that come and go.
const DRIFT: usize = 2;
/// What memory grows by without a leak, by the allocator's whim, over a short run.
const WHIM: f64 = 512.0;

/// Runs it; returns whether all is well.
pub(crate) async fn run(wanted: &Wanted) -> bool {
    let interval = wanted.interval.unwrap_or(Duration::from_millis(500));
    let with_directory = wanted.directories.first().copied().unwrap_or(true);
    let Wanted { time, containers, churn, seed, .. } = wanted;
    println!("soak: {time:?}, {containers} containers, {churn} replaced a second, --seed {seed}");
    let mut stage = Stage::set(wanted, interval, with_directory).await;
    let begin = stage.clock.now().mono;
    let mut course = Course::default();
    let mut replaced = 0_u64;
    let (mut next_look, mut next_tell) = (begin, begin + TELL);
    let every = if *churn > 0.0 { Duration::from_secs_f64(1.0 / churn) } else { Duration::MAX };
    let mut next_churn = begin + every;
    let end = begin + *time;
    loop {
        let at = next_look.min(next_churn).min(end);
        tokio::time::sleep_until(stage.clock.instant(at)).await;
        let now = stage.clock.now().mono;
        if let Some(status) = stage.agent.ended() {
            println!("it ended by itself: {status}\n{}", stage.log());
            return false;
        }
        if now >= next_churn {
            next_churn = next_churn + every;
            replaced += 1;
            replace(&stage, *containers, replaced);
        }
        if now >= next_look {
            next_look = next_look + LOOK;
            let figures = stage.agent.figures();
            course.push(now.since(begin), figures);
            outages(&mut stage, wanted, now.since(begin)).await;
            let line = line(&stage, now.since(begin), figures);
            progress(&line);
            if now >= next_tell {
                next_tell = next_tell + TELL;
                progress("");
                println!("{line}");
            }
        }
        if now >= end {
            break;
        }
    }
    progress("");
    stage.collector.up().await;
    let settled = settle(&stage).await;
    conclude(wanted, stage, &course, replaced, settled).await
}

/// The oldest goes and a new one comes.
fn replace(stage: &Stage, containers: usize, n: u64) {
    let now = stage.clock.now().wall;
    stage.engine.with(|world| {
        let oldest = world.names().next().map(ToString::to_string);
        if let Some(gone) = oldest {
            if let Some(id) = world.id(&gone) {
                stage.ears.judge().disturbed(id.as_str(), now);
            }
            let _ = world.remove(&gone);
        }
        if let Ok(id) = world.run(Spec::new(&format!("c-{:05}", containers as u64 + n), "shop:1")) {
            stage.ears.judge().disturbed(id.as_str(), now);
        }
    });
}

/// The collector is away for a while now and then.
async fn outages(stage: &mut Stage, wanted: &Wanted, now: Duration) {
    let away = (1..=wanted.outages).any(|n| {
        // Not at the end of the warm-up, where the level is taken that all is held against.
        let from = wanted.time.mul_f64(f64::from(n) / f64::from(wanted.outages + 1)) + 3 * OUTAGE;
        (from..from + OUTAGE).contains(&now)
    });
    if away == stage.collector.is_up() {
        if away {
            stage.collector.down().await;
        } else {
            stage.collector.up().await;
        }
        stage.ears.judge().unsure(stage.clock.now().wall);
    }
}

fn line(stage: &Stage, at: Duration, figures: Figures) -> String {
    let Figures { descriptors, threads, rss, .. } = figures;
    let tally = stage.ears.judge().tally();
    format!(
        "{:>5} s: {descriptors} descriptors, {:.1} MiB, {threads} threads, {} requests, {} retractions",
        at.as_secs(),
        rss as f64 / 1024.0,
        tally.batches,
        tally.retractions,
    )
}

/// What is believed is soon just what is so; otherwise how it differs.
async fn settle(stage: &Stage) -> Option<String> {
    let (since, until) = (stage.clock.now(), stage.clock.now().mono + SETTLES_WITHIN);
    loop {
        let differs = stage.ears.judge().differs(&truth(&stage.engine), 1, since.wall)?;
        if stage.clock.now().mono > until {
            return Some(differs);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn conclude(wanted: &Wanted, mut stage: Stage, course: &Course, replaced: u64, differs: Option<String>) -> bool {
    let mut faults: Vec<String> = differs.into_iter().collect();
    stage.ears.judge().trouble(stage.clock.now().wall);
    match stage.agent.terminate(Duration::from_secs(60)).await {
        Some(status) if status.success() => {}
        status => faults.push(format!("SIGTERM ended it with {status:?}\n{}", stage.log())),
    }
    let mut judge = stage.ears.judge();
    judge.finish();
    faults.extend(judge.findings().iter().map(ToString::to_string));
    let tally = judge.tally();
    drop(judge);
    let warm_up = wanted.time.mul_f64(1.0 / 3.0).min(Duration::from_secs(300));
    let warm = course.after(warm_up);
    let [fewest, most, last] = warm.descriptors();
    let levels = warm.levels();
    let settled = levels.first().copied().unwrap_or(last);
    // Fewer are no leak: idle connections go when there is less to do. Nor are more for a while: a leak does not go.
    let lowest = levels[levels.len() / 2..].iter().min().copied().unwrap_or(settled);
    if lowest > settled + DRIFT {
        faults.push(format!("descriptors: {settled} at first, {lowest} later, {DRIFT} more are let pass: {levels:?}"));
    }
    let slope = warm.growth();
    let bound = wanted.most_slope.unwrap_or_else(|| {
        let hours = wanted.time.saturating_sub(warm_up).as_secs_f64() / 3600.0;
        if wanted.time >= Duration::from_secs(1800) { 1024.0 } else { WHIM / hours }
    });
    if slope > bound && wanted.time >= Duration::from_secs(30) {
        faults.push(format!("memory grows by {slope:.0} KiB an hour, {bound:.0} are let pass"));
    }
    println!("descriptors {fewest} to {most}, {last} at the end; at most {} threads", warm.most_threads());
    let mib = |kib: u64| kib as f64 / 1024.0;
    let (first, last) = (warm.first().rss, course.last());
    println!(
        "memory {:.1} MiB after {warm_up:?}, {:.1} at the end, {:.1} at most; {slope:+.0} KiB an hour ({bound:.0} are let pass)",
        mib(first),
        mib(last.rss),
        mib(last.peak),
    );
    println!(
        "{replaced} containers replaced, {} requests, {} samples, {} retractions checked, {} lost, {} wrong",
        tally.batches, tally.samples, tally.retractions, tally.lost, tally.wrong
    );
    for fault in &faults {
        println!("  {fault}");
    }
    faults.is_empty()
}
