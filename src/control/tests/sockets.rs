//! Where it listens: whose the socket is, and what may be in its place.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::control::socket::LOCK_WITHIN;
use crate::control::{Address, ListenError, Server};
use crate::model::time::Clock;

async fn bind(path: &Path) -> Result<Server, ListenError> {
    Server::bind(&Address::Unix(path.to_owned())).await
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

fn left(folder: &TempDir) -> Vec<String> {
    let names = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

#[tokio::test]
async fn a_socket_is_its_owner_s_alone_and_goes_with_the_server() {
    let folder = folder();
    let path = folder.path().join("new/control.sock");
    let server = bind(&path).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o022,
        0,
        "others do not write there"
    );
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    assert_eq!(server.address(), Address::Unix(path.clone()));
    drop(server);
    assert!(!path.exists());
}

#[tokio::test]
async fn the_socket_of_a_dead_agent_is_replaced() {
    let folder = folder();
    let path = folder.path().join("s");
    drop(UnixListener::bind(&path).unwrap());
    let before = fs::metadata(&path).unwrap().ino();
    let _server = bind(&path).await.unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), before);
}

#[tokio::test]
async fn the_socket_of_a_living_agent_is_left_to_it_and_its_process_told() {
    let folder = folder();
    let path = folder.path().join("s");
    let living = bind(&path).await.unwrap();
    let error = bind(&path).await.unwrap_err();
    assert!(
        matches!(&error, ListenError::InUse { pid: Some(pid), .. } if *pid as u32 == std::process::id()),
        "{error}"
    );
    assert!(error.to_string().contains("another dockpulse"), "{error}");
    drop(living);
    bind(&path).await.unwrap();
}

#[tokio::test]
async fn what_is_no_socket_is_left_alone_and_no_link_is_followed() {
    let folder = folder();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "precious").unwrap();
    symlink(&file, &link).unwrap();
    let dangling = folder.path().join("dangling");
    symlink(folder.path().join("nowhere"), &dangling).unwrap();
    for path in [&file, &link, &dangling] {
        let error = bind(path).await.unwrap_err();
        assert!(matches!(error, ListenError::NotASocket { .. }), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(left(&folder).len(), 3, "nothing else is left there");
}

#[tokio::test]
async fn a_socket_that_took_its_place_is_not_removed() {
    let folder = folder();
    let path = folder.path().join("s");
    let server = bind(&path).await.unwrap();
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    drop(server);
    assert!(path.exists());
}

#[tokio::test]
async fn a_path_that_no_system_takes_is_told() {
    let folder = folder();
    let error = bind(&folder.path().join("x".repeat(120))).await.unwrap_err();
    assert!(matches!(error, ListenError::TooLong { .. }), "{error}");
    assert!(left(&folder).is_empty(), "nothing is left there");
    let under_a_file = folder.path().join("f");
    fs::write(&under_a_file, "").unwrap();
    let error = bind(&under_a_file.join("s")).await.unwrap_err().to_string();
    assert!(error.contains("cannot make the folder") && error.contains("control.listen"), "{error}");
}

#[tokio::test]
async fn a_port_is_of_this_host_alone() {
    let error = Server::bind(&Address::Tcp(([0, 0, 0, 0], 0).into())).await.unwrap_err();
    assert!(matches!(error, ListenError::NotLoopback { .. }), "{error}");
    let server = Server::bind(&Address::Tcp(([127, 0, 0, 1], 0).into())).await.unwrap();
    let Address::Tcp(address) = server.address() else { panic!("a port") };
    let taken = Server::bind(&Address::Tcp(address)).await.unwrap_err().to_string();
    assert!(taken.contains(&address.to_string()) && taken.contains("another control.listen"), "{taken}");
}

#[tokio::test(start_paused = true)]
async fn who_begins_while_another_does_waits_for_it_but_not_for_ever() {
    let folder = folder();
    let path = folder.path().join("s");
    let other = fs::File::open(folder.path()).unwrap();
    let clock = Clock::start();
    other.lock().unwrap();
    let begun = clock.now().mono;
    {
        let mut waiting = std::pin::pin!(bind(&path));
        let early = tokio::time::timeout(LOCK_WITHIN / 2, &mut waiting).await;
        assert!(early.is_err() && !path.exists(), "another is looking who listens there");
        other.unlock().unwrap();
        drop(waiting.await.unwrap());
    }
    assert!(clock.now().mono.since(begun) < LOCK_WITHIN);
    other.lock().unwrap();
    let begun = clock.now().mono;
    bind(&path).await.unwrap();
    assert!(clock.now().mono.since(begun) < LOCK_WITHIN + Duration::from_secs(1));
}
