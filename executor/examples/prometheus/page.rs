//! Numbers in Prometheus' text format: a family at a time, each sample with the same labels.

use sideline::Histogram;
use std::fmt::Write;

pub(crate) struct Page<'a> {
    text: String,
    labels: &'a [(&'a str, &'a str)],
}

/// From 1.024 us to 68.7 s: below and above nobody asks. What lies outside is in the first bucket, or in `+Inf`.
const BUCKETS: std::ops::RangeInclusive<usize> = 10..=36;

impl<'a> Page<'a> {
    pub(crate) fn new(labels: &'a [(&'a str, &'a str)]) -> Self {
        Self { text: String::new(), labels }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    pub(crate) fn gauge(&mut self, name: &str, help: &str, value: f64) {
        self.family(name, "gauge", help);
        self.sample(name, None, value);
    }

    pub(crate) fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, None, value);
    }

    /// Each bucket counts all that was as short or shorter; the last counts everything.
    pub(crate) fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.family(name, "histogram", help);
        let mut so_far = 0;
        for (index, bucket) in histogram.buckets().enumerate() {
            so_far += bucket.count;
            if BUCKETS.contains(&index) {
                let le = bucket.at_most.as_secs_f64().to_string();
                self.sample(&format!("{name}_bucket"), Some(("le", &le)), so_far);
            }
        }
        self.sample(&format!("{name}_bucket"), Some(("le", "+Inf")), so_far);
        self.sample(&format!("{name}_sum"), None, histogram.sum().as_secs_f64());
        self.sample(&format!("{name}_count"), None, so_far);
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn sample(&mut self, name: &str, extra: Option<(&str, &str)>, value: impl std::fmt::Display) {
        self.text += name;
        let labels: Vec<_> = self
            .labels
            .iter()
            .copied()
            .chain(extra)
            .map(|(key, value)| format!("{key}=\"{}\"", escaped(value)))
            .collect();
        if !labels.is_empty() {
            let _ = write!(self.text, "{{{}}}", labels.join(","));
        }
        let _ = writeln!(self.text, " {value}");
    }
}

/// A label's value may hold anything; three characters need a backslash.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn labels_and_help_are_escaped() {
        let mut page = Page::new(&[("path", "C:\\ \"x\"\n")]);
        page.gauge("g", "back\\slash\nline \"as it is\"", 0.5);
        let expected = "# HELP g back\\\\slash\\nline \"as it is\"\n# TYPE g gauge\n\
                        g{path=\"C:\\\\ \\\"x\\\"\\n\"} 0.5\n";
        assert_eq!(page.text, expected);
    }

    #[test]
    fn buckets_are_cumulative_and_in_seconds() {
        let mut took = Histogram::new();
        for nanos in [1, 1024, 1025, u64::MAX] {
            took.record(Duration::from_nanos(nanos));
        }
        let mut page = Page::new(&[]);
        page.histogram("h", "", &took);
        for line in [
            "h_bucket{le=\"0.000001024\"} 2",
            "h_bucket{le=\"0.000002048\"} 3",
            "h_bucket{le=\"68.719476736\"} 3",
            "h_bucket{le=\"+Inf\"} 4",
            "h_count 4",
        ] {
            assert!(page.text.lines().any(|l| l == line), "{line} in\n{}", page.text);
        }
    }
}
