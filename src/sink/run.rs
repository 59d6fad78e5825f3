//! `dockpulse sink`: shows what arrives, and says whether it is what was expected.

use std::future::Future;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Notify;

use super::belief::Belief;
use super::expect::check::{Check, Finding, Verdict};
use super::expect::file::{self, FileError};
use super::inbox::{Arrivals, Received};
use super::json;
use super::server::{Listen, ListenError, Server};
use super::table::Table;
use super::text::escaped;
use crate::model::counted;
use crate::model::time::Clock;

/// At the end, what was acknowledged is still shown, for so long at most.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How `sink` is to work.
#[derive(Debug, Clone)]
pub struct SinkOptions {
    /// Where to listen.
    pub listen: Listen,
    /// How to show what arrives.
    pub format: Format,
    /// Whether to colour the table.
    pub color: bool,
    /// A file of expectations; with one, the end comes when they are met.
    pub expect: Option<PathBuf>,
    /// How long to wait for that.
    pub within: Duration,
}

impl Default for SinkOptions {
    fn default() -> Self {
        let within = Duration::from_secs(30);
        Self { listen: Listen::default(), format: Format::Table, color: false, expect: None, within }
    }
}

/// How what arrives is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A line a change, for people.
    Table,
    /// A line a request, OTLP/JSON.
    Json,
}

/// How `sink` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing was expected; it was told to end, or nobody reads any more.
    Ended,
    /// All expectations are met.
    Met,
    /// They are not.
    Unmet,
}

/// Why `sink` cannot do its work.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Neither protocol is wanted.
    #[error("nothing to listen on: both --grpc and --http are off; give one of them an address")]
    Nowhere,
    /// The expectations cannot be used: wrong usage.
    #[error(transparent)]
    Expectations(#[from] FileError),
    /// The output cannot be written; a closed pipe is no such error.
    #[error("cannot write what arrived: {0}")]
    Output(#[from] std::io::Error),
    /// A request cannot be written as JSON.
    #[error("cannot write what arrived as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

impl SinkError {
    /// Whether it was asked for something that cannot be, rather than something went wrong.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Nowhere | Self::Expectations(_))
    }
}

/// Listens, and shows what arrives on `out` until `shutdown` is ready or the expectations are decided. What is not a
/// result, the addresses first of all, goes to `err`.
pub async fn run(
    options: &SinkOptions,
    clock: &Clock,
    out: &mut (impl AsyncWrite + Unpin),
    err: &mut (impl AsyncWrite + Unpin),
    shutdown: impl Future<Output = ()>,
) -> Result<Outcome, SinkError> {
    let check = options.expect.as_deref().map(file::read).transpose()?.map(Check::new);
    let (server, arrivals) = Server::bind(&options.listen).await?;
    let mut shower = Shower {
        format: options.format,
        table: Table { color: options.color },
        belief: Belief::default(),
        breaches: 0,
        check,
        out: Output { to: out, open: true },
        err: Output { to: err, open: true },
    };
    shower.err.write(&banner(&server)?).await?;
    let (stopped, decided) = (Notify::new(), Notify::new());
    let mut show = std::pin::pin!(shower.run(arrivals, clock, options.within, &stopped));
    let mut serve = std::pin::pin!(server.serve(async {
        tokio::select! {
            () = shutdown => {}
            () = decided.notified() => {}
        }
    }));
    tokio::select! {
        outcome = &mut show => {
            // The senders of what decided it still wait for their answers.
            decided.notify_one();
            serve.await;
            return outcome;
        }
        () = &mut serve => stopped.notify_one(),
    }
    match tokio::time::timeout(LAST_WORDS, show).await {
        Ok(outcome) => outcome,
        // Nobody reads the output, so nobody misses the end of it.
        Err(_) => Ok(if options.expect.is_some() { Outcome::Unmet } else { Outcome::Ended }),
    }
}

fn banner(server: &Server) -> Result<String, SinkError> {
    let grpc = server.grpc_address().map(|a| format!("OTLP/gRPC on {a}"));
    let http = server.http_address().map(|a| format!("OTLP/HTTP on {a}"));
    let both: Vec<String> = grpc.into_iter().chain(http).collect();
    if both.is_empty() { Err(SinkError::Nowhere) } else { Ok(format!("listening for {}\n", both.join(" and "))) }
}

/// A stream that may be closed by its reader.
struct Output<W> {
    to: W,
    open: bool,
}

impl<W: AsyncWrite + Unpin> Output<W> {
    async fn write(&mut self, text: &str) -> Result<(), std::io::Error> {
        if !self.open || text.is_empty() {
            return Ok(());
        }
        let written = match self.to.write_all(text.as_bytes()).await {
            Ok(()) => self.to.flush().await,
            Err(error) => Err(error),
        };
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.open = false;
                Ok(())
            }
            other => other,
        }
    }
}

/// Shows what arrives and keeps what follows from it.
struct Shower<O, E> {
    format: Format,
    table: Table,
    belief: Belief,
    /// Breaches of rules that were shown already.
    breaches: usize,
    check: Option<Check>,
    out: Output<O>,
    err: Output<E>,
}

impl<O: AsyncWrite + Unpin, E: AsyncWrite + Unpin> Shower<O, E> {
    async fn run(
        &mut self,
        mut arrivals: Arrivals,
        clock: &Clock,
        within: Duration,
        stopped: &Notify,
    ) -> Result<Outcome, SinkError> {
        if self.format == Format::Table {
            self.out.write(&self.table.header()).await?;
        }
        let deadline = clock.instant(clock.now().mono + within);
        loop {
            let received = tokio::select! {
                // In this order: a flood does not put off the deadline, and what was acknowledged is shown.
                biased;
                () = tokio::time::sleep_until(deadline), if self.check.is_some() => return self.end().await,
                Some(received) = arrivals.next() => received,
                () = stopped.notified() => return self.end().await,
            };
            if self.show(received, clock).await? != Verdict::Pending {
                return self.end().await;
            }
            if !self.out.open && self.check.is_none() {
                return Ok(Outcome::Ended);
            }
        }
    }

    async fn show(&mut self, received: Received, clock: &Clock) -> Result<Verdict, SinkError> {
        let request = match received {
            Received::Metrics(request) => request,
            Received::Traces(request) => {
                let text = match self.format {
                    Format::Table => self.table.spans(&request),
                    Format::Json => json::line(&request)?,
                };
                self.out.write(&text).await?;
                return Ok(Verdict::Pending);
            }
        };
        let changes = self.belief.apply(&request, clock.now());
        let text = match self.format {
            Format::Table => changes.iter().map(|change| self.table.change(change)).collect(),
            Format::Json => json::line(&request)?,
        };
        self.out.write(&text).await?;
        let breaches = self.belief.violations().get(self.breaches..).unwrap_or_default();
        let text: String = breaches.iter().map(|breach| self.table.violation(breach)).collect();
        self.breaches = self.belief.violations().len();
        self.err.write(&text).await?;
        Ok(self.check.as_mut().map_or(Verdict::Pending, |check| check.observe(&changes, &self.belief)))
    }

    /// The last words and the outcome.
    async fn end(&mut self) -> Result<Outcome, SinkError> {
        let Some(check) = &self.check else {
            return Ok(Outcome::Ended);
        };
        let met = check.verdict() != Verdict::Failed && check.is_met();
        let report = report(&check.findings(&self.belief));
        match self.format {
            Format::Table => self.out.write(&report).await?,
            // Its lines are requests and nothing else.
            Format::Json => self.err.write(&report).await?,
        }
        Ok(if met { Outcome::Met } else { Outcome::Unmet })
    }
}

/// Which expectations were met and which not.
fn report(findings: &[Finding]) -> String {
    let met = findings.iter().filter(|f| f.met).count();
    let total = counted(findings.len() as u64, "expectation", "expectations");
    let mut out = format!("\n{met} of {total} met\n");
    for finding in findings {
        let mark = if finding.met { "met    " } else { "NOT MET" };
        out += &format!("  {mark}  {}\n", escaped(&finding.expectation));
        if let Some(nearest) = &finding.nearest {
            out += &format!("           seen: {}\n", escaped(nearest));
        }
    }
    out
}

#[cfg(test)]
mod tests;
