//! What the user made of it: order, filter, selection, what is open. Pure.

use std::time::Duration;

use super::column::Order;
use super::filter::Filter;
use super::scene::{Container, Key, Scene};
use crate::model::Text;
use crate::model::time::Now;
use crate::status::Delta;

/// Without a word for so long something is wrong: an agent says something every five seconds, or each interval.
const SILENCE: Duration = Duration::from_secs(12);

/// Who tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A running agent.
    Agent,
    /// Pipelines of this process; says why not an agent.
    Engine(Text),
    /// A simulated engine.
    Simulated,
}

/// Whether anybody tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Link {
    /// Not yet.
    #[default]
    Waiting,
    /// Yes.
    Up,
    /// No longer.
    Lost {
        /// Why.
        why: String,
        /// When it is tried again, in unix milliseconds.
        retry_at: u64,
    },
}

/// What is shown below the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pane {
    /// Retractions if there is room.
    #[default]
    Auto,
    /// Nothing.
    None,
    /// Retractions.
    Retractions,
    /// Notes.
    Notes,
}

/// All that is drawn.
#[derive(Debug)]
pub struct Top {
    /// Who tells.
    pub origin: Origin,
    /// Whether.
    pub link: Link,
    /// The order of the rows.
    pub order: Order,
    /// Which rows there are.
    pub filter: Filter,
    /// What is being written as a filter.
    pub editing: Option<String>,
    /// What is below the table.
    pub pane: Pane,
    /// The selected container is shown alone.
    pub detail: bool,
    /// The help is shown.
    pub help: bool,
    /// Which columns fitted when it was drawn last: these can be gone through.
    pub columns: Vec<super::Column>,
    scene: Scene,
    /// What was seen when it was paused.
    frozen: Option<Box<Scene>>,
    rows: Vec<Key>,
    selected: Option<Key>,
    /// Where the selected one was last: who is there is selected when it is gone.
    place: usize,
    first: usize,
    page: usize,
}

impl Top {
    /// With nothing known yet.
    pub fn new(origin: Origin, order: Order, filter: Filter) -> Self {
        Self {
            origin,
            link: Link::Waiting,
            order,
            filter,
            editing: None,
            pane: Pane::Auto,
            detail: false,
            help: false,
            columns: Vec::new(),
            scene: Scene::default(),
            frozen: None,
            rows: Vec::new(),
            selected: None,
            place: 0,
            first: 0,
            page: 1,
        }
    }

    /// A delta came.
    pub fn told(&mut self, delta: Delta, now: Now) {
        self.link = Link::Up;
        self.scene.apply(delta, now.mono);
        if self.frozen.is_none() {
            self.arrange();
        }
    }

    /// None comes; it is asked again after a pause.
    pub fn lost(&mut self, why: String, pause: Duration, now: Now) {
        self.link = Link::Lost { why, retry_at: now.wall.after(pause).millis() };
    }

    /// What is seen: what is known, or what was known when it was paused.
    pub fn scene(&self) -> &Scene {
        self.frozen.as_deref().unwrap_or(&self.scene)
    }

    /// What is known, also while it is paused.
    pub fn newest(&self) -> &Scene {
        &self.scene
    }

    /// Whether nothing moves.
    pub fn paused(&self) -> bool {
        self.frozen.is_some()
    }

    /// Stops what is seen, or lets it go on.
    pub fn pause(&mut self) {
        self.frozen = if self.frozen.is_some() { None } else { Some(Box::new(self.scene.clone())) };
        self.arrange();
    }

    /// Whether what is seen is no longer what is: nobody tells, or not for long.
    pub fn stale(&self, now: Now) -> bool {
        match self.link {
            Link::Waiting => false,
            Link::Lost { .. } => true,
            Link::Up => now.mono.since(self.scene.came) > self.patience(),
        }
    }

    fn patience(&self) -> Duration {
        let interval = Duration::try_from_secs_f64(self.scene.agent.interval).unwrap_or_default();
        SILENCE.max(interval.saturating_mul(2))
    }

    /// Rows anew after a change of what is known, the order or the filter.
    pub fn arrange(&mut self) {
        let scene = self.frozen.as_deref().unwrap_or(&self.scene);
        let shown =
            |container: &Container| self.filter.passes(&container.row, scene.engines.get(&container.row.engine));
        let mut rows: Vec<(&Key, &Container)> = scene.containers.iter().filter(|(_, c)| shown(c)).collect();
        rows.sort_unstable_by(|(_, a), (_, b)| self.order.compare(a, b));
        self.rows = rows.into_iter().map(|(key, _)| key.clone()).collect();
        self.find();
    }

    /// The selection follows its container; if that is gone, it is who stands there now.
    fn find(&mut self) {
        let Some(selected) = &self.selected else { return };
        match self.rows.iter().position(|key| key == selected) {
            Some(at) => self.place = at,
            // Who looks at one container does not want another.
            None if self.detail => {}
            None => {
                self.place = self.place.min(self.rows.len().saturating_sub(1));
                self.selected = self.rows.get(self.place).cloned();
            }
        }
    }

    /// The rows in their order.
    pub fn rows(&self) -> &[Key] {
        &self.rows
    }

    /// The selected container, if it is still there.
    pub fn selected(&self) -> Option<&Container> {
        self.scene().containers.get(self.selected.as_ref()?)
    }

    /// Which container is selected.
    pub fn selection(&self) -> Option<&Key> {
        self.selected.as_ref()
    }

    /// Selects so many rows further down or up; the first time, the first or last that is seen.
    pub fn step(&mut self, by: isize) {
        let Some(last) = self.rows.len().checked_sub(1) else { return };
        let at = match &self.selected {
            Some(_) => self.place.saturating_add_signed(by).min(last),
            None if by < 0 => (self.first + self.page.saturating_sub(1)).min(last),
            None => self.first.min(last),
        };
        self.select(at);
    }

    /// Selects the row at a place.
    pub fn select(&mut self, at: usize) {
        self.place = at.min(self.rows.len().saturating_sub(1));
        self.selected = self.rows.get(self.place).cloned();
    }

    /// Selects nothing; the first rows are seen, whoever they are.
    pub fn release(&mut self) {
        (self.selected, self.place, self.first) = (None, 0, 0);
    }

    /// The selected one alone; the first that is seen if none is.
    pub fn open(&mut self) {
        if self.selected.is_none() {
            self.step(1);
        }
        self.detail = self.selected.is_some();
    }

    /// Back to all.
    pub fn close(&mut self) {
        self.detail = false;
        self.find();
    }

    /// How many rows there are to a page.
    pub fn page(&self) -> usize {
        self.page
    }

    /// So many rows fit; tells which is the first, so that the selected one is seen.
    pub fn fit(&mut self, page: usize) -> usize {
        self.page = page.max(1);
        let last_first = self.rows.len().saturating_sub(self.page);
        if self.selected.is_some() {
            let (lowest, highest) = ((self.place + 1).saturating_sub(self.page), self.place);
            self.first = self.first.clamp(lowest, highest);
        }
        self.first = self.first.min(last_first);
        self.first
    }
}
