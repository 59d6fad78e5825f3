//! An engine on another host, through the program `ssh`, as the docker client reaches it: for each connection a process
//! `ssh … HOST docker system dial-stdio`, whose input and output are the connection.
//!
//! What leads to the process is a checked [`Target`]: no part of it can be taken for an option or, on the other host, for
//! a command. It never asks anybody anything (`BatchMode`). It ends with its connection.

use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use crate::model::ssh::Target;

/// Calls about single containers that run at once. Each has a process here and three on the other host, and sshd refuses
/// to begin with more than ten at once (`MaxStartups`). With the list, a size and the events it stays below eight.
pub const CALLS: usize = 4;

/// So much of what the process says on stderr is kept: its last words count.
const HEARD: usize = 4 << 10;
/// Lines of it that are shown, and how long they may be together.
const SHOWN: (usize, usize) = (3, 400);
/// What is left of stderr when the process has ended is waited for so long: others may hold it open.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// A process that has closed its output has so long to end.
const PATIENCE: Duration = Duration::from_secs(2);

/// A [`Target`] and the program that leads to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ssh {
    /// `ssh`, which is looked for in `PATH`, or its path.
    pub program: PathBuf,
    /// Where to.
    pub target: Target,
}

impl Ssh {
    /// What the program is called with.
    fn arguments(&self) -> Vec<OsString> {
        let Target { user, host, port, socket } = &self.target;
        let mut out: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| out.extend(words.iter().map(OsString::from));
        if let Some(user) = user {
            add(&["-l", user]);
        }
        if let Some(port) = port {
            add(&["-p", &port.to_string()]);
        }
        add(&["-o", "BatchMode=yes", "-o", "ConnectTimeout=5", "-o", "ServerAliveInterval=15"]);
        add(&["-o", "LogLevel=ERROR", "-T", "--", host, "docker"]);
        if let Some(path) = socket {
            add(&[&format!("--host=unix://{path}")]);
        }
        add(&["system", "dial-stdio"]);
        out
    }
}

/// Why the process is of no use: what it said, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub(super) struct SshFailure {
    /// In its words where it has any.
    cause: String,
    /// What the user can do; may be empty.
    pub(super) mend: &'static str,
}

impl SshFailure {
    pub(super) fn of(status: Option<ExitStatus>, heard: &[u8]) -> Self {
        let said = String::from_utf8_lossy(heard);
        let code = status.and_then(|s| s.code());
        let words = last_lines(&said);
        let cause = match (words.is_empty(), status) {
            (false, _) => format!("ssh: {}", words.strip_prefix("ssh: ").unwrap_or(&words)),
            (true, Some(status)) => format!("ssh ended without a word ({status})"),
            (true, None) => "ssh closed the connection and did not end".to_owned(),
        };
        Self { cause, mend: mend(&said, code) }
    }
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(SHOWN.0)..].join(" / ");
    shown.chars().take(SHOWN.1).collect()
}

fn mend(said: &str, code: Option<i32>) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if any(&["IDENTIFICATION HAS CHANGED"]) {
        "its key is not the one that was known: find out why before you take it out of known_hosts"
    } else if any(&["Host key verification failed", "host key is known"]) {
        "connect once by hand, as the user that dockpulse runs as, to know its key (known_hosts)"
    } else if any(&["Docker daemon socket", "docker.sock: connect: permission denied"]) {
        "the user there has to be a member of the group docker"
    } else if any(&["Permission denied"]) {
        "the user that dockpulse runs as needs a key without a passphrase, or an agent, that the other host accepts"
    } else if any(&["is not a docker command", "unknown command"]) {
        "the docker client there has to be 18.09 or later"
    } else if code == Some(127) || any(&["command not found", "docker: not found"]) {
        "the docker client has to be installed there, in the PATH of a login that is not interactive"
    } else if any(&["raw stream connection"]) {
        "is the engine there running, and is this its socket?"
    } else if any(&["Could not resolve hostname"]) {
        "is the name right?"
    } else if any(&["Connection refused", "Connection timed out", "No route to host"]) {
        "is the host up, does sshd listen there, is the port right?"
    } else {
        ""
    }
}

/// One connection: a process that is killed when this is dropped, and reaped by the runtime.
pub(super) struct Process {
    stdin: Option<ChildStdin>,
    stdout: ChildStdout,
    stderr: Option<ChildStderr>,
    heard: Vec<u8>,
    child: Option<Child>,
    /// Waits for the process once it has closed its output or its input.
    ending: Option<Pin<Box<dyn Future<Output = Ended> + Send>>>,
    ended: Option<Ended>,
}

/// `Err` if it was not in order.
type Ended = Result<(), Arc<SshFailure>>;

impl Process {
    pub(super) fn start(ssh: &Ssh) -> io::Result<Self> {
        let mut command = Command::new(&ssh.program);
        command.args(ssh.arguments());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: Ctrl-C is for us, who then retract what the engine gave.
        command.kill_on_drop(true).process_group(0);
        let mut child = command.spawn().map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            let mend = if missing { "install the OpenSSH client where dockpulse runs" } else { "" };
            let cause = format!("cannot start the program {}: {error}", ssh.program.display());
            io::Error::other(SshFailure { cause, mend })
        })?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let stdout = stdout.ok_or_else(|| io::Error::other("ssh has no output"))?;
        Ok(Self { stdin, stdout, stderr, heard: Vec::new(), child: Some(child), ending: None, ended: None })
    }

    /// Takes in what it says on stderr, so that it never waits for a reader.
    fn listen(&mut self, cx: &mut Context<'_>) {
        while let Some(stderr) = &mut self.stderr {
            let mut bytes = [0; 1024];
            let mut buf = ReadBuf::new(&mut bytes);
            match Pin::new(stderr).poll_read(cx, &mut buf) {
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => keep(&mut self.heard, buf.filled()),
                Poll::Ready(_) => self.stderr = None,
                Poll::Pending => return,
            }
        }
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Some(ended) = &self.ended {
            return Poll::Ready(ended.clone());
        }
        let (child, stderr, heard) = (&mut self.child, &mut self.stderr, &mut self.heard);
        let ending =
            self.ending.get_or_insert_with(|| Box::pin(ending(child.take(), stderr.take(), std::mem::take(heard))));
        let ended = ready!(ending.as_mut().poll(cx));
        self.ended = Some(ended.clone());
        self.ending = None;
        Poll::Ready(ended)
    }

    fn is_ending(&self) -> bool {
        self.ending.is_some() || self.ended.is_some()
    }
}

async fn ending(child: Option<Child>, stderr: Option<ChildStderr>, mut heard: Vec<u8>) -> Ended {
    let status = match child {
        Some(mut child) => tokio::time::timeout(PATIENCE, child.wait()).await.ok().and_then(Result::ok),
        None => None,
    };
    if status.is_some_and(|s| s.success()) {
        return Ok(());
    }
    if let Some(mut stderr) = stderr {
        let mut bytes = [0; 1024];
        let rest = async {
            while let Ok(read @ 1..) = stderr.read(&mut bytes).await {
                keep(&mut heard, &bytes[..read]);
            }
        };
        // Others may hold it open (a shared connection's master): what is there by then counts.
        let _ = tokio::time::timeout(LAST_WORDS, rest).await;
    }
    Err(Arc::new(SshFailure::of(status, &heard)))
}

fn keep(heard: &mut Vec<u8>, bytes: &[u8]) {
    heard.extend_from_slice(bytes);
    heard.drain(..heard.len().saturating_sub(HEARD));
}

fn failed(failure: &Arc<SshFailure>) -> io::Error {
    io::Error::other(failure.as_ref().clone())
}

impl AsyncRead for Process {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.is_ending() {
            self.listen(cx);
            let before = buf.filled().len();
            let read = ready!(Pin::new(&mut self.stdout).poll_read(cx, buf));
            if read.is_ok() && buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(ready!(self.poll_ended(cx)).map_err(|failure| failed(&failure)))
    }
}

impl AsyncWrite for Process {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.is_ending()
            && let Some(stdin) = &mut self.stdin
            && let Ok(written) = ready!(Pin::new(stdin).poll_write(cx, bytes))
        {
            return Poll::Ready(Ok(written));
        }
        let ended = ready!(self.poll_ended(cx));
        Poll::Ready(Err(ended.map_or_else(|failure| failed(&failure), |()| io::ErrorKind::BrokenPipe.into())))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stdin {
            Some(stdin) => Pin::new(stdin).poll_flush(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Closing its input is how it is told that nothing more comes.
    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stdin = None;
        Poll::Ready(Ok(()))
    }
}
