//! `retract`, `shutdown`: what is taken back, and how the agent ends.

use std::time::Duration;

use super::setting::section;

section! {
    /// What is taken back.
    pub struct Retract {
        /// Whether everything that was published is retracted when dockpulse ends.
        pub on_shutdown: bool = true,
        /// How long the list of an engine's containers may fail before they are all retracted.
        pub list_failure_grace: Duration = Duration::ZERO,
    }
}

section! {
    /// How the agent ends.
    pub struct Shutdown {
        /// How long retracting and sending what is left may take.
        pub timeout: Duration = Duration::from_secs(5),
    }
}
