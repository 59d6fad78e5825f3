//! The calls to an engine: each is a GET, and each has a deadline.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{join, join_all, join3};

use super::super::host::access::Access;
use super::super::waiting::{Budget, Waiting};
use super::{Calls, Findings, Seen, Subject, Tried};
use crate::engine::Engine;
use crate::model::container::{ContainerId, Listing};
use crate::model::engine::{Answer, ApiVersion, EngineError, EngineInfo, Source};
use crate::model::time::{Now, UnixNanos};

/// So often the list and the numbers are asked for, unless one round takes longer than this.
const ROUNDS: usize = 3;
const LONG: Duration = Duration::from_millis(700);
/// So many containers are asked for their numbers at once.
const AT_ONCE: usize = 8;
/// A stream of events that lives so long is open.
const OPEN: Duration = Duration::from_millis(300);

/// Asks an engine for all that the agent would ask it for.
pub(in super::super) async fn ask(subject: &Subject, budget: Budget, waiting: &Waiting) -> Findings {
    let access = subject.socket.as_deref().and_then(Access::look);
    let asking = Asking { subject, budget };
    let name = |what: &str| format!("{} ({what})", subject.called());
    let reaching = asking.call("/_ping", Duration::ZERO, subject.engine.connect());
    let (reached, took) = waiting.on(name("connection"), reaching).await;
    let calls = match &reached {
        Ok(info) => Some(asking.calls(info, waiting, &name).await),
        Err(_) => None,
    };
    Findings { access, reached, took, calls }
}

/// What came of all sources, and how far the engine's clock is ahead by the last sample.
struct Numbers {
    one_shot: Option<Tried>,
    two_sample: Option<Tried>,
    stream: Option<Tried>,
    ahead: Option<(f64, f64)>,
}

#[derive(Clone, Copy)]
struct Asking<'a> {
    subject: &'a Subject,
    budget: Budget,
}

impl Asking<'_> {
    /// One call, and how long it took. `waits` is what the engine takes on purpose.
    async fn call<T>(
        &self,
        path: &'static str,
        waits: Duration,
        call: impl Future<Output = Answer<T>>,
    ) -> (Answer<T>, Duration) {
        let limit = self.budget.limit(self.subject.timeout + waits);
        let timeout = (Err(EngineError::Timeout { path, after: limit }), limit);
        self.budget.time(limit, call).await.unwrap_or(timeout)
    }

    /// Events and clock are asked for beside the rest, so that a list or numbers that hang leave time for them.
    async fn calls(&self, info: &EngineInfo, waiting: &Waiting, name: &impl Fn(&str) -> String) -> Calls {
        let containers = async {
            let (list, lists) = waiting.on(name("list"), self.lists()).await;
            let none = Seen::default();
            let seen = list.as_ref().unwrap_or(&none);
            let numbers = waiting.on(name("numbers"), self.all_numbers(&seen.running, info));
            let (numbers, inspect) = join(numbers, self.inspect(seen.ids.first())).await;
            (list, lists, inspect, numbers)
        };
        let events = waiting.on(name("events"), self.events());
        let (containers, events, clock) = join3(containers, events, self.clock()).await;
        let (list, lists, inspect, numbers) = containers;
        let Numbers { one_shot, two_sample, stream, ahead } = numbers;
        Calls { list, lists, inspect, events, ahead: ahead.or(clock), one_shot, two_sample, stream }
    }

    /// All sources, as far as there is time.
    async fn all_numbers(&self, running: &[ContainerId], info: &EngineInfo) -> Numbers {
        let some = &running[..running.len().min(AT_ONCE)];
        let one = &some[..some.len().min(1)];
        let (one_shot, ahead) = match info.api >= ApiVersion::ONE_SHOT {
            true => self.source(some, Source::OneShot, info, ROUNDS).await,
            false => (None, None),
        };
        let stream = Source::Stream { every: Duration::from_secs(1) };
        let slow = join(self.source(one, Source::TwoSample, info, 1), self.source(one, stream, info, 1));
        let ((two_sample, _), (stream, _)) = slow.await;
        Numbers { one_shot, two_sample, stream, ahead }
    }

    async fn lists(&self) -> (Answer<Seen>, Vec<Duration>) {
        const PATH: &str = "/containers/json";
        let mut times = Vec::new();
        loop {
            let list = self.subject.engine.list(&self.subject.wanted);
            let (list, took) = self.call(PATH, Duration::ZERO, list).await;
            times.push(took);
            match list {
                Ok(_) if times.len() < ROUNDS && took < LONG => {}
                answer => return (answer.map(Seen::of), times),
            }
        }
    }

    async fn source(
        &self,
        containers: &[ContainerId],
        source: Source,
        info: &EngineInfo,
        rounds: usize,
    ) -> (Option<Tried>, Option<(f64, f64)>) {
        if containers.is_empty() || self.budget.limit(LONG) < LONG {
            return (None, None);
        }
        let (tried, ahead) = self.numbers(containers, source, info, rounds).await;
        containers.iter().for_each(|id| self.subject.engine.release(id));
        (Some(tried), ahead)
    }

    /// Some rounds, and how far the engine's clock is ahead by the last sample.
    async fn numbers(
        &self,
        containers: &[ContainerId],
        source: Source,
        info: &EngineInfo,
        rounds: usize,
    ) -> (Tried, Option<(f64, f64)>) {
        let mut tried = Tried { at_once: containers.len(), ..Tried::default() };
        let (mut ahead, mut without) = (None, 0);
        for _ in 0..rounds {
            let begun = self.budget.clock.now();
            let calls = containers.iter().map(|id| {
                let call = self.subject.engine.stats(id, source, &self.subject.wanted);
                self.call("/containers/{id}/stats", source.waits(info), call)
            });
            for (answer, took) in join_all(calls).await {
                match answer {
                    Ok(sample) => {
                        tried.calls.push(took);
                        let read = sample.read.map(|read| (read, Duration::ZERO));
                        ahead = read.map(|read| ahead_of(read, begun, self.budget.clock.now()));
                    }
                    // It stopped meanwhile, or all are so.
                    Err(EngineError::NoData | EngineError::Status { status: 404, .. }) => without += 1,
                    Err(error) => tried.error = Some(error),
                }
            }
            let took = self.budget.clock.now().mono.since(begun.mono);
            tried.rounds.push(took);
            if took > LONG || tried.error.is_some() {
                break;
            }
        }
        if tried.calls.is_empty() && without > 0 {
            tried.error.get_or_insert(EngineError::NoData);
        }
        (tried, ahead)
    }

    async fn inspect(&self, id: Option<&ContainerId>) -> Option<Answer<()>> {
        let call = self.subject.engine.inspect(id?, &self.subject.wanted);
        match self.call("/containers/{id}/json", Duration::ZERO, call).await.0 {
            // It was removed meanwhile.
            Err(EngineError::Status { status: 404, .. }) => None,
            answer => Some(answer.map(drop)),
        }
    }

    async fn events(&self) -> Answer<()> {
        let mut events = self.call("/events", Duration::ZERO, self.subject.engine.events()).await.0?;
        let ended = || EngineError::Broken { path: "/events", cause: "it ended at once".into() };
        match self.budget.time(OPEN, events.next()).await {
            None => Ok(()),
            Some((Some(event), _)) => event.map(drop),
            Some((None, _)) => Err(ended()),
        }
    }

    /// By the head of an answer, which tells whole seconds.
    async fn clock(&self) -> Option<(f64, f64)> {
        let begun = self.budget.clock.now();
        let date = self.call("/_ping", Duration::ZERO, self.subject.engine.date()).await.0.ok()??;
        Some(ahead_of((date, Duration::from_secs(1)), begun, self.budget.clock.now()))
    }
}

impl Seen {
    fn of(listing: Listing) -> Self {
        let running = listing.containers.iter().filter(|c| c.state.is_running()).map(|c| c.id.clone()).collect();
        let skipped = listing.skipped as usize;
        Self { ids: listing.containers.into_iter().map(|c| c.id).collect(), running, skipped }
    }
}

/// How far a clock is ahead of ours that read this, or as much later, at a moment between two of ours.
fn ahead_of((read, or_later): (UnixNanos, Duration), begun: Now, ended: Now) -> (f64, f64) {
    let at = read.as_secs_f64();
    (at - ended.wall.as_secs_f64(), at + or_later.as_secs_f64() - begun.wall.as_secs_f64())
}
