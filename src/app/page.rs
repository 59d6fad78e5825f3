//! The status page: begun as the settings say, fed from the board and the counters.

use std::net::SocketAddr;

use super::AppError;
use super::services::{Place, Services, unless_set};
use crate::config::{Loaded, Settings, WebListen};
use crate::model::batch::Reason;
use crate::status::Handle;
use crate::telemetry::event::{DropReason, Failure};
use crate::telemetry::{Buckets, Event, Outcome, Telemetry};
use crate::web::{Histogram, Measures, Options, Server};

const KEY: &str = "status.listen";
const WHAT: &str = "the status page";

/// Serves the page from now on, if it is wanted. Returns where.
///
/// # Errors
/// It could not listen at an address that was set.
pub(super) async fn begin(
    services: &mut Services,
    loaded: &Loaded,
    host_name: &str,
    board: &Handle,
    telemetry: &Telemetry,
) -> Result<Option<String>, AppError> {
    let WebListen::Tcp(address) = loaded.settings.status.listen else { return Ok(None) };
    let origins = &loaded.origins;
    let place = Place { key: KEY, what: WHAT, address: address.to_string(), origins };
    let bound = Server::bind(address, Options { host_name: host_name.to_owned() }).await;
    let Some(server) = unless_set(bound, place, telemetry)? else { return Ok(None) };
    say(&server, telemetry);
    Ok(Some(serve(server, services, board, telemetry)))
}

/// The same beside a view that says where it is: at another port if that of the settings is taken. Never an error.
pub(super) async fn begin_anywhere(
    services: &mut Services,
    settings: &Settings,
    host_name: &str,
    board: &Handle,
    telemetry: &Telemetry,
) -> Option<String> {
    let WebListen::Tcp(address) = settings.status.listen else { return None };
    let options = Options { host_name: host_name.to_owned() };
    let server = match Server::bind(address, options.clone()).await {
        Ok(server) => server,
        Err(_) => Server::bind(SocketAddr::new(address.ip(), 0), options).await.ok()?,
    };
    if server.is_open_to_others() {
        say(&server, telemetry);
    }
    Some(serve(server, services, board, telemetry))
}

fn say(server: &Server, telemetry: &Telemetry) {
    let open = server.is_open_to_others();
    telemetry.record(&Event::Serving { what: WHAT, address: server.url().into(), open });
}

fn serve(server: Server, services: &mut Services, board: &Handle, telemetry: &Telemetry) -> String {
    let url = server.url();
    let (board, telemetry) = (board.clone(), telemetry.clone());
    services.serve(|stop| server.serve(board, move || measures(&telemetry), stop.asked()));
    url
}

fn measures(telemetry: &Telemetry) -> Measures {
    let counters = telemetry.counters();
    Measures {
        probes: histogram(counters.probe_durations()),
        lists: histogram(counters.list_durations()),
        exports: histogram(counters.export_durations()),
        requests: Outcome::ALL.map(|o| (o.as_str(), counters.requests_that(o))).into(),
        failures: Failure::ALL.map(|f| (f.as_str(), counters.failures(f))).into(),
        retracted: Reason::ALL.map(|r| (r.as_str(), counters.retracted(r))).into(),
        dropped: DropReason::ALL.map(|r| (r.as_str(), counters.dropped(r))).into(),
        samples_dropped: counters.samples_dropped(),
        attributes_cut: counters.cut(),
    }
}

fn histogram(buckets: &Buckets) -> Histogram {
    Histogram { buckets: buckets.counts().collect(), count: buckets.count(), sum: buckets.sum().as_secs_f64() }
}
