//! One figure of one run, and the line in which a child process hands it to its parent.

use std::fmt;
use std::str::FromStr;

/// Which way a figure is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Times and bytes.
    Less,
    /// Rates.
    More,
    /// Said for the record; a ratio would mean nothing.
    Neither,
}

/// One figure of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// The row of the table it belongs to.
    pub name: String,
    /// Its unit.
    pub unit: String,
    /// Which way it is good.
    pub better: Better,
    /// The figure, in its unit.
    pub value: f64,
}

impl Metric {
    /// A figure of which less is better.
    pub fn less(name: &str, unit: &str, value: f64) -> Self {
        Self { name: name.into(), unit: unit.into(), better: Better::Less, value }
    }

    /// A figure of which more is better.
    pub fn more(name: &str, unit: &str, value: f64) -> Self {
        Self { better: Better::More, ..Self::less(name, unit, value) }
    }

    /// A figure that is only said.
    pub fn said(name: &str, unit: &str, value: f64) -> Self {
        Self { better: Better::Neither, ..Self::less(name, unit, value) }
    }
}

const MARK: &str = "metric";

impl fmt::Display for Metric {
    /// `metric`, then the four fields, tab-separated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let better = match self.better {
            Better::Less => "less",
            Better::More => "more",
            Better::Neither => "neither",
        };
        write!(f, "{MARK}\t{}\t{}\t{better}\t{}", self.name, self.unit, self.value)
    }
}

impl FromStr for Metric {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let malformed = || format!("not a metric line: {line:?}");
        let fields: Vec<&str> = line.split('\t').collect();
        let [MARK, name, unit, better, value] = fields[..] else {
            return Err(malformed());
        };
        let better = match better {
            "less" => Better::Less,
            "more" => Better::More,
            "neither" => Better::Neither,
            _ => return Err(malformed()),
        };
        let value = value.parse().map_err(|_| malformed())?;
        Ok(Self { name: name.into(), unit: unit.into(), better, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_carries_all_fields() {
        for metric in
            [Metric::less("a b", "us", 1.25), Metric::more("c", "k/s", 3.0), Metric::said("d", "", 0.1)]
        {
            assert_eq!(metric.to_string().parse(), Ok(metric));
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for line in ["", "hello", "metric\ta\tb\tless", "metric\ta\tb\tperhaps\t1", "metric\ta\tb\tless\tx"] {
            assert!(line.parse::<Metric>().is_err(), "{line:?}");
        }
    }
}
