//! The two runs in a picture: how late the heart beat, over time, on a logarithmic scale. Plain SVG, written
//! by hand.

use crate::heartbeat::Beat;
use crate::run::Run;
use crate::table::{Spread, show};
use std::fmt::Write;
use std::time::Duration;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 520.0;
/// The plot itself.
const LEFT: f64 = 84.0;
const RIGHT: f64 = WIDTH - 32.0;
const TOP: f64 = 124.0;
const BOTTOM: f64 = HEIGHT - 56.0;
/// The lateness at the bottom, in seconds. What is earlier than this is drawn there.
const FLOOR: f64 = 1e-5;
/// How wide one step of a line is. Each shows the latest beat of its time.
const STEP: f64 = 1.5;

const INK: &str = "#1f2933";
const FAINT: &str = "#7b8794";
const GRID: &str = "#e4e7eb";
/// Line and area.
const INLINE: (&str, &str) = ("#d9480f", "#fcebe3");
const OFFLOADED: (&str, &str) = ("#1864ab", "#dce9f5");

pub(crate) fn chart(inline: &Run, offloaded: &Run, input: &str) -> String {
    let axes = Axes::for_runs(&[inline, offloaded]);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" font-family=\"system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif\">\n\
         <title>Lateness of a 1 ms heartbeat while blocking calls run inline and offloaded</title>\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"10\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut svg,
        LEFT,
        38.0,
        "start",
        20,
        INK,
        "600",
        "How late is a heartbeat that is due every millisecond?",
    );
    text(&mut svg, LEFT, 60.0, "start", 12, FAINT, "400", input);
    let runs = [(inline, INLINE, "inline on the loop"), (offloaded, OFFLOADED, "offloaded to the pool")];
    for (run, (_, color), _) in runs {
        draw_area(&mut svg, &axes, run, color);
    }
    axes.draw(&mut svg);
    for (column, (run, (color, _), name)) in runs.into_iter().enumerate() {
        draw_line(&mut svg, &axes, run, color);
        legend(&mut svg, column, color, name, run);
    }
    svg += "</svg>\n";
    svg
}

/// From seconds to places in the picture.
struct Axes {
    longest: f64,
    /// Decades above the floor.
    decades: u32,
}

impl Axes {
    fn for_runs(runs: &[&Run]) -> Self {
        let longest = runs.iter().map(|run| run.took.as_secs_f64()).fold(1e-3, f64::max);
        let latest =
            runs.iter().flat_map(|run| &run.beats).map(|beat| beat.late.as_secs_f64()).fold(1e-3, f64::max);
        Self { longest, decades: (latest / FLOOR).log10().ceil() as u32 }
    }

    fn x(&self, time: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * (time / self.longest).clamp(0.0, 1.0)
    }

    fn y(&self, late: f64) -> f64 {
        let share = (late.max(FLOOR) / FLOOR).log10() / f64::from(self.decades);
        BOTTOM - (BOTTOM - TOP) * share
    }

    fn draw(&self, svg: &mut String) {
        for decade in 0..=self.decades {
            let late = FLOOR * 10_f64.powi(decade as i32);
            let y = self.y(late);
            line(svg, (LEFT, y), (RIGHT, y), GRID, "");
            text(svg, LEFT - 10.0, y + 4.0, "end", 12, FAINT, "400", &power_of_ten(late));
        }
        // About eight marks, at round numbers of seconds.
        let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]
            .into_iter()
            .find(|step| self.longest / step <= 10.0)
            .unwrap_or(self.longest);
        let mut mark = 0.0;
        while mark <= self.longest {
            let x = self.x(mark);
            line(svg, (x, BOTTOM), (x, BOTTOM + 5.0), FAINT, "");
            text(
                svg,
                x,
                BOTTOM + 20.0,
                "middle",
                12,
                FAINT,
                "400",
                &format!("{} s", (mark * 10.0).round() / 10.0),
            );
            mark += step;
        }
        text(
            svg,
            (LEFT + RIGHT) / 2.0,
            HEIGHT - 14.0,
            "middle",
            12,
            FAINT,
            "400",
            "time since the run began",
        );
        let middle = (TOP + BOTTOM) / 2.0;
        let _ = writeln!(
            svg,
            "<text transform=\"translate(22 {middle:.0}) rotate(-90)\" text-anchor=\"middle\" font-size=\"12\" \
             fill=\"{FAINT}\">lateness, latest in each moment (log)</text>"
        );
    }
}

fn draw_area(svg: &mut String, axes: &Axes, run: &Run, color: &str) {
    let points = latest_per_step(axes, &run.beats);
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let _ = writeln!(
        svg,
        "<path d=\"M{:.1} {BOTTOM}L{}L{:.1} {BOTTOM}Z\" fill=\"{color}\"/>",
        first.0,
        path(&points),
        last.0
    );
}

/// The lateness, its p99, and where the run ended.
fn draw_line(svg: &mut String, axes: &Axes, run: &Run, color: &str) {
    let _ = writeln!(
        svg,
        "<path d=\"M{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.4\" stroke-linejoin=\"round\"/>",
        path(&latest_per_step(axes, &run.beats))
    );
    let p99 = axes.y(Spread::of(run.beats.iter().map(|beat| beat.late)).p99.as_secs_f64());
    let end = axes.x(run.took.as_secs_f64());
    line(svg, (LEFT, p99), (end, p99), color, "stroke-dasharray=\"6 4\" stroke-opacity=\"0.8\"");
    text(svg, end - 6.0, p99 - 5.0, "end", 11, color, "600", "p99");
    line(svg, (end, TOP), (end, BOTTOM), color, "stroke-dasharray=\"2 3\" stroke-opacity=\"0.8\"");
}

fn path(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>().join("L")
}

fn latest_per_step(axes: &Axes, beats: &[Beat]) -> Vec<(f64, f64)> {
    let mut points: Vec<(f64, f64)> = Vec::new();
    for beat in beats {
        let x = LEFT + ((axes.x(beat.due.as_secs_f64()) - LEFT) / STEP).floor() * STEP;
        let y = axes.y(beat.late.as_secs_f64());
        match points.last_mut() {
            Some(last) if last.0 == x => last.1 = last.1.min(y),
            _ => points.push((x, y)),
        }
    }
    points
}

fn legend(svg: &mut String, column: usize, color: &str, name: &str, run: &Run) {
    let x = LEFT + column as f64 * 430.0;
    let Spread { p50, p99, max } = Spread::of(run.beats.iter().map(|beat| beat.late));
    let _ = writeln!(
        svg,
        "<rect x=\"{x}\" y=\"79\" width=\"22\" height=\"12\" rx=\"3\" fill=\"{color}\" fill-opacity=\"0.85\"/>"
    );
    text(svg, x + 30.0, 90.0, "start", 13, INK, "600", name);
    let figures =
        format!("done in {}; p50 {}, p99 {}, max {}", show(run.took), micro(p50), micro(p99), micro(max));
    text(svg, x + 30.0, 108.0, "start", 12, FAINT, "400", &figures);
}

fn micro(duration: Duration) -> String {
    show(duration).replace("us", "µs")
}

fn power_of_ten(seconds: f64) -> String {
    let (number, unit) = match seconds {
        s if s > 0.5 => (s, "s"),
        s if s > 0.5e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    format!("{number:.0} {unit}")
}

fn line(svg: &mut String, from: (f64, f64), to: (f64, f64), color: &str, more: &str) {
    let _ = writeln!(
        svg,
        "<line x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\" stroke=\"{color}\" {more}/>",
        from.0, from.1, to.0, to.1
    );
}

#[expect(clippy::too_many_arguments, reason = "they are the attributes of one SVG element")]
fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, color: &str, weight: &str, words: &str) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" font-weight=\"{weight}\" \
         fill=\"{color}\">{words}</text>"
    );
}
