//! What `/metrics` tells beside the board.

/// What was counted and measured since the process began. The board has the rest.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measures {
    /// How long probes took.
    pub probes: Histogram,
    /// How long lists took.
    pub lists: Histogram,
    /// How long requests to the collector took.
    pub exports: Histogram,
    /// Requests by how they ended.
    pub requests: Counts,
    /// What failed, by kind.
    pub failures: Counts,
    /// Series that ended, by reason.
    pub retracted: Counts,
    /// Points that were given up, by reason.
    pub dropped: Counts,
    /// Samples of streams that were taken by nobody.
    pub samples_dropped: u64,
    /// Attributes that were cut.
    pub attributes_cut: u64,
}

/// Words with how often each was counted, those with 0 too: a counter that is there from the beginning shows its first
/// increase as one.
pub type Counts = Vec<(&'static str, u64)>;

/// Durations by how long they were.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// Seconds up to which one belongs here, rising, with how many did.
    pub buckets: Vec<(f64, u64)>,
    /// How many there were in all, longer ones included.
    pub count: u64,
    /// All of them together, in seconds.
    pub sum: f64,
}
