//! The report as it is read.

use std::time::Duration;

use super::*;
use crate::filter::{Matcher, Pattern};
use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::container::{ContainerId, Labels};
use crate::model::series::{AttributeInterner, Kind, Metric, Resource, Value};
use crate::model::time::UnixNanos;

static STATE: Metric = Metric { name: "container.status.state", unit: "{container}", kind: Kind::UpDownSum };
static CPU: Metric = Metric { name: "container.cpu.time", unit: "s", kind: Kind::Counter };

fn listed(name: &str, state: State) -> Listed {
    Listed {
        id: ContainerId::try_new(&"ab".repeat(32)).unwrap(),
        name: Some(name.into()),
        image: "nginx:1.27".into(),
        image_id: "".into(),
        state,
        up_for: None,
        exit_code: None,
        health: None,
        labels: Labels::default(),
    }
}

fn report() -> Report {
    let container = listed("web\u{1b}[2J", State::Running);
    let mut interner = AttributeInterner::default();
    let mut point = |metric, pairs: &[(&'static str, &str)], mark| {
        let attributes = interner.intern(pairs);
        Point { metric, attributes, start: UnixNanos(1), mark }
    };
    let id = container.id.text();
    let resource = std::sync::Arc::new(Resource::new(vec![("container.id".into(), id.into())], &[]));
    let points = vec![
        point(&CPU, &[("cpu.mode", "user")], Mark::First(Value::Double(1.25))),
        point(&CPU, &[("cpu.mode", "system")], Mark::First(Value::Double(0.5))),
        point(&STATE, &[("container.status.state", "running")], Mark::First(Value::Int(1))),
    ];
    let more = vec![
        point(&CPU, &[("cpu.mode", "user")], Mark::Next(Value::Double(2.0))),
        point(&CPU, &[("cpu.mode", "system")], Mark::Retracted(Reason::SeriesEnded)),
    ];
    let group = |points| Group { resource: resource.clone(), time: UnixNanos(1), points };
    let mut live = Live::default();
    for points in [points, more] {
        live.take(&Batch { groups: vec![group(points)] }, &container.id);
    }
    let filter = Filter { include: vec![], exclude: vec![Rule(vec![Matcher::Name(Pattern::parse("web*").unwrap())])] };
    let place = |key: &str| Place { key: key.into(), origin: "d.yaml:3:5".into() };
    let attribute =
        |key: &str, value: &str, source, cut| Attribute { key: key.into(), value: value.into(), source, cut };
    Report {
        told_by: ToldBy::Engine,
        engine: EngineFound { name: "prod".into(), endpoint: "unix:///s".into(), described: "docker 28".into() },
        watched: Watched::of(&filter, true, &container, &|key| format!("d.yaml:9:1 of {key}")),
        container,
        over_cap: Some((12, 10)),
        identity: vec![
            attribute("container.name", "web\n", Source::BuiltIn, true),
            attribute("service.name", "api", Source::Orchestrator("com.docker.compose.service".into()), false),
            attribute("team", "blue", Source::Label("a".into(), place("attributes.labels.a")), false),
            attribute("note", "x", Source::Standard, false),
        ],
        on_points: vec!["container.name".into()],
        series: live.series(&[vec![&STATE], vec![&CPU]]),
        failures: vec!["numbers: GET /x answered 500".into()],
        endings: endings(Terms {
            stopped: true,
            on_shutdown: true,
            grace: Duration::ZERO,
            timeout: Duration::from_secs(10),
        }),
    }
}

const EXPECTED: &str = r"web\u{1b}[2J (abababababab), running, nginx:1.27
engine prod at unix:///s (docker 28)

watched: no, containers.exclude[0] { name: web* } (d.yaml:9:1 of containers.exclude[0]) excludes it
  but the filters let 12 containers of this engine in, and containers.max is 10: only the running agent knows which

identity, if it were watched
  container.name  web\n  built in, cut to 1024 bytes
  service.name    api    label com.docker.compose.service
  team            blue   attributes.labels.a (d.yaml:3:5)
  note            x      OTEL_RESOURCE_ATTRIBUTES
  on every point too: container.name

1 series of its state, which stays after a stop, if it were watched
  container.status.state{container.status.state=running}  1  {container} sum

1 series of its usage, if it were watched
  container.cpu.time{cpu.mode=user}  2  s counter
  numbers: GET /x answered 500

what retracts them
  all, when    it is removed                                                             removed
";

#[test]
fn a_report_is_aligned_and_escaped() {
    let mut out = Vec::new();
    write(&report(), false, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let (head, rest) = text.split_at(text.find("  usage, when").unwrap());
    let lines =
        |text: &str| text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>();
    assert_eq!(lines(head), lines(EXPECTED));
    let columns: Vec<Option<usize>> =
        text.lines().map(|l| l.find("  label com").or(l.find("  attributes.labels"))).collect();
    assert_eq!(columns.iter().flatten().collect::<std::collections::BTreeSet<_>>().len(), 1, "{text}");
    assert!(rest.lines().all(|line| line.len() < 130), "{rest}");
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "no colours, no control characters");
}

#[test]
fn on_a_terminal_it_has_colours() {
    let mut out = Vec::new();
    write(&report(), true, &mut out).unwrap();
    assert!(String::from_utf8(out).unwrap().contains("\u{1b}[1m"));
}

#[test]
fn json_has_it_all() {
    let json = json(&report());
    assert_eq!(json["watched"], false);
    assert_eq!(json["decided_by"]["key"], "containers.exclude[0]");
    assert_eq!(json["decided_by"]["rule"], "{ name: web* }");
    assert_eq!(json["identity"][1]["source"]["label"], "com.docker.compose.service");
    assert_eq!(json["series"][1]["attributes"]["cpu.mode"], "user");
    assert_eq!(json["series"][1]["value"], 2.0);
    assert_eq!(json["series"][0]["facet"], "state");
    assert_eq!(json["retracted_when"].as_array().map(Vec::len), Some(Reason::ALL.len()));
    assert_eq!(json["over_cap"]["max"], 10);
}

#[test]
fn what_decides_is_told() {
    let rule = |text| Rule(vec![Matcher::Name(Pattern::parse(text).unwrap())]);
    let of = |include: Vec<Rule>, stopped, listed: &Listed| {
        let filter = Filter { include, exclude: vec![] };
        Watched::of(&filter, stopped, listed, &|key| format!("f of {key}"))
    };
    let (web, done) = (listed("web", State::Running), listed("done", State::Exited));
    assert_eq!(of(vec![], true, &web), Watched::Yes);
    assert_eq!(of(vec![rule("a"), rule("b")], true, &web), Watched::NotIncluded(2));
    let place = Place { key: "containers.include[1]".into(), origin: "f of containers.include[1]".into() };
    assert_eq!(
        of(vec![rule("a"), rule("w*")], true, &web),
        Watched::Included(RuleAt { place, rule: "{ name: w* }".into() })
    );
    assert_eq!(of(vec![], true, &done), Watched::Yes);
    assert_eq!(of(vec![], false, &done), Watched::Stopped(State::Exited));
    let mut off = web.clone();
    off.labels = Labels::new(vec![("dockpulse.enable".into(), "false".into())]);
    assert_eq!(of(vec![], true, &off), Watched::Disabled);
}
