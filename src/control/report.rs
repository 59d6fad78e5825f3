//! The report of one container as a message and back.

use super::v1;
use crate::explain::{
    Attribute, Ending, Ends, EngineFound, Facet, Place, Report, RuleAt, Series, Source, ToldBy, Watched,
};
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, Labels, Listed, State};
use crate::model::series::{AttributeValue, Kind, Value};

/// A report that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the agent's report cannot be read: {0}; is it of another version than this program?")]
pub struct Unreadable(&'static str);

impl From<Report> for v1::Report {
    fn from(report: Report) -> Self {
        let Report { engine, container, .. } = report;
        Self {
            engine: engine.name.to_string(),
            engine_endpoint: engine.endpoint.to_string(),
            engine_description: engine.described,
            id: container.id.as_str().to_owned(),
            name: container.name.map(|name| name.to_string()),
            image: container.image.to_string(),
            state: container.state.as_str().to_owned(),
            decision: Some(report.watched.into()),
            over_cap: report.over_cap.map(|(admitted, max)| v1::Cap { admitted: admitted as u64, max: max as u64 }),
            identity: report.identity.into_iter().map(Into::into).collect(),
            on_points: report.on_points.iter().map(ToString::to_string).collect(),
            series: report.series.into_iter().map(Into::into).collect(),
            failures: report.failures,
            endings: report.endings.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::Report> for Report {
    type Error = Unreadable;

    fn try_from(report: v1::Report) -> Result<Self, Unreadable> {
        let id = ContainerId::try_new(&report.id).ok_or(Unreadable("the container's id is none"))?;
        let state = State::parse(&report.state);
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Ok(Self {
            told_by: ToldBy::Agent,
            engine: EngineFound {
                name: report.engine.into(),
                endpoint: report.engine_endpoint.into(),
                described: report.engine_description,
            },
            container: Listed {
                id,
                name: report.name.map(Into::into),
                image: report.image.into(),
                image_id: "".into(),
                state,
                up_for: None,
                exit_code: None,
                health: None,
                labels: Labels::default(),
            },
            watched: watched(report.decision.unwrap_or_default(), state)?,
            over_cap: report.over_cap.map(|cap| (count(cap.admitted), count(cap.max))),
            identity: report.identity.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            on_points: report.on_points.into_iter().map(Into::into).collect(),
            series: report.series.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            failures: report.failures,
            // A reason that came later than this program says nothing to it.
            endings: report.endings.into_iter().filter_map(ending).collect(),
        })
    }
}

// -- what decided -----------------------------------------------------------------------------------------------------

impl From<Watched> for v1::Decision {
    fn from(watched: Watched) -> Self {
        let of = |verdict: v1::Verdict| Self { verdict: verdict.into(), ..Self::default() };
        match watched {
            Watched::Yes => of(v1::Verdict::Watched),
            Watched::Included(at) => Self { rule: Some(at.into()), ..of(v1::Verdict::Included) },
            Watched::Disabled => of(v1::Verdict::Disabled),
            Watched::Excluded(at) => Self { rule: Some(at.into()), ..of(v1::Verdict::Excluded) },
            Watched::NotIncluded(rules) => {
                Self { rules: u32::try_from(rules).unwrap_or(u32::MAX), ..of(v1::Verdict::NotIncluded) }
            }
            Watched::Stopped(_) => of(v1::Verdict::Stopped),
        }
    }
}

fn watched(decision: v1::Decision, state: State) -> Result<Watched, Unreadable> {
    let (verdict, rules) = (decision.verdict(), decision.rules as usize);
    let rule = || decision.rule.map(RuleAt::from).ok_or(Unreadable("the rule is missing"));
    Ok(match verdict {
        v1::Verdict::Unspecified => return Err(Unreadable("it does not say whether it is watched")),
        v1::Verdict::Watched => Watched::Yes,
        v1::Verdict::Included => Watched::Included(rule()?),
        v1::Verdict::Disabled => Watched::Disabled,
        v1::Verdict::Excluded => Watched::Excluded(rule()?),
        v1::Verdict::NotIncluded => Watched::NotIncluded(rules),
        v1::Verdict::Stopped => Watched::Stopped(state),
    })
}

impl From<RuleAt> for v1::Rule {
    fn from(RuleAt { place: Place { key, origin }, rule }: RuleAt) -> Self {
        Self { key, origin, rule }
    }
}

impl From<v1::Rule> for RuleAt {
    fn from(v1::Rule { key, origin, rule }: v1::Rule) -> Self {
        Self { place: Place { key, origin }, rule }
    }
}

// -- identity ---------------------------------------------------------------------------------------------------------

impl From<Attribute> for v1::Attribute {
    fn from(attribute: Attribute) -> Self {
        let (values, list) = match attribute.value {
            AttributeValue::Text(text) => (vec![text.to_string()], false),
            AttributeValue::List(list) => (list.iter().map(ToString::to_string).collect(), true),
        };
        let (source, from, place) = match attribute.source {
            Source::BuiltIn => (v1::AttributeSource::BuiltIn, None, None),
            Source::Orchestrator(label) => (v1::AttributeSource::Orchestrator, Some(label), None),
            Source::Label(label, place) => (v1::AttributeSource::Label, Some(label), Some(place)),
            Source::Variable(name, place) => (v1::AttributeSource::Variable, Some(name), Some(place)),
            Source::Standard => (v1::AttributeSource::Standard, None, None),
        };
        let (settings_key, settings_origin) = place.map(|place| (place.key, place.origin)).unwrap_or_default();
        Self {
            key: attribute.key.to_string(),
            values,
            list,
            source: source.into(),
            from: from.map(|from| from.to_string()).unwrap_or_default(),
            settings_key,
            settings_origin,
            cut: attribute.cut,
        }
    }
}

impl TryFrom<v1::Attribute> for Attribute {
    type Error = Unreadable;

    fn try_from(attribute: v1::Attribute) -> Result<Self, Unreadable> {
        let source = attribute.source();
        let v1::Attribute { key, values, list, from, settings_key, settings_origin, cut, .. } = attribute;
        let place = Place { key: settings_key, origin: settings_origin };
        let source = match source {
            v1::AttributeSource::Unspecified => return Err(Unreadable("an attribute has no source")),
            v1::AttributeSource::BuiltIn => Source::BuiltIn,
            v1::AttributeSource::Orchestrator => Source::Orchestrator(from.into()),
            v1::AttributeSource::Label => Source::Label(from.into(), place),
            v1::AttributeSource::Variable => Source::Variable(from.into(), place),
            v1::AttributeSource::Standard => Source::Standard,
        };
        let mut values = values.into_iter().map(Into::into);
        let value = match list {
            true => AttributeValue::List(values.collect()),
            false => AttributeValue::Text(values.next().unwrap_or_default()),
        };
        Ok(Self { key: key.into(), value, source, cut })
    }
}

// -- series -----------------------------------------------------------------------------------------------------------

impl From<Series> for v1::Series {
    fn from(series: Series) -> Self {
        let kind = match series.kind {
            Kind::Gauge => v1::SeriesKind::Gauge,
            Kind::UpDownSum => v1::SeriesKind::Sum,
            Kind::Counter => v1::SeriesKind::Counter,
        };
        let facet = match series.facet {
            Facet::State => v1::Facet::State,
            Facet::Usage => v1::Facet::Usage,
        };
        Self {
            metric: series.metric.to_string(),
            unit: series.unit.to_string(),
            kind: kind.into(),
            attributes: series.attributes.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            value: Some(match series.value {
                Value::Int(n) => v1::series::Value::AsInt(n),
                Value::Double(n) => v1::series::Value::AsDouble(n),
            }),
            facet: facet.into(),
        }
    }
}

impl TryFrom<v1::Series> for Series {
    type Error = Unreadable;

    fn try_from(series: v1::Series) -> Result<Self, Unreadable> {
        let kind = match series.kind() {
            v1::SeriesKind::Unspecified => return Err(Unreadable("a series has no kind")),
            v1::SeriesKind::Gauge => Kind::Gauge,
            v1::SeriesKind::Sum => Kind::UpDownSum,
            v1::SeriesKind::Counter => Kind::Counter,
        };
        let facet = match series.facet() {
            v1::Facet::State => Facet::State,
            v1::Facet::Unspecified | v1::Facet::Usage => Facet::Usage,
        };
        let value = match series.value.ok_or(Unreadable("a series has no value"))? {
            v1::series::Value::AsInt(n) => Value::Int(n),
            v1::series::Value::AsDouble(n) => Value::Double(n),
        };
        let attributes = series.attributes.into_iter().map(|(key, value)| (key.into(), value.into())).collect();
        Ok(Self { metric: series.metric.into(), unit: series.unit.into(), kind, attributes, value, facet })
    }
}

// -- endings ----------------------------------------------------------------------------------------------------------

impl From<Ending> for v1::Ending {
    fn from(Ending { ends, when, reason }: Ending) -> Self {
        let ends = match ends {
            Ends::All => v1::Ends::All,
            Ends::Usage => v1::Ends::Usage,
            Ends::One => v1::Ends::One,
            Ends::Nothing => v1::Ends::None,
        };
        Self { ends: ends.into(), when, reason: reason.as_str().to_owned() }
    }
}

fn ending(ending: v1::Ending) -> Option<Ending> {
    let ends = match ending.ends() {
        v1::Ends::Unspecified => return None,
        v1::Ends::All => Ends::All,
        v1::Ends::Usage => Ends::Usage,
        v1::Ends::One => Ends::One,
        v1::Ends::None => Ends::Nothing,
    };
    let reason = Reason::ALL.into_iter().find(|reason| reason.as_str() == ending.reason)?;
    Some(Ending { ends, when: ending.when, reason })
}
