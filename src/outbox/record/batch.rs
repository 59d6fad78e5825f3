//! A batch: four to six bytes a point. Which series a container has is said once for all that have the same.
//!
//! When it was pushed, how many groups, the groups. A group: whose (as the step from the last), its time (the step from
//! the last, or from the push), its shape by number; if that is new, how many series and which; the start times of the
//! points that have one, each (as the step from the last, or from the push) with how many points in a row have it; the
//! marks and values.

use std::sync::Arc;

use super::content::{Content, put_count, put_number, put_step};
use super::marks::{LONGEST_RUN, Run, code, put_value};
use super::series::{LEAST, Series, SeriesIn, SeriesOut, is_next};
use super::{Damage, Rid, Words};
use crate::model::batch::{Batch, Group, Point};
use crate::model::series::{Attributes, Metric, Resource};
use crate::model::time::UnixNanos;

/// A group is looked up among so many of the last shapes: few differ, and one that is not found costs only space.
const LOOK_BACK: usize = 16;
/// The fewest bytes of a group: whose, when, and its shape.
const LEAST_GROUP: usize = 3;
/// About as many bytes as a point takes.
const USUAL_POINT: usize = 8;

/// A batch as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredBatch {
    /// What is to be delivered.
    pub batch: Batch,
    /// When it was pushed.
    pub pushed: UnixNanos,
    /// Groups that are left out because nobody knows their resource any more.
    pub unknown_groups: usize,
}

/// The bytes of a batch. `rid` says, for each group, under which number its resource is stored.
pub fn encode_batch(batch: &Batch, pushed: UnixNanos, mut rid: impl FnMut(&Arc<Resource>) -> Rid) -> Vec<u8> {
    let mut out = BatchOut::new(pushed, batch.points());
    put_number(&mut out.bytes, pushed.0);
    put_count(&mut out.bytes, batch.groups.len());
    for group in &batch.groups {
        out.put(group, rid(&group.resource));
    }
    out.bytes
}

/// The batch that [`encode_batch`] made these bytes of. `resource` knows the stored resources.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_batch(
    bytes: &[u8],
    mut resource: impl FnMut(Rid) -> Option<Arc<Resource>>,
    words: &mut Words,
) -> Result<StoredBatch, Damage> {
    let mut content = Content::new(bytes);
    let pushed = UnixNanos(content.number()?);
    let count = content.count(LEAST_GROUP)?;
    let mut from = BatchIn::new(pushed, words);
    let mut groups = Vec::with_capacity(count);
    for _ in 0..count {
        let (rid, time, points) = from.take(&mut content)?;
        groups.extend(resource(rid).map(|resource| Group { resource, time, points }));
    }
    content.end()?;
    let unknown_groups = count - groups.len();
    Ok(StoredBatch { batch: Batch { groups }, pushed, unknown_groups })
}

/// What steps are counted from.
#[derive(Debug)]
struct Last {
    rid: u64,
    time: u64,
    start: u64,
}

impl Last {
    fn new(pushed: UnixNanos) -> Self {
        Self { rid: 0, time: pushed.0, start: pushed.0 }
    }
}

/// A batch that is being written.
struct BatchOut {
    bytes: Vec<u8>,
    series: SeriesOut,
    /// The series of groups, in order, and whether each has a start time.
    shapes: Vec<Vec<(&'static Metric, Attributes, bool)>>,
    last: Last,
}

impl BatchOut {
    fn new(pushed: UnixNanos, points: usize) -> Self {
        let bytes = Vec::with_capacity(points * USUAL_POINT);
        Self { bytes, series: SeriesOut::default(), shapes: Vec::new(), last: Last::new(pushed) }
    }

    fn put(&mut self, group: &Group, rid: Rid) {
        put_step(&mut self.bytes, &mut self.last.rid, rid.0);
        put_step(&mut self.bytes, &mut self.last.time, group.time.0);
        self.put_shape(&group.points);
        self.put_starts(&group.points);
        for run in group.points.chunk_by(|a, b| code(a.mark) == code(b.mark)) {
            for run in run.chunks(LONGEST_RUN) {
                Run::put(&mut self.bytes, code(run[0].mark), run.len());
                run.iter().for_each(|point| put_value(&mut self.bytes, point.mark));
            }
        }
    }

    fn put_shape(&mut self, points: &[Point]) {
        let from = self.shapes.len().saturating_sub(LOOK_BACK);
        let known = self.shapes[from..].iter().rposition(|shape| {
            let same = |(of, point): (&(&'static Metric, Attributes, bool), &Point)| {
                std::ptr::eq(of.0, point.metric) && of.1.is_same(&point.attributes) && of.2 == point.start.is_known()
            };
            shape.len() == points.len() && shape.iter().zip(points).all(same)
        });
        put_count(&mut self.bytes, known.map_or(self.shapes.len(), |at| from + at));
        if known.is_some() {
            return;
        }
        put_count(&mut self.bytes, points.len());
        for point in points {
            self.series.put(&mut self.bytes, point.metric, &point.attributes, point.start.is_known());
        }
        self.shapes.push(points.iter().map(|p| (p.metric, p.attributes.clone(), p.start.is_known())).collect());
    }

    fn put_starts(&mut self, points: &[Point]) {
        let mut starts = points.iter().map(|p| p.start).filter(|start| start.is_known()).peekable();
        while let Some(start) = starts.next() {
            let mut count = 1;
            while starts.next_if_eq(&start).is_some() {
                count += 1;
            }
            put_step(&mut self.bytes, &mut self.last.start, start.0);
            put_count(&mut self.bytes, count);
        }
    }
}

/// A batch that is being read.
struct BatchIn<'w> {
    series: SeriesIn<'w>,
    shapes: Vec<Shape>,
    last: Last,
    /// The start times of the group that is being read, each with how many points have it.
    starts: Vec<(UnixNanos, usize)>,
}

struct Shape {
    series: Vec<Series>,
    /// How many of them have a start time.
    starts: usize,
}

impl<'w> BatchIn<'w> {
    fn new(pushed: UnixNanos, words: &'w mut Words) -> Self {
        Self { series: SeriesIn::new(words), shapes: Vec::new(), last: Last::new(pushed), starts: Vec::new() }
    }

    fn take(&mut self, content: &mut Content<'_>) -> Result<(Rid, UnixNanos, Vec<Point>), Damage> {
        let rid = Rid(content.step(&mut self.last.rid)?);
        let time = UnixNanos(content.step(&mut self.last.time)?);
        let at = self.take_shape(content)?;
        self.take_starts(self.shapes[at].starts, content)?;
        let points = points(&self.shapes[at].series, &self.starts, content)?;
        Ok((rid, time, points))
    }

    /// Where the shape is that comes next; it is there.
    fn take_shape(&mut self, content: &mut Content<'_>) -> Result<usize, Damage> {
        let at = content.index()?;
        if at >= self.shapes.len() {
            is_next(at, self.shapes.len(), "shape")?;
            let count = content.count(LEAST)?;
            let mut series = Vec::with_capacity(count);
            for _ in 0..count {
                series.push(self.series.take(content)?);
            }
            let starts = series.iter().filter(|series| series.has_start).count();
            self.shapes.push(Shape { series, starts });
        }
        Ok(at)
    }

    fn take_starts(&mut self, mut left: usize, content: &mut Content<'_>) -> Result<(), Damage> {
        self.starts.clear();
        while left > 0 {
            let start = UnixNanos(content.step(&mut self.last.start)?);
            let count = content.index()?;
            if count == 0 || count > left {
                return Err(Damage::Unusable("run of start times"));
            }
            left -= count;
            self.starts.push((start, count));
        }
        Ok(())
    }
}

fn points(series: &[Series], starts: &[(UnixNanos, usize)], content: &mut Content<'_>) -> Result<Vec<Point>, Damage> {
    if series.len().div_ceil(LONGEST_RUN) > content.left() {
        return Err(Damage::Short);
    }
    let mut starts = starts.iter().flat_map(|(start, count)| std::iter::repeat_n(*start, *count));
    let mut points = Vec::with_capacity(series.len());
    let mut rest = series;
    while !rest.is_empty() {
        let run = Run::take(content)?;
        let (told, after) = rest.split_at_checked(run.length).ok_or(Damage::Unusable("run of marks"))?;
        rest = after;
        for Series { metric, attributes, has_start } in told {
            let start = if *has_start { starts.next() } else { None };
            let (start, mark) = (start.unwrap_or_default(), run.mark(content)?);
            points.push(Point { metric, attributes: attributes.clone(), start, mark });
        }
    }
    Ok(points)
}
