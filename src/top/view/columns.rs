//! Which columns fit, and how wide they are.

use crate::top::Column;

/// A place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    pub(super) what: What,
    /// Columns of its text.
    pub(super) width: u16,
    /// Columns of a bar before the text, with a space.
    pub(super) bar: u16,
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The value of a column.
    Column(Column),
    /// The curve of the processors in use.
    Trend,
}

/// Between two.
pub(super) const GAP: u16 = 2;
const NARROW_NAME: u16 = 10;
const WIDE_NAME: u16 = 40;
const USUAL_NAME: u16 = 16;
const BAR: u16 = 6;
const WIDE_BAR: u16 = 16;
const TREND: u16 = 20;
const WIDE_IMAGE: u16 = 60;

/// What is added if it fits, the most telling first; those of one step together.
const STEPS: [&[Step]; 12] = [
    &[Step::Add(Column::Cpu)],
    &[Step::Add(Column::Memory)],
    &[Step::Add(Column::State)],
    &[Step::Engine],
    &[Step::Add(Column::Age)],
    &[Step::Add(Column::Received), Step::Add(Column::Sent)],
    &[Step::Bars],
    &[Step::Add(Column::Health)],
    &[Step::Add(Column::Read), Step::Add(Column::Written)],
    &[Step::Add(Column::Pids)],
    &[Step::Trend, Step::Limit],
    &[Step::Add(Column::Restarts), Step::Add(Column::Series), Step::Add(Column::Image)],
];

#[derive(Debug, Clone, Copy)]
enum Step {
    Add(Column),
    /// The engine, if there are several.
    Engine,
    Bars,
    Trend,
    /// The limit beside the memory.
    Limit,
}

/// The least that a column needs.
fn least(column: Column) -> u16 {
    match column {
        Column::Name => NARROW_NAME,
        Column::Engine | Column::State => 10,
        Column::Health => 9,
        Column::Cpu => 6,
        Column::Memory | Column::Read | Column::Series => 7,
        Column::Received | Column::Sent | Column::Pids => 5,
        Column::Written => 8,
        Column::Restarts | Column::Age => 4,
        Column::Image => 20,
    }
}

/// The columns that fit into `room`. `longest` are the longest name and image that are seen.
pub(super) fn plan(room: u16, several_engines: bool, longest: (u16, u16)) -> Vec<Slot> {
    let slot = |what, width| Slot { what, width, bar: 0 };
    let mut slots = vec![slot(What::Column(Column::Name), NARROW_NAME.min(room))];
    for step in STEPS {
        let mut with = slots.clone();
        for one in step {
            match one {
                Step::Add(column) => with.push(slot(What::Column(*column), least(*column))),
                Step::Engine if several_engines => with.push(slot(What::Column(Column::Engine), least(Column::Engine))),
                Step::Engine => {}
                Step::Bars => with.iter_mut().filter(|s| has_bar(s.what)).for_each(|s| s.bar = BAR + 1),
                Step::Trend => with.push(slot(What::Trend, TREND)),
                Step::Limit => widen(&mut with, What::Column(Column::Memory), 11),
            }
        }
        if taken(&with) <= room {
            slots = with;
        }
    }
    slots.sort_by_key(|slot| place(slot.what));
    spread(&mut slots, room, longest);
    slots
}

/// Gives away what is left: to the name, to the bars, to the name again, to the image.
fn spread(slots: &mut [Slot], room: u16, (name, image): (u16, u16)) {
    let mut left = room.saturating_sub(taken(slots));
    let mut grow = |slots: &mut [Slot], what: What, most: u16| {
        for slot in slots.iter_mut().filter(|slot| slot.what == what) {
            let more = most.saturating_sub(slot.width).min(left);
            slot.width += more;
            left -= more;
        }
    };
    grow(slots, What::Column(Column::Name), name.min(USUAL_NAME));
    grow(slots, What::Column(Column::Name), name.min(WIDE_NAME));
    grow(slots, What::Column(Column::Image), image.min(WIDE_IMAGE));
    let bars = slots.iter().filter(|slot| slot.bar > 0).count();
    let each = left / u16::try_from(bars.max(1)).unwrap_or(1);
    for slot in slots.iter_mut().filter(|slot| slot.bar > 0) {
        slot.bar = (slot.bar + each).min(WIDE_BAR + 1);
    }
}

fn widen(slots: &mut [Slot], what: What, width: u16) {
    slots.iter_mut().filter(|slot| slot.what == what).for_each(|slot| slot.width = width);
}

fn has_bar(what: What) -> bool {
    matches!(what, What::Column(Column::Cpu | Column::Memory))
}

fn taken(slots: &[Slot]) -> u16 {
    let gaps = GAP * u16::try_from(slots.len().saturating_sub(1)).unwrap_or(u16::MAX);
    slots.iter().map(|slot| slot.width + slot.bar).fold(gaps, u16::saturating_add)
}

/// Where it stands: the curve after the processors.
fn place(what: What) -> usize {
    match what {
        What::Column(column) => column as usize * 2,
        What::Trend => Column::Cpu as usize * 2 + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(room: u16, several: bool) -> String {
        let word = |slot: &Slot| match slot.what {
            What::Column(column) => column.word(),
            What::Trend => "trend",
        };
        plan(room, several, (12, 20)).iter().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_wider_the_more_columns() {
        assert_eq!(words(5, false), "name");
        assert_eq!(words(39, false), "name state cpu memory");
        assert_eq!(words(79, false), "name state cpu memory rx tx age");
        assert_eq!(words(119, false), "name state health cpu memory rx tx read written pids age");
        assert_eq!(
            words(200, true),
            "name engine state health cpu trend memory rx tx read written pids restarts series age image"
        );
    }

    #[test]
    fn what_is_planned_fits() {
        for room in 0..400 {
            for several in [false, true] {
                assert!(taken(&plan(room, several, (u16::MAX, u16::MAX))) <= room, "{room}");
            }
        }
    }
}
