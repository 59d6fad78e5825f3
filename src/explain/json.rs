//! The report for scripts.

use serde_json::{Value as Json, json as object};

use super::{Attribute, Ending, Place, Report, RuleAt, Series, Source, Watched};
use crate::model::series::{AttributeValue, Value};

/// The report as one JSON object.
pub fn json(report: &Report) -> Json {
    let Report { engine, container, .. } = report;
    let mut out = object!({
        "container": {
            "id": container.id.as_str(),
            "name": &*container.display_name(),
            "image": &*container.image,
            "state": container.state.as_str(),
        },
        "engine": { "name": &*engine.name, "endpoint": &*engine.endpoint, "described": engine.described },
        "told_by": report.told_by.as_str(),
        "watched": report.watched.is_yes(),
        "decided_by": decided_by(&report.watched),
        "identity": report.identity.iter().map(attribute).collect::<Vec<_>>(),
        "on_points": report.on_points.iter().map(|name| &**name).collect::<Vec<_>>(),
        "series": report.series.iter().map(series).collect::<Vec<_>>(),
        "failures": report.failures,
        "retracted_when": report.endings.iter().map(ending).collect::<Vec<_>>(),
    });
    if let Some((admitted, max)) = report.over_cap {
        out["over_cap"] = object!({ "admitted": admitted, "max": max });
    }
    out
}

fn decided_by(watched: &Watched) -> Json {
    match watched {
        Watched::Yes => Json::Null,
        Watched::Included(rule) | Watched::Excluded(rule) => by_rule(rule),
        Watched::Disabled => object!({ "label": crate::filter::ENABLE_LABEL }),
        Watched::NotIncluded(_) => object!({ "key": "containers.include" }),
        Watched::Stopped(_) => object!({ "key": "containers.stopped" }),
    }
}

fn by_rule(rule: &RuleAt) -> Json {
    let RuleAt { place: Place { key, origin }, rule } = rule;
    object!({ "key": key, "rule": rule, "set_in": origin })
}

fn attribute(attribute: &Attribute) -> Json {
    let value: Json = match &attribute.value {
        AttributeValue::Text(text) => (**text).into(),
        AttributeValue::List(list) => list.iter().map(|text| Json::from(&**text)).collect(),
    };
    let source = match &attribute.source {
        Source::BuiltIn => object!({ "kind": "built_in" }),
        Source::Orchestrator(label) => object!({ "kind": "orchestrator", "label": &**label }),
        Source::Label(label, place) => {
            object!({ "kind": "label", "label": &**label, "key": place.key, "set_in": place.origin })
        }
        Source::Variable(name, place) => {
            object!({ "kind": "env", "variable": &**name, "key": place.key, "set_in": place.origin })
        }
        Source::Standard => object!({ "kind": "standard", "variable": "OTEL_RESOURCE_ATTRIBUTES" }),
    };
    object!({ "attribute": &*attribute.key, "value": value, "source": source, "cut": attribute.cut })
}

fn series(series: &Series) -> Json {
    let mut attributes = serde_json::Map::new();
    attributes.extend(series.attributes.iter().map(|(key, value)| (key.to_string(), (**value).into())));
    let value: Json = match series.value {
        Value::Int(n) => n.into(),
        Value::Double(n) => n.into(),
    };
    object!({
        "metric": &*series.metric,
        "kind": series.kind(),
        "unit": &*series.unit,
        "attributes": attributes,
        "value": value,
        "facet": series.facet.as_str(),
    })
}

fn ending(ending: &Ending) -> Json {
    object!({ "reason": ending.reason.as_str(), "ends": ending.ends.as_str(), "when": ending.when })
}
