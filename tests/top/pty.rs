//! A pseudo terminal with a program on it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Termios, Winsize, tcgetattr, tcsetwinsize};

/// So long something may take on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// What takes a terminal over, and what gives it back.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// Columns and rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

/// Waits until something is so; returns whether it came to be.
#[expect(clippy::disallowed_methods, reason = "the program runs in real time, and this thread has nothing else to do")]
pub(crate) fn wait_until(mut so: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    while !so() {
        if begun.elapsed() > PATIENCE {
            return false;
        }
        sleep(Duration::from_millis(20));
    }
    true
}

/// The terminal. The program is killed when this is dropped.
pub(crate) struct Pty {
    child: Child,
    master: Option<Arc<OwnedFd>>,
    /// Kept open, so that the terminal stays when the program has ended.
    line: Option<File>,
    before: Termios,
    shown: Arc<Mutex<Vec<u8>>>,
    reader: Option<JoinHandle<()>>,
}

impl Pty {
    /// Starts a program with the terminal as its own.
    pub(crate) fn start(command: Command, size: Size) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let no_ctty = i32::try_from(OpenptFlags::NOCTTY.bits()).unwrap();
        let line = OpenOptions::new().read(true).write(true).custom_flags(no_ctty).open(name).unwrap();
        resize(&line, size);
        let before = tcgetattr(&line).unwrap();
        // It becomes the leader of a session, and this its terminal: else no signal comes from there.
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(command.get_program()).args(command.get_args());
        session.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.env("PATH", "/usr/bin:/bin");
        let end = || Stdio::from(line.try_clone().unwrap());
        let child = session.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let (shown, master) = (Arc::new(Mutex::new(Vec::new())), Arc::new(master));
        let reader = std::thread::spawn({
            let (shown, master) = (shown.clone(), Arc::downgrade(&master));
            let mut from = File::from(master.upgrade().unwrap().try_clone().unwrap());
            move || {
                let mut chunk = [0; 4096];
                while master.strong_count() > 0 {
                    match from.read(&mut chunk) {
                        Ok(read) if read > 0 => shown.lock().unwrap().extend_from_slice(&chunk[..read]),
                        _ => return,
                    }
                }
            }
        });
        Self { child, master: Some(master), line: Some(line), before, shown, reader: Some(reader) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// What was shown as words: where it goes on elsewhere, as it does instead of writing a space, there is one.
    fn words(&self) -> String {
        let text = self.text();
        let mut parts = text.split("\x1b[");
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1);
            if part[..end].ends_with('H') {
                out.push(' ');
            }
            out.push_str(&part[end..]);
        }
        out
    }

    fn waits(&self, what: &str, mut until: impl FnMut(&str) -> bool) {
        let came = wait_until(|| until(&self.text()));
        assert!(came, "waited in vain for {what}; shown: {:?}", self.text());
    }

    /// Waits until a text is written.
    pub(crate) fn shows(&self, text: &str) {
        self.waits(text, |_| self.words().contains(text));
    }

    /// Has all of it drawn anew, a few times a second, until it is as it should be.
    pub(crate) fn shows_anew(&self, what: &str, until: impl Fn(&str) -> bool) {
        let mut round = 0;
        self.waits(what, |_| {
            round += 1;
            if round % 15 == 1 {
                self.forget();
                self.types("\x0c");
            }
            round % 15 == 0 && until(&self.words())
        });
    }

    pub(crate) fn has_shown(&self, text: &str) -> bool {
        self.words().contains(text)
    }

    /// What was shown after the terminal was given back.
    pub(crate) fn shown_at_last(&self) -> String {
        self.text().rsplit(LEAVE).next().unwrap_or_default().to_owned()
    }

    /// What was shown so far does not count any more.
    pub(crate) fn forget(&self) {
        self.shown.lock().unwrap().clear();
    }

    pub(crate) fn types(&self, keys: &str) {
        let master = self.master.as_ref().unwrap();
        File::from(master.try_clone().unwrap()).write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, size: Size) {
        resize(self.line.as_ref().unwrap(), size);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// The other side of the line is gone.
    pub(crate) fn hang_up(&mut self) {
        self.line = None;
        self.master = None;
        // The reader has the last handle, and gives it up with the next byte that is written.
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Waits for the end of the program.
    pub(crate) fn ends(&mut self) -> ExitStatus {
        let mut ended = None;
        let child = &mut self.child;
        wait_until(|| {
            ended = child.try_wait().unwrap();
            ended.is_some()
        });
        ended.unwrap_or_else(|| panic!("it does not end; shown: {:?}", self.text()))
    }

    /// Waits until the program is stopped.
    pub(crate) fn stands_still(&self) {
        let stat = format!("/proc/{}/stat", self.child.id());
        self.waits("it to stop", |_| std::fs::read_to_string(&stat).unwrap().contains(") T "));
    }

    /// Whether keys are treated as before the program began.
    pub(crate) fn is_as_before(&self) -> bool {
        let now = tcgetattr(self.line.as_ref().unwrap().as_fd()).unwrap();
        (now.local_modes, now.input_modes, now.output_modes)
            == (self.before.local_modes, self.before.input_modes, self.before.output_modes)
    }

    /// Waits until all is as before: the modes, the screen, the cursor.
    pub(crate) fn is_given_back(&self) {
        self.waits("the terminal to be given back", |shown| {
            let back = shown.rfind(LEAVE);
            back.is_some() && back > shown.rfind(ENTER) && shown[back.unwrap_or(0)..].contains(SHOW_CURSOR)
        });
        self.waits("the modes of the terminal", |_| self.is_as_before());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn resize(line: &File, Size { columns, rows }: Size) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(line, size).unwrap();
}
