//! A disk in memory that forgets what was not synced: any part of it, torn at its sectors.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use crate::outbox::durable::files::Media;
use crate::outbox::durable::notice::Trouble;

const SECTOR: usize = 512;
const STORE: u8 = 0;
const BESIDE: u8 = 1;

/// A disk. Copies are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

/// How a disk fails for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing works.
    Dead,
    /// Nothing can be written.
    Full,
    /// Everything works, but a sync says that it has not.
    Unsure,
    /// As `Unsure`, but once.
    UnsureOnce,
    /// As `Full`, but once.
    FullOnce,
}

#[derive(Debug, Default)]
struct State {
    files: HashMap<u8, Contents>,
    /// How many operations are left before the process dies.
    left: Option<u32>,
    fault: Option<Fault>,
    syncs: u64,
}

#[derive(Debug, Clone, Default)]
struct Contents {
    now: Vec<u8>,
    synced: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Length(usize),
}

#[derive(Debug)]
pub(super) struct Backend {
    disk: Disk,
    file: u8,
}

impl Disk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The process dies after so many more operations.
    pub(super) fn dies_after(&self, operations: u32) {
        self.state().left = Some(operations);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.state().left == Some(0)
    }

    pub(super) fn fail(&self, fault: Option<Fault>) {
        self.state().fault = fault;
    }

    pub(super) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    pub(super) fn length(&self) -> usize {
        self.state().files.get(&STORE).map_or(0, |file| file.now.len())
    }

    /// What is left when the power goes: of what was not synced, what `keeps` says, sector by sector.
    pub(super) fn crash(&self, mut keeps: impl FnMut() -> bool) {
        let mut state = self.state();
        for file in state.files.values_mut() {
            for change in std::mem::take(&mut file.unsynced) {
                match change {
                    Change::Length(length) if keeps() => file.synced.resize(length, 0),
                    Change::Length(_) => {}
                    Change::Write(at, data) => {
                        let mut done = 0;
                        while done < data.len() {
                            let end = ((at + done) / SECTOR + 1) * SECTOR - at;
                            let end = end.min(data.len());
                            if keeps() {
                                if file.synced.len() < at + end {
                                    file.synced.resize(at + end, 0);
                                }
                                file.synced[at + done..at + end].copy_from_slice(&data[done..end]);
                            }
                            done = end;
                        }
                    }
                }
            }
            file.now = file.synced.clone();
        }
        (state.left, state.fault) = (None, None);
    }
}

impl State {
    /// One more operation.
    fn operate(&mut self, writes: bool) -> io::Result<()> {
        match &mut self.left {
            Some(0) => return Err(io::Error::other("the process is dead")),
            Some(left) => *left -= 1,
            None => {}
        }
        match self.fault {
            Some(Fault::Dead) => Err(io::Error::from_raw_os_error(5)),
            Some(Fault::Full) if writes => Err(io::Error::from_raw_os_error(28)),
            Some(Fault::FullOnce) if writes => {
                self.fault = None;
                Err(io::Error::from_raw_os_error(28))
            }
            _ => Ok(()),
        }
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        let mut state = self.disk.state();
        state.operate(false)?;
        Ok(state.files[&self.file].now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(false)?;
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = state.files[&self.file].now.get(from..from + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(true)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let file = state.files.get_mut(&self.file).expect("an open file");
        file.now.resize(length, 0);
        file.unsynced.push(Change::Length(length));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(true)?;
        state.syncs += 1;
        let is_unsure = matches!(state.fault, Some(Fault::Unsure | Fault::UnsureOnce));
        state.fault = state.fault.filter(|fault| *fault != Fault::UnsureOnce);
        let file = state.files.get_mut(&self.file).expect("an open file");
        (file.synced, file.unsynced) = (file.now.clone(), Vec::new());
        if is_unsure { Err(io::Error::from_raw_os_error(5)) } else { Ok(()) }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state();
        state.operate(true)?;
        let at = usize::try_from(offset).map_err(io::Error::other)?;
        let file = state.files.get_mut(&self.file).expect("an open file");
        file.now[at..at + data.len()].copy_from_slice(data);
        file.unsynced.push(Change::Write(at, data.to_vec()));
        Ok(())
    }
}

impl Media for Disk {
    type Backend = Backend;
    type Raw = io::Cursor<Vec<u8>>;

    fn prepare(&mut self) -> Result<(), Trouble> {
        self.state().operate(false).map_err(|error| Trouble::io("the disk", &error))
    }

    fn release(&mut self) {}

    fn open(&mut self) -> io::Result<Option<(Backend, u64)>> {
        let mut state = self.state();
        state.operate(false)?;
        let length = state.files.get(&STORE).map(|file| file.now.len() as u64);
        Ok(length.map(|length| (Backend { disk: self.clone(), file: STORE }, length)))
    }

    fn beside(&mut self) -> io::Result<Backend> {
        let mut state = self.state();
        state.operate(true)?;
        state.files.insert(BESIDE, Contents::default());
        Ok(Backend { disk: self.clone(), file: BESIDE })
    }

    fn discard(&mut self) {
        let mut state = self.state();
        if state.operate(true).is_ok() {
            state.files.remove(&BESIDE);
        }
    }

    /// The directory is synced at once; of the file only what was.
    fn replace(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.operate(true)?;
        let file = state.files.remove(&BESIDE).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(STORE, file);
        Ok(())
    }

    fn raw(&mut self) -> io::Result<io::Cursor<Vec<u8>>> {
        let mut state = self.state();
        state.operate(false)?;
        Ok(io::Cursor::new(state.files[&STORE].now.clone()))
    }
}
