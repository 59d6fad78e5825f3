//! Which proxy a connection goes through, as curl and Go read the environment's variables.

use std::fmt;

use http::{HeaderValue, Uri};
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use super::settings::is_loopback;

/// Proxies, and which hosts need none. Credentials in them are secret and never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    http: String,
    https: String,
    no: String,
}

/// A proxy that a connection goes through.
#[derive(Debug, Clone)]
pub(super) struct Proxy(Intercept);

impl Proxies {
    /// `http` is for `http://` addresses, `https` for `https://` ones: `http://[USER:PASSWORD@]HOST:PORT`, or empty for
    /// none. `no` lists hosts that need none, separated by commas: names, with everything below them; addresses;
    /// networks (10.0.0.0/8); each perhaps with a port; `*` for all. This host itself needs none.
    pub fn new(http: impl Into<String>, https: impl Into<String>, no: impl Into<String>) -> Self {
        Self { http: http.into(), https: https.into(), no: no.into() }
    }

    /// The proxy on the way to `to`.
    pub(super) fn for_address(&self, to: &Uri) -> Option<Proxy> {
        let host = to.host()?;
        if is_loopback(host) {
            return None;
        }
        let port = to.port_u16().unwrap_or(if to.scheme_str() == Some("https") { 443 } else { 80 });
        let matcher = Matcher::builder().http(&self.http).https(&self.https).no(without_ports(&self.no, port)).build();
        matcher.intercept(to).map(Proxy)
    }
}

impl Proxy {
    pub(super) fn uri(&self) -> &Uri {
        self.0.uri()
    }

    /// The value of `Proxy-Authorization`, marked as sensitive.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        self.0.basic_auth().cloned()
    }
}

/// Without credentials.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.uri();
        write!(f, "{}://{}", uri.scheme_str().unwrap_or("http"), uri.authority().map_or("", |a| a.as_str()))
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |text: &str| if text.is_empty() { "none" } else { "***" };
        let (http, https) = (set(&self.http), set(&self.https));
        f.debug_struct("Proxies").field("http", &http).field("https", &https).field("no", &self.no).finish()
    }
}

/// The entries that hold for `port`, without their ports, as the matcher takes them.
fn without_ports(list: &str, port: u16) -> String {
    let entries = list.split([',', ' ', '\t']).filter(|entry| !entry.is_empty());
    let kept: Vec<&str> = entries.filter_map(|entry| without_port(entry, port)).collect();
    kept.join(",")
}

fn without_port(entry: &str, port: u16) -> Option<&str> {
    let (host, its_port) = match entry.rsplit_once(':') {
        // An IPv6 address without brackets has no port.
        Some((host, its_port)) if !host.contains(':') || host.ends_with(']') => (host, Some(its_port)),
        _ => (entry, None),
    };
    if its_port.is_some_and(|its| its.parse() != Ok(port)) {
        return None;
    }
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    // `*.example.com` means what `.example.com` does.
    Some(host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(proxies: &Proxies, to: &str) -> Option<String> {
        proxies.for_address(&to.parse().unwrap()).map(|proxy| proxy.to_string())
    }

    #[test]
    fn each_scheme_has_its_own_proxy_and_this_host_needs_none() {
        let proxies = Proxies::new("http://p:1", "http://q:2", "");
        let none = Proxies::default();
        for (to, through) in [
            ("http://collector:4318", Some("http://p:1")),
            ("https://collector:4318", Some("http://q:2")),
            ("https://10.0.0.1", Some("http://q:2")),
            ("http://localhost:4318", None),
            ("https://127.0.0.1:4317", None),
            ("http://[::1]:4318", None),
        ] {
            assert_eq!(proxy(&proxies, to).as_deref(), through, "{to}");
            assert_eq!(proxy(&none, to), None);
        }
    }

    #[test]
    fn hosts_that_need_no_proxy_are_named_in_all_the_usual_ways() {
        for (list, to, direct) in [
            ("collector", "http://collector:4318", true),
            ("COLLECTOR", "http://collector:4318", true),
            ("example.com", "http://a.b.example.com", true),
            (".example.com", "http://a.example.com", true),
            ("*.example.com", "http://a.example.com", true),
            ("example.com", "http://notexample.com", false),
            ("a, collector ,b", "http://collector", true),
            ("a collector b", "http://collector", true),
            ("collector:4318", "http://collector:4318", true),
            ("collector:4319", "http://collector:4318", false),
            ("collector:443", "https://collector", true),
            ("10.0.0.0/8", "http://10.200.3.4:4318", true),
            ("10.0.0.0/8", "http://11.0.0.1:4318", false),
            ("10.0.0.1:4318", "http://10.0.0.1:4318", true),
            ("2001:db8::1", "http://[2001:db8::1]:4318", true),
            ("[2001:db8::1]:4318", "http://[2001:db8::1]:4318", true),
            ("[2001:db8::1]:1", "http://[2001:db8::1]:4318", false),
            ("2001:db8::/32", "http://[2001:db8::1]:4318", true),
            ("*", "http://anything", true),
            ("", "http://anything", false),
        ] {
            let proxies = Proxies::new("http://p:1", "http://p:1", list);
            assert_eq!(proxy(&proxies, to).is_none(), direct, "{list} {to}");
        }
    }

    #[test]
    fn credentials_are_decoded_and_never_shown() {
        let proxies = Proxies::new("", "http://user:hunter%322@p:1", "");
        let proxy = proxies.for_address(&"https://collector".parse().unwrap()).unwrap();
        let value = proxy.authorization().unwrap();
        assert_eq!(value, "Basic dXNlcjpodW50ZXIyMg==");
        assert!(value.is_sensitive());
        assert_eq!(proxy.to_string(), "http://p:1");
        assert!(!format!("{proxies:?} {proxy:?}").contains("hunter"));
    }
}
