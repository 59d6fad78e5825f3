//! The line between an agent and a collector, worked by hand: it can refuse, reset, fall silent in either direction, or
//! answer with anything.
#![expect(clippy::unwrap_used, reason = "a fake fails loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything passes.
    Open,
    /// Nothing passes, and no connection ends: a partition. Whoever connects is let in.
    Silent,
    /// Requests pass, answers do not.
    Mute,
    /// Connections are reset, and new ones as soon as they are there.
    Reset,
    /// To whatever comes these bytes are the answer, and then the connection ends.
    Garbage(&'static [u8]),
}

/// A line on a port of its own; it ends when it is dropped.
pub(crate) struct Line {
    port: u16,
    to: u16,
    mode: watch::Sender<Mode>,
    accepted: Arc<AtomicUsize>,
    listening: Option<JoinSet<()>>,
}

impl Line {
    /// An open line to a port of this host.
    pub(crate) async fn to(to: u16) -> Self {
        let mode = watch::Sender::new(Mode::Open);
        let mut line = Self { port: 0, to, mode, accepted: Arc::default(), listening: None };
        line.join().await;
        line
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How many connections were made.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }

    /// Listens (again), on the same port.
    pub(crate) async fn join(&mut self) {
        let listener = TcpListener::bind(("127.0.0.1", self.port)).await.unwrap();
        self.port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, self.to, self.mode.clone(), self.accepted.clone()));
        self.listening = Some(tasks);
    }

    /// Nobody listens any more: connections are refused. Those that are there end.
    pub(crate) async fn part(&mut self) {
        if let Some(mut tasks) = self.listening.take() {
            tasks.shutdown().await;
        }
    }
}

async fn accept(listener: TcpListener, to: u16, mode: watch::Sender<Mode>, accepted: Arc<AtomicUsize>) {
    let mut connections = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        accepted.fetch_add(1, Ordering::Relaxed);
        while connections.try_join_next().is_some() {}
        connections.spawn(carry(near, to, mode.subscribe()));
    }
}

async fn carry(mut near: TcpStream, to: u16, mut mode: watch::Receiver<Mode>) {
    let mut far = TcpStream::connect(("127.0.0.1", to)).await.unwrap();
    let (mut there, mut back) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        let now = *mode.borrow_and_update();
        match now {
            Mode::Reset => return near.set_zero_linger().unwrap(),
            Mode::Garbage(bytes) => return answer(near, bytes).await,
            Mode::Open | Mode::Silent | Mode::Mute => {}
        }
        tokio::select! {
            read = near.read(&mut there), if now != Mode::Silent => match read {
                Ok(n) if n > 0 && far.write_all(&there[..n]).await.is_ok() => {}
                _ => return,
            },
            read = far.read(&mut back), if now == Mode::Open => match read {
                Ok(n) if n > 0 && near.write_all(&back[..n]).await.is_ok() => {}
                _ => return,
            },
            _ = mode.changed() => {}
        }
    }
}

async fn answer(mut near: TcpStream, bytes: &[u8]) {
    let _ = near.read_u8().await;
    let _ = near.write_all(bytes).await;
    // What is unread when a connection is closed would reset it, and take the answer with it.
    let drain = async { while near.read(&mut [0; 4096]).await.is_ok_and(|n| n > 0) {} };
    let _ = tokio::time::timeout(Duration::from_millis(50), drain).await;
}
