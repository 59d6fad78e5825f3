//! Whether an address can be listened on, and who is there if it cannot.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::super::waiting::Budget;
use super::{Folder, ListenAt, Place, access, ask};
use crate::status::Delta;

/// How long whoever is there may take to say who he is.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that is read of that: an agent with some thousand containers.
const LONGEST: u64 = 16 << 20;

/// What is there.
pub(super) async fn look(at: &ListenAt, budget: Budget) -> Place {
    match at {
        ListenAt::Off => Place::Off,
        ListenAt::Tcp(address) => tcp(*address, budget).await,
        ListenAt::Unix(path) => unix(path, budget).await,
    }
}

/// Whoever is there is asked; only where nobody is, it is tried to listen.
async fn tcp(address: SocketAddr, budget: Budget) -> Place {
    if address.port() == 0 {
        return Place::Free;
    }
    if let Some((Ok(connection), _)) = budget.time(PATIENCE, TcpStream::connect(reachable(address))).await {
        let told = budget.time(PATIENCE, told(connection, address)).await.and_then(|(told, _)| told.ok()?);
        return match told {
            Some(delta) => Place::Agent(Some(Box::new(delta)), None),
            None => Place::Taken("whoever listens there is no dockpulse".to_owned()),
        };
    }
    match TcpListener::bind(address).await {
        Ok(_) => Place::Free,
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Place::Taken("another process has it".to_owned()),
        Err(error) => Place::Denied(error.to_string()),
    }
}

/// Where whoever listens on all addresses can be reached.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, v4.port()).into(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, v6.port()).into(),
        other => other,
    }
}

/// What an agent's page says of it; `None` if that is something else.
async fn told(mut connection: TcpStream, address: SocketAddr) -> io::Result<Option<Delta>> {
    let host = reachable(address);
    connection.write_all(format!("GET /status.json HTTP/1.0\r\nHost: {host}\r\n\r\n").as_bytes()).await?;
    let mut answer = Vec::new();
    connection.take(LONGEST).read_to_end(&mut answer).await?;
    let body = answer.windows(4).position(|end| end == b"\r\n\r\n").and_then(|at| answer.get(at + 4..));
    let delta: Option<Delta> = body.and_then(|body| serde_json::from_slice(body).ok());
    // Any object is one of these: only an agent has a version.
    Ok(delta.filter(|delta| !delta.agent.version.is_empty()))
}

async fn unix(path: &Path, budget: Budget) -> Place {
    let folder = || match path.parent().map(access::folder) {
        Some(Folder::Closed(folder, why)) => Place::Denied(format!("{}: {why}", folder.display())),
        _ => Place::Free,
    };
    match std::fs::metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Place::Taken("that is no socket".to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return folder(),
        Err(error) => return Place::Denied(error.to_string()),
    }
    match budget.time(PATIENCE, UnixStream::connect(path)).await {
        Some((Ok(connection), _)) => listener(&connection),
        Some((Err(error), _)) if error.kind() == io::ErrorKind::ConnectionRefused => folder(),
        Some((Err(error), _)) => Place::Denied(error.to_string()),
        None => Place::Taken("whoever listens there does not answer".to_owned()),
    }
}

/// Who listens at a socket, by what the kernel knows.
fn listener(connection: &UnixStream) -> Place {
    let pid = connection.peer_cred().ok().and_then(|peer| u32::try_from(peer.pid()?).ok());
    match pid.and_then(|pid| Some((pid, ask::called(pid)?))) {
        Some((pid, name)) if name == "dockpulse" => Place::Agent(None, Some(pid)),
        Some((pid, name)) => Place::Taken(format!("{name}, process {pid}, listens there")),
        None => Place::Taken("a process of another container listens there".to_owned()),
    }
}
