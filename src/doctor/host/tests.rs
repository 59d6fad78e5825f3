//! What findings on a host lead to which lines, and who may use a socket.

use std::fs;
use std::path::Path;

use super::super::line::Sheet;
use super::super::{Line, Status};
use super::access::{Access, Id, Owners, Socket, Us, name_of};
use super::*;
use crate::model::engine::EngineError;
use crate::model::time::UnixNanos;

const NOW: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

fn subject() -> Subject {
    let off = || Listen { at: ListenAt::Off, is_set: true };
    Subject {
        name: "host-1".to_owned(),
        outbox: None,
        max_bytes: 3 << 30,
        memory_max_bytes: 8 << 20,
        status: off(),
        control: off(),
        files: 384,
    }
}

fn findings() -> Findings {
    Findings {
        outbox: Some(None),
        status: Place::Off,
        control: Place::Off,
        open_files: Some(1024),
        in_container: false,
        agents: Vec::new(),
    }
}

fn wrong(subject: &Subject, findings: &Findings) -> Vec<Line> {
    let lines = judge(subject, findings, 0, NOW);
    lines.into_iter().filter(|line| line.status != Status::Ok).collect()
}

#[track_caller]
fn one(lines: &[Line], check: &str, status: Status, words: &[&str]) {
    let [line] = lines else { panic!("{lines:#?}") };
    let text = format!("{} → {}", line.found, line.mend.as_deref().unwrap_or_default());
    assert_eq!((line.check, line.status), (check, status), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
}

#[test]
fn a_host_that_has_all_is_well() {
    assert_eq!(wrong(&subject(), &findings()), []);
    one(&judge(&subject(), &findings(), 0, UnixNanos(1))[..1], "clock", Status::Fail, &["before 2025"]);
}

#[test]
fn an_address_that_was_set_has_to_be_had_and_the_default_may_be_done_without() {
    let at = ListenAt::Tcp(([127, 0, 0, 1], 9797).into());
    let with = |is_set| Subject { status: Listen { at: at.clone(), is_set }, ..subject() };
    let taken = || Findings { status: Place::Taken("somebody".to_owned()), ..findings() };
    one(
        &wrong(&with(true), &taken()),
        "status",
        Status::Fail,
        &["127.0.0.1:9797 cannot be had: somebody", "set status.listen"],
    );
    one(&wrong(&with(false), &taken()), "status", Status::Warn, &["the default", "runs without"]);
    let agent = Findings { status: Place::Agent(None, Some(7)), ..findings() };
    assert_eq!(wrong(&with(true), &agent), []);
    let control = Subject { control: Listen { at: ListenAt::Unix("/run/x/c.sock".into()), is_set: true }, ..subject() };
    let denied = Findings { control: Place::Denied("/run: no".to_owned()), ..findings() };
    one(&wrong(&control, &denied), "control", Status::Fail, &["make /run/x", "RuntimeDirectory=", "\"off\""]);
}

#[test]
fn an_outbox_that_cannot_be_written_has_no_room_or_is_in_use() {
    let with = Subject { outbox: Some("/var/lib/x".into()), ..subject() };
    let found = |folder, in_use, free| Findings {
        outbox: Some(Some(OutboxFound { folder, in_use: Ok(in_use), size: 1 << 20, free })),
        ..findings()
    };
    assert_eq!(wrong(&with, &found(Folder::Writable, None, Some(4 << 30))), []);
    let closed = Folder::Closed("/var/lib".into(), "Permission denied".to_owned());
    one(
        &wrong(&with, &found(closed, None, None)),
        "outbox",
        Status::Fail,
        &["/var/lib: Permission denied", "let the user"],
    );
    one(
        &wrong(&with, &found(Folder::Makeable, None, Some(1 << 30))),
        "space",
        Status::Warn,
        &["1.0 GiB", "3.0 GiB", "lower"],
    );
    let hangs = Findings { outbox: None, ..findings() };
    one(&wrong(&with, &hangs), "outbox", Status::Fail, &["does not answer"]);

    let used = InUse { directory: "/var/lib/x".into(), pid: Some(std::process::id()) };
    let mut used = found(Folder::Writable, Some(used), None);
    let mut delta = Delta::default();
    delta.outbox.batches = 3;
    used.status = Place::Agent(Some(Box::new(delta)), None);
    let lines = judge(&with, &used, 0, NOW);
    let found = &lines[0].found;
    assert!(
        found.contains("is in use by ") && found.contains("its store has 1.0 MiB, and 3 batches wait in it"),
        "{found}"
    );
}

#[test]
fn few_open_files_a_name_that_changes_and_more_than_one_agent() {
    let few = Findings { open_files: Some(256), ..findings() };
    one(&wrong(&subject(), &few), "open_files", Status::Warn, &["256", "384", "LimitNOFILE="]);
    let streamed = judge(&subject(), &findings(), 1000, NOW);
    assert!(streamed.iter().any(|line| line.check == "open_files" && line.status == Status::Warn));
    let id = Subject { name: "8a1580db8a17".to_owned(), ..subject() };
    let inside = Findings { in_container: true, ..findings() };
    one(&wrong(&id, &inside), "host_name", Status::Warn, &["this container's id", "uts: host"]);
    assert_eq!(wrong(&id, &findings()), [], "outside of a container it is a name as any");
    let two = Findings { agents: vec![7, 8], ..findings() };
    one(&wrong(&subject(), &two), "agents", Status::Warn, &["processes 7, 8", "engines[].name"]);
}

// -- who may use a socket -----------------------------------------------------------------------------------------------

fn id(number: u32, name: Option<&str>) -> Id {
    Id { number, name: name.map(str::to_owned) }
}

fn access(mode: u32, user: u32, groups: &[u32], in_container: bool) -> Access {
    let name = (!in_container).then_some("app");
    let us = Us { user: id(user, name), groups: groups.iter().map(|g| id(*g, None)).collect(), in_container };
    let group = id(998, (!in_container).then_some("docker"));
    Access { path: "/d.sock".into(), socket: Socket::Of(Owners { user: id(0, Some("root")), group, mode }), us }
}

fn permitted(access: &Access, error: Option<&EngineError>) -> Vec<Line> {
    let mut sheet = Sheet::of("engine e");
    super::access::judge(access, error, &mut sheet);
    sheet.into_lines()
}

fn denied() -> EngineError {
    EngineError::Connect { endpoint: "e".into(), cause: "Permission denied (os error 13)".into(), mend: "".into() }
}

#[test]
fn a_socket_that_let_us_in_is_not_said_to_be_closed() {
    let refused = EngineError::Status { path: "/_ping", status: 500, message: "no".into() };
    for error in [None, Some(&refused)] {
        let line = permitted(&access(0o660, 1000, &[1000], false), error).remove(0);
        assert_eq!(line.status, Status::Ok);
        assert!(
            line.found.ends_with("mode 0660, and lets us in (an access list, or a capability of ours)"),
            "{line:?}"
        );
    }
}

#[test]
fn the_group_that_is_missing_is_named_with_the_command_that_mends_it() {
    let denied = denied();
    let denied = Some(&denied);
    let outside = permitted(&access(0o660, 1000, &[1000], false), denied);
    let words = ["the group docker (998), mode 0660", "app (1000) with the group 1000", "sudo usermod -aG docker app"];
    one(&outside, "permission", Status::Fail, &words);
    let inside = permitted(&access(0o660, 1000, &[1000], true), denied);
    one(&inside, "permission", Status::Fail, &["group 998", "group_add: [\"998\"]", "--group-add 998"]);
    let of_owner = permitted(&access(0o600, 1000, &[998], false), denied);
    one(&of_owner, "permission", Status::Fail, &["run dockpulse as root (0)"]);
    for (mode, user, groups) in [(0o660, 0, &[0][..]), (0o660, 1000, &[998]), (0o666, 1000, &[1000])] {
        assert_eq!(permitted(&access(mode, user, groups, false), None)[0].status, Status::Ok, "{mode:o} {user}");
    }
}

#[test]
fn what_the_modes_do_not_forbid_something_else_may() {
    let lines = permitted(&access(0o660, 1000, &[998], false), Some(&denied()));
    one(&lines, "permission", Status::Fail, &["something else forbids it", "SELinux"]);
    let refused = EngineError::Connect { endpoint: "e".into(), cause: "Connection refused".into(), mend: "".into() };
    assert_eq!(permitted(&access(0o660, 0, &[0], false), Some(&refused))[0].status, Status::Ok);
    let owners = Owners { user: id(1001, Some("dev")), group: id(1001, None), mode: 0o700 };
    let behind = Access { socket: Socket::Behind("/run/user/1001".into(), owners), ..access(0, 1000, &[1000], true) };
    one(
        &permitted(&behind, Some(&denied())),
        "permission",
        Status::Fail,
        &["the folder /run/user/1001", "user: \"1001\""],
    );
}

#[test]
fn names_are_found_by_their_numbers() {
    let text = "root:x:0:\n# odd\n:x:5:\ndocker:x:998:app,me\n";
    assert_eq!(name_of(text, 998).as_deref(), Some("docker"));
    assert_eq!((name_of(text, 5), name_of(text, 7)), (None, None));
}

#[test]
fn the_room_for_a_relative_directory_is_that_of_the_folder_it_is_made_in() {
    let found = OutboxFound::look(Path::new("not-there-yet"));
    assert!(found.folder == Folder::Makeable && found.free.is_some(), "{found:?}");
}

#[test]
fn a_folder_is_writable_makeable_or_closed() {
    let there = tempfile::tempdir().unwrap();
    let file = there.path().join("file");
    fs::write(&file, "").unwrap();
    assert_eq!(super::access::folder(there.path()), Folder::Writable);
    assert_eq!(super::access::folder(&there.path().join("a/b")), Folder::Makeable);
    let Folder::Closed(at, _) = super::access::folder(&file.join("a")) else { panic!("a file is no folder") };
    assert!(at.starts_with(&file), "{}", at.display());
    let Folder::Closed(at, _) = super::access::folder(Path::new("Cargo.toml/a")) else { panic!("a file is no folder") };
    assert!(at.is_absolute(), "{}", at.display());
    assert!(Access::look(&there.path().join("none.sock")).is_none());
    assert!(Access::look(Path::new("/proc/self/stat")).is_some());
}
