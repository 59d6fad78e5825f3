//! Who is answered: reads only, and only those who came by a name of this machine. Pure.
//!
//! There is no password, so a browser of the user must not be made to read the page for others. A page elsewhere may
//! point a name of its own at 127.0.0.1 (DNS rebinding): then `Host` has that name. It may embed this one or ask for its
//! parts: then `Sec-Fetch-Site` says so.

use std::net::IpAddr;

use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

/// Why a request is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Neither GET nor HEAD.
    Method,
    /// No `Host`, or more than one, or none that can be read.
    NoHost,
    /// Not a name of this machine.
    Host,
    /// A page elsewhere asks.
    CrossSite,
}

impl Refusal {
    /// Its status and words; these hold nothing of the request.
    pub(super) fn answer(self) -> (StatusCode, &'static str) {
        match self {
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD"),
            Self::NoHost => (StatusCode::BAD_REQUEST, "a request has to have one Host"),
            Self::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "not a name of this agent: ask by an IP address or by localhost; if status.listen is not a loopback address, \
                 also by the host's name, a name without a dot, or one under .internal, .local or .home.arpa. A proxy has \
                 to send the Host of its upstream (Caddy: header_up Host {upstream_hostport})",
            ),
            Self::CrossSite => (StatusCode::FORBIDDEN, "not for other sites"),
        }
    }
}

/// What ends names that nobody can have in the public DNS: reserved for private use (ICANN, 2024), for multicast DNS
/// (RFC 6762), and for homes (RFC 8375).
const PRIVATE: [&str; 3] = [".internal", ".local", ".home.arpa"];

/// The names that are answered.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The machine's name, if others may come at all.
    host_name: Option<String>,
}

impl Guard {
    /// For who listens on loopback only, or else for a machine of that name.
    pub(super) fn new(loopback: bool, host_name: &str) -> Self {
        Self { host_name: (!loopback).then(|| host_name.trim_end_matches('.').to_ascii_lowercase()) }
    }

    /// Whether a request may be answered.
    pub(super) fn admit(&self, request: &Parts) -> Result<(), Refusal> {
        if !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(Refusal::Method);
        }
        match asked_for(request)? {
            Some(host) if !self.knows(host) => return Err(Refusal::Host),
            _ => {}
        }
        if is_cross_site(&request.headers) { Err(Refusal::CrossSite) } else { Ok(()) }
    }

    /// An address is no name that somebody could point elsewhere. A name without a dot is none that a stranger can
    /// have either: it comes from the machine's own files or network, as the names of services in Compose do.
    fn knows(&self, host: &str) -> bool {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare.parse::<IpAddr>().is_ok() {
            return true;
        }
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        let is_own = |own: &String| !name.is_empty() && (!name.contains('.') || name == *own || is_private(&name));
        is_local || self.host_name.as_ref().is_some_and(is_own)
    }
}

/// Whether a name in lower case is one of a private network: whole labels before a suffix of that kind.
fn is_private(name: &str) -> bool {
    let is_label = |label: &str| {
        let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        !label.is_empty() && label.bytes().all(known)
    };
    let before = PRIVATE.iter().find_map(|suffix| name.strip_suffix(suffix));
    before.is_some_and(|before| before.split('.').all(is_label))
}

/// The host that is asked for, without the port. None is fine in HTTP/1.0, where health checks have none; a browser
/// always sends one.
fn asked_for(request: &Parts) -> Result<Option<&str>, Refusal> {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (first, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return Err(Refusal::NoHost);
    }
    // What the request line says counts more than the header (RFC 9112, 3.2.2); here neither may be another's.
    let line = request.uri.authority().map(http::uri::Authority::as_str);
    let header = match first {
        Some(value) => Some(value.to_str().map_err(|_| Refusal::NoHost)?),
        None => None,
    };
    match (line, header) {
        (Some(line), Some(header)) if !line.eq_ignore_ascii_case(header) => Err(Refusal::NoHost),
        (_, Some(host)) | (Some(host), None) => without_port(host).map(Some),
        (None, None) if request.version == Version::HTTP_10 => Ok(None),
        (None, None) => Err(Refusal::NoHost),
    }
}

fn without_port(host: &str) -> Result<&str, Refusal> {
    let end = if host.starts_with('[') { host.find(']').map(|at| at + 1) } else { host.find(':').or(Some(host.len())) };
    let (name, port) = host.split_at(end.ok_or(Refusal::NoHost)?);
    let is_port = |text: &str| text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit());
    match port.strip_prefix(':') {
        _ if name.is_empty() => Err(Refusal::NoHost),
        None if port.is_empty() => Ok(name),
        Some(port) if is_port(port) => Ok(name),
        _ => Err(Refusal::NoHost),
    }
}

/// Whether a page of another site asks; a link from there that somebody follows is fine.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let is = |name: &str, words: &[&str]| headers.get(name).is_some_and(|v| words.iter().any(|w| v == *w));
    let foreign = headers.contains_key("sec-fetch-site") && !is("sec-fetch-site", &["same-origin", "none"]);
    let followed = is("sec-fetch-mode", &["navigate"]) && is("sec-fetch-dest", &["document"]);
    foreign && !followed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(request: http::request::Builder) -> Parts {
        request.body(()).expect("a request").into_parts().0
    }

    fn get(host: &str) -> Parts {
        parts(http::Request::get("/").header(HOST, host))
    }

    fn admitted(guard: &Guard, hosts: &[&str]) -> Vec<bool> {
        hosts.iter().map(|host| guard.admit(&get(host)) == Ok(())).collect()
    }

    #[test]
    fn on_loopback_only_addresses_and_localhost_are_names_of_this_machine() {
        let guard = Guard::new(true, "web-1.example.org");
        let own =
            ["localhost", "LocalHost:9797", "localhost.", "a.localhost:1", "127.0.0.1:9797", "[::1]:9797", "10.0.0.7"];
        assert_eq!(admitted(&guard, &own), [true; 7]);
        let other =
            ["evil.example.com", "web-1.example.org", "web-1", "localhost.evil.com", "127.0.0.1.nip.io", "127.1"];
        assert_eq!(admitted(&guard, &other), [false; 6]);
    }

    #[test]
    fn who_listens_to_others_is_also_called_by_its_name_and_by_names_of_its_own_network() {
        let guard = Guard::new(false, "Web-1.example.org");
        let own = ["web-1.example.org:9797", "WEB-1.EXAMPLE.ORG.", "dockpulse:9797", "192.168.1.5", "localhost"];
        assert_eq!(admitted(&guard, &own), [true; 5]);
        let other = ["evil.example.com", "example.org", "web-1.example.org.evil.com"];
        assert_eq!(admitted(&guard, &other), [false; 3]);
    }

    #[test]
    fn who_listens_to_others_has_names_that_nobody_can_have_in_the_public_dns() {
        let own =
            ["dockpulse.internal", "a.B.Internal.:9797", "nas.local", "web_1.home.arpa:80", "x--1.svc.cluster.local"];
        let other = [
            ".internal",
            "a..internal",
            "a.internal..",
            "evil.com/.internal",
            "a.internal.evil.com",
            "notinternal.com",
            "evilinternal.io",
            "evil-local.com",
            "a.xlocal.org",
            "arpa.evil",
            "a.arpa",
            "ahome.arpa",
            "a@b.local",
        ];
        let guard = Guard::new(false, "web-1");
        assert_eq!(admitted(&guard, &own), [true; 5]);
        assert_eq!(admitted(&guard, &other), [false; 13]);
        assert_eq!(admitted(&Guard::new(true, "web-1"), &own), [false; 5], "not on loopback");
    }

    proptest::proptest! {
        #[test]
        fn a_name_of_the_public_dns_is_never_this_machines(
            name in "([a-zA-Z0-9_-]{1,12}\\.){1,3}(com|net|io|local-x|internal-x|arpa)\\.?(:[0-9]{1,5})?",
        ) {
            let is_home = name.to_ascii_lowercase().contains("home.arpa");
            for loopback in [true, false] {
                let said = Guard::new(loopback, "web-1").admit(&get(&name));
                proptest::prop_assert!(is_home || said == Err(Refusal::Host), "{}", name);
            }
        }
    }

    #[test]
    fn a_host_that_cannot_be_read_or_is_not_there_is_a_bad_request() {
        let guard = Guard::new(false, "web");
        for host in ["", ":80", "[::1", "a:b", "a:1:2", "a:123456", "[::1]x"] {
            assert_eq!(guard.admit(&get(host)), Err(Refusal::NoHost), "{host}");
        }
        let none = || http::Request::get("/");
        assert_eq!(guard.admit(&parts(none())), Err(Refusal::NoHost));
        assert_eq!(guard.admit(&parts(none().header(HOST, "web").header(HOST, "web"))), Err(Refusal::NoHost));
        assert_eq!(guard.admit(&parts(none().version(Version::HTTP_10))), Ok(()), "as health checks do");
    }

    #[test]
    fn the_request_line_cannot_smuggle_another_host_in() {
        let guard = Guard::new(true, "web");
        let both = |line: &str, host: &str| parts(http::Request::get(line).header(HOST, host));
        assert_eq!(guard.admit(&both("http://localhost:1/", "localhost:1")), Ok(()));
        assert_eq!(guard.admit(&both("http://evil.com/", "localhost")), Err(Refusal::NoHost));
        assert_eq!(guard.admit(&parts(http::Request::get("http://evil.com/"))), Err(Refusal::Host));
    }

    #[test]
    fn only_reads_are_answered() {
        let guard = Guard::new(true, "web");
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "CONNECT", "BREW"] {
            let request = parts(http::Request::builder().method(method).uri("/").header(HOST, "localhost"));
            assert_eq!(guard.admit(&request), Err(Refusal::Method), "{method}");
        }
        assert_eq!(guard.admit(&parts(http::Request::head("/").header(HOST, "localhost"))), Ok(()));
    }

    #[test]
    fn another_site_may_link_here_but_not_read_or_embed() {
        let guard = Guard::new(true, "web");
        let from = |site: &str, mode: &str, to: &str| {
            let request = http::Request::get("/status.json").header(HOST, "localhost");
            let request = request.header("sec-fetch-site", site).header("sec-fetch-mode", mode);
            guard.admit(&parts(request.header("sec-fetch-dest", to)))
        };
        assert_eq!(from("same-origin", "cors", "empty"), Ok(()));
        assert_eq!(from("none", "navigate", "document"), Ok(()));
        assert_eq!(from("cross-site", "navigate", "document"), Ok(()));
        assert_eq!(from("cross-site", "navigate", "iframe"), Err(Refusal::CrossSite));
        assert_eq!(from("cross-site", "no-cors", "script"), Err(Refusal::CrossSite));
        assert_eq!(from("same-site", "cors", "empty"), Err(Refusal::CrossSite));
    }
}
