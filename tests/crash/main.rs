//! Kills the program over and over and checks that nothing is lost and nothing is wrong.
//!
//! `cargo test --release --test crash -- 200` kills the built `dockpulse` 200 times with SIGKILL (and sometimes with
//! SIGTERM) in several worlds at once: each has a simulated engine on a socket, whose containers come, go, stop, restart
//! and are renamed, a collector that goes away, hangs, refuses and loses answers, and an agent with a directory for its
//! outbox. What the collector saw is held against what the engine had; [`outside::judge`] has the rules, tests/judge.rs checks
//! the judge.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it found")]
#![expect(clippy::expect_used, reason = "a program that cannot go on says where")]

#[expect(dead_code, reason = "other programs use more of it")]
#[path = "../outside/mod.rs"]
mod outside;
mod plan;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dockpulse::model::time::{Clock, Monotonic};

use outside::judge::Tally;
use outside::{binary, number};
use world::{Order, Report};

const HELP: &str = "\
Kills dockpulse over and over and checks what a collector saw against what the engine had.

usage: cargo test --release --test crash -- [KILLS] [OPTIONS]

  KILLS                  how often in all (default: 8; 200 take some minutes)
  --seed SEED            what happens (default: 1; random: something else each time, the seed is printed)
  --worlds N             so many at once (default: 4)
  --world N              that one alone, with its share of the kills
  --without-directory    without outbox.directory: status 0 if the losses are found
  --gently               no kills: SIGTERM once all is delivered; nothing may be found, with a directory or without
  --binary PATH          another dockpulse
  --durable-after TIME   from a sample until it has to survive, in ms (default: 1000)
  --folder PATH          where the worlds are (default: /dev/shm if there is one: a kill leaves what was written there as it
                         leaves a disk's, and a slow disk makes all of it slow)
  --tell                 what is done, on stderr
  --keep                 leave the worlds there

status: 0 nothing lost and nothing wrong, 1 something was, 2 wrong usage
";

struct Wanted {
    kills: u64,
    seed: u64,
    worlds: u64,
    world: Option<u64>,
    with_directory: bool,
    gently: bool,
    binary: PathBuf,
    durable_after: Duration,
    folder: PathBuf,
    keep: bool,
    tells: bool,
}

fn main() -> ExitCode {
    outside::program("crash", HELP, |args| Ok(run(&wanted(args)?)))
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        kills: 8,
        seed: 1,
        worlds: 4,
        world: None,
        with_directory: true,
        gently: false,
        binary: PathBuf::from(env!("CARGO_BIN_EXE_dockpulse")),
        durable_after: Duration::from_secs(1),
        folder: outside::memory::place(),
        keep: false,
        tells: false,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--seed" => {
                let seed = value()?;
                wanted.seed = if seed == "random" { fastrand::u64(..1_000_000_000) } else { number(seed)? };
            }
            "--worlds" => wanted.worlds = number::<u64>(value()?)?.clamp(1, 64),
            "--world" => wanted.world = Some(number(value()?)?),
            "--without-directory" => wanted.with_directory = false,
            "--gently" => wanted.gently = true,
            "--binary" => wanted.binary = binary(value()?)?,
            "--durable-after" => wanted.durable_after = Duration::from_millis(number(value()?)?),
            "--folder" => wanted.folder = PathBuf::from(value()?),
            "--tell" => wanted.tells = true,
            "--keep" => wanted.keep = true,
            kills => wanted.kills = number(kills)?,
        }
    }
    Ok(wanted)
}

fn run(wanted: &Wanted) -> ExitCode {
    let clock = Clock::start();
    println!("crash: {} kills, {} worlds, --seed {}", wanted.kills, wanted.worlds, wanted.seed);
    let reports = Arc::new(Mutex::new(Vec::<Report>::new()));
    let folder = tempfile::Builder::new().prefix("crash-").tempdir_in(&wanted.folder).expect("a folder");
    let state = Arc::new(Mutex::new(vec![Tally::default(); usize::try_from(wanted.worlds).unwrap_or(1)]));
    std::thread::scope(|scope| {
        for number in (0..wanted.worlds).filter(|n| wanted.world.is_none_or(|only| only == *n)) {
            let order = Order {
                number,
                seed: wanted.seed,
                kills: wanted.kills / wanted.worlds + u64::from(number < wanted.kills % wanted.worlds),
                binary: wanted.binary.clone(),
                folder: folder.path().join(number.to_string()),
                with_directory: wanted.with_directory,
                gently: wanted.gently,
                durable_after: wanted.durable_after,
                tells: wanted.tells,
            };
            let (reports, state) = (reports.clone(), state.clone());
            scope.spawn(move || {
                let report = in_world(order, |so_far| {
                    let mut all = state.lock().unwrap_or_else(PoisonError::into_inner);
                    all[usize::try_from(number).unwrap_or(0)] = so_far.tally;
                    outside::progress(&line(&sum(all.iter().copied())));
                });
                reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
            });
        }
    });
    outside::progress("");
    let reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    if wanted.keep {
        println!("the worlds are in {}", folder.keep().display());
    }
    conclude(wanted, &reports, clock.now().mono)
}

fn in_world(order: Order, tell: impl Fn(&Report)) -> Report {
    std::fs::create_dir_all(&order.folder).expect("a folder");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(world::run(order, tell))
}

fn sum(tallies: impl Iterator<Item = Tally>) -> Tally {
    tallies.fold(Tally::default(), |a, b| Tally {
        kills: a.kills + b.kills,
        batches: a.batches + b.batches,
        sent_again: a.sent_again + b.sent_again,
        samples: a.samples + b.samples,
        survived: a.survived + b.survived,
        retractions: a.retractions + b.retractions,
        lost: a.lost + b.lost,
        wrong: a.wrong + b.wrong,
    })
}

fn line(tally: &Tally) -> String {
    let Tally { kills, batches, sent_again, samples, survived, retractions, lost, wrong } = tally;
    format!(
        "{kills} kills, {batches} batches ({sent_again} sent again), {samples} samples checked ({survived} outlived a \
         kill), {retractions} retractions checked, {lost} lost, {wrong} wrong"
    )
}

fn conclude(wanted: &Wanted, reports: &[Report], took: Monotonic) -> ExitCode {
    let tally = sum(reports.iter().map(|r| r.tally));
    for finding in reports.iter().flat_map(|r| &r.findings) {
        println!("  {finding}");
    }
    let of = |times: Vec<Duration>| {
        let mut times = times;
        times.sort_unstable();
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).copied();
        [at(0.5), at(0.99), times.last().copied()]
            .map(Option::unwrap_or_default)
            .map(|t| t.as_millis().to_string())
            .join("/")
    };
    let starts = of(reports.iter().flat_map(|r| r.starts.clone()).collect());
    let settles = of(reports.iter().flat_map(|r| r.settles.clone()).collect());
    let terminated: u64 = reports.iter().map(|r| r.terminated).sum();
    println!(
        "start to first question, p50/p99/max ms: {starts}; recovery to belief = truth: {settles}; {terminated} by SIGTERM"
    );
    println!("{} in {:.0} s, --seed {}", line(&tally), took.0.as_secs_f64(), wanted.seed);
    let nothing = tally.lost == 0 && tally.wrong == 0;
    match (wanted.with_directory || wanted.gently, nothing) {
        (true, true) => ExitCode::SUCCESS,
        (true, false) => ExitCode::FAILURE,
        (false, _) if tally.lost > 0 => {
            println!("without a directory losses are expected, and they were found");
            ExitCode::SUCCESS
        }
        (false, _) => {
            println!("without a directory losses are expected, and none was found");
            ExitCode::FAILURE
        }
    }
}
