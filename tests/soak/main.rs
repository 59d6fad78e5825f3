//! Lets the program run for long while containers come and go, and watches what it holds on to.
//!
//! `cargo test --release --test soak -- 3m` runs the built `dockpulse` against a simulated engine on a socket in which
//! one container a second takes the place of another, and prints its descriptors, memory and threads.
//! `--collector-down 1000 --containers 1000` measures its memory while the collector is away for 1,000 intervals.

#![expect(clippy::print_stdout, reason = "a program that tells what it found")]
#![expect(clippy::expect_used, reason = "a program that cannot go on says where")]

mod away;
mod churn;
mod figures;
#[expect(dead_code, reason = "other programs use more of it")]
#[path = "../outside/mod.rs"]
mod outside;
mod stage;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use outside::{binary, number};

const HELP: &str = "\
Lets dockpulse run while containers come and go, and watches what it holds on to.

usage: cargo test --release --test soak -- [TIME] [OPTIONS]

  TIME                   how long, as 30s, 3m or 2h (default: 8s)
  --containers N         so many at a time (default: 20)
  --churn N              so many a second are replaced (default: 1)
  --interval MILLIS      from probe to probe (default: 500; with --collector-down 400)
  --outages N            how often the collector is away meanwhile, for 5 s each (default: 0)
  --without-directory    without outbox.directory
  --most-slope KIB       growth of the resident memory that is let pass, in KiB an hour (default: 1024, and for
                         runs of less than half an hour as much as 512 KiB over the time after the warm-up come to)
  --collector-down N     instead: the memory while the collector is away for N intervals, with a directory and
                         without (one of them with --without-directory or --with-directory)
  --seed SEED            what happens (default: 1)
  --binary PATH          another dockpulse
  --folder PATH          where its files are (default: /dev/shm, if there is one)

status: 0 it holds on to nothing and all is well, 1 not so, 2 wrong usage
";

/// What is wanted.
#[derive(Debug, Clone)]
struct Wanted {
    time: Duration,
    containers: usize,
    churn: f64,
    interval: Option<Duration>,
    outages: u32,
    directories: Vec<bool>,
    most_slope: Option<f64>,
    collector_down: Option<u64>,
    seed: u64,
    binary: PathBuf,
    folder: PathBuf,
}

fn main() -> ExitCode {
    outside::program("soak", HELP, |args| {
        let wanted = wanted(args)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let is_well = runtime.block_on(async {
            match wanted.collector_down {
                Some(intervals) => away::run(&wanted, intervals).await,
                None => churn::run(&wanted).await,
            }
        });
        Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

fn wanted(args: &[String]) -> Result<Wanted, String> {
    let mut wanted = Wanted {
        time: Duration::from_secs(8),
        containers: 20,
        churn: 1.0,
        interval: None,
        outages: 0,
        directories: Vec::new(),
        most_slope: None,
        collector_down: None,
        seed: 1,
        binary: PathBuf::from(env!("CARGO_BIN_EXE_dockpulse")),
        folder: outside::memory::place(),
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or(format!("{arg} needs a value"));
        match arg.as_str() {
            "--containers" => wanted.containers = number(value()?)?,
            "--churn" => wanted.churn = number(value()?)?,
            "--interval" => wanted.interval = Some(Duration::from_millis(number(value()?)?)),
            "--outages" => wanted.outages = number(value()?)?,
            "--without-directory" => wanted.directories = vec![false],
            "--with-directory" => wanted.directories = vec![true],
            "--most-slope" => wanted.most_slope = Some(number(value()?)?),
            "--collector-down" => wanted.collector_down = Some(number(value()?)?),
            "--seed" => wanted.seed = number(value()?)?,
            "--binary" => wanted.binary = binary(value()?)?,
            "--folder" => wanted.folder = PathBuf::from(value()?),
            time => wanted.time = duration(time)?,
        }
    }
    if !(0.0..=100.0).contains(&wanted.churn) || !(1..=10_000).contains(&wanted.containers) {
        return Err("--churn is 0 to 100, --containers 1 to 10000".to_owned());
    }
    Ok(wanted)
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = text.split_at(text.len().saturating_sub(1));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("{text} is no time such as 30s, 3m or 2h")),
    };
    Ok(Duration::from_secs(number::<u64>(digits)? * seconds))
}
