//! What an engine says that it is: the headers of `/_ping`, `/version` and `/info`. Pure.

use bollard::models::{SystemInfo, SystemVersion};
use http::HeaderMap;

use super::decode;
use super::podman::Podman;
use crate::model::engine::{ApiVersion, EngineInfo};

/// An engine by its own words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Introduction {
    /// The API version to speak with it; `None` if it names none.
    pub(super) spoken: Option<ApiVersion>,
    /// What is known of it if it is a Podman.
    pub(super) podman: Option<Podman>,
    /// What it tells. The version is the one that is spoken; nothing is withheld.
    pub(super) info: EngineInfo,
}

/// Reads them; each may be missing. Of the versions that both sides know the newest is spoken.
pub(super) fn introduction(ping: Option<&HeaderMap>, version: SystemVersion, info: SystemInfo) -> Introduction {
    let header = |name: &str| ping?.get(name)?.to_str().ok().map(str::to_owned);
    let newest = header("api-version").or(version.api_version).and_then(|v| ApiVersion::parse(&v));
    let oldest = version.min_api_version.and_then(|v| ApiVersion::parse(&v));
    let spoken = newest.map(|v| v.min(ApiVersion::NEWEST.max(oldest.unwrap_or(v))));
    let components = version.components.unwrap_or_default();
    let server = header("server").filter(|s| s.starts_with("Libpod/"));
    let podman = (components.iter().any(|c| c.name.starts_with("Podman")) || server.is_some())
        .then(|| Podman::of(version.version.as_deref().or(server.as_deref())));
    let rootless = info.security_options.map(|all| all.iter().any(|o| o.contains("name=rootless")));
    let arch = info.architecture.or(version.arch);
    let info = EngineInfo {
        api: spoken.unwrap_or(ApiVersion::ONE_SHOT),
        version: version.version.or(info.server_version).map(decode::text),
        runtime: Some(if podman.is_some() { "podman".into() } else { "docker".into() }),
        host_name: info.name.map(decode::text).filter(|n| !n.is_empty()),
        host_arch: arch.map(|a| decode::architecture(&a)).filter(|a| !a.is_empty()),
        memory_total: info.mem_total.filter(|m| *m > 0),
        kernel: info.kernel_version.or(version.kernel_version).map(decode::text),
        cgroup_version: info.cgroup_version.map(|v| decode::text(v.to_string())).filter(|v| !v.is_empty()),
        cgroup_driver: info.cgroup_driver.map(|d| decode::text(d.to_string())).filter(|d| !d.is_empty()),
        rootless,
        version_withheld: None,
        info_withheld: None,
    };
    Introduction { spoken, podman, info }
}
