//! A picture of ratios: one row per figure, one dot per peer, on a logarithmic axis. Left is better.

use std::fmt::Write;

/// One row of a [`Chart`].
#[derive(Clone, Debug)]
pub struct Row {
    /// What was measured.
    pub label: String,
    /// One cost relative to the reference for each series, if that series has the figure.
    pub ratios: Vec<Option<f64>>,
}

/// A chart of costs relative to one reference, which stands at 1.
#[derive(Clone, Debug)]
pub struct Chart {
    /// The line on top.
    pub title: String,
    /// What the axis shows.
    pub axis: String,
    /// The names of the series. The first is drawn as a diamond, over the others.
    pub series: Vec<String>,
    /// The rows, from top to bottom.
    pub rows: Vec<Row>,
}

const COLOURS: [&str; 6] = ["#d1495b", "#30638e", "#edae49", "#66a182", "#8d6a9f", "#7a7a7a"];
const LABELS: f64 = 260.0;
const PLOT: f64 = 620.0;
const MARGIN: f64 = 24.0;
const HEAD: f64 = 96.0;
const ROW: f64 = 24.0;
const FOOT: f64 = 44.0;

impl Chart {
    /// The picture as an SVG document.
    pub fn svg(&self) -> String {
        let (low, high) = self.decades();
        let x = |ratio: f64| LABELS + PLOT * (ratio.log10() - low) / (high - low);
        let width = LABELS + PLOT + MARGIN;
        let bottom = HEAD + ROW * self.rows.len() as f64;
        let height = bottom + FOOT;
        let mut svg = String::new();
        let mut line = |text: std::fmt::Arguments<'_>| {
            writeln!(svg, "{text}").expect("a String can be written to");
        };
        line(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="13" fill="{INK}">"#
        ));
        line(format_args!(r##"<rect width="{width}" height="{height}" fill="#ffffff"/>"##));
        line(format_args!(r#"<text x="{MARGIN}" y="30" font-size="18">{}</text>"#, escape(&self.title)));
        let mut legend = MARGIN;
        for (index, name) in self.series.iter().enumerate() {
            line(format_args!("{}", mark(index, legend + 6.0, 56.0)));
            line(format_args!(r#"<text x="{}" y="60.5">{}</text>"#, legend + 18.0, escape(name)));
            legend += 44.0 + 7.5 * name.chars().count() as f64;
        }
        for (at, label) in ticks(low, high) {
            let colour = if at == 1.0 { INK } else { "#dddddd" };
            let (x, top) = (x(at), HEAD - 8.0);
            line(format_args!(
                r#"<line x1="{x:.1}" x2="{x:.1}" y1="{top}" y2="{bottom}" stroke="{colour}"/>"#
            ));
            line(format_args!(
                r#"<text x="{x:.1}" y="{}" text-anchor="middle" font-size="11">{label}</text>"#,
                bottom + 16.0
            ));
        }
        line(format_args!(
            r#"<text x="{}" y="{}" text-anchor="middle">{}</text>"#,
            LABELS + PLOT / 2.0,
            bottom + 36.0,
            escape(&self.axis)
        ));
        for (index, row) in self.rows.iter().enumerate() {
            let y = HEAD + ROW * (index as f64 + 0.5);
            line(format_args!(
                r#"<text x="{}" y="{}" text-anchor="end">{}</text>"#,
                LABELS - 14.0,
                y + 4.5,
                escape(&row.label)
            ));
            let drawn = || row.ratios.iter().flatten().copied().filter(|ratio| drawable(*ratio));
            if let (Some(least), Some(most)) = (drawn().reduce(f64::min), drawn().reduce(f64::max)) {
                line(format_args!(
                    r##"<line x1="{:.1}" x2="{:.1}" y1="{y}" y2="{y}" stroke="#cccccc"/>"##,
                    x(least),
                    x(most)
                ));
            }
            // The first series last, so that nothing covers it.
            for (series, ratio) in row.ratios.iter().enumerate().rev() {
                if let Some(ratio) = ratio.filter(|ratio| drawable(*ratio)) {
                    line(format_args!("{}", mark(series, x(ratio), y)));
                }
            }
        }
        line(format_args!("</svg>"));
        svg
    }

    /// The axis: from which to which power of ten.
    fn decades(&self) -> (f64, f64) {
        let all = || self.rows.iter().flat_map(|row| &row.ratios).flatten().copied().filter(|r| drawable(*r));
        let low = all().fold(0.5, f64::min).log10();
        let high = all().fold(2.0, f64::max).log10();
        // Some air on both sides.
        (low - 0.05, high + 0.05)
    }
}

const INK: &str = "#222222";

fn drawable(ratio: f64) -> bool {
    ratio.is_finite() && ratio > 0.0
}

/// 1, 2 and 5 of each decade; fewer if there are many decades.
fn ticks(low: f64, high: f64) -> Vec<(f64, String)> {
    let steps: &[f64] = if high - low > 2.5 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let mut ticks = Vec::new();
    for decade in low.floor() as i32..=high.ceil() as i32 {
        for step in steps {
            let at = step * 10_f64.powi(decade);
            if (low..=high).contains(&at.log10()) {
                // Powers of ten are exact from 1 up; below, the label hides the last bits.
                ticks.push((at, format!("{}x", (at * 1e6).round() / 1e6)));
            }
        }
    }
    ticks
}

fn mark(series: usize, x: f64, y: f64) -> String {
    let colour = COLOURS[series % COLOURS.len()];
    if series == 0 {
        format!(
            r##"<path d="M{:.1} {y} L{x:.1} {} L{:.1} {y} L{x:.1} {} Z" fill="{colour}" stroke="#ffffff"/>"##,
            x - 8.0,
            y - 8.0,
            x + 8.0,
            y + 8.0
        )
    } else {
        format!(r##"<circle cx="{x:.1}" cy="{y}" r="5" fill="{colour}" stroke="#ffffff"/>"##)
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(ratios: Vec<Option<f64>>) -> Chart {
        let series = vec!["ours".into(), "a & b".into()];
        Chart { title: "t".into(), axis: "x".into(), series, rows: vec![Row { label: "r".into(), ratios }] }
    }

    #[test]
    fn each_figure_gets_a_mark_and_the_legend_too() {
        let svg = chart(vec![Some(0.1), Some(1.0)]).svg();
        assert_eq!(svg.matches("<path").count(), 2);
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &amp; b"));
    }

    #[test]
    fn missing_and_impossible_figures_are_left_out() {
        let svg = chart(vec![None, Some(f64::NAN)]).svg();
        assert_eq!(svg.matches("<path").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
    }

    #[test]
    fn the_reference_is_always_on_the_axis() {
        for (low, high) in [(0.5_f64, 2.0_f64), (0.0001, 30.0), (0.9, 1000.0)] {
            let ticks = ticks(low.log10(), high.log10());
            assert!(ticks.iter().any(|(at, label)| *at == 1.0 && label == "1x"), "{ticks:?}");
        }
    }
}
