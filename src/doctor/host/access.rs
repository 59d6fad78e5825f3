//! Who may use a socket, and whether we may.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access as Right;

use super::super::line::Sheet;
use super::Folder;
use crate::model::engine::EngineError;

/// Files of users and groups are read so far.
const LONGEST: u64 = 1 << 20;

/// A socket's owners, and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Access {
    pub(in super::super) path: PathBuf,
    pub(in super::super) socket: Socket,
    pub(in super::super) us: Us,
}

/// What is to be seen of a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Socket {
    /// Whose it is.
    Of(Owners),
    /// A folder on the way to it is closed to us; whose that is.
    Behind(PathBuf, Owners),
}

/// Whose a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Owners {
    pub(in super::super) user: Id,
    pub(in super::super) group: Id,
    pub(in super::super) mode: u32,
}

/// A user or a group, with its name if it has one here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Id {
    pub(in super::super) number: u32,
    pub(in super::super) name: Option<String>,
}

/// This process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Us {
    pub(in super::super) user: Id,
    pub(in super::super) groups: Vec<Id>,
    pub(in super::super) in_container: bool,
}

impl Access {
    /// Looks at a socket; `None` if there is none.
    pub(in super::super) fn look(path: &Path) -> Option<Self> {
        let names = Names::read();
        let us = Us::now(&names);
        let socket = match fs::metadata(path) {
            Ok(found) => Socket::Of(names.owners(&found)),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let (folder, found) = closed(path)?;
                Socket::Behind(folder, names.owners(&found))
            }
            Err(_) => return None,
        };
        Some(Self { path: path.to_owned(), socket, us })
    }
}

/// The last folder on the way to `path` that can still be looked at: it is the one that is closed.
fn closed(path: &Path) -> Option<(PathBuf, fs::Metadata)> {
    path.ancestors().skip(1).find_map(|folder| Some((folder.to_owned(), fs::metadata(folder).ok()?)))
}

impl Us {
    fn now(names: &Names) -> Self {
        let group = rustix::process::getegid().as_raw();
        let others = rustix::process::getgroups().unwrap_or_default();
        let mut groups: Vec<u32> = others.into_iter().map(|group| group.as_raw()).chain([group]).collect();
        groups.sort_unstable();
        groups.dedup();
        Self {
            user: names.user(rustix::process::geteuid().as_raw()),
            groups: groups.into_iter().map(|group| names.group(group)).collect(),
            in_container: in_container(),
        }
    }

    /// As whom we may write, by the owner's, the group's or everybody's bits: the first that concern us count.
    fn may_write(&self, of: &Owners) -> Option<String> {
        let (bits, whose) = if self.user.number == of.user.number {
            (0o200, format!("as its owner {}", of.user))
        } else if self.groups.iter().any(|group| group.number == of.group.number) {
            (0o020, format!("as a member of the group {}", of.group))
        } else {
            (0o002, "as everybody is".to_owned())
        };
        match self.user.number {
            0 => Some("as root".to_owned()),
            _ => (of.mode & bits != 0).then_some(whose),
        }
    }
}

/// Whether this process is in a container, by what Docker and Podman leave there.
pub(super) fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists())
}

/// Whether we may use a socket, as whom, and who may if we may not. `error` is why the engine did not answer, if it did
/// not.
pub(in super::super) fn judge(access: &Access, error: Option<&EngineError>, sheet: &mut Sheet) {
    let (path, us) = (access.path.display(), &access.us);
    let owners = match &access.socket {
        Socket::Of(owners) => owners,
        Socket::Behind(folder, owners) => {
            let found = format!("the folder {} is {owners}, and dockpulse runs as {us}", folder.display());
            return sheet.fail("permission", found, run_as(&owners.user, us));
        }
    };
    let found = format!("{path} is {owners}");
    let Some(way) = us.may_write(owners) else {
        // Whoever answers has let us in, whatever the mode says.
        if !matches!(error, Some(EngineError::Connect { .. } | EngineError::Timeout { .. })) {
            return sheet
                .ok("permission", format!("{found}, and lets us in (an access list, or a capability of ours)"));
        }
        return sheet.fail("permission", format!("{found}, and dockpulse runs as {us}"), mend(owners, us));
    };
    if error.is_some_and(is_denied) {
        let mend = "SELinux or AppArmor? For a container: --security-opt label=disable, or a policy that allows it";
        return sheet.fail("permission", format!("{found} and lets us in {way}, but something else forbids it"), mend);
    }
    sheet.ok("permission", format!("{found}, and lets us in {way}"));
}

/// Whether the system did not let us connect.
pub(in super::super) fn is_denied(error: &EngineError) -> bool {
    matches!(error, EngineError::Connect { cause, .. } if cause.contains("ermission denied"))
}

fn mend(owners: &Owners, us: &Us) -> String {
    let Owners { user, group, mode } = owners;
    if mode & 0o020 == 0 {
        return run_as(user, us);
    }
    let number = group.number;
    if us.in_container {
        return format!("in compose: group_add: [\"{number}\"]; with docker run: --group-add {number}");
    }
    match (&group.name, &us.user.name) {
        (Some(group), Some(user)) => format!(
            "sudo usermod -aG {group} {user}, then log in again; for a service of systemd: SupplementaryGroups={group}"
        ),
        _ => format!("run dockpulse with the group {number}: SupplementaryGroups={number}, --group-add {number}"),
    }
}

fn run_as(user: &Id, us: &Us) -> String {
    let number = user.number;
    match us.in_container {
        true => format!("run dockpulse as the user {number}; in compose: user: \"{number}\""),
        false => format!("run dockpulse as {user}, or as root: sudo -u '#{number}' dockpulse …"),
    }
}

/// Whether a folder can be written to, or made.
pub(super) fn folder(path: &Path) -> Folder {
    let path = &whole(path);
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        let closed = |why: String| Folder::Closed(folder.to_owned(), why);
        match fs::metadata(folder) {
            Ok(found) if !found.is_dir() => return closed("that is no folder".to_owned()),
            Ok(_) => {
                return match rustix::fs::access(folder, Right::WRITE_OK | Right::EXEC_OK) {
                    Ok(()) if folder == path => Folder::Writable,
                    Ok(()) => Folder::Makeable,
                    Err(error) => closed(io::Error::from(error).to_string()),
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return closed(error.to_string()),
        }
    }
    Folder::Makeable
}

/// The path from the root on: the folders on the way to one that is relative are not in it.
pub(super) fn whole(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The texts of `/etc/passwd` and `/etc/group`.
struct Names {
    users: String,
    groups: String,
}

impl Names {
    fn read() -> Self {
        let read = |path: &str| {
            let mut text = String::new();
            // Without them there are numbers alone.
            let _ = File::open(path).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
            text
        };
        Self { users: read("/etc/passwd"), groups: read("/etc/group") }
    }

    fn user(&self, number: u32) -> Id {
        Id { number, name: name_of(&self.users, number) }
    }

    fn group(&self, number: u32) -> Id {
        Id { number, name: name_of(&self.groups, number) }
    }

    fn owners(&self, of: &fs::Metadata) -> Owners {
        Owners { user: self.user(of.uid()), group: self.group(of.gid()), mode: of.mode() & 0o7777 }
    }
}

/// In both files the name is the first field and the number the third.
pub(super) fn name_of(text: &str, number: u32) -> Option<String> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(number) && !name.is_empty()).then(|| name.to_owned())
    })
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} ({})", self.number),
            None => self.number.fmt(f),
        }
    }
}

impl fmt::Display for Owners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, group, mode } = self;
        write!(f, "of the user {user} and the group {group}, mode {mode:04o}")
    }
}

impl fmt::Display for Us {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(ToString::to_string).collect();
        let what = if groups.len() == 1 { "group" } else { "groups" };
        write!(f, "{} with the {what} {}", self.user, groups.join(", "))
    }
}
