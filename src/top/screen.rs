//! The terminal: taken over, drawn on, and given back whatever happens.

use std::cell::RefCell;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal, Read, Write};
use std::panic;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::style::force_color_output;
use crossterm::terminal::{
    self, Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen, LeaveAlternateScreen,
};
use crossterm::{Command, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;

use super::canvas::Theme;
use super::state::Top;
use super::view;
use crate::model::time::Now;

/// The last words may take so long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Chunks of keys that wait.
const CHUNKS: usize = 16;

/// Whether the terminal is ours now. There is one of it, as there is one panic hook.
static TAKEN: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// What is drawn, until it is written.
#[derive(Clone, Default)]
struct Drawn(Rc<RefCell<Vec<u8>>>);

impl Write for Drawn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The terminal while it is ours. Given back when it is dropped, at the latest.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Drawn>>,
    drawn: Drawn,
    /// What is on its way out.
    leaving: BytesMut,
    busy: bool,
    out: tokio::io::Stdout,
    theme: Theme,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// There is none, or it cannot be set.
    pub(super) fn take(theme: Theme) -> io::Result<Self> {
        // The theme has decided that already.
        force_color_output(theme.color);
        HOOK.call_once(|| {
            let before = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                give_back();
                before(info);
            }));
        });
        let drawn = Drawn::default();
        let terminal = Terminal::new(CrosstermBackend::new(drawn.clone()))?;
        let (leaving, out) = (BytesMut::new(), tokio::io::stdout());
        let mut screen = Self { terminal, drawn, leaving, busy: false, out, theme };
        screen.enter()?;
        Ok(screen)
    }

    fn enter(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        terminal::enable_raw_mode()?;
        queue!(self.drawn, EnterAlternateScreen, DisableLineWrap, Hide)?;
        self.wipe()
    }

    /// Everything is drawn anew next time.
    fn wipe(&mut self) -> io::Result<()> {
        self.busy = true;
        self.terminal = Terminal::new(CrosstermBackend::new(self.drawn.clone()))?;
        queue!(self.drawn, Clear(ClearType::All), MoveTo(0, 0))
    }

    /// Whether it was given back behind our back, as a panic does.
    pub(super) fn is_lost(&self) -> bool {
        !TAKEN.load(Ordering::SeqCst)
    }

    /// Draws; what is to be written for that is written later.
    pub(super) fn draw(&mut self, top: &mut Top, now: Now) -> io::Result<()> {
        let theme = self.theme;
        self.busy = true;
        self.terminal.draw(|frame| view::draw(top, theme, frame.buffer_mut(), now))?;
        Ok(())
    }

    /// Whether all that was drawn is written: else the terminal is slow, and must not be given more.
    pub(super) fn is_written(&self) -> bool {
        !self.busy
    }

    /// Writes what was drawn. Dropping the future loses nothing.
    pub(super) async fn write(&mut self) -> io::Result<()> {
        self.leaving.extend_from_slice(&self.drawn.0.take());
        self.out.write_all_buf(&mut self.leaving).await?;
        self.out.flush().await?;
        self.busy = false;
        Ok(())
    }

    /// Gives the terminal back; does not wait long for one that takes nothing.
    pub(super) async fn leave(&mut self) {
        if TAKEN.swap(false, Ordering::SeqCst) {
            self.drawn.0.borrow_mut().extend(last_words());
            let last = self.write();
            // Whoever cannot be told anything cannot be told this.
            let _ = tokio::time::timeout(LAST_WORDS, last).await;
            let _ = terminal::disable_raw_mode();
        }
    }

    /// Takes it over again, as somebody else had it meanwhile.
    pub(super) fn back(&mut self) -> io::Result<()> {
        // Only then are the terminal's modes looked at again.
        let _ = terminal::disable_raw_mode();
        self.enter()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// What makes the terminal what it was.
fn last_words() -> Vec<u8> {
    let mut text = String::new();
    // Writing to memory does not fail.
    let _ = EnableLineWrap.write_ansi(&mut text);
    let _ = LeaveAlternateScreen.write_ansi(&mut text);
    let _ = Show.write_ansi(&mut text);
    text.into_bytes()
}

/// Gives the terminal back, at once.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = terminal::disable_raw_mode();
    // Not by way of stdout, whose lock somebody may hold who waits for the terminal.
    let told = OpenOptions::new().write(true).open("/dev/tty").and_then(|mut tty| tty.write_all(&last_words()));
    if told.is_err() {
        let _ = io::stdout().write_all(&last_words());
    }
}

/// What is typed, by a thread of its own that ends with the process: a read of a terminal cannot be called back. The
/// channel ends when the terminal does.
///
/// # Errors
/// There is no terminal to read from, or no thread.
pub(super) fn typed() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let mut from: Box<dyn Read + Send> = if io::stdin().is_terminal() {
        Box::new(io::stdin())
    } else {
        Box::new(OpenOptions::new().read(true).open("/dev/tty")?)
    };
    let (send, receive) = mpsc::channel(CHUNKS);
    thread::Builder::new().name("keys".to_owned()).spawn(move || {
        let mut chunk = [0; 512];
        loop {
            let read = match from.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if send.blocking_send(chunk[..read].to_vec()).is_err() {
                break;
            }
        }
    })?;
    Ok(receive)
}
