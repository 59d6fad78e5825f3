//! The agent as a process: memory, processor time, and how soon it begins.
//!
//! `cargo bench --bench agent` measures the built binary against an engine of prepared words on a unix socket, and the
//! library against the simulated engine, both with a collector that takes everything; engine and collector are
//! processes of their own. `-- start`, `-- steady` and `-- churn` measure one thing each, `-- --binary PATH` another
//! binary, such as the stripped one of `cargo build --release`.

#![expect(clippy::print_stdout, reason = "a bench prints what it found")]

#[path = "../support/answers.rs"]
mod answers;
mod collector;
mod engine;
mod process;
mod simulated;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use process::{Figures, Process, pause};
use simulated::Simulated;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Measured for so long.
const STEADY: Duration = Duration::from_secs(30);
/// So many probes with churn.
const PROBES: u64 = 1_000;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["engine", socket, containers, churn] => {
            runtime()?.block_on(engine::serve(Path::new(socket), containers.parse()?, churn.parse()?))?;
        }
        ["collector"] => runtime()?.block_on(collector::serve())?,
        ["simulated", containers, churn, interval, endpoint] => {
            let simulated = Simulated {
                containers: containers.parse()?,
                churn: churn.parse()?,
                interval: Duration::from_millis(interval.parse()?),
                endpoint: endpoint.to_owned(),
            };
            runtime()?.block_on(simulated::run(simulated))?;
        }
        _ => measure(&args)?,
    }
    Ok(())
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

fn measure(args: &[&str]) -> Outcome {
    let mut binary = PathBuf::from(env!("CARGO_BIN_EXE_dockpulse"));
    let mut wanted = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            "--binary" => binary = Path::new(args.next().ok_or("--binary needs a path")?).canonicalize()?,
            what @ ("start" | "steady" | "churn") => wanted.push(what),
            other => return Err(format!("start, steady, churn or --binary PATH, not {other}").into()),
        }
    }
    let is_wanted = |what| wanted.is_empty() || wanted.contains(&what);
    println!("{}: {:.2} MiB", binary.display(), std::fs::metadata(&binary)?.len() as f64 / f64::from(1 << 20));
    if is_wanted("start") {
        start(&binary)?;
    }
    if is_wanted("steady") {
        steady(&binary)?;
    }
    if is_wanted("churn") {
        churn(&binary)?;
    }
    Ok(())
}

/// An agent with its engine and collector.
struct Stage {
    agent: Process,
    /// Whoever tells of probes.
    teller: Option<Process>,
    collector: Process,
    _directory: tempfile::TempDir,
}

/// Which agent.
#[derive(Clone, Copy)]
enum Agent<'a> {
    /// The binary with an engine behind a socket.
    Binary(&'a Path),
    /// The library with a simulated engine.
    Simulated,
}

impl Agent<'_> {
    fn words(self) -> &'static str {
        match self {
            Self::Binary(_) => "run, engine on a socket",
            Self::Simulated => "simulated engine",
        }
    }
}

/// What is watched, and how.
#[derive(Clone, Copy)]
struct Setting {
    containers: usize,
    /// Containers that are replaced from one probe to the next.
    churn: usize,
    interval: Duration,
}

impl Stage {
    fn new(agent: Agent<'_>, setting: Setting) -> Outcome<Self> {
        let directory = tempfile::tempdir()?;
        let myself = || std::env::current_exe().map(Command::new);
        let collector = Process::start(myself()?.arg("collector"))?;
        let endpoint = format!("http://127.0.0.1:{}", collector.wait_for_lines(1)[0]);
        let Setting { containers, churn, interval } = setting;
        let millis = interval.as_millis().to_string();
        let (agent, teller) = match agent {
            Agent::Simulated => {
                let churn = churn as f64 / interval.as_secs_f64();
                let numbers = [containers.to_string(), churn.to_string(), millis];
                (Process::start(myself()?.arg("simulated").args(numbers).arg(endpoint))?, None)
            }
            Agent::Binary(binary) => {
                let socket = directory.path().join("engine.sock");
                let numbers = [containers.to_string(), churn.to_string()];
                let teller = Process::start(myself()?.arg("engine").arg(&socket).args(numbers))?;
                while !socket.exists() {
                    pause(Duration::from_millis(1));
                }
                let mut run = Command::new(binary);
                run.args(["run", "--engine", &format!("unix://{}", socket.display()), "--endpoint", &endpoint]);
                run.args(["--interval", &format!("{millis}ms")]);
                (Process::start(run.current_dir(directory.path()).stderr(Stdio::null()))?, Some(teller))
            }
        };
        Ok(Self { agent, teller, collector, _directory: directory })
    }

    /// The teller's lines so far: how many probes, and how many samples there were.
    fn told(&self) -> (u64, u64) {
        let last = self.teller.as_ref().unwrap_or(&self.agent).lines().pop().unwrap_or_default();
        let mut numbers = last.split_whitespace().map(|n| n.parse().unwrap_or_default());
        (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default())
    }

    /// What the collector got: points, retractions, bytes.
    fn received(&self) -> [u64; 3] {
        let lines = self.collector.lines();
        let mut sum = [0; 3];
        for line in &lines[1..] {
            let numbers = line.split_whitespace().skip(1).filter_map(|n| n.parse::<u64>().ok());
            sum.iter_mut().zip(numbers).for_each(|(sum, n)| *sum += n);
        }
        sum
    }

    /// Waits until so many probes have begun.
    fn wait_for_probes(&self, probes: u64) {
        while self.told().0 < probes {
            pause(Duration::from_millis(5));
        }
    }
}

fn start(binary: &Path) -> Outcome {
    const TIMES: usize = 7;
    println!("\n| start → first push | median, ms | worst of {TIMES}, ms |\n|---|---|---|");
    for agent in [Agent::Binary(binary), Agent::Simulated] {
        for containers in [1, 100, 1_000] {
            let setting = Setting { containers, churn: 0, interval: Duration::from_secs(10) };
            let mut times = Vec::new();
            for _ in 0..TIMES {
                let stage = Stage::new(agent, setting)?;
                let lines = stage.collector.wait_for_lines(2);
                let first: u128 = lines[1].split_whitespace().next().unwrap_or_default().parse()?;
                times.push(first.saturating_sub(stage.agent.started) as f64 / 1e3);
            }
            times.sort_by(f64::total_cmp);
            let (median, worst) = (times[TIMES / 2], times[TIMES - 1]);
            println!("| {}, {containers} containers | {median:.0} | {worst:.0} |", agent.words());
        }
    }
    Ok(())
}

fn steady(binary: &Path) -> Outcome {
    println!(
        "\n| steady | RSS, MiB | peak, MiB | CPU a container-sample, µs | CPU, % of one core | samples | series |"
    );
    println!("|---|---|---|---|---|---|---|");
    for agent in [Agent::Binary(binary), Agent::Simulated] {
        for (containers, seconds) in [(1_000, 1), (10_000, 5)] {
            let setting = Setting { containers, churn: 0, interval: Duration::from_secs(seconds) };
            let stage = Stage::new(agent, setting)?;
            // The first two probes also inspect and connect.
            stage.wait_for_probes(3);
            let (before, begun, received) = (stage.agent.figures()?, stage.told(), stage.received());
            pause(STEADY);
            let (after, done) = (stage.agent.figures()?, stage.told());
            let samples = done.1 - begun.1;
            let points = stage.received()[0] - received[0];
            let cpu = (after.cpu - before.cpu).as_secs_f64();
            println!(
                "| {}, {containers} containers every {seconds} s | {:.1} | {:.1} | {:.1} | {:.1} | {samples} | {:.1} |",
                agent.words(),
                mebibytes(after.rss),
                mebibytes(after.peak),
                cpu * 1e6 / samples.max(1) as f64,
                cpu * 100.0 / STEADY.as_secs_f64(),
                points as f64 / samples.max(1) as f64,
            );
        }
    }
    Ok(())
}

fn churn(binary: &Path) -> Outcome {
    let setting = Setting { containers: 200, churn: 20, interval: Duration::from_millis(100) };
    let at = [PROBES / 10, PROBES / 4, PROBES / 2, 3 * PROBES / 4, PROBES];
    let Setting { containers, churn, .. } = setting;
    println!("\nRSS in MiB with {churn} of {containers} containers replaced from probe to probe\n");
    println!("| after … probes | {} | retractions |", at.map(|n| n.to_string()).join(" | "));
    println!("|---|{}---|", "---|".repeat(at.len()));
    for agent in [Agent::Binary(binary), Agent::Simulated] {
        let stage = Stage::new(agent, setting)?;
        let mut seen: Vec<Figures> = Vec::new();
        for probes in at {
            stage.wait_for_probes(probes);
            seen.push(stage.agent.figures()?);
        }
        let seen: Vec<String> = seen.iter().map(|f| format!("{:.1}", mebibytes(f.rss))).collect();
        println!("| {} | {} | {} |", agent.words(), seen.join(" | "), stage.received()[1]);
    }
    Ok(())
}

fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}
