//! TLS to an engine or a collector: the files of the settings become a client's configuration, which follows the files.
//!
//! [`ClientTls`] belongs to one peer. Each new connection asks it for the configuration; a look at the files' times and
//! sizes tells whether they have to be read again. What is broken in new files is told once, and the old ones stay in
//! force. [`Failure`] says in words why a handshake failed. TLS 1.2 and 1.3, by rustls with ring.

mod build;
mod failure;
mod files;
mod trust;
mod validity;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub use failure::Failure;
pub use files::{FileError, FileProblem};
pub use validity::Validity;

use files::Stamp;

/// What the settings say of TLS to one peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// Who may have signed the peer's certificate (PEM, one or more). `None`: the system's authorities.
    pub ca_file: Option<PathBuf>,
    /// The certificate that is shown to the peer, and those between it and its authority (PEM). Needs `key_file`.
    pub cert_file: Option<PathBuf>,
    /// The key of `cert_file` (PEM, not encrypted).
    pub key_file: Option<PathBuf>,
    /// Takes any certificate, which lets whoever is in between read and change everything.
    pub insecure_skip_verify: bool,
    /// The protocols to agree on, the dearest first (`h2`, `http/1.1`).
    pub alpn: &'static [&'static str],
}

/// Why the settings make no configuration. Says which file, the cause and the mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A file is missing or of no use.
    #[error(transparent)]
    File(#[from] FileError),
    /// Only one of `cert_file` and `key_file` is there.
    #[error("tls.cert_file and tls.key_file belong together: give both or none")]
    Half,
    /// No authority is known to this system.
    #[error("this system has no certificate authorities{}; install ca-certificates, or set tls.ca_file", said(.0))]
    NoAuthorities(String),
    /// The library cannot work with it.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// What became of files that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// They are in force for new connections.
    Reloaded,
    /// They are of no use; the old ones stay in force. Said once for each change.
    Kept(TlsError),
}

/// TLS to one peer, for as long as the agent runs.
pub struct ClientTls {
    options: Options,
    tell: Box<dyn Fn(Notice) + Send + Sync>,
    /// Whether the peer has asked for a certificate of ours and has not answered since.
    asked: Arc<AtomicBool>,
    shown: Mutex<Option<Validity>>,
    loaded: Mutex<Option<Loaded>>,
}

/// What is in force.
struct Loaded {
    config: Arc<ClientConfig>,
    /// The files as they were when they were last looked at, good or not.
    stamp: Stamp,
}

impl ClientTls {
    /// For one peer. Nothing is read before the first connection. `tell` hears of files that changed.
    pub fn new(options: Options, tell: impl Fn(Notice) + Send + Sync + 'static) -> Self {
        Self { options, tell: Box::new(tell), asked: Arc::default(), shown: Mutex::default(), loaded: Mutex::default() }
    }

    /// The settings.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The configuration for a new connection. Reads the files if they are not as they were.
    ///
    /// # Errors
    /// When the files have never been of use yet.
    pub fn config(&self) -> Result<Arc<ClientConfig>, TlsError> {
        // Taken before the files are read: what changes meanwhile is seen the next time.
        let stamp = Stamp::of(&self.options);
        let (config, notice) = {
            let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
            self.look(&mut loaded, stamp)?
        };
        if let Some(notice) = notice {
            (self.tell)(notice);
        }
        Ok(config)
    }

    fn look(&self, loaded: &mut Option<Loaded>, stamp: Stamp) -> Result<(Arc<ClientConfig>, Option<Notice>), TlsError> {
        let Some(old) = loaded else {
            let config = Arc::new(build::client(&self.options, &self.asked)?);
            *loaded = Some(Loaded { config: config.clone(), stamp });
            return Ok((config, None));
        };
        if old.stamp == stamp {
            return Ok((old.config.clone(), None));
        }
        old.stamp = stamp;
        let notice = match build::client(&self.options, &self.asked) {
            Ok(config) => {
                old.config = Arc::new(config);
                Notice::Reloaded
            }
            Err(error) => Notice::Kept(error),
        };
        Ok((old.config.clone(), Some(notice)))
    }

    /// Shakes hands over `stream` with the peer that is called `host`: a name, or an address without brackets. What
    /// goes wrong is in the error for [`Failure::of`].
    ///
    /// # Errors
    /// When the files are of no use ([`TlsError`] inside), or the peer is not whom it should be, or does not want us.
    pub async fn connect<S>(&self, host: &str, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let config = self.config().map_err(io::Error::other)?;
        let name = ServerName::try_from(host.to_owned()).map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?;
        let stream = TlsConnector::from(config).connect(name, stream).await.map_err(failure::in_handshake)?;
        let shown = stream.get_ref().1.peer_certificates().and_then(Validity::of);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(stream)
    }

    /// From when to when the certificates that the peer showed last are good; `None` before the first connection.
    pub fn peer_validity(&self) -> Option<Validity> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same of our own, as they are in the file now; `None` if there are none.
    ///
    /// # Errors
    /// When the file is of no use.
    pub fn own_validity(&self) -> Result<Option<Validity>, FileError> {
        let Some(path) = &self.options.cert_file else { return Ok(None) };
        Ok(Validity::of(&files::certificates("cert_file", path)?))
    }

    /// The peer talks to us: if it asked for a certificate that we do not have, it does without.
    pub fn answered(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }

    /// Whether the peer has asked for a certificate, has not answered since, and there is none to show.
    pub fn lacks_certificate(&self) -> bool {
        self.options.cert_file.is_none() && self.asked.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").field("options", &self.options).finish_non_exhaustive()
    }
}

fn said(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}
