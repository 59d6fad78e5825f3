//! The shell around a pipeline: makes its calls, brings it the answers, hands on what it commits. Decides nothing.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::mpsc;

use super::{Effect, Pipeline, Settings};
use crate::convert::DeviceNames;
use crate::engine::{Engine, Events};
use crate::ledger::Commit;
use crate::model::batch::Point;
use crate::model::engine::{Answer, EngineError, EngineEvent, EngineInfo, Source, Wanted};
use crate::model::series::Resource;
use crate::model::time::Clock;
use crate::probe::{Call, Happening, Input};

/// What an engine that takes two samples needs beside the deadline: it waits for the second on purpose.
const TWO_SAMPLES: Duration = Duration::from_secs(2);

/// What is asked of a running pipeline from outside.
#[derive(Debug)]
pub enum Control {
    /// Probe now.
    Probe,
    /// Other settings from now on, and what they need to be read.
    Settings(Box<Settings>, Wanted),
    /// These retractions were refused for good.
    Refused(Arc<[(Arc<Resource>, Point)]>),
    /// End: retract everything if true.
    Finish(bool),
}

/// What one engine's shell needs.
pub struct Drive<'a> {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Which labels and variables are read.
    pub wanted: Wanted,
    /// The deadline of one call, the whole answer included.
    pub timeout: Duration,
    /// The clock.
    pub clock: Clock,
    /// What is asked from outside. When its sender is gone, the pipeline finishes without retracting.
    pub control: mpsc::Receiver<Control>,
    /// Takes what is committed. Must not block.
    pub commit: Box<dyn FnMut(Commit, &Pipeline) + Send + 'a>,
    /// Takes what is worth telling. Must not block.
    pub observe: Box<dyn FnMut(Happening, &Pipeline) + Send + 'a>,
    /// Reads the names of the host's block devices if the engine is on this host.
    pub devices: fn(&EngineInfo) -> DeviceNames,
}

enum Done {
    Input(Input),
    Events(Answer<Events>),
}

enum News {
    Control(Option<Control>),
    Call(Done),
    Event(Option<Answer<Option<EngineEvent>>>),
    Wake,
}

/// Runs the pipeline until it is told to finish.
pub async fn drive(mut pipeline: Pipeline, mut drive: Drive<'_>) {
    let mut calls: FuturesUnordered<BoxFuture<'static, Done>> = FuturesUnordered::new();
    let mut events: Option<Events> = None;
    let mut input = Input::Wake;
    loop {
        let effects = pipeline.apply(input, drive.clock.now());
        drive.perform(&mut pipeline, effects, &mut calls, &mut events);
        input = loop {
            match drive.next(&pipeline, &mut calls, &mut events).await {
                News::Wake => break Input::Wake,
                News::Call(Done::Input(input)) => break input,
                News::Call(Done::Events(answer)) => {
                    break Input::EventsOpened(answer.map(|stream| events = Some(stream)));
                }
                News::Event(Some(Ok(event))) => break Input::Event(event),
                News::Event(ended) => {
                    events = None;
                    break Input::EventsLost(ended.and_then(Result::err));
                }
                News::Control(Some(Control::Probe)) => break Input::Trigger,
                News::Control(Some(Control::Settings(settings, wanted))) => {
                    drive.wanted = wanted;
                    let names = (drive.devices)(pipeline.probe.engine());
                    let effects = pipeline.change_settings(*settings, names, drive.clock.now());
                    drive.perform(&mut pipeline, effects, &mut calls, &mut events);
                }
                News::Control(Some(Control::Refused(refused))) => pipeline.owe_again(&refused),
                News::Control(Some(Control::Finish(retract))) => return drive.finish(pipeline, retract),
                News::Control(None) => return drive.finish(pipeline, false),
            }
        };
    }
}

impl Drive<'_> {
    async fn next(
        &mut self,
        pipeline: &Pipeline,
        calls: &mut FuturesUnordered<BoxFuture<'static, Done>>,
        events: &mut Option<Events>,
    ) -> News {
        let wake = pipeline.next_wake(self.clock.now().mono).map(|at| self.clock.instant(at));
        tokio::select! {
            biased;
            control = self.control.recv() => News::Control(control),
            event = next_event(events) => News::Event(event),
            Some(done) = calls.next(), if !calls.is_empty() => News::Call(done),
            () = sleep_until(wake) => News::Wake,
        }
    }

    fn perform(
        &mut self,
        pipeline: &mut Pipeline,
        effects: Vec<Effect>,
        calls: &mut FuturesUnordered<BoxFuture<'static, Done>>,
        events: &mut Option<Events>,
    ) {
        for effect in effects {
            match effect {
                Effect::Call(call) => calls.push(self.call(call)),
                Effect::CancelCalls => {
                    calls.clear();
                    *events = None;
                }
                Effect::Commit(commit) => (self.commit)(commit, pipeline),
                Effect::Happened(happening) => {
                    if let Happening::Connected(info) = &happening {
                        pipeline.set_devices((self.devices)(info));
                    }
                    (self.observe)(happening, pipeline);
                }
            }
        }
    }

    fn finish(mut self, mut pipeline: Pipeline, retract: bool) {
        let commit = pipeline.finish(retract, self.clock.now());
        (self.commit)(commit, &pipeline);
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Done> {
        let (engine, wanted, limit) = (self.engine.clone(), self.wanted.clone(), self.timeout);
        match call {
            Call::Connect => {
                async move { input(Input::Connected(within(limit, "/_ping", engine.connect()).await)) }.boxed()
            }
            Call::List => {
                async move { input(Input::Listed(within(limit, "/containers/json", engine.list(&wanted)).await)) }
                    .boxed()
            }
            Call::Inspect(question) => async move {
                let answer = within(limit, "/containers/{id}/json", engine.inspect(&question.id, &wanted)).await;
                input(Input::Inspected(question, answer))
            }
            .boxed(),
            Call::Stats(question, source) => async move {
                let limit = if source == Source::TwoSample { limit + TWO_SAMPLES } else { limit };
                let answer = within(limit, "/containers/{id}/stats", engine.stats(&question.id, source)).await;
                input(Input::Sampled(question, answer))
            }
            .boxed(),
            Call::Events => async move { Done::Events(within(limit, "/events", engine.events()).await) }.boxed(),
        }
    }
}

fn input(input: Input) -> Done {
    Done::Input(input)
}

/// The deadline covers the whole answer: dropping the call aborts it.
async fn within<T>(limit: Duration, path: &'static str, call: BoxFuture<'_, Answer<T>>) -> Answer<T> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(EngineError::Timeout { path, after: limit }),
    }
}

async fn next_event(events: &mut Option<Events>) -> Option<Answer<Option<EngineEvent>>> {
    match events {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
