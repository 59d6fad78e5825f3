//! `dockpulse top`: the view of a running agent, or of pipelines of this process that export nothing.

use std::future::{Future, pending};
use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{Stream, StreamExt};

use super::demo::simulated;
use super::engines::{Running, Way, watched};
use super::signals::{End, hangup};
use super::{AppError, board, operations};
use crate::config::Settings;
use crate::control::{self, Address, Client};
use crate::model::batch::{Batch, Point};
use crate::model::published::Believed;
use crate::model::series::Resource;
use crate::model::time::{Clock, Now};
use crate::outbox::{Outbox, Pushed, Queue, Stats};
use crate::pipeline::Until;
use crate::status::{Delta, Reader};
use crate::telemetry::Telemetry;
use crate::top::{self, Filter, Format, Order, Origin, Source, SourceError, Theme, Top, TopError};

/// Between two deltas.
const PAUSE: Duration = Duration::from_millis(300);

/// What is to be shown, and how.
#[derive(Debug, Clone)]
pub struct TopOptions {
    /// Where the agent is that is to be asked; `None`: where the settings say.
    pub agent: Option<Address>,
    /// The engine itself, even if an agent runs.
    pub engine: bool,
    /// A simulated engine.
    pub simulate: bool,
    /// How many containers the simulated engine has; `None`: a small story.
    pub containers: Option<usize>,
    /// What the simulated engine's chance begins with.
    pub seed: u64,
    /// The order of the rows.
    pub order: Order,
    /// Which rows there are.
    pub filter: Filter,
    /// What may be used to draw.
    pub theme: Theme,
    /// Once, in this format; `None`: live.
    pub format: Option<Format>,
}

/// Shows it until the user or a signal ends it; with a format, writes it to `out` once.
///
/// # Errors
/// The terminal cannot be used, or nobody tells anything.
pub async fn top(
    settings: Settings,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    options: TopOptions,
    out: &mut (dyn Write + Send),
) -> Result<(), AppError> {
    let (mut end, mut hangup) = (End::new()?, hangup()?);
    let ended = async {
        tokio::select! {
            () = end.asked() => {}
            _ = hangup.recv() => {}
        }
    };
    let mut ended = pin!(ended);
    let agent = tokio::select! {
        found = agent(&settings, &options) => found?,
        () = &mut ended => return options.format.map_or(Ok(()), |_| Err(TopError::interrupted().into())),
    };
    let (source, origin) = match agent {
        Ok(agent) => (Box::new(agent) as Box<dyn Source>, Origin::Agent),
        Err(origin) => (engines(&settings, &agent_host, clock, telemetry, &options)?, origin),
    };
    let view = Top::new(origin, options.order, options.filter);
    match options.format {
        Some(format) => top::once(source, view, format, &clock, ended, out).await.map_err(unwritten)?,
        None => top::run(source, view, options.theme, &clock, ended).await?,
    }
    Ok(())
}

/// What is written once need not go to a terminal.
fn unwritten(error: TopError) -> AppError {
    match error {
        TopError::Terminal(error) => AppError::Io(error),
        other => other.into(),
    }
}

/// The agent, if one answers or one was asked for by name; else what to show instead.
async fn agent(settings: &Settings, options: &TopOptions) -> Result<Result<Agent, Origin>, AppError> {
    if options.simulate {
        return Ok(Err(Origin::Simulated));
    }
    if let Some(address) = options.agent.clone() {
        return Ok(Ok(Agent::reach(address).await?));
    }
    if options.engine {
        return Ok(Err(Origin::Engine("--engine asks for the engine itself".into())));
    }
    let Some(address) = operations::address(&settings.control.listen) else {
        return Ok(Err(Origin::Engine("control.listen is off, so no agent can be asked".into())));
    };
    let why = match Agent::reach(address).await {
        Ok(agent) => return Ok(Ok(agent)),
        Err(control::Error::NoAgent { address }) => format!("no agent answers at {address}"),
        Err(error) => error.to_string(),
    };
    Ok(Err(Origin::Engine(why.into())))
}

fn engines(
    settings: &Settings,
    agent_host: &str,
    clock: Clock,
    telemetry: Telemetry,
    options: &TopOptions,
) -> Result<Box<dyn Source>, AppError> {
    let mut watched = watched(settings, agent_host, &telemetry)?;
    let mut story: Story = Box::pin(pending());
    if options.simulate {
        let (engines, driver) = simulated(watched, clock, options.containers, options.seed)?;
        watched = engines;
        story = Box::pin(driver.drive(|_| ()));
    }
    let board = board::board(settings, agent_host, None, clock, &telemetry);
    let reader = board.reader();
    let way = Way::unsent(clock, telemetry).shown_on(board, settings);
    let running = Running::start(watched, Believed::default(), &way, Until::Told);
    Ok(Box::new(Here { reader, running, story }))
}

type Deltas = Pin<Box<dyn Stream<Item = Result<Delta, control::Error>>>>;

/// A running agent.
struct Agent {
    address: Address,
    /// Nothing while it is lost.
    deltas: Option<Deltas>,
}

impl Agent {
    async fn reach(address: Address) -> Result<Self, control::Error> {
        let deltas = Self::watch(&address).await?;
        Ok(Self { address, deltas: Some(deltas) })
    }

    async fn watch(address: &Address) -> Result<Deltas, control::Error> {
        Ok(Box::pin(Client::connect(address).await?.watch(0, PAUSE).await?))
    }
}

#[async_trait(?Send)]
impl Source for Agent {
    async fn next(&mut self) -> Result<Delta, SourceError> {
        let lost = |error: control::Error| SourceError::Lost(error.to_string());
        let mut deltas = match self.deltas.take() {
            Some(deltas) => deltas,
            None => Self::watch(&self.address).await.map_err(lost)?,
        };
        let mut told = Delta::default();
        for part in 0.. {
            let ended = || control::Error::Ended { address: self.address.clone() };
            let next = deltas.next().await.unwrap_or_else(|| Err(ended())).map_err(lost)?;
            let revision = next.revision;
            if part == 0 {
                told = next;
            } else {
                told.revision = revision;
                told.containers.extend(next.containers);
            }
            // Without one, more of it follows.
            if revision != 0 {
                break;
            }
        }
        self.deltas = Some(deltas);
        Ok(told)
    }
}

type Story = Pin<Box<dyn Future<Output = ()>>>;

/// Pipelines of this process.
struct Here {
    reader: Reader,
    running: Running,
    /// What happens in a simulated engine.
    story: Story,
}

#[async_trait(?Send)]
impl Source for Here {
    async fn next(&mut self) -> Result<Delta, SourceError> {
        loop {
            tokio::select! {
                delta = self.reader.next(PAUSE) => return Ok(delta),
                crash = self.running.crashed() => return Err(SourceError::Over(crash)),
                () = &mut self.story => self.story = Box::pin(pending()),
            }
        }
    }
}

/// Takes everything and keeps nothing: nobody is told.
struct Nobody;

impl Outbox for Nobody {
    fn push(&mut self, _: Batch, _: Now) -> Pushed {
        Pushed::default()
    }

    fn front(&mut self) -> Option<Arc<Batch>> {
        None
    }

    fn acknowledge(&mut self) {}

    fn refused(&mut self, _: &[(Arc<Resource>, Point)]) {}

    fn stats(&self) -> Stats {
        Stats::default()
    }
}

impl Way {
    /// With nobody to send to.
    fn unsent(clock: Clock, telemetry: Telemetry) -> Self {
        Self::with(Queue::new(Nobody), clock, telemetry, None)
    }
}
