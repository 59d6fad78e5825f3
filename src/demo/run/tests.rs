//! The demo's loop, with and without a terminal.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::*;
use crate::model::batch::Reason;
use crate::sink::inbox::channel::{Sender, channel};
use crate::sink::made::{at, engine, memory, memory_retracted};

/// An output that keeps what is written; can be stuck or closed.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Page>>);

#[derive(Default)]
struct Page {
    text: String,
    stuck: bool,
    closed: bool,
}

impl Paper {
    fn text(&self) -> String {
        self.0.lock().unwrap().text.clone()
    }
}

impl AsyncWrite for Paper {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Error>> {
        let mut page = self.0.lock().unwrap();
        if page.closed {
            return Poll::Ready(Err(ErrorKind::BrokenPipe.into()));
        }
        if page.stuck {
            return Poll::Pending;
        }
        page.text += std::str::from_utf8(bytes).unwrap();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }
}

/// A terminal of 60 × 20; keeps what is said past the stream.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<String>>);

impl Screen for Fake {
    fn size(&self) -> Option<(u16, u16)> {
        Some((60, 20))
    }

    fn say(&mut self, text: &str) {
        *self.0.lock().unwrap() += text;
    }
}

/// A view that runs in the background.
struct Running {
    requests: Sender,
    retractions: mpsc::Sender<Retraction>,
    stop: oneshot::Sender<()>,
    paper: Paper,
    task: JoinHandle<Result<(), Error>>,
}

#[expect(clippy::disallowed_methods, reason = "the test is its own pipeline")]
fn start(terminal: Option<Fake>) -> Running {
    let info =
        DemoInfo { engines: vec!["sim".into()], simulated: true, collector: "127.0.0.1:4317".into(), page: None };
    let terminal = terminal.map(|fake| Box::new(fake) as Box<dyn Screen>);
    let options = ViewOptions { info, color: false, terminal };
    let (requests, from_sink) = channel();
    let (retractions, from_agent) = mpsc::channel(8);
    let (stop, stopped) = oneshot::channel();
    let paper = Paper::default();
    let mut out = paper.clone();
    let task = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        run_view(options, from_sink, from_agent, &Clock::start(), &mut out, stopped).await
    });
    Running { requests, retractions, stop, paper, task }
}

impl Running {
    async fn receive(&self, request: opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest) {
        self.requests.send(&request).await;
    }

    async fn retract(&self, container: &str) {
        let retraction = Retraction { container: container.into(), series: 1, reason: Reason::Removed, at: at(2.0) };
        self.retractions.send(retraction).await.unwrap();
    }

    /// Lets it end; gives what it wrote.
    async fn end(self) -> String {
        let _ = self.stop.send(());
        self.task.await.unwrap().unwrap();
        self.paper.text()
    }
}

/// The lines without the time of day they begin with.
fn untimed(text: &str) -> Vec<&str> {
    text.lines().map(|line| line.split_once("  ").map_or(line, |(_, rest)| rest)).collect()
}

async fn settled() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn without_a_terminal_lines_tell_what_happens() {
    let view = start(None);
    view.receive(engine("local", 1.0, true)).await;
    view.receive(memory("w\x1beb", 1.0, 1)).await;
    settled().await;
    view.receive(memory_retracted("w\x1beb", 2.0)).await;
    view.retract("w\x1beb").await;
    settled().await;
    view.receive(memory("w\x1beb", 3.0, 1)).await;
    view.receive(engine("local", 3.0, false)).await;
    let text = view.end().await;
    assert_eq!(
        untimed(&text),
        [
            "dockpulse demo · simulated engine sim · collector 127.0.0.1:4317",
            "engine local is up",
            "w\\u{1b}eb appeared: 1 series",
            "w\\u{1b}eb retracted: 1 series (removed)",
            "w\\u{1b}eb is back: 1 series",
            "engine local is down",
        ]
    );
    assert!(text.contains("\n00:16:42.000  w\\u{1b}eb retracted"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn on_a_terminal_the_picture_is_redrawn_and_the_last_one_stays() {
    let screen = Fake::default();
    let view = start(Some(screen.clone()));
    // Between two ticks.
    tokio::time::sleep(REDRAW * 5 / 2).await;
    let begun = view.paper.text();
    assert!(begun.starts_with("\x1b[?25l\x1b[2Kdockpulse demo"), "{begun:?}");
    view.receive(memory("web", 1.0, 1)).await;
    view.retract("db").await;
    let text = view.end().await;
    let last = text.rsplit("A\r").next().unwrap();
    assert!(last.contains("\x1b[2Kweb ") && last.contains("  db  ") && last.ends_with("\x1b[J\x1b[?25h"), "{last:?}");
    assert_eq!(*screen.0.lock().unwrap(), "", "nothing was left to be said");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_reader_that_is_stuck() {
    for terminal in [None, Some(Fake::default())] {
        let view = start(terminal);
        view.paper.0.lock().unwrap().stuck = true;
        for i in 0..1_000 {
            view.receive(memory(&format!("c{i}"), 1.0, 1)).await;
        }
        assert_eq!(view.end().await, "");
    }
}

#[test]
fn a_picture_waits_until_the_one_before_is_written() {
    let info = DemoInfo { engines: vec![], simulated: true, collector: "c".into(), page: None };
    let terminal = Some(Box::new(Fake::default()) as Box<dyn Screen>);
    let mut shown = Shown::new(ViewOptions { info, color: false, terminal });
    shown.redraw(at(1.0));
    let first = shown.waiting.clone();
    shown.redraw(at(2.0));
    assert_eq!(shown.waiting, first);
    shown.waiting.clear();
    shown.redraw(at(3.0));
    assert!(shown.waiting.starts_with(b"\x1b[") && shown.waiting != first);
}

#[test]
fn lines_that_a_slow_reader_missed_are_counted() {
    let mut shown = Shown::new(ViewOptions {
        info: DemoInfo { engines: vec![], simulated: true, collector: "c".into(), page: None },
        color: false,
        terminal: None,
    });
    for i in 0..2_000 {
        shown.received(Received::Metrics(memory(&format!("{i:0>200}"), 1.0, 1)), at(1.0));
    }
    assert!(shown.waiting.len() < BACKLOG + 1_000);
    let lines = shown.waiting.split().iter().filter(|b| **b == b'\n').count();
    shown.received(Received::Metrics(memory("late", 1.0, 1)), at(1.0));
    let text = String::from_utf8(shown.waiting.to_vec()).unwrap();
    assert_eq!(text, format!("… {} lines left out\n00:16:41.000  late appeared: 1 series\n", 2_000 - lines));
}

#[tokio::test(start_paused = true)]
async fn a_closed_pipe_ends_it_quietly() {
    let view = start(None);
    view.paper.0.lock().unwrap().closed = true;
    view.task.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_goes_on_when_the_collector_and_the_agent_have_ended() {
    let Running { requests, retractions, stop, paper, task } = start(Some(Fake::default()));
    drop((requests, retractions));
    assert!(tokio::time::timeout(Duration::from_secs(2), pending::<()>()).await.is_err());
    let before = paper.text().len();
    settled().await;
    assert!(paper.text().len() > before, "it is still redrawn");
    stop.send(()).unwrap();
    task.await.unwrap().unwrap();
}
