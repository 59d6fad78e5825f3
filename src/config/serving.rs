//! `status`, `control`: what dockpulse serves itself.

use std::net::Ipv4Addr;

use super::address::{ControlListen, WebListen};
use super::setting::section;

section! {
    /// The web page.
    pub struct Status {
        /// Where the page, /status.json, /healthz and /readyz are served; "off" for none.
        pub listen: WebListen = WebListen::Tcp((Ipv4Addr::LOCALHOST, 9797).into()),
    }
}

section! {
    /// The control API.
    pub struct Control {
        /// Where the control API (gRPC) is served; "off" for none.
        pub listen: ControlListen = ControlListen::Unix("/run/dockpulse/control.sock".into()),
    }
}
