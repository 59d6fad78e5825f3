//! Answers as a Docker engine words them: all its fields in its order, also those that dockpulse passes over.

/// Which kernel's accounting a stats answer tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cgroup {
    /// Docker 20.10: each number of the memory twice, processors one by one.
    V1,
    /// Docker 28.
    V2,
}

/// The names of the memory's numbers on cgroup v1; each is told again with `total_` before it.
const MEMORY_V1: [&str; 16] = [
    "active_anon",
    "active_file",
    "cache",
    "dirty",
    "inactive_anon",
    "inactive_file",
    "mapped_file",
    "pgfault",
    "pgmajfault",
    "pgpgin",
    "pgpgout",
    "rss",
    "rss_huge",
    "unevictable",
    "writeback",
    "swap",
];

/// The names of the memory's numbers on cgroup v2.
const MEMORY_V2: [&str; 31] = [
    "active_anon",
    "active_file",
    "anon",
    "anon_thp",
    "file",
    "file_dirty",
    "file_mapped",
    "file_writeback",
    "inactive_anon",
    "inactive_file",
    "kernel_stack",
    "pgactivate",
    "pgdeactivate",
    "pgfault",
    "pglazyfree",
    "pglazyfreed",
    "pgmajfault",
    "pgrefill",
    "pgscan",
    "pgsteal",
    "shmem",
    "slab",
    "slab_reclaimable",
    "slab_unreclaimable",
    "sock",
    "thp_collapse_alloc",
    "thp_fault_alloc",
    "unevictable",
    "workingset_activate",
    "workingset_nodereclaim",
    "workingset_refault",
];

/// The id of container `n`.
pub(crate) fn id(n: u64) -> String {
    // Spread, so that the order of ids is not the order of numbers.
    let mixed = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    format!("{mixed:016x}{n:016x}{:016x}{:016x}", !mixed, mixed.rotate_left(32))
}

/// `/containers/ID/stats` of container `n` after `tick` probes. With two interfaces and two devices it is worth 40
/// series on cgroup v2, the three of its state included, and 44 on v1.
pub(crate) fn stats(cgroup: Cgroup, n: u64, tick: u64) -> String {
    let time = format!("2026-03-14T15:{:02}:{:02}.26535{:04}Z", tick / 60 % 60, tick % 60, n % 10_000);
    let (name, id) = (format!("/web-{n:05}"), id(n));
    let (blkio, cpu, memory) = (blkio(cgroup, n, tick), cpu(cgroup, n, tick), memory(cgroup, n, tick));
    let networks = format!(r#"{{"eth0":{},"eth1":{}}}"#, network(n, tick), network(n + 7, tick));
    format!(
        r#"{{"name":"{name}","id":"{id}","read":"{time}","preread":"0001-01-01T00:00:00Z","pids_stats":{{"current":{pids},"limit":100}},"blkio_stats":{blkio},"num_procs":0,"storage_stats":{{}},"cpu_stats":{cpu},"precpu_stats":{{"cpu_usage":{{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0}},"throttling_data":{{"periods":0,"throttled_periods":0,"throttled_time":0}}}},"memory_stats":{memory},"networks":{networks}}}"#,
        pids = 3 + n % 9,
    )
}

fn network(n: u64, tick: u64) -> String {
    let packets = 1_000 + n % 613 + tick * 31;
    let bytes = packets * 420;
    format!(
        r#"{{"rx_bytes":{bytes},"rx_packets":{packets},"rx_errors":0,"rx_dropped":{},"tx_bytes":{},"tx_packets":{packets},"tx_errors":0,"tx_dropped":0}}"#,
        n % 3,
        bytes / 2,
    )
}

fn blkio(cgroup: Cgroup, n: u64, tick: u64) -> String {
    let entry =
        |minor: u64, op: &str, value: u64| format!(r#"{{"major":254,"minor":{minor},"op":"{op}","value":{value}}}"#);
    let of = |unit: u64| {
        let [read, write] = if cgroup == Cgroup::V1 { ["Read", "Write"] } else { ["read", "write"] };
        let value = (90 + n % 701 + tick) * unit;
        let each = [0, 16].map(|minor| format!("{},{}", entry(minor, read, value), entry(minor, write, value * 3)));
        format!("[{}]", each.join(","))
    };
    let operations = if cgroup == Cgroup::V1 { of(1) } else { "null".to_owned() };
    format!(
        r#"{{"io_service_bytes_recursive":{},"io_serviced_recursive":{operations},"io_queue_recursive":null,"io_service_time_recursive":null,"io_wait_time_recursive":null,"io_merged_recursive":null,"io_time_recursive":null,"sectors_recursive":null}}"#,
        of(4096),
    )
}

fn cpu(cgroup: Cgroup, n: u64, tick: u64) -> String {
    let total = 5_000_000_000 + n * 77_000 + tick * 120_000_000;
    let percpu = match cgroup {
        Cgroup::V1 => format!(r#""percpu_usage":[{},{}],"#, total / 3, total - total / 3),
        Cgroup::V2 => String::new(),
    };
    let (kernel, user, periods) = (total / 4, total - total / 4, 247 + tick * 100);
    format!(
        r#"{{"cpu_usage":{{"total_usage":{total},{percpu}"usage_in_kernelmode":{kernel},"usage_in_usermode":{user}}},"system_cpu_usage":{},"online_cpus":2,"throttling_data":{{"periods":{periods},"throttled_periods":{},"throttled_time":{}}}}}"#,
        340_730_000_000 + tick * 20_000_000_000,
        periods / 9,
        periods * 4_321_000,
    )
}

fn memory(cgroup: Cgroup, n: u64, tick: u64) -> String {
    let usage = 30_000_000 + (n * 4096) % 9_000_000 + tick % 50 * 4096;
    let value = |name: &str, i: usize| match name {
        "pgfault" | "pgpgin" | "pgpgout" => 9_000 + tick * 17,
        "hierarchical_memory_limit" => 67_108_864,
        _ => usage / (i as u64 + 2),
    };
    let numbers: Vec<String> = match cgroup {
        Cgroup::V2 => MEMORY_V2.iter().enumerate().map(|(i, name)| format!(r#""{name}":{}"#, value(name, i))).collect(),
        Cgroup::V1 => {
            let own = MEMORY_V1.iter().enumerate().map(|(i, name)| format!(r#""{name}":{}"#, value(name, i)));
            let limit = r#""hierarchical_memory_limit":67108864"#.to_owned();
            let all = MEMORY_V1.iter().enumerate().map(|(i, name)| format!(r#""total_{name}":{}"#, value(name, i)));
            own.chain([limit]).chain(all).collect()
        }
    };
    format!(r#"{{"usage":{usage},"stats":{{{}}},"limit":67108864}}"#, numbers.join(","))
}

/// One entry of `/containers/json`, for a running container.
pub(crate) fn listed(n: u64) -> String {
    let (id, mixed) = (id(n), id(n + 1_000_000));
    format!(
        r#"{{"Id":"{id}","Names":["/web-{n:05}"],"Image":"registry.example/shop/web:1.{}","ImageID":"sha256:{mixed}","Command":"/app/serve --port 8080 --config /etc/app/config.toml","Created":1795315458,"Ports":[{{"IP":"127.0.0.1","PrivatePort":80,"PublicPort":{},"Type":"tcp"}}],"Labels":{{"com.docker.compose.config-hash":"{mixed}","com.docker.compose.container-number":"{n}","com.docker.compose.project":"shop","com.docker.compose.service":"web-{:02}","com.docker.compose.version":"2.40.0","maintainer":"The Shop <shop@example.com>"}},"State":"running","Status":"Up 3 days (healthy)","HostConfig":{{"NetworkMode":"shop_default"}},"NetworkSettings":{{"Networks":{{"shop_default":{{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"d6:16:fc:b4:bb:6a","DriverOpts":null,"GwPriority":0,"NetworkID":"{mixed}","EndpointID":"{id}","Gateway":"172.18.0.1","IPAddress":"172.18.0.2","IPPrefixLen":16,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}}}}},"Mounts":[{{"Type":"volume","Name":"data-{n}","Source":"","Destination":"/data","Driver":"local","Mode":"z","RW":true,"Propagation":""}}]}}"#,
        n % 7,
        20_000 + n % 10_000,
        n % 50,
    )
}

/// `/containers/json` of these entries.
pub(crate) fn list(entries: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut body = "[".to_owned();
    for (i, entry) in entries.enumerate() {
        body.push_str(if i == 0 { "" } else { "," });
        body.push_str(entry.as_ref());
    }
    body.push(']');
    body
}

/// `/containers/ID/json` of a running container with a memory, CPU and process limit.
pub(crate) fn inspect(n: u64) -> String {
    let (id, mixed) = (id(n), id(n + 1_000_000));
    let check =
        r#"{"Start":"2026-03-14T14:59:54.107911743Z","End":"2026-03-14T14:59:55.682676916Z","ExitCode":0,"Output":""}"#;
    let layer = format!("/var/lib/docker/overlay2/{mixed}");
    format!(
        r#"{{"Id":"{id}","Created":"2026-03-11T09:26:53.58979323Z","Path":"/app/serve","Args":["--port","8080","--config","/etc/app/config.toml"],"State":{{"Status":"running","Running":true,"Paused":false,"Restarting":false,"OOMKilled":false,"Dead":false,"Pid":{},"ExitCode":0,"Error":"","StartedAt":"2026-03-11T09:26:54.510504786Z","FinishedAt":"0001-01-01T00:00:00Z","Health":{{"Status":"healthy","FailingStreak":0,"Log":[{check},{check},{check},{check},{check}]}}}},"Image":"sha256:{mixed}","ResolvConfPath":"/var/lib/docker/containers/{id}/resolv.conf","HostnamePath":"/var/lib/docker/containers/{id}/hostname","HostsPath":"/var/lib/docker/containers/{id}/hosts","LogPath":"/var/lib/docker/containers/{id}/{id}-json.log","Name":"/web-{n:05}","RestartCount":{},"Driver":"overlay2","Platform":"linux","MountLabel":"","ProcessLabel":"","AppArmorProfile":"docker-default","ExecIDs":null,"HostConfig":{{"Binds":null,"ContainerIDFile":"","LogConfig":{{"Type":"json-file","Config":{{"max-size":"10m"}}}},"NetworkMode":"shop_default","PortBindings":{{"80/tcp":[{{"HostIp":"127.0.0.1","HostPort":"18099"}}]}},"RestartPolicy":{{"Name":"always","MaximumRetryCount":0}},"AutoRemove":false,"VolumeDriver":"","VolumesFrom":null,"ConsoleSize":[0,0],"CapAdd":null,"CapDrop":null,"CgroupnsMode":"private","Dns":[],"IpcMode":"private","Cgroup":"","Privileged":false,"ShmSize":67108864,"Runtime":"runc","Isolation":"","CpuShares":512,"Memory":67108864,"NanoCpus":500000000,"CgroupParent":"","CpuPeriod":0,"CpuQuota":0,"CpusetCpus":"","CpusetMems":"","MemorySwap":134217728,"PidsLimit":100,"Ulimits":[],"MaskedPaths":["/proc/asound","/proc/acpi","/proc/kcore","/proc/keys","/proc/latency_stats"],"ReadonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys"]}},"GraphDriver":{{"Data":{{"ID":"{id}","LowerDir":"{layer}-init/diff:{layer}/diff","MergedDir":"{layer}/merged","UpperDir":"{layer}/diff","WorkDir":"{layer}/work"}},"Name":"overlay2"}},"Mounts":[{{"Type":"volume","Name":"data-{n}","Source":"/srv/data-{n}","Destination":"/data","Driver":"local","Mode":"z","RW":true,"Propagation":""}}],"Config":{{"Hostname":"{}","Domainname":"","User":"","AttachStdin":false,"ExposedPorts":{{"80/tcp":{{}}}},"Tty":false,"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","REGION=eu-1","TIER=blue","DATABASE_URL=postgres://shop:secret@db/shop"],"Cmd":["--port","8080"],"Healthcheck":{{"Test":["CMD-SHELL","test -e /tmp/ok"],"Interval":5000000000}},"Image":"registry.example/shop/web:1.{}","Volumes":null,"WorkingDir":"/app","Entrypoint":["/app/serve"],"Labels":{{"com.docker.compose.project":"shop","com.docker.compose.service":"web-{:02}"}}}},"NetworkSettings":{{"Bridge":"","SandboxID":"{mixed}","Networks":{{"shop_default":{{"MacAddress":"d6:16:fc:b4:bb:6a","NetworkID":"{mixed}","EndpointID":"{id}","Gateway":"172.18.0.1","IPAddress":"172.18.0.2","IPPrefixLen":16}}}}}}}}"#,
        1_000 + n,
        n % 3,
        &id[..12],
        n % 7,
        n % 50,
    )
}
