//! The columns of the table, and the order of its rows.

use std::cmp::Ordering;

use super::scene::Container;
use crate::status::Numbers;

/// What can be seen of each container, and sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "their titles say what they are")]
pub enum Column {
    Name,
    Engine,
    State,
    Health,
    Cpu,
    Memory,
    Received,
    Sent,
    Read,
    Written,
    Pids,
    Restarts,
    Series,
    Age,
    Image,
}

/// What a row is sorted by; what is not known comes last.
#[derive(Debug, PartialEq)]
enum By<'a> {
    Number(f64),
    Word(&'a str),
    Unknown,
}

impl Column {
    /// All, as they stand side by side.
    pub const ALL: [Self; 15] = [
        Self::Name,
        Self::Engine,
        Self::State,
        Self::Health,
        Self::Cpu,
        Self::Memory,
        Self::Received,
        Self::Sent,
        Self::Read,
        Self::Written,
        Self::Pids,
        Self::Restarts,
        Self::Series,
        Self::Age,
        Self::Image,
    ];
    /// Their names on the command line, in the same order.
    pub const WORDS: [&str; 15] = [
        "name", "engine", "state", "health", "cpu", "memory", "rx", "tx", "read", "written", "pids", "restarts",
        "series", "age", "image",
    ];

    /// By its name on the command line.
    pub fn of(word: &str) -> Option<Self> {
        Self::WORDS.iter().position(|known| *known == word).and_then(|at| Self::ALL.get(at).copied())
    }

    /// Its name on the command line.
    pub fn word(self) -> &'static str {
        Self::WORDS[self as usize]
    }

    /// What stands above it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Engine => "ENGINE",
            Self::State => "STATE",
            Self::Health => "HEALTH",
            Self::Cpu => "CPU",
            Self::Memory => "MEMORY",
            Self::Received => "RX/s",
            Self::Sent => "TX/s",
            Self::Read => "READ/s",
            Self::Written => "WRITE/s",
            Self::Pids => "PIDS",
            Self::Restarts => "RST",
            Self::Series => "SERIES",
            Self::Age => "AGE",
            Self::Image => "IMAGE",
        }
    }

    /// The key that sorts by it.
    pub fn key(self) -> Option<char> {
        Some(match self {
            Self::Name => 'n',
            Self::State => 's',
            Self::Health => 'h',
            Self::Cpu => 'c',
            Self::Memory => 'm',
            Self::Received => 'x',
            Self::Sent => 't',
            Self::Read => 'd',
            Self::Written => 'w',
            Self::Pids => 'p',
            Self::Age => 'a',
            Self::Engine | Self::Restarts | Self::Series | Self::Image => return None,
        })
    }

    /// Whether the greatest come first, unless it is reversed.
    fn descends(self) -> bool {
        !matches!(self, Self::Name | Self::Engine | Self::State | Self::Health | Self::Image | Self::Age)
    }

    fn by(self, container: &Container) -> By<'_> {
        let row = &container.row;
        let of = |number: fn(&Numbers) -> Option<f64>| row.numbers.as_ref().and_then(number);
        let number = match self {
            Self::Name => return By::Word(&row.name),
            Self::State => return By::Word(&row.state),
            Self::Image => return By::Word(&row.image),
            Self::Health => return row.health.as_deref().map_or(By::Unknown, By::Word),
            Self::Engine => Some(f64::from(row.engine)),
            Self::Cpu => of(|n| n.cpu),
            Self::Memory => of(|n| n.memory.map(|bytes| bytes as f64)),
            Self::Received => of(|n| n.received_rate),
            Self::Sent => of(|n| n.sent_rate),
            Self::Read => of(|n| n.read_rate),
            Self::Written => of(|n| n.written_rate),
            Self::Pids => of(|n| n.pids.map(|pids| pids as f64)),
            Self::Restarts => row.restarts.map(|restarts| restarts as f64),
            Self::Series => Some(f64::from(row.series)),
            // The youngest first: who has just begun is looked for.
            Self::Age => row.started.map(|at| -(at as f64)),
        };
        number.map_or(By::Unknown, By::Number)
    }
}

/// In which order rows stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub column: Column,
    /// The other way round.
    pub reversed: bool,
}

impl Default for Order {
    fn default() -> Self {
        Self { column: Column::Cpu, reversed: false }
    }
}

impl Order {
    /// Whether the greatest come first.
    pub fn descends(self) -> bool {
        self.column.descends() != self.reversed
    }

    /// Compares two containers; those with equal values by their names, which no direction turns round.
    pub fn compare(self, a: &Container, b: &Container) -> Ordering {
        let values = match (self.column.by(a), self.column.by(b)) {
            (By::Unknown, By::Unknown) => Ordering::Equal,
            (By::Unknown, _) => Ordering::Greater,
            (_, By::Unknown) => Ordering::Less,
            (By::Number(a), By::Number(b)) => self.turned(a.total_cmp(&b)),
            (By::Word(a), By::Word(b)) => self.turned(a.cmp(b)),
            (By::Number(_), By::Word(_)) => Ordering::Less,
            (By::Word(_), By::Number(_)) => Ordering::Greater,
        };
        let name = || a.row.name.cmp(&b.row.name).then_with(|| a.row.engine.cmp(&b.row.engine));
        values.then_with(name).then_with(|| a.row.id.cmp(&b.row.id))
    }

    fn turned(self, order: Ordering) -> Ordering {
        if self.descends() { order.reverse() } else { order }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::ContainerRow;

    fn container(name: &str, cpu: Option<f64>, started: Option<u64>) -> Container {
        let numbers = cpu.map(|cpu| Numbers { cpu: Some(cpu), ..Numbers::default() });
        Container::new(ContainerRow { name: name.into(), numbers, started, ..ContainerRow::default() })
    }

    fn sorted(column: Column, reversed: bool) -> String {
        let mut all = [
            container("b", Some(0.5), Some(10)),
            container("a", Some(0.5), None),
            container("c", None, Some(30)),
            container("d", Some(2.0), Some(20)),
        ];
        let order = Order { column, reversed };
        all.sort_by(|a, b| order.compare(a, b));
        all.iter().map(|container| &*container.row.name).collect()
    }

    #[test]
    fn numbers_begin_with_the_greatest_and_words_with_the_first() {
        assert_eq!(sorted(Column::Cpu, false), "dabc");
        assert_eq!(sorted(Column::Name, false), "abcd");
        assert_eq!(sorted(Column::Name, true), "dcba");
    }

    #[test]
    fn what_is_not_known_comes_last_in_either_direction_and_equals_stay_by_name() {
        assert_eq!(sorted(Column::Cpu, true), "abdc");
        assert_eq!(sorted(Column::Age, false), "cdba", "the youngest first");
        assert_eq!(sorted(Column::Age, true), "bdca");
    }

    #[test]
    fn each_column_has_a_name_and_a_key_of_its_own() {
        for column in Column::ALL {
            assert_eq!(Column::of(column.word()), Some(column));
            let same = |other: &Column| other.key() == column.key();
            assert!(column.key().is_none() || Column::ALL.iter().filter(|c| same(c)).count() == 1);
        }
        assert_eq!(Column::of("nonsense"), None);
    }
}
