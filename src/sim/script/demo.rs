//! The demo: a small shop in which something happens every few seconds, in a round that begins again and again.

use std::time::Duration;

use crate::model::container::Health;
use crate::model::time::{Monotonic, Now};
use crate::sim::container::{Limits, RestartPolicy, Spec};
use crate::sim::faults::{Call, Fault, Reach};
use crate::sim::load::Load;
use crate::sim::world::{World, WorldError};

use super::Caption;

/// The demo's place in its round.
#[derive(Debug, Default)]
pub(super) struct Demo {
    /// When the present round began; `None` before the first step.
    round: Option<Monotonic>,
    /// The next of [`STEPS`].
    next: usize,
}

/// One step of a round.
struct Step {
    /// Seconds from the beginning of the round.
    at: u64,
    caption: &'static str,
    act: fn(&mut World) -> Result<(), WorldError>,
}

const ROUND: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// What a round brings. At its end everything is as it was at its beginning, but for ids.
const STEPS: [Step; 24] = [
    step(3, "docker compose up -d --scale worker=3", |w| run(w, worker(3))),
    step(4, "shop-api-1 begins to leak memory", |w| w.leak("shop-api-1", 22 * MIB)),
    step(6, "docker rm -f shop-worker-2", |w| w.remove("shop-worker-2")),
    step(9, "out of memory: the kernel kills shop-api-1 (137), its policy restarts it", |w| w.oom("shop-api-1")),
    step(11, "docker run --rm shop-report", |w| run(w, job("shop-report", 8, 0))),
    step(13, "docker compose up -d --force-recreate web", |w| w.recreate("shop-web-1", |spec| spec).map(|_| ())),
    step(16, "shop-redis-1: its stats hang", |w| w.set_fault(Call::Stats, "shop-redis-1", Fault::Hang)),
    step(18, "docker rename shop-mail-1 shop-mailer-1", |w| w.rename("shop-mail-1", "shop-mailer-1")),
    step(21, "shop-redis-1: its stats answer again", |w| w.clear_fault(Call::Stats, "shop-redis-1")),
    step(23, "docker run --rm shop-import (it will fail)", |w| run(w, job("shop-import", 9, 2))),
    step(25, "the engine goes away", |w| reach(w, Reach::Down)),
    step(31, "the engine is back", |w| reach(w, Reach::Up)),
    step(34, "docker pause shop-scheduler-1", |w| w.pause("shop-scheduler-1")),
    step(36, "docker update --cpus 0.3 shop-worker-1: it is throttled now", |w| slow_down(w, Some(300))),
    step(38, "docker unpause shop-scheduler-1", |w| w.unpause("shop-scheduler-1")),
    step(40, "shop-web-1 is unhealthy", |w| w.set_health("shop-web-1", Health::Unhealthy)),
    step(42, "docker network connect backend shop-web-1", |w| w.connect_network("shop-web-1", "eth1")),
    step(44, "shop-web-1 is healthy", |w| w.set_health("shop-web-1", Health::Healthy)),
    step(46, "docker compose up -d worker (shop-worker-2 is back)", |w| run(w, worker(2))),
    step(48, "docker network disconnect backend shop-web-1", |w| w.disconnect_network("shop-web-1", "eth1")),
    step(50, "docker update --cpus 1 shop-worker-1", |w| slow_down(w, Some(1_000))),
    step(52, "docker compose up -d --scale worker=2", |w| w.remove("shop-worker-3")),
    step(54, "docker rename shop-mailer-1 shop-mail-1", |w| w.rename("shop-mailer-1", "shop-mail-1")),
    step(56, "docker restart shop-postgres-1", |w| w.restart("shop-postgres-1", 0)),
];

const fn step(at: u64, caption: &'static str, act: fn(&mut World) -> Result<(), WorldError>) -> Step {
    Step { at, caption, act }
}

impl Demo {
    pub(super) fn next_at(&self) -> Monotonic {
        match self.round {
            None => Monotonic::default(),
            Some(round) => round + Duration::from_secs(STEPS[self.next].at),
        }
    }

    pub(super) fn step(&mut self, world: &mut World, now: Now) -> Vec<Caption> {
        if self.round.is_none() {
            self.round = Some(now.mono);
            populate(world);
        }
        self.skip_what_was_slept_through(now.mono);
        let mut captions = Vec::new();
        loop {
            let at = self.next_at();
            if at > now.mono {
                return captions;
            }
            let step = &STEPS[self.next];
            if (step.act)(world).is_ok() {
                captions.push(Caption { at, text: step.caption.into() });
            }
            self.next += 1;
            if self.next == STEPS.len() {
                self.next = 0;
                self.round = self.round.map(|round| round + ROUND);
            }
        }
    }

    /// After a long sleep the round goes on where it was, and whole rounds are not made up for.
    fn skip_what_was_slept_through(&mut self, now: Monotonic) {
        let late = now.since(self.next_at());
        if late > ROUND {
            self.round = self.round.map(|round| round + late);
        }
    }
}

fn populate(world: &mut World) {
    const HOUR: u64 = 3600;
    let containers = [
        (web(), 26 * HOUR),
        (api(), 26 * HOUR + 4),
        (worker(1), 26 * HOUR + 5),
        (worker(2), 3 * HOUR),
        (postgres(), 200 * HOUR),
        (service("redis", "redis:7.4").restart(RestartPolicy::Always), 200 * HOUR),
        (service("mail", "ghcr.io/shop/mailer:2.1").devices(&[]), 26 * HOUR + 9),
        (service("scheduler", "ghcr.io/shop/scheduler:2.1").interfaces(&[]), 26 * HOUR + 9),
        (service("migrate", "ghcr.io/shop/shop:5.3.1").command("bin/migrate"), 26 * HOUR + 12),
    ];
    for (spec, up) in containers {
        // A world that somebody else has filled before is shown as it is.
        let _ = world.add(spec, Duration::from_secs(up));
    }
    let _ = world.exit("shop-migrate-1", 0);
}

fn service(name: &str, image: &str) -> Spec {
    Spec::new(&format!("shop-{name}-1"), image).compose("shop", name).command(name)
}

fn web() -> Spec {
    service("web", "nginx:1.29").restart(RestartPolicy::Always).health_check()
}

fn api() -> Spec {
    let limits = Limits { memory: Some(256 << 20), milli_cpus: Some(1_500), pids: Some(200) };
    service("api", "ghcr.io/shop/shop:5.3.1").limits(limits).restart(RestartPolicy::Always).health_check()
}

fn worker(number: u32) -> Spec {
    let limits = Limits { memory: Some(512 << 20), milli_cpus: Some(1_000), pids: Some(100) };
    let spec = Spec::new(&format!("shop-worker-{number}"), "ghcr.io/shop/shop:5.3.1").compose("shop", "worker");
    spec.command("bin/worker").limits(limits).restart(RestartPolicy::OnFailure { max_retries: 5 })
}

fn postgres() -> Spec {
    let limits = Limits { memory: Some(2 << 30), ..Limits::default() };
    service("postgres", "postgres:18").devices(&[(254, 0), (254, 16)]).limits(limits).health_check()
}

/// A batch job that works hard for some seconds.
fn job(name: &str, seconds: u64, exit_code: i64) -> Spec {
    let load = Load { milli_cpus: 1_200, read: 12 << 20, write: 3 << 20, ..Load::of_image("shop") };
    let spec = Spec::new(name, "ghcr.io/shop/shop:5.3.1").compose("shop", name.trim_start_matches("shop-"));
    spec.command("bin/job").load(load).job(Duration::from_secs(seconds), exit_code)
}

fn run(world: &mut World, spec: Spec) -> Result<(), WorldError> {
    world.run(spec).map(|_| ())
}

fn reach(world: &mut World, reach: Reach) -> Result<(), WorldError> {
    world.faults_mut().set_reach(reach);
    Ok(())
}

fn slow_down(world: &mut World, milli_cpus: Option<u32>) -> Result<(), WorldError> {
    world.set_limit("shop-worker-1", Limits { milli_cpus, ..worker(1).limits })
}
