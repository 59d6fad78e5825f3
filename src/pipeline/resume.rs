//! How a pipeline goes on with what an agent before this one has published of its engine.

use super::{Pipeline, Settings};
use crate::convert::Converter;
use crate::ledger::Ledger;
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::published::{Facet, Owner, Standing};
use crate::model::series::Kind;
use crate::model::time::UnixNanos;
use crate::probe::Resumed;

/// What was published of an engine before, and not yet retracted.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// Owner by owner.
    pub owners: Vec<(Owner, Standing)>,
    /// No point bears a later time stamp.
    pub latest: UnixNanos,
    /// Whether there will be a second sample: series that need two are kept until then.
    pub samples_go_on: bool,
}

impl Pipeline {
    /// A pipeline that goes on where another has ended, of this agent or one before: what is still there goes on under the
    /// same identity and start time, the rest is retracted with the first list, or when the engine cannot be reached. Series
    /// that nothing makes any more, because a metric was turned off, are retracted at once.
    pub fn restored(settings: Settings, seed: u64, published: Published) -> Self {
        let mut pipeline = Self::new(settings, seed);
        let Published { owners, latest, samples_go_on } = published;
        pipeline.called = owners.iter().find_map(engine_name);
        if let Some(name) = pipeline.called.clone().filter(|_| pipeline.settings.name.is_none()) {
            pipeline.converter.set_engine_name(name);
        }
        pipeline.probe.resume(owners.iter().filter_map(resumed).collect(), latest);
        let late = if samples_go_on { pipeline.converter.from_two() } else { Vec::new() };
        pipeline.ledger = Ledger::restore(owners, latest, late);
        pipeline.resumes = true;
        pipeline
    }

    pub(super) fn end_unmade(&mut self, now: UnixNanos) {
        let converter = &self.converter;
        let unmade = |owner: &Owner, facet, metric| !converter.makes(owner, facet, metric);
        self.ledger.end_series(unmade, Reason::SeriesEnded, now);
    }
}

/// What the engine is called in its own series.
fn engine_name((owner, standing): &(Owner, Standing)) -> Option<Text> {
    let name = || standing.resource.text("dockpulse.engine.name").cloned();
    (*owner == Owner::Engine).then(name).flatten()
}

/// What the probe has to know of a container.
fn resumed((owner, standing): &(Owner, Standing)) -> Option<Resumed> {
    let Owner::Container(id) = owner else { return None };
    let series = |facet: Facet| standing.facets[facet.index()].iter();
    let starts = || series(Facet::Usage).filter(|s| s.metric.kind == Kind::Counter).map(|s| s.start);
    let kills = || series(Facet::State).filter(|s| Converter::counts_kills(s.metric)).map(|s| s.start);
    let counters = || series(Facet::State).filter(|s| s.metric.kind == Kind::Counter);
    let restarts = counters().filter(|s| !Converter::counts_kills(s.metric)).map(|s| s.start);
    Some(Resumed {
        id: id.clone(),
        // Counters that started over within the run have later ones.
        run: starts().min(),
        stopped: series(Facet::State).any(|s| Converter::tells_stop(s.metric, &s.attributes)),
        latest_start: starts().chain(kills()).max().unwrap_or_default(),
        restarts: restarts.max().unwrap_or_default(),
        kills: kills().next().is_some(),
        measured: series(Facet::Filesystem).next().is_some(),
    })
}
