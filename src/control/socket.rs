//! Listens at a unix socket that is its owner's from its first moment on, or at a port on loopback.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener as Bound;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener, UnixStream};

use super::address::Address;
use super::server::Stream;

/// Only its owner may open the socket.
const MODE: u32 = 0o600;
/// A folder that is made for it may be seen by everybody.
const FOLDER_MODE: u32 = 0o755;
/// A system takes no longer path for a socket.
const LONGEST: usize = 107;
/// Who listens accepts within this time.
const ANSWERS_WITHIN: Duration = Duration::from_secs(1);

/// Who begins at the same time has the folder for no longer than this.
pub(super) const LOCK_WITHIN: Duration = Duration::from_secs(2);
/// Between two looks whether it is free.
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody answers there.
    #[error("{path} is in use{}: another dockpulse is running there; stop it, or choose another control.listen", of(.pid))]
    InUse {
        /// The socket.
        path: PathBuf,
        /// The process, if it is known.
        pid: Option<i32>,
    },
    /// Something else than a socket is there. It is left alone.
    #[error("{path} is there and is no socket; remove it, or choose another control.listen")]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// The path is too long for a socket.
    #[error("{path} is too long for a socket, {LONGEST} bytes at most; choose a shorter control.listen")]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// The address is reached from other hosts.
    #[error("{address} can be reached from other hosts, and nobody is asked who he is; choose 127.0.0.1 or [::1]")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The system does not let it.
    #[error("cannot {what}: {cause}; {mend}")]
    System {
        /// What was tried.
        what: String,
        /// The system's words.
        cause: io::Error,
        /// What the user can do.
        mend: &'static str,
    },
}

fn of(pid: &Option<i32>) -> String {
    pid.map(|pid| format!(" by process {pid}")).unwrap_or_default()
}

fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> ListenError {
    let what = what.into();
    move |cause| {
        let mend = match cause.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a control.listen that this user may write to, or off"
            }
            io::ErrorKind::AddrInUse => "choose another control.listen, or stop who listens there",
            io::ErrorKind::AddrNotAvailable => "the address has to be one of this host's",
            _ => "choose another control.listen, or off",
        };
        ListenError::System { what, cause, mend }
    }
}

/// A listener for either.
#[derive(Debug)]
pub(super) enum Listener {
    /// At a socket, whose file goes with it.
    Unix(UnixListener, SocketFile),
    /// At a port.
    Tcp(TcpListener),
}

impl Listener {
    pub(super) async fn bind(address: &Address) -> Result<Self, ListenError> {
        match address {
            Address::Unix(path) => unix(path).await,
            Address::Tcp(address) if !address.ip().is_loopback() => Err(ListenError::NotLoopback { address: *address }),
            Address::Tcp(address) => {
                let listener = TcpListener::bind(address).await;
                listener.map(Self::Tcp).map_err(system(format!("listen on {address}")))
            }
        }
    }

    pub(super) fn address(&self) -> Address {
        match self {
            Self::Unix(_, file) => Address::Unix(file.path.clone()),
            // A listener has an address; the unspecified one is never used for a connection.
            Self::Tcp(listener) => {
                Address::Tcp(listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0))))
            }
        }
    }

    pub(super) fn is_tcp(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    pub(super) async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Unix(listener, _) => Ok(Box::new(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let stream = listener.accept().await?.0;
                // Small answers: there is nothing to gain from waiting for more.
                let _ = stream.set_nodelay(true);
                Ok(Box::new(stream))
            }
        }
    }
}

/// The file of a socket that is listened on; removed with it, unless another has taken its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    identity: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|is| (is.dev(), is.ino()) == self.identity) {
            // What stays is taken for that of a dead agent by the next one.
            let _ = fs::remove_file(&self.path);
        }
    }
}

async fn unix(path: &Path) -> Result<Listener, ListenError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let made = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder);
    made.map_err(system(format!("make the folder {}", folder.display())))?;
    let lock = lock(folder).await;
    make_way(path).await?;
    let (bound, file) = bind(path, folder)?;
    drop(lock);
    let listening = bound.set_nonblocking(true).and_then(|()| UnixListener::from_std(bound));
    Ok(Listener::Unix(listening.map_err(system(format!("listen on {}", path.display())))?, file))
}

/// Two that begin at once do not take each other's socket for that of a dead one. The lock goes with the file's handle. It is
/// done without where locks cannot be had, and if somebody keeps it: everybody who may read the folder can, and must not keep
/// an agent from listening.
async fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    let taken = async {
        while let Err(TryLockError::WouldBlock) = folder.try_lock() {
            tokio::time::sleep(LOCK_PAUSE).await;
        }
    };
    let _ = tokio::time::timeout(LOCK_WITHIN, taken).await;
    Some(folder)
}

/// Nobody listens at a path, and nothing else is there.
async fn make_way(path: &Path) -> Result<(), ListenError> {
    let there = match fs::symlink_metadata(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(system(format!("look at {}", path.display()))(error)),
    };
    if !there.file_type().is_socket() {
        return Err(ListenError::NotASocket { path: path.to_owned() });
    }
    match tokio::time::timeout(ANSWERS_WITHIN, UnixStream::connect(path)).await {
        // Who had it is gone; the new one takes its place.
        Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(()),
        Ok(Err(error)) => Err(system(format!("find out who listens on {}", path.display()))(error)),
        Ok(Ok(stream)) => {
            let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
            Err(ListenError::InUse { path: path.to_owned(), pid })
        }
        Err(_) => Err(ListenError::InUse { path: path.to_owned(), pid: None }),
    }
}

/// Binds in a folder that is closed to others, takes everybody else's permissions away, and only then puts the socket where
/// it is looked for. So there is no moment in which another may open it, and who replaces a symbolic link replaces the link.
fn bind(path: &Path, folder: &Path) -> Result<(Bound, SocketFile), ListenError> {
    let closed = Closed(folder.join(format!(".dp{:08x}", fastrand::u32(..))));
    let inside = closed.0.join("s");
    if inside.as_os_str().len().max(path.as_os_str().len()) > LONGEST {
        return Err(ListenError::TooLong { path: path.to_owned() });
    }
    let in_folder = || system(format!("make a socket in {}", folder.display()));
    DirBuilder::new().mode(0o700).create(&closed.0).map_err(in_folder())?;
    let bound = Bound::bind(&inside).map_err(in_folder())?;
    fs::set_permissions(&inside, fs::Permissions::from_mode(MODE)).map_err(in_folder())?;
    let identity = fs::symlink_metadata(&inside).map(|is| (is.dev(), is.ino())).map_err(in_folder())?;
    fs::rename(&inside, path).map_err(system(format!("make the socket {}", path.display())))?;
    Ok((bound, SocketFile { path: path.to_owned(), identity }))
}

/// A folder that goes with what is in it.
struct Closed(PathBuf);

impl Drop for Closed {
    fn drop(&mut self) {
        // Nobody else can have put anything there.
        let _ = fs::remove_file(self.0.join("s"));
        let _ = fs::remove_dir(&self.0);
    }
}
