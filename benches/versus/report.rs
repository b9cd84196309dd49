//! Medians and ratios: as a table, as a picture, and all single figures as a file.

use crate::cases::Case;
use crate::options::Options;
use crate::peers::Peer;
use crate::runner::{Outcome, Sample};
use sideline_benches::{Better, Chart, Metric, Row, median};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

pub(crate) struct Report<'a> {
    options: &'a Options,
    outcome: &'a Outcome,
    /// The peers that have any figure.
    peers: Vec<Peer>,
    lines: Vec<Line>,
}

/// A row of the table.
struct Line {
    case: Case,
    /// Its name, unit and direction; the value is one of many.
    like: Metric,
    /// A median for each of the report's peers.
    medians: Vec<Option<f64>>,
}

impl<'a> Report<'a> {
    pub(crate) fn new(options: &'a Options, outcome: &'a Outcome) -> Self {
        let measured = |peer: &Peer| outcome.samples.iter().any(|sample| sample.peer == *peer);
        let peers: Vec<Peer> = options.peers.iter().copied().filter(measured).collect();
        let mut lines: Vec<Line> = Vec::new();
        for sample in &outcome.samples {
            if !lines.iter().any(|line| line.covers(sample)) {
                lines.push(Line { case: sample.case, like: sample.metric.clone(), medians: Vec::new() });
            }
        }
        for line in &mut lines {
            line.medians = peers
                .iter()
                .map(|peer| {
                    let of_peer = |sample: &&Sample| sample.peer == *peer && line.covers(sample);
                    let values: Vec<f64> =
                        outcome.samples.iter().filter(of_peer).map(|sample| sample.metric.value).collect();
                    (!values.is_empty()).then(|| median(&values))
                })
                .collect();
        }
        Self { options, outcome, peers, lines }
    }

    /// A Markdown table, and notes below it.
    pub(crate) fn table(&self) -> String {
        let mut cells: Vec<Vec<String>> = vec![vec!["case".to_string(), "unit".to_string()]];
        cells[0].extend(self.peers.iter().map(|peer| peer.name().to_string()));
        for line in &self.lines {
            let more = if line.like.better == Better::More { " (more is better)" } else { "" };
            let mut row = vec![line.like.name.clone(), format!("{}{more}", line.like.unit)];
            row.extend((0..self.peers.len()).map(|index| self.cell(line, index)));
            cells.push(row);
        }
        let mut text = aligned(&cells);
        let (rounds, reference) = (self.options.rounds, Peer::REFERENCE.name());
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        writeln!(text, "\nMedians of {rounds} rounds on {cores} cores; in brackets, times {reference}.")
            .expect("a String can be written to");
        if let Some(cores) = self.disturbed().filter(|cores| *cores >= 0.05) {
            writeln!(
                text,
                "The machine was not quiet: {cores:.2} cores were busy with other things on average."
            )
            .expect("a String can be written to");
        }
        if self.options.scale.quick {
            text.push_str("A quick run: the figures mean little.\n");
        }
        if self.peers.contains(&Peer::Bare) {
            text.push_str("\nWhat bare is:\n");
            let mut said = Vec::new();
            for line in &self.lines {
                let Some(means) = line.case.bare_means().filter(|means| !said.contains(means)) else {
                    continue;
                };
                said.push(means);
                writeln!(text, "- {}: {means}", line.case.name()).expect("a String can be written to");
            }
        }
        if !self.outcome.failures.is_empty() {
            text.push_str("\nFailed:\n");
            for failure in &self.outcome.failures {
                writeln!(text, "- {failure}").expect("a String can be written to");
            }
        }
        text
    }

    fn cell(&self, line: &Line, index: usize) -> String {
        let Some(value) = line.medians[index] else { return String::new() };
        match self.reference(line) {
            Some(reference)
                if line.like.better != Better::Neither && self.peers[index] != Peer::REFERENCE =>
            {
                format!("{} ({})", short(value), short(value / reference))
            }
            _ => short(value),
        }
    }

    fn disturbed(&self) -> Option<f64> {
        let each = || self.outcome.samples.iter().filter_map(|sample| sample.disturbed);
        let count = each().count();
        (count > 0).then(|| each().sum::<f64>() / count as f64)
    }

    fn reference(&self, line: &Line) -> Option<f64> {
        let index = self.peers.iter().position(|peer| *peer == Peer::REFERENCE)?;
        line.medians[index].filter(|value| *value > 0.0)
    }

    /// Costs relative to the reference: rates are turned over, so that left is always better.
    fn chart(&self) -> Chart {
        let rows = self.lines.iter().filter(|line| line.like.better != Better::Neither).filter_map(|line| {
            let reference = self.reference(line)?;
            let cost = |value: f64| match line.like.better {
                Better::More => reference / value,
                Better::Less | Better::Neither => value / reference,
            };
            let ratios = line.medians.iter().map(|value| value.map(cost)).collect();
            Some(Row { label: line.like.name.clone(), ratios })
        });
        Chart {
            title: "sideline against its peers".into(),
            axis: format!("cost relative to {} (left is better)", Peer::REFERENCE.name()),
            series: self.peers.iter().map(|peer| peer.name().to_string()).collect(),
            rows: rows.collect(),
        }
    }

    /// Writes the picture and the single figures. Returns where to.
    pub(crate) fn write_files(&self) -> io::Result<String> {
        let svg = &self.options.svg;
        let csv = svg.with_extension("csv");
        write(svg, &self.chart().svg())?;
        let mut text = String::from("case,figure,unit,peer,round,others,value\n");
        for Sample { case, peer, round, disturbed, metric } in &self.outcome.samples {
            let (case, peer, Metric { name, unit, value, .. }) = (case.name(), peer.name(), metric);
            let others = disturbed.map_or_else(String::new, |cores| format!("{cores:.2}"));
            writeln!(text, "{case},\"{name}\",{unit},{peer},{round},{others},{value}")
                .expect("a String can be written to");
        }
        write(&csv, &text)?;
        Ok(format!("{} and {}", svg.display(), csv.display()))
    }
}

impl Line {
    fn covers(&self, sample: &Sample) -> bool {
        self.case == sample.case && self.like.name == sample.metric.name
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, text)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Three significant digits, without an exponent.
fn short(value: f64) -> String {
    let size = value.abs();
    let digits = match size {
        _ if size >= 100.0 || size == 0.0 => 0,
        _ if size >= 10.0 => 1,
        _ if size >= 1.0 => 2,
        _ if size >= 0.1 => 3,
        _ => 4,
    };
    format!("{value:.digits$}")
}

/// Rows of cells as a Markdown table whose columns line up; numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = if column < 2 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") };
            text.push_str(&cell);
        }
        text.push_str("|\n");
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let right = if column < 2 { "-" } else { ":" };
                text.push_str(&format!("|{}{right}", "-".repeat(width + 1)));
            }
            text.push_str("|\n");
        }
    }
    text
}
