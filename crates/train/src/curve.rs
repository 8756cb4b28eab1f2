//! How did the loss fall? A picture as SVG (pure).
//!
//! Drawn as the pictures of the eval room are: colours keep a contrast of 3 or more on white and on black, nothing is
//! told by colour alone, and what the picture shows stands in its `<desc>` too.

use std::fmt::Write;

use clinqa_eval::escaped;

use crate::Score;
use crate::log::LogLine;

/// Words and axes; 4.5 to 1 on white and on black.
const INK: &str = "#767676";

/// The training loss.
const DATA: &str = "#3b82f6";

/// The development part.
const MARK: &str = "#d97706";

const LEFT: f64 = 64.0;
const TOP: f64 = 72.0;
const ACROSS: f64 = 480.0;
const UP: f64 = 280.0;
const WIDTH: f64 = LEFT + ACROSS + 24.0;
const HEIGHT: f64 = TOP + UP + 56.0;

/// Points of the training curve; more could not be told apart.
const MOST_POINTS: usize = 400;

/// Where values lie in the plot.
struct Scale {
    steps: f64,
    low: f64,
    high: f64,
}

/// The loss by step as SVG: a line for the training loss (means of neighbouring steps where there are very many), a dashed
/// line with dots for the loss on the development part. `caption` says what was trained.
pub fn loss_curve(caption: &str, lines: &[LogLine]) -> String {
    let trained = thinned(lines);
    let scored: Vec<(f64, f64)> = scores(lines).map(|(step, score)| (step as f64, score.loss)).collect();
    let scored: Vec<(f64, f64)> = scored.into_iter().filter(|(_, loss)| loss.is_finite()).collect();
    let all = || trained.iter().chain(&scored).map(|&(_, loss)| loss);
    let low = all().fold(0.0, f64::min);
    let high = all().fold(f64::NEG_INFINITY, f64::max);
    let scale = Scale { steps: last_step(lines).max(1) as f64, low, high: if high > low { high } else { low + 1.0 } };
    let mut parts = frame(caption, &description(lines, &trained));
    parts.extend((0..=4).map(|quarter| tick(&scale, f64::from(quarter) / 4.0)));
    parts.push(polyline(&scale, &trained, DATA, ""));
    parts.push(polyline(&scale, &scored, MARK, r#" stroke-dasharray="5 4""#));
    parts.extend(scored.iter().map(|&point| {
        let (x, y) = place(&scale, point);
        format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3.5" fill="{MARK}"/>"#)
    }));
    parts.push("</svg>\n".to_owned());
    parts.join("\n")
}

fn scores(lines: &[LogLine]) -> impl Iterator<Item = (u64, &Score)> {
    lines.iter().filter_map(|line| match line {
        LogLine::Score { step, score } => Some((*step, score)),
        LogLine::Step { .. } => None,
    })
}

fn last_step(lines: &[LogLine]) -> u64 {
    let step = |line: &LogLine| match line {
        LogLine::Step { step, .. } | LogLine::Score { step, .. } => *step,
    };
    lines.iter().map(step).max().unwrap_or(0)
}

/// Finite losses, neighbours averaged so that at most [`MOST_POINTS`] are left.
fn thinned(lines: &[LogLine]) -> Vec<(f64, f64)> {
    let finite = |line: &LogLine| match line {
        LogLine::Step { step, loss, .. } if loss.is_finite() => Some((*step as f64, *loss)),
        _ => None,
    };
    let finite: Vec<(f64, f64)> = lines.iter().filter_map(finite).collect();
    let group = finite.len().div_ceil(MOST_POINTS).max(1);
    let mean = |chunk: &[(f64, f64)]| {
        let count = chunk.len() as f64;
        let (steps, losses) =
            chunk.iter().fold((0.0, 0.0), |(steps, losses), (step, loss)| (steps + step, losses + loss));
        (steps / count, losses / count)
    };
    finite.chunks(group).map(mean).collect()
}

/// What the picture shows, in words.
fn description(lines: &[LogLine], trained: &[(f64, f64)]) -> String {
    let (Some(first), Some(last)) = (trained.first(), trained.last()) else { return "No step was logged.".to_owned() };
    let mut told = format!("{} steps. Training loss from {:.3} to {:.3}.", last_step(lines), first.1, last.1);
    for (step, Score { name, value, loss, .. }) in scores(lines) {
        // Writing to a string cannot fail.
        let _ = write!(told, " Step {step}: development loss {loss:.3}, {name} {value:.4}.");
    }
    told
}

fn frame(caption: &str, description: &str) -> Vec<String> {
    let (caption, description) = (escaped(caption), escaped(description));
    let (middle, below, aside) = (LEFT + ACROSS / 2.0, TOP + UP + 40.0, TOP + UP / 2.0);
    vec![
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="loss-title loss-desc" font-family="sans-serif" font-size="12" fill="{INK}">"#
        ),
        format!(r#"<title id="loss-title">Loss: {caption}</title>"#),
        format!(r#"<desc id="loss-desc">{description}</desc>"#),
        format!(r#"<text x="{LEFT}" y="22" font-size="16">Loss</text>"#),
        format!(r#"<text x="{LEFT}" y="40">{caption}</text>"#),
        format!(
            r#"<path d="M{LEFT} 54h24" stroke="{DATA}" stroke-width="2"/><text x="{}" y="58">training</text>"#,
            LEFT + 30.0
        ),
        format!(
            r#"<path d="M{} 54h24" stroke="{MARK}" stroke-width="2" stroke-dasharray="5 4"/><circle cx="{}" cy="54" r="3.5" fill="{MARK}"/><text x="{}" y="58">development part</text>"#,
            LEFT + 110.0,
            LEFT + 122.0,
            LEFT + 140.0
        ),
        format!(r#"<rect x="{LEFT}" y="{TOP}" width="{ACROSS}" height="{UP}" fill="none" stroke="{INK}"/>"#),
        format!(r#"<text x="{middle}" y="{below}" text-anchor="middle">step</text>"#),
        format!(r#"<text x="18" y="{aside}" text-anchor="middle" transform="rotate(-90 18 {aside})">loss</text>"#),
    ]
}

/// A quarter of both axes, with its lines across the plot.
fn tick(scale: &Scale, share: f64) -> String {
    let (x, y) = (LEFT + ACROSS * share, TOP + UP * (1.0 - share));
    let (right, bottom, below, aside) = (LEFT + ACROSS, TOP + UP, TOP + UP + 18.0, LEFT - 8.0);
    let (step, loss) = (scale.steps * share, scale.low + (scale.high - scale.low) * share);
    format!(
        r#"<path d="M{x:.1} {TOP}V{bottom}M{LEFT} {y:.1}H{right}" fill="none" stroke="{INK}" stroke-opacity="0.25"/><text x="{x:.1}" y="{below}" text-anchor="middle">{step:.0}</text><text x="{aside}" y="{:.1}" text-anchor="end">{loss:.2}</text>"#,
        y + 4.0
    )
}

fn polyline(scale: &Scale, points: &[(f64, f64)], colour: &str, dashes: &str) -> String {
    let points: Vec<String> = points
        .iter()
        .map(|&point| {
            let (x, y) = place(scale, point);
            format!("{x:.1},{y:.1}")
        })
        .collect();
    format!(r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>"#, points.join(" "))
}

fn place(scale: &Scale, (step, loss): (f64, f64)) -> (f64, f64) {
    let up = (loss - scale.low) / (scale.high - scale.low);
    (LEFT + ACROSS * (step / scale.steps).clamp(0.0, 1.0), TOP + UP * (1.0 - up.clamp(0.0, 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, loss: f64) -> LogLine {
        LogLine::Step { step, loss, rate: 1e-5, tokens: 1, seconds: 1.0 }
    }

    fn score(step: u64, loss: f64) -> LogLine {
        LogLine::Score { step, score: Score { name: "f1".to_owned(), value: 0.5, loss, others: Vec::new() } }
    }

    #[test]
    fn the_line_goes_through_its_points_and_the_words_say_so() {
        let svg = loss_curve("a <b>", &[step(50, 4.0), step(100, 2.0), score(100, 1.0)]);
        // From 64 over 480 pixels, and from 72 over 280: half way at the top, and the end half way up.
        assert!(svg.contains(r#"points="304.0,72.0 544.0,212.0""#), "{svg}");
        assert!(svg.contains(r#"cx="544.0" cy="282.0""#), "{svg}");
        assert!(
            svg.contains("Training loss from 4.000 to 2.000. Step 100: development loss 1.000, f1 0.5000."),
            "{svg}"
        );
        assert!(svg.contains("a &lt;b&gt;"), "{svg}");
    }

    #[test]
    fn many_lines_are_averaged_and_no_number_leaves_the_plot() {
        let many: Vec<LogLine> = (1..=4_000).map(|at| step(at, 1.0 / at as f64)).collect();
        assert_eq!(thinned(&many).len(), MOST_POINTS);
        for lines in [vec![], vec![step(1, f64::NAN), score(1, f64::INFINITY)], vec![step(0, 0.0)]] {
            let svg = loss_curve("", &lines);
            let drawn = svg.split("<desc").next().unwrap_or_default().len();
            let plot = svg.split("</desc>").nth(1).unwrap_or_default();
            assert!(drawn > 0 && !plot.contains("NaN") && !plot.contains("inf"), "{svg}");
        }
    }
}
