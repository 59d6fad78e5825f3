//! What a number has to be: `>= 0`, `== 3`, `!= 0`, or just `3`.

use std::fmt;

use super::Value;

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bound {
    relation: Relation,
    number: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    AtLeast,
    AtMost,
    Equal,
    NotEqual,
    Above,
    Below,
}

/// The longer signs first: `>` begins `>=`.
const SIGNS: [(&str, Relation); 7] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    ("==", Relation::Equal),
    ("!=", Relation::NotEqual),
    (">", Relation::Above),
    ("<", Relation::Below),
    ("=", Relation::Equal),
];

impl Bound {
    /// Reads a comparison; a number alone means equal. `None` if it is none, or the number is not finite.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (relation, number) = SIGNS
            .iter()
            .find_map(|(sign, relation)| text.strip_prefix(sign).map(|rest| (*relation, rest)))
            .unwrap_or((Relation::Equal, text));
        let number: f64 = number.trim().parse().ok()?;
        number.is_finite().then_some(Self { relation, number })
    }

    /// Whether the value is so. A distribution is compared by its count; NaN is nothing but unequal.
    pub fn admits(self, value: Value) -> bool {
        let value = value.as_f64();
        match self.relation {
            Relation::AtLeast => value >= self.number,
            Relation::AtMost => value <= self.number,
            Relation::Equal => value == self.number,
            Relation::NotEqual => value != self.number,
            Relation::Above => value > self.number,
            Relation::Below => value < self.number,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = SIGNS.iter().find(|(_, relation)| *relation == self.relation).map_or("", |(sign, _)| sign);
        write!(f, "{sign} {}", self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_as_written() {
        for (text, admitted, refused) in [
            (">= 0", &[0, 1][..], &[-1][..]),
            ("<=0", &[0, -1], &[1]),
            ("== 3", &[3], &[2, 4]),
            ("= 3", &[3], &[2, 4]),
            ("3", &[3], &[2, 4]),
            (" 3.0 ", &[3], &[2, 4]),
            ("!= 3", &[2, 4], &[3]),
            ("> -1", &[0], &[-1]),
            ("< 1e3", &[999], &[1000]),
        ] {
            let bound = Bound::parse(text).unwrap();
            assert!(admitted.iter().all(|v| bound.admits(Value::Int(*v))), "{text}");
            assert!(!refused.iter().any(|v| bound.admits(Value::Int(*v))), "{text}");
        }
    }

    #[test]
    fn what_is_no_comparison_is_refused() {
        for text in ["", ">=", "3 4", "=> 3", "three", "NaN", "inf", ">= 1 By", "=== 3"] {
            assert_eq!(Bound::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nan_is_within_no_bound_but_unequal() {
        for text in [">= 0", "<= 0", "== 0", "> 0", "< 0"] {
            assert!(!Bound::parse(text).unwrap().admits(Value::Double(f64::NAN)), "{text}");
        }
        assert!(Bound::parse("!= 0").unwrap().admits(Value::Double(f64::NAN)));
    }

    #[test]
    fn is_shown_as_a_comparison() {
        assert_eq!(Bound::parse("3").unwrap().to_string(), "== 3");
        assert_eq!(Bound::parse(">=0.5").unwrap().to_string(), ">= 0.5");
    }
}
