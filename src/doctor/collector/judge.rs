//! What the findings of the collector mean.

use tonic::Code;

use super::super::certificate;
use super::super::line::{Line, Sheet, apart, time};
use super::instead::is_of_http;
use super::{Findings, Subject, Unconnected};
use crate::export::{Failure, Protocol, Verdict};
use crate::model::time::UnixNanos;

/// The lines of the collector.
pub(in super::super) fn judge(subject: &Subject, findings: &Findings, now: UnixNanos) -> Vec<Line> {
    let mut sheet = Sheet::of("collector");
    if let Some(proxy) = &findings.proxy {
        sheet.ok("proxy", format!("{proxy} is on the way to {}", subject.settings.endpoint));
    }
    name(findings, &mut sheet);
    connection(findings, &mut sheet);
    tls(subject, findings, now, &mut sheet);
    if let Some((verdict, took)) = &findings.answer {
        export(subject, findings, verdict, &time(*took), &mut sheet);
        if *took > subject.settings.timeout / 2 {
            let found = format!("an export took {} of the {} there are", time(*took), time(subject.settings.timeout));
            sheet.warn("latency", found, "is the collector overloaded? Give it more, or set a longer export.timeout");
        }
    }
    sheet.into_lines()
}

fn name(findings: &Findings, sheet: &mut Sheet) {
    let host = &findings.host;
    match &findings.resolved {
        None => {}
        Some(Ok(addresses)) if !addresses.is_empty() => {
            let told: Vec<String> = addresses.iter().take(4).map(ToString::to_string).collect();
            let more = if addresses.len() > 4 { format!(" and {} more", addresses.len() - 4) } else { String::new() };
            sheet.ok("name", format!("{host} is {}{more}", told.join(", ")));
        }
        Some(found) => {
            let why = found.as_ref().err().map_or("it has no address", String::as_str);
            let mend = "is the name right? In a container: is the collector in the same network (compose: networks), under this name?";
            sheet.fail("name", format!("{host}:{} cannot be resolved: {why}", findings.port), mend);
        }
    }
}

fn connection(findings: &Findings, sheet: &mut Sheet) {
    let Findings { host, port, .. } = findings;
    let (why, mend) = match &findings.connected {
        None => return,
        Some(Ok((address, took))) => return sheet.ok("tcp", format!("{address} lets us connect in {}", time(*took))),
        Some(Err(Unconnected::Refused)) => ("nobody listens there".to_owned(), refused(findings)),
        Some(Err(Unconnected::Silent)) => {
            ("there is no answer".to_owned(), "is the host up, is the port right, does a firewall let it through?")
        }
        Some(Err(Unconnected::Other(why))) => (why.clone(), "is the address right, and is there a way to it?"),
    };
    sheet.fail("tcp", format!("{host}:{port}: {why}"), mend);
}

fn refused(findings: &Findings) -> &'static str {
    match (&findings.proxy, findings.host.as_str()) {
        (Some(_), _) => "is the proxy right, and does it run? NO_PROXY names hosts that need no proxy",
        (None, "localhost" | "127.0.0.1" | "::1") => {
            "start the collector, or set export.endpoint; in a container localhost is the container itself"
        }
        _ => "does the collector run, and has it an otlp receiver on this port that listens on 0.0.0.0?",
    }
}

fn tls(subject: &Subject, findings: &Findings, now: UnixNanos, sheet: &mut Sheet) {
    let Some(secured) = &findings.secured else { return };
    match secured {
        Err((found, mend)) => {
            let otherwise = || if mend.is_empty() { "see the collector's log".to_owned() } else { mend.clone() };
            let mend = findings.instead.as_ref().map_or_else(otherwise, |way| way.mend.clone());
            sheet.fail("certificate", found.as_str(), mend);
        }
        Ok(()) => certificate::judge_peer(&subject.settings.tls, true, now, sheet),
    }
    certificate::judge_own(&subject.settings.tls, now, sheet);
}

fn export(subject: &Subject, findings: &Findings, verdict: &Verdict, took: &str, sheet: &mut Sheet) {
    let (endpoint, protocol) = (&subject.settings.endpoint, protocol(subject.settings.protocol));
    match verdict {
        Verdict::Acked { message, .. } if message.is_empty() => {
            sheet.ok("export", format!("{endpoint} takes an export in {took} ({protocol})"));
        }
        Verdict::Acked { message, .. } => {
            let (found, mend) = message.rsplit_once("; ").unwrap_or((message, "see the collector's log"));
            sheet.warn("export", format!("{endpoint} takes an export, but: {found}"), mend);
        }
        Verdict::Retry { cause, .. }
        | Verdict::TooLarge(cause)
        | Verdict::Drop(cause)
        | Verdict::Reauthenticate(cause) => {
            refusal(endpoint, protocol, findings, cause, busy(verdict), sheet);
        }
    }
}

fn refusal(
    endpoint: &str,
    protocol: &str,
    findings: &Findings,
    cause: &Failure,
    busy: Option<&str>,
    sheet: &mut Sheet,
) {
    let otherwise = match cause {
        Failure::Timeout(_) => "does the collector hang, or is that another protocol's port?",
        _ => "see the collector's log",
    };
    let (found, mend) = apart(&cause.to_string(), cause.mend(), otherwise);
    if let Some(way) = &findings.instead {
        let found = format!("{endpoint} ({protocol}): {} ({found})", way.speaks);
        return sheet.fail("export", found, way.mend.as_str());
    }
    let found = format!("{endpoint} ({protocol}): {found}");
    if let Some(mend) = busy {
        return sheet.warn("export", found, mend);
    }
    match cause {
        // It speaks OTLP, and has rules of its own.
        Failure::Http { status, .. } if status.as_u16() == 400 => sheet.warn("export", found, valueless()),
        Failure::Grpc { code: Code::InvalidArgument, .. } => sheet.warn("export", found, valueless()),
        _ => sheet.fail("export", found, mend),
    }
}

/// What to do if who answered speaks the protocol, and takes nothing now; `None` if that is not so.
fn busy(verdict: &Verdict) -> Option<&'static str> {
    let again = "it is busy, or is being started; the agent waits and tries again. If that stays, see its log";
    match verdict {
        Verdict::Retry { cause: Failure::Http { status, .. }, .. } if [429, 503].contains(&status.as_u16()) => {
            Some(again)
        }
        Verdict::Retry { cause: Failure::Grpc { code, message }, .. }
            if [Code::Unavailable, Code::ResourceExhausted].contains(code) && !is_of_http(message) =>
        {
            Some(again)
        }
        Verdict::Drop(Failure::Grpc { code: Code::ResourceExhausted, .. }) => Some(
            "it is busy, or a quota is used up; it does not say when to try again, so what it refuses is dropped: see its log",
        ),
        _ => None,
    }
}

fn valueless() -> &'static str {
    "it may be that only an export without a value is refused: `dockpulse once` sends some"
}

fn protocol(of: Protocol) -> &'static str {
    match of {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http/protobuf",
    }
}
