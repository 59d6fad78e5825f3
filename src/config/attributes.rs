//! `attributes`: what the series carry besides their numbers.

use std::collections::BTreeMap;

use super::setting::section;

section! {
    /// What the series carry besides their numbers. Nothing leaves the host unless it is built in or listed here.
    pub struct Attributes {
        /// Built-in attributes to turn on or off: { container.command_line: true }.
        pub resource: BTreeMap<String, bool> = BTreeMap::new(),
        /// Container labels to send, each with the name of its attribute: { com.example.team: team }.
        pub labels: BTreeMap<String, String> = BTreeMap::new(),
        /// Environment variables of containers to send, each with the name of its attribute: { REGION: cloud.region }.
        pub env: BTreeMap<String, String> = BTreeMap::new(),
        /// Resource attributes to copy onto every point, for backends that drop resources: [container.name].
        pub on_points: Vec<String> = Vec::new(),
    }
}
