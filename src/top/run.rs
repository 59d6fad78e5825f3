//! The shell of the live view: waits for a delta, a key, a signal or the time, and draws when something has changed.

use std::future::{Future, pending};
use std::io;
use std::pin::Pin;
use std::time::Duration;

use rustix::process::{Signal as Number, getpid, kill_process};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::canvas::Theme;
use super::input::Keys;
use super::keys::{Wish, press};
use super::screen::{Screen, typed};
use super::state::Top;
use super::{Source, SourceError, TopError};
use crate::model::time::{Clock, Monotonic, Now};
use crate::status::Delta;

/// Between two pictures that nobody asked for, and after a key.
const CALM: Duration = Duration::from_millis(100);
const PROMPT: Duration = Duration::from_millis(16);
/// Ages go on.
const TICK: Duration = Duration::from_secs(1);
/// After so long an Escape is the key and not the beginning of another's sequence.
const SETTLED: Duration = Duration::from_millis(40);
/// Pauses between tries to reach a source that is lost.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// When the next picture is due.
#[derive(Debug, Default)]
struct Pace {
    drawn: Monotonic,
    due: Option<Monotonic>,
}

impl Pace {
    /// Something has changed: it is to be seen, `after` the last picture at the earliest.
    fn want(&mut self, after: Duration, now: Monotonic) {
        let at = (self.drawn + after).max(now);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    fn drawn(&mut self, now: Monotonic) {
        (self.drawn, self.due) = (now, None);
    }
}

type Asked = (Box<dyn Source>, Result<Delta, SourceError>);

/// What came.
enum Came {
    Delta(Box<Asked>),
    Typed(Option<Vec<u8>>),
    Settled,
    Resized,
    Continued,
    Stopped,
    Tick,
    Due,
    Written(io::Result<()>),
    End,
}

/// Signals beside those that end it.
struct Signals {
    resized: Signal,
    continued: Signal,
    stopped: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let of = |number: Number| signal(SignalKind::from_raw(number.as_raw()));
        Ok(Self { resized: of(Number::WINCH)?, continued: of(Number::CONT)?, stopped: of(Number::TSTP)? })
    }
}

/// Shows what `source` tells until the user quits or `end` is ready.
///
/// # Errors
/// The terminal cannot be used, or the source has come to its end.
pub async fn run(
    source: Box<dyn Source>,
    top: Top,
    theme: Theme,
    clock: &Clock,
    end: impl Future<Output = ()>,
) -> Result<(), TopError> {
    let (typed, signals) = (typed()?, Signals::new()?);
    let screen = Screen::take(theme)?;
    let mut shell = Shell { top, screen, clock, keys: Keys::default(), pace: Pace::default(), pause: FIRST_PAUSE };
    let ended = shell.show(source, typed, signals, end).await;
    shell.screen.leave().await;
    ended
}

struct Shell<'a> {
    top: Top,
    screen: Screen,
    clock: &'a Clock,
    keys: Keys,
    pace: Pace,
    pause: Duration,
}

impl Shell<'_> {
    async fn show(
        &mut self,
        source: Box<dyn Source>,
        mut typed: mpsc::Receiver<Vec<u8>>,
        mut signals: Signals,
        end: impl Future<Output = ()>,
    ) -> Result<(), TopError> {
        let mut end = std::pin::pin!(end);
        let mut asking: Pin<Box<dyn Future<Output = Asked>>> = Box::pin(ask(source, Duration::ZERO));
        let mut tick = tokio::time::interval(TICK);
        self.pace.want(Duration::ZERO, self.now().mono);
        loop {
            let due = self.pace.due.filter(|_| self.screen.is_written());
            let writing = !self.screen.is_written();
            let came = tokio::select! {
                () = &mut end => Came::End,
                chunk = typed.recv() => Came::Typed(chunk),
                _ = signals.resized.recv() => Came::Resized,
                _ = signals.continued.recv() => Came::Continued,
                _ = signals.stopped.recv() => Came::Stopped,
                asked = &mut asking => Came::Delta(Box::new(asked)),
                written = self.screen.write(), if writing => Came::Written(written),
                () = until(self.clock, due) => Came::Due,
                () = tokio::time::sleep(SETTLED), if self.keys.unclear() => Came::Settled,
                _ = tick.tick() => Came::Tick,
            };
            if self.screen.is_lost() {
                return Err(TopError::Over("a part of it ended by itself, please report it".to_owned()));
            }
            let wish = match came {
                Came::End | Came::Typed(None) => return Ok(()),
                Came::Typed(Some(bytes)) => self.typed(&bytes),
                Came::Settled => self.keys.settle().map_or(Wish::Draw, |key| press(&mut self.top, key)),
                Came::Delta(asked) => {
                    let (source, asked) = *asked;
                    let pause = self.told(asked)?;
                    asking = Box::pin(ask(source, pause));
                    self.pace.want(CALM, self.now().mono);
                    continue;
                }
                Came::Tick => {
                    self.pace.want(CALM, self.now().mono);
                    continue;
                }
                Came::Due => {
                    self.draw()?;
                    continue;
                }
                Came::Written(written) => {
                    written?;
                    continue;
                }
                Came::Resized | Came::Continued => Wish::Redraw,
                Came::Stopped => Wish::Suspend,
            };
            if self.grant(wish).await? {
                return Ok(());
            }
        }
    }

    fn now(&self) -> Now {
        self.clock.now()
    }

    /// Keys were pressed; the last one that wishes more than a picture counts.
    fn typed(&mut self, bytes: &[u8]) -> Wish {
        let mut wish = Wish::Draw;
        for key in self.keys.feed(bytes) {
            match press(&mut self.top, key) {
                Wish::Draw => {}
                Wish::Quit => return Wish::Quit,
                more => wish = more,
            }
        }
        wish
    }

    /// Something came, or nothing does any more. Returns after which pause to ask again.
    fn told(&mut self, asked: Result<Delta, SourceError>) -> Result<Duration, TopError> {
        let now = self.now();
        match asked {
            Ok(delta) => {
                self.top.told(delta, now);
                self.pause = FIRST_PAUSE;
                Ok(Duration::ZERO)
            }
            Err(SourceError::Over(why)) => Err(TopError::Over(why)),
            Err(SourceError::Lost(why)) => {
                let pause = self.pause;
                self.top.lost(why, pause, now);
                self.pause = (pause * 2).min(LONGEST_PAUSE);
                Ok(pause)
            }
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let now = self.now();
        self.screen.draw(&mut self.top, now)?;
        self.pace.drawn(now.mono);
        Ok(())
    }

    /// Returns whether to end.
    async fn grant(&mut self, wish: Wish) -> Result<bool, TopError> {
        match wish {
            Wish::Quit => return Ok(true),
            Wish::Draw => {}
            Wish::Redraw => self.screen.back()?,
            Wish::Suspend => {
                self.screen.leave().await;
                // Here it stands still, until it is told to go on.
                kill_process(getpid(), Number::STOP).map_err(io::Error::from)?;
                self.screen.back()?;
            }
        }
        self.pace.want(PROMPT, self.now().mono);
        Ok(false)
    }
}

async fn ask(mut source: Box<dyn Source>, pause: Duration) -> Asked {
    tokio::time::sleep(pause).await;
    let asked = source.next().await;
    (source, asked)
}

async fn until(clock: &Clock, due: Option<Monotonic>) {
    match due {
        Some(due) => tokio::time::sleep_until(clock.instant(due)).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    #[test]
    fn pictures_that_nobody_asked_for_are_ten_a_second_at_most_and_a_key_is_answered_at_once() {
        let mut pace = Pace::default();
        pace.drawn(at(1000));
        assert_eq!(pace.due, None, "nothing has changed");
        pace.want(CALM, at(1010));
        pace.want(CALM, at(1050));
        assert_eq!(pace.due, Some(at(1100)));
        pace.want(PROMPT, at(1060));
        assert_eq!(pace.due, Some(at(1060)));
        pace.drawn(at(1060));
        pace.want(CALM, at(5000));
        assert_eq!(pace.due, Some(at(5000)));
    }
}
