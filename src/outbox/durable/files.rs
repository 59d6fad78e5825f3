//! The directory: the store's file, the one beside it that takes its place after damage, and the lock.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use redb::StorageBackend;
use redb::backends::FileBackend;

use super::notice::{InUse, Trouble, TroubleKind};

/// The store.
const STORE: &str = "outbox.redb";
/// One that is being made.
const BESIDE: &str = "outbox.redb.new";
/// Whose it is.
const LOCK: &str = "lock";

/// Where the store is kept. A test has one of its own.
pub(super) trait Media: Send {
    /// What the store works on.
    type Backend: StorageBackend;
    /// What a damaged one is read from.
    type Raw: Read + Seek;

    /// Makes the place ready for use, for this process alone.
    fn prepare(&mut self) -> Result<(), Trouble>;
    /// Another process may have it from now on.
    fn release(&mut self);
    /// The store as it is, with its length; `None` if there is none.
    fn open(&mut self) -> io::Result<Option<(Self::Backend, u64)>>;
    /// An empty one beside it; what was there before is gone.
    fn beside(&mut self) -> io::Result<Self::Backend>;
    /// What was begun beside it goes.
    fn discard(&mut self);
    /// The one beside takes the place of the store, durably, or nothing changes.
    fn replace(&mut self) -> io::Result<()>;
    /// The store's bytes.
    fn raw(&mut self) -> io::Result<Self::Raw>;
}

/// A directory. The lock lasts as long as this value.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    lock: Option<File>,
    other: Option<InUse>,
}

impl Directory {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, lock: None, other: None }
    }

    /// The process that has it, if that is why it could not be prepared.
    pub(super) fn in_use(&self) -> Option<InUse> {
        self.other.clone()
    }

    /// One that is there already is somebody else's, and stays as it is.
    fn make(&self) -> Result<(), Trouble> {
        let failed = |error| Trouble::io("it cannot be made", &error);
        if !self.path.is_dir() {
            let mut builder = DirBuilder::new();
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.recursive(true).create(&self.path).map_err(failed)?;
        }
        Ok(())
    }

    /// The lock is the system's, so that it ends with the process, however that ends. The number in it is only to be shown.
    fn lock(&mut self) -> Result<(), Trouble> {
        let path = self.path.join(LOCK);
        let failed = |error| Trouble::io(format_args!("the lock {}", path.display()), &error);
        let mut file = file(&path, false).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let other = InUse { directory: self.path.clone(), pid: owner(&mut file) };
                let trouble = Trouble::new(TroubleKind::InUse, &other);
                self.other = Some(other);
                return Err(trouble);
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // The number helps only whoever comes second: a full disk need not stop us here.
        let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
        self.lock = Some(file);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

/// The process that has the directory now, if one has. Nothing is made; a lock that is free is taken for the moment that it
/// takes to see that.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn in_use(directory: &Path) -> io::Result<Option<InUse>> {
    let mut file = match File::open(directory.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Ok(Some(InUse { directory: directory.to_owned(), pid: owner(&mut file) })),
    }
}

/// How many bytes the store has; zero if there is none.
pub fn size(directory: &Path) -> u64 {
    fs::metadata(directory.join(STORE)).map_or(0, |file| file.len())
}

/// The number that whoever has the lock wrote into it.
fn owner(file: &mut File) -> Option<u32> {
    let mut pid = String::new();
    // Without it the message is a little poorer.
    let _ = file.take(20).read_to_string(&mut pid);
    pid.trim().parse().ok()
}

impl Media for Directory {
    type Backend = FileBackend;
    type Raw = File;

    fn prepare(&mut self) -> Result<(), Trouble> {
        if self.lock.is_some() && self.path.is_dir() {
            return Ok(());
        }
        self.make()?;
        (self.lock, self.other) = (None, None);
        self.lock()?;
        // A process that was killed may have left it.
        self.discard();
        Ok(())
    }

    fn release(&mut self) {
        self.lock = None;
    }

    fn open(&mut self) -> io::Result<Option<(FileBackend, u64)>> {
        let path = self.path.join(STORE);
        if !path.try_exists()? {
            return Ok(None);
        }
        let file = file(&path, false)?;
        let length = file.metadata()?.len();
        Ok(Some((backend(file)?, length)))
    }

    fn beside(&mut self) -> io::Result<FileBackend> {
        backend(file(&self.path.join(BESIDE), true)?)
    }

    fn discard(&mut self) {
        // Usually there is none; if it cannot be deleted it is in nobody's way.
        let _ = fs::remove_file(self.path.join(BESIDE));
    }

    fn replace(&mut self) -> io::Result<()> {
        fs::rename(self.path.join(BESIDE), self.path.join(STORE))?;
        self.sync()
    }

    fn raw(&mut self) -> io::Result<File> {
        File::open(self.path.join(STORE))
    }
}

fn backend(file: File) -> io::Result<FileBackend> {
    FileBackend::new(file).map_err(io::Error::other)
}

/// Opens a file for reading and writing that nobody else may read.
fn file(path: &Path, empty: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(empty);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(file)
}
