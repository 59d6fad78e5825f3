//! Which containers a list has, and on which page. Pure.

use super::v1::{ListContainersRequest, ListContainersResponse};
use crate::model::Text;
use crate::model::container::State;
use crate::status::{ContainerRow, EngineRow};

/// So many a page, if nothing is said.
const USUAL: u32 = 100;
/// So many at most: a page stays far below what a message may have.
const MOST: u32 = 1000;

/// A request that makes no sense; says why.
pub(super) type Refused = String;

/// A page of the containers that a request asks for.
pub(super) fn page(
    request: &ListContainersRequest,
    engines: &[EngineRow],
    containers: Vec<ContainerRow>,
) -> Result<ListContainersResponse, Refused> {
    let wanted = Wanted::of(request, engines)?;
    let after = Mark::parse(&request.page_token)?;
    let size = match request.page_size {
        0 => USUAL,
        size => size.min(MOST),
    } as usize;
    let mut all: Vec<ContainerRow> = containers.into_iter().filter(|row| wanted.has(row)).collect();
    all.sort_unstable_by(|a, b| key(a).cmp(&key(b)));
    let total_size = u32::try_from(all.len()).unwrap_or(u32::MAX);
    let from = after.map_or(0, |mark| all.partition_point(|row| key(row) <= mark.key()));
    let page: Vec<ContainerRow> = all[from..].iter().take(size).cloned().collect();
    let is_last = from + page.len() == all.len();
    let next_page_token = page.last().filter(|_| !is_last).map(Mark::after).unwrap_or_default();
    Ok(ListContainersResponse { containers: page.into_iter().map(Into::into).collect(), next_page_token, total_size })
}

type Key<'a> = (u32, &'a str, &'a str);

fn key(row: &ContainerRow) -> Key<'_> {
    (row.engine, &row.name, &row.id)
}

/// The last container of the page before. It says where to go on also if that one is gone meanwhile.
struct Mark<'a> {
    engine: u32,
    id: &'a str,
    name: &'a str,
}

impl<'a> Mark<'a> {
    fn parse(token: &'a str) -> Result<Option<Self>, Refused> {
        if token.is_empty() {
            return Ok(None);
        }
        let parts = token.split_once(':').and_then(|(engine, rest)| Some((engine, rest.split_once(':')?)));
        match parts.map(|(engine, rest)| (engine.parse(), rest)) {
            Some((Ok(engine), (id, name))) => Ok(Some(Self { engine, id, name })),
            _ => Err("page_token is not one that an answer had: give next_page_token of the page before".to_owned()),
        }
    }

    fn after(row: &ContainerRow) -> String {
        format!("{}:{}:{}", row.engine, row.id, row.name)
    }

    fn key(&self) -> Key<'_> {
        (self.engine, self.name, self.id)
    }
}

/// The conditions of a request.
struct Wanted<'a> {
    /// The engines that are called so: several may be.
    engines: Option<Vec<u32>>,
    states: &'a [String],
    text: String,
    failing: bool,
}

impl<'a> Wanted<'a> {
    fn of(request: &'a ListContainersRequest, engines: &[EngineRow]) -> Result<Self, Refused> {
        let engines = match request.engine.as_str() {
            "" => None,
            name => Some(called(name, engines)?),
        };
        let known = || State::KNOWN.into_iter().chain([State::Unknown]).map(State::as_str);
        if let Some(unknown) = request.states.iter().find(|state| known().all(|known| known != state.as_str())) {
            let known: Vec<_> = known().collect();
            return Err(format!("there is no state {}; there are {}", unknown.escape_debug(), known.join(", ")));
        }
        Ok(Self { engines, states: &request.states, text: request.text.to_lowercase(), failing: request.failing })
    }

    fn has(&self, row: &ContainerRow) -> bool {
        let holds = |text: &Text| text.to_lowercase().contains(&self.text);
        self.engines.as_ref().is_none_or(|engines| engines.contains(&row.engine))
            && (self.states.is_empty() || self.states.iter().any(|state| **state == *row.state))
            && (!self.failing || row.failing.is_some())
            && (self.text.is_empty() || row.id.starts_with(&self.text) || holds(&row.name) || holds(&row.image))
    }
}

fn called(name: &str, engines: &[EngineRow]) -> Result<Vec<u32>, Refused> {
    let ids: Vec<_> = engines.iter().filter(|engine| *engine.name == *name).map(|engine| engine.id).collect();
    if ids.is_empty() {
        let known: Vec<_> = engines.iter().map(|engine| engine.name.clone()).collect();
        return Err(no_engine(name, &known));
    }
    Ok(ids)
}

/// Says that no engine is called so, and which there are.
pub(super) fn no_engine(name: &str, known: &[Text]) -> String {
    const MOST: usize = 20;
    let names: Vec<String> = known.iter().take(MOST).map(|name| name.escape_debug().to_string()).collect();
    let more = if known.len() > MOST { ", …" } else { "" };
    format!("no engine is called {}; there are {}{more}", name.escape_debug(), names.join(", "))
}
