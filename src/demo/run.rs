//! Runs the view: what arrives, why series ended, and the time, shown on a terminal or as plain lines.

use std::future::Future;
use std::io::{Error, ErrorKind};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior};

use super::state::{DemoState, Notice};
use super::terminal::{Painter, Screen};
use super::view::View;
use super::{DemoInfo, Retraction};
use crate::model::counted;
use crate::model::time::{Clock, Now};
use crate::sink::text::{escaped, time_of_day};
use crate::sink::{Arrivals, Received};

/// Between two pictures.
const REDRAW: Duration = Duration::from_millis(250);
/// Plain lines that wait for a slow reader, in bytes; beyond it whole lines are left out.
const BACKLOG: usize = 256 << 10;
/// How long the first line may be where there is no terminal.
const PLAIN_WIDTH: usize = 120;
/// The last picture may take this long.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How the view is shown.
pub struct ViewOptions {
    /// What to say of the demo itself.
    pub info: DemoInfo,
    /// Whether to colour it.
    pub color: bool,
    /// The terminal to draw on; without one, lines tell what happens.
    pub terminal: Option<Box<dyn Screen>>,
}

/// Shows what happens until `shutdown` is ready, and what happened until then; never waits for a slow reader with
/// taking in `arrivals` and `retractions`, so that nobody upstream waits. A closed pipe ends it quietly.
pub async fn run_view(
    options: ViewOptions,
    mut arrivals: Arrivals,
    mut retractions: mpsc::Receiver<Retraction>,
    clock: &Clock,
    out: &mut (impl AsyncWrite + Unpin),
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut shown = Shown::new(options);
    let mut tick = ticks();
    let mut shutdown = std::pin::pin!(shutdown);
    shown.begin();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            Some(received) = arrivals.next() => shown.received(received, clock.now()),
            Some(retraction) = retractions.recv() => shown.retracted(retraction),
            _ = tick.tick() => shown.redraw(clock.now()),
            written = out.write_all_buf(&mut shown.waiting), if shown.waiting.has_remaining() => match written {
                Ok(()) => out.flush().await?,
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error),
            },
        }
    }
    while let Some(received) = arrivals.waiting() {
        shown.received(received, clock.now());
    }
    while let Ok(retraction) = retractions.try_recv() {
        shown.retracted(retraction);
    }
    let text = shown.end(clock.now());
    let last = async {
        out.write_all(&text).await?;
        out.flush().await
    };
    let written = tokio::time::timeout(LAST_WORDS, last).await;
    shown.done();
    match written {
        Ok(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
        // A reader that is stuck must not keep the program from ending.
        Ok(_) | Err(_) => Ok(()),
    }
}

fn ticks() -> Interval {
    let mut tick = tokio::time::interval(REDRAW);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick
}

/// The state, and the text that is on its way out.
struct Shown {
    state: DemoState,
    view: View,
    painter: Option<Painter>,
    waiting: BytesMut,
    left_out: u64,
}

impl Shown {
    fn new(options: ViewOptions) -> Self {
        Self {
            state: DemoState::default(),
            view: View { info: options.info },
            painter: options.terminal.map(|screen| Painter::new(screen, options.color)),
            waiting: BytesMut::new(),
            left_out: 0,
        }
    }

    fn begin(&mut self) {
        if self.painter.is_none() {
            for line in self.view.introduction(PLAIN_WIDTH) {
                self.waiting.extend_from_slice(line.text(false).as_bytes());
                self.waiting.extend_from_slice(b"\n");
            }
        }
    }

    fn received(&mut self, received: Received, now: Now) {
        if let Received::Metrics(request) = received {
            for notice in self.state.apply(&request, now) {
                self.notice(&notice, now);
            }
        }
    }

    fn retracted(&mut self, retraction: Retraction) {
        let at = retraction.at;
        let notice = self.state.retracted(retraction);
        self.notice(&notice, at);
    }

    fn notice(&mut self, notice: &Notice, now: Now) {
        if self.painter.is_some() {
            return;
        }
        if self.waiting.len() > BACKLOG {
            self.left_out += 1;
            return;
        }
        if self.left_out > 0 {
            let missing = counted(std::mem::take(&mut self.left_out), "line", "lines");
            self.waiting.extend_from_slice(format!("… {missing} left out\n").as_bytes());
        }
        self.waiting.extend_from_slice(plain(notice, now).as_bytes());
    }

    /// Draws a new picture, if the one before has been written.
    fn redraw(&mut self, now: Now) {
        if self.waiting.is_empty() {
            self.draw(now);
        }
    }

    fn draw(&mut self, now: Now) {
        if let Some(painter) = &mut self.painter {
            let (width, height) = painter.size();
            let lines = self.view.render(&self.state, width, height, now);
            self.waiting.extend_from_slice(painter.paint(&lines).as_bytes());
        }
    }

    /// What is still to be written: the rest, the last picture, and the cursor.
    fn end(&mut self, now: Now) -> BytesMut {
        self.draw(now);
        let mut text = self.waiting.split();
        if self.painter.is_some() {
            text.extend_from_slice(super::terminal::SHOW_CURSOR.as_bytes());
        }
        text
    }

    /// All is written that can be.
    fn done(&mut self) {
        if let Some(painter) = &mut self.painter {
            painter.shown();
        }
    }
}

/// One notice as a line.
fn plain(notice: &Notice, now: Now) -> String {
    let time = time_of_day(now.wall);
    match notice {
        Notice::Appeared { container, series, again } => {
            let series = counted(*series as u64, "series", "series");
            let word = if *again { "is back" } else { "appeared" };
            format!("{time}  {} {word}: {series}\n", escaped(container))
        }
        Notice::Retracted(Retraction { container, series, reason, .. }) => {
            let series = counted(u64::from(*series), "series", "series");
            format!("{time}  {} retracted: {series} ({reason})\n", escaped(container))
        }
        Notice::Engine { name, up } => {
            let word = if *up { "up" } else { "down" };
            format!("{time}  engine {} is {word}\n", escaped(name))
        }
    }
}

#[cfg(test)]
mod tests;
