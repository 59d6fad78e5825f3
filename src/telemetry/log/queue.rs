//! Between the log and stderr: bounded, so that a reader who stands still costs lines and neither time nor memory.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How much may wait to be written: some thousand lines.
const MOST_BYTES: usize = 512 * 1024;

/// Lines that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    lines: VecDeque<String>,
    bytes: usize,
    lost: u64,
    is_writing: bool,
    is_closed: bool,
}

impl Queue {
    /// Puts a line in, or counts it as lost if there is no room.
    pub(super) fn push(&self, line: String) {
        let mut state = self.lock();
        if state.bytes + line.len() > MOST_BYTES {
            state.lost += 1;
            return;
        }
        state.bytes += line.len();
        state.lines.push_back(line);
        self.changed.notify_all();
    }

    /// How many lines were lost since this was last asked; 0 while there is no room to tell it.
    pub(super) fn take_lost(&self) -> u64 {
        let mut state = self.lock();
        if state.bytes > MOST_BYTES / 2 { 0 } else { std::mem::take(&mut state.lost) }
    }

    /// Waits until all is written, at most `within`.
    pub(super) fn flush(&self, within: Duration) {
        let is_busy = |state: &mut State| state.is_writing || !state.lines.is_empty();
        let waited = self.changed.wait_timeout_while(self.lock(), within, is_busy);
        drop(waited);
    }

    /// Lets the writer end once all is written.
    pub(super) fn close(&self) {
        self.lock().is_closed = true;
        self.changed.notify_all();
    }

    /// All that waits; `None` at the end.
    fn next(&self) -> Option<VecDeque<String>> {
        let mut state = self.lock();
        state.is_writing = false;
        state.bytes = state.lines.iter().map(String::len).sum();
        self.changed.notify_all();
        let is_idle = |state: &mut State| state.lines.is_empty() && !state.is_closed;
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        if state.lines.is_empty() {
            return None;
        }
        state.is_writing = true;
        Some(std::mem::take(&mut state.lines))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the thread that writes what `queue` holds to `out`. A line that cannot be written, because nobody reads any
/// more or the disk is full, is given up: there is no one to tell.
pub(super) fn start(queue: Arc<Queue>, mut out: impl Write + Send + 'static) -> io::Result<()> {
    let write = move || {
        while let Some(lines) = queue.next() {
            for line in lines {
                let _ = out.write_all(line.as_bytes());
            }
            let _ = out.flush();
        }
    };
    std::thread::Builder::new().name("log".into()).spawn(write).map(drop)
}
