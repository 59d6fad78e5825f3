//! The calls to an engine: each is a GET, and each has a deadline.

use std::mem::discriminant;
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
/// So long one call for numbers may take, beside what the engine waits on purpose: one container that hangs must leave
/// time for the other sources.
const NUMBERS: Duration = Duration::from_secs(4);
/// A stream of events that lives so long is open.
const OPEN: Duration = Duration::from_millis(300);

/// Asks an engine for all that the agent would ask it for.
pub(in super::super) async fn ask(subject: &Subject, budget: Budget, waiting: &Waiting) -> Findings {
    let access = subject.socket.as_deref().and_then(Access::look);
    let asking = Asking { subject, budget };
    let name = |what: &str| format!("{} ({what})", subject.called());
    let reaching = asking.call("/_ping", subject.timeout, subject.engine.connect());
    let (reached, took) = waiting.on(name("connection"), reaching).await;
    let calls = match &reached {
        Ok(info) => Some(asking.calls(info, waiting, &name).await),
        Err(_) => None,
    };
    Findings { access, reached, took, calls }
}

/// What came of all sources, and how far the engine's clock is ahead by the last sample.
#[derive(Default)]
struct Numbers {
    one_shot: Option<Tried>,
    two_sample: Option<Tried>,
    stream: Option<Tried>,
    ahead: Option<(f64, f64)>,
}

impl Numbers {
    fn put(&mut self, source: Source, (tried, ahead): (Option<Tried>, Option<(f64, f64)>)) {
        match source {
            // What the others bring may be older than the answer.
            Source::OneShot => (self.one_shot, self.ahead) = (tried, ahead),
            Source::TwoSample => self.two_sample = tried,
            Source::Stream { .. } => self.stream = tried,
        }
    }
}

#[derive(Clone, Copy)]
struct Asking<'a> {
    subject: &'a Subject,
    budget: Budget,
}

impl Asking<'_> {
    /// One call, which may take so long, and how long it took.
    async fn call<T>(
        &self,
        path: &'static str,
        within: Duration,
        call: impl Future<Output = Answer<T>>,
    ) -> (Answer<T>, Duration) {
        let limit = self.budget.limit(within);
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

    /// All sources, as far as there is time: first the one that is used, with some containers, then the others, with one.
    async fn all_numbers(&self, running: &[ContainerId], info: &EngineInfo) -> Numbers {
        let some = &running[..running.len().min(AT_ONCE)];
        let one = &some[..some.len().min(1)];
        let used = discriminant(&Source::used(self.subject.source, info.api));
        let sources = [Source::OneShot, Source::TwoSample, Source::Stream { every: Duration::from_secs(1) }];
        let (first, others): (Vec<_>, Vec<_>) = sources.into_iter().partition(|source| discriminant(source) == used);
        let mut numbers = Numbers::default();
        for source in first {
            numbers.put(source, self.source(some, source, info, ROUNDS).await);
        }
        let others = others.into_iter().map(|source| async move { (source, self.source(one, source, info, 1).await) });
        for (source, tried) in join_all(others).await {
            numbers.put(source, tried);
        }
        numbers
    }

    async fn lists(&self) -> (Answer<Seen>, Vec<Duration>) {
        const PATH: &str = "/containers/json";
        let mut times = Vec::new();
        loop {
            let list = self.subject.engine.list(&self.subject.wanted);
            let (list, took) = self.call(PATH, self.subject.timeout, list).await;
            times.push(took);
            match list {
                Ok(_) if times.len() < ROUNDS && took < LONG => {}
                answer => return (answer.map(Seen::of), times),
            }
        }
    }

    /// `None` if no container runs, there is no time left, or the engine does not know this source.
    async fn source(
        &self,
        containers: &[ContainerId],
        source: Source,
        info: &EngineInfo,
        rounds: usize,
    ) -> (Option<Tried>, Option<(f64, f64)>) {
        let is_known = source != Source::OneShot || info.api >= ApiVersion::ONE_SHOT;
        if !is_known || containers.is_empty() || self.budget.limit(LONG) < LONG {
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
        let within = self.subject.timeout.min(NUMBERS) + source.waits(info);
        for _ in 0..rounds {
            let begun = self.budget.clock.now();
            let calls = containers.iter().map(|id| {
                let call = self.subject.engine.stats(id, source, &self.subject.wanted);
                self.call("/containers/{id}/stats", within, call)
            });
            let mut longest = None;
            for (answer, took) in join_all(calls).await {
                match answer {
                    Ok(sample) => {
                        tried.calls.push(took);
                        longest = longest.max(Some(took));
                        let read = sample.read.map(|read| (read, Duration::ZERO));
                        ahead = read.map(|read| ahead_of(read, begun, self.budget.clock.now()));
                    }
                    // It stopped meanwhile, or all are so.
                    Err(EngineError::NoData | EngineError::Status { status: 404, .. }) => without += 1,
                    Err(error) => tried.error = Some(error),
                }
            }
            let took = self.budget.clock.now().mono.since(begun.mono);
            // One that hangs does not keep the agent from asking the others.
            tried.rounds.push(longest.unwrap_or(took));
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
        match self.call("/containers/{id}/json", self.subject.timeout, call).await.0 {
            // It was removed meanwhile.
            Err(EngineError::Status { status: 404, .. }) => None,
            answer => Some(answer.map(drop)),
        }
    }

    async fn events(&self) -> Answer<()> {
        let mut events = self.call("/events", self.subject.timeout, self.subject.engine.events()).await.0?;
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
        let date = self.call("/_ping", self.subject.timeout, self.subject.engine.date()).await.0.ok()??;
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
