//! The collector is away for long: how large the agent becomes.

use std::time::Duration;

use crate::Wanted;
use crate::outside::ears::truth;
use crate::outside::progress;
use crate::stage::Stage;

/// With a directory, in MiB.
const WITH_DIRECTORY: u64 = 40;
/// Without: `outbox.memory_max_bytes`, 8 MiB by default, and so much more.
const WITHOUT: u64 = 8 + 32;
/// An interval may take so many times as long.
const PATIENCE: u32 = 20;
/// While what was kept arrives.
const NOTHING_COMES: Duration = Duration::from_secs(30);

/// Measures it with a directory and without; returns whether it stays within the bounds.
pub(crate) async fn run(wanted: &Wanted, intervals: u64) -> bool {
    let both = vec![true, false];
    let directories = if wanted.directories.is_empty() { &both } else { &wanted.directories };
    let mut is_well = true;
    for &with_directory in directories {
        is_well &= measure(wanted, intervals, with_directory).await;
    }
    is_well
}

async fn measure(wanted: &Wanted, intervals: u64, with_directory: bool) -> bool {
    let interval = wanted.interval.unwrap_or(Duration::from_millis(400));
    let words = if with_directory { "with a directory" } else { "without a directory" };
    println!("soak {words}: {} containers, no collector for {intervals} intervals of {interval:?}", wanted.containers);
    let mut stage = Stage::set(wanted, interval, with_directory).await;
    // It has published all of it before: that is when it has most to remember.
    if !reach(&mut stage, 3, interval).await {
        return false;
    }
    let steady = stage.agent.figures();
    stage.collector.down().await;
    stage.ears.judge().unsure(stage.clock.now().wall);
    let from = stage.ears.lists();
    if !reach(&mut stage, from + intervals, interval).await {
        return false;
    }
    let figures = stage.agent.figures();
    let mib = |kib: u64| kib as f64 / 1024.0;
    let store: u64 = std::fs::read_dir(stage.folder.path().join("state"))
        .map(|files| files.filter_map(|f| Some(f.ok()?.metadata().ok()?.len())).sum())
        .unwrap_or_default();
    println!(
        "{words}: {:.1} MiB before, {:.1} MiB at the end ({:.1} MiB of it the program's file), {:.1} MiB at most; {:.1} MiB on disk",
        mib(steady.rss),
        mib(figures.rss),
        mib(figures.file),
        mib(figures.peak),
        store as f64 / f64::from(1 << 20),
    );
    let bound = if with_directory { WITH_DIRECTORY } else { WITHOUT };
    let fits = figures.peak <= bound * 1024;
    if !fits {
        println!("  more than {bound} MiB");
    }
    stage.collector.up().await;
    fits & drain(&mut stage, with_directory).await
}

/// Waits until the engine has given its list so often.
async fn reach(stage: &mut Stage, lists: u64, interval: Duration) -> bool {
    let begin = stage.ears.lists();
    let most = u32::try_from(lists.saturating_sub(begin)).unwrap_or(u32::MAX).saturating_add(5);
    let until = stage.clock.now().mono + interval.max(Duration::from_millis(500)) * most.saturating_mul(PATIENCE);
    while stage.ears.lists() < lists {
        if stage.agent.ended().is_some() || stage.clock.now().mono > until {
            println!("  it has ended or hangs\n{}", stage.log());
            return false;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        let figures = stage.agent.figures();
        progress(&format!("{} of {lists} intervals, {:.1} MiB", stage.ears.lists(), figures.rss as f64 / 1024.0));
    }
    progress("");
    true
}

/// The collector is back: everything comes, in order; without a directory as much as there was room for.
async fn drain(stage: &mut Stage, with_directory: bool) -> bool {
    let begin = stage.clock.now();
    let (mut requests, mut until) = (0, begin.mono + NOTHING_COMES);
    loop {
        let Some(differs) = stage.ears.judge().differs(&truth(&stage.engine), 1, begin.wall) else { break };
        if stage.clock.now().mono > until {
            println!("  not all has come: {differs}\n{}", stage.log());
            return false;
        }
        if stage.ears.marks()[2] > requests {
            (requests, until) = (stage.ears.marks()[2], stage.clock.now().mono + NOTHING_COMES);
        }
        progress(&format!("{requests} requests"));
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    progress("");
    let took = stage.clock.now().mono.since(begin.mono);
    let judge = stage.ears.judge();
    let tally = judge.tally();
    let figures = stage.agent.figures();
    println!(
        "drained in {took:.1?}: {} samples, {} lost, {} wrong, {:.1} MiB at most",
        tally.samples,
        tally.lost,
        tally.wrong,
        figures.peak as f64 / 1024.0
    );
    // In memory there is no room for all of it.
    let is_well = tally.wrong == 0 && (tally.lost == 0 || !with_directory);
    if !is_well {
        judge.findings().iter().take(10).for_each(|finding| println!("  {finding}"));
    }
    is_well
}
