//! Who has a port already, as far as the system lets us see.

use std::fs;

/// More processes than this are not searched.
const MOST_PROCESSES: usize = 4096;

/// The process that listens on a TCP port of this machine, such as `prometheus (pid 812)`.
pub(super) fn holder(port: u16) -> Option<String> {
    let sockets: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .flat_map(|table| listening(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    let processes = fs::read_dir("/proc").ok()?.flatten().take(MOST_PROCESSES);
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let pid = pids.find(|pid| holds(*pid, &sockets))?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name: String = name.trim_end().chars().filter(|c| !c.is_control()).take(32).collect();
    Some(format!("{name} (pid {pid})"))
}

fn holds(pid: u32, sockets: &[String]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let mut links = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    links.any(|link| sockets.iter().any(|socket| link.as_os_str() == socket.as_str()))
}

/// The inodes of the sockets that listen on a port, of a table as the kernel writes it (proc_pid_net(5)).
fn listening(table: &str, port: u16) -> Vec<String> {
    const LISTEN: &str = "0A";
    let port = format!(":{port:04X}");
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let own = rows.filter(|row| row.get(3) == Some(&LISTEN) && row.get(1).is_some_and(|at| at.ends_with(&port)));
    own.filter_map(|row| row.get(9).map(|inode| (*inode).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_listens_on_a_port_is_found_by_its_name() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let found = holder(port).expect("this process");
        assert!(found.ends_with(&format!("(pid {})", std::process::id())), "{found}");
        drop(listener);
        assert_eq!(holder(port), None);
    }

    #[test]
    fn connections_and_other_ports_do_not_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:2645 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1\n\
            1: 0100007F:2645 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 222 1\n\
            2: 0100007F:2646 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 333 1\n\
            3: x\n";
        assert_eq!(listening(table, 9797), ["111"]);
    }
}
