//! The engine's own series. They are the same in every profile.

use super::table::{Input, Out, Row, row};
use crate::model::batch::SeriesPoint;
use crate::model::container::State;
use crate::model::observation::EngineStatus;
use crate::model::series::AttributeInterner;
use crate::model::series::Kind::{Gauge, UpDownSum};
use crate::model::time::UnixNanos;

const UP: &str = "dockpulse.engine.up";
const CONTAINERS: &str = "dockpulse.engine.containers";
const LAST_SUCCESS: &str = "dockpulse.probe.last_success";

/// The metrics; what they say is in [`points`], because their subject is no container.
pub(super) static ROWS: &[Row] = &[
    row(UP, Gauge, "{engine}", no_container),
    row(CONTAINERS, UpDownSum, "{container}", no_container),
    row(LAST_SUCCESS, Gauge, "s", no_container),
];

fn no_container(_: &Input<'_>, _: &mut Out<'_>) {}

/// The series that `status` is worth.
pub(super) fn points(
    rows: &[&'static Row],
    status: &EngineStatus,
    attributes: &mut AttributeInterner,
) -> Vec<SeriesPoint> {
    let mut points = Vec::with_capacity(9);
    for row in rows {
        let mut out = Out::new(&row.metric, UnixNanos::UNKNOWN, attributes, &mut points);
        match row.metric.name {
            UP => out.one(Some(i64::from(status.up))),
            LAST_SUCCESS => out.one(status.last_success.is_known().then(|| status.last_success.as_secs_f64())),
            _ => {
                for (state, count) in State::KNOWN.into_iter().zip(status.containers.iter().flatten()) {
                    out.of(&[("container.status.state", state.as_str())], Some(*count));
                }
            }
        }
    }
    points
}
