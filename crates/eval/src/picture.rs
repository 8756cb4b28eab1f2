//! What do confidences look like beside what came true?
//!
//! Two pictures as SVG, drawn by hand: a reliability diagram and a risk-coverage curve. Every colour keeps a contrast of
//! 3 or more on white and on black, so one file serves light and dark pages; nothing is told by colour alone. What the
//! picture shows stands in its `<desc>` too, for those who hear it.

use crate::{Reliability, ReliabilityBin, RiskCoverage, RiskPoint};

/// Words and axes; 4.5 to 1 on white and on black.
const INK: &str = "#767676";

/// What was measured.
const DATA: &str = "#3b82f6";

/// What it is held against.
const MARK: &str = "#d97706";

/// The plot's left and top edge and the length of both its axes, in pixels.
const LEFT: f64 = 64.0;
const TOP: f64 = 56.0;
const SIZE: f64 = 320.0;

const WIDTH: f64 = LEFT + SIZE + 24.0;
const HEIGHT: f64 = TOP + SIZE + 56.0;

const TICKS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// A reliability diagram as SVG: a bar a bin with its share of right answers, a dot where its mean confidence meets that
/// share, how many answers it holds, and the diagonal on which a calibrated system lies. `caption` says what was
/// measured.
pub fn reliability_picture(caption: &str, reliability: &Reliability) -> String {
    let filled = || reliability.bins.iter().filter(|bin| bin.count > 0);
    let answers: usize = filled().map(|bin| bin.count).sum();
    let error = reliability.expected_error;
    let mut inside = vec![line((0.0, 0.0), (1.0, 1.0), MARK)];
    inside.extend(filled().map(bar));
    inside.extend(filled().map(|bin| dot((bin.confidence, bin.accuracy), MARK)));
    inside.push(note(0.03, 0.93, &format!("expected calibration error {error:.3}")));
    inside.push(note(0.03, 0.87, &format!("{answers} answers; a number on each bar")));
    let told: Vec<String> = filled().map(in_words).collect();
    drawing(&Frame {
        id: "reliability",
        title: "Reliability diagram",
        caption,
        description: format!("{answers} answers. Expected calibration error {error:.3}. {}", told.join(" ")),
        across: "confidence",
        up: "share of answers that are right",
        inside,
    })
}

/// A risk-coverage curve as SVG; `at` is the point that the thresholds in use chose, if any. `caption` says what was
/// measured.
pub fn risk_coverage_picture(caption: &str, curve: &RiskCoverage, at: Option<RiskPoint>) -> String {
    let path: Vec<String> = curve.points.iter().map(|point| place((point.coverage, point.risk))).collect();
    let area = curve.area;
    let mut inside =
        vec![format!(r#"<polyline points="{}" fill="none" stroke="{DATA}" stroke-width="2"/>"#, path.join(" "))];
    // A curve of one point has no line.
    if let [only] = curve.points.as_slice() {
        inside.push(dot((only.coverage, only.risk), DATA));
    }
    inside.push(note(0.03, 0.93, &format!("area under the curve {area:.3}")));
    let mut told = format!("Area under the curve {area:.3}.");
    if let Some(at) = at {
        let words = format!("{:.0}% answered, {:.0}% of that wrong", at.coverage * 100.0, at.risk * 100.0);
        inside.push(dot((at.coverage, at.risk), MARK));
        inside.push(note(0.03, 0.87, &format!("dot: {words}")));
        told = format!("{told} As answered: {words}.");
    }
    for tenths in [0.2, 0.4, 0.6, 0.8, 1.0] {
        // The first point that covers as much; the curve ends at 1.
        let point = curve.points.iter().find(|point| point.coverage >= tenths - 1e-9);
        told.extend(point.map(|p| format!(" At coverage {:.2} the risk is {:.2}.", p.coverage, p.risk)));
    }
    drawing(&Frame {
        id: "risk-coverage",
        title: "Risk-coverage curve",
        caption,
        description: told,
        across: "coverage: share of questions answered, surest first",
        up: "risk: share of those answers that are wrong",
        inside,
    })
}

fn bar(bin: &ReliabilityBin) -> String {
    let (left, top) = (x(bin.lower), y(bin.accuracy));
    let (width, height) = (x(bin.upper) - left, y(0.0) - top);
    // A number above its bar; below the edge of the plot where the bar reaches it.
    let (middle, label) = (left + width / 2.0, if bin.accuracy > 0.95 { top + 15.0 } else { top - 7.0 });
    format!(
        r#"<g><title>{}</title><rect x="{left:.1}" y="{top:.1}" width="{width:.1}" height="{height:.1}" fill="{DATA}" fill-opacity="0.35" stroke="{DATA}"/><text x="{middle:.1}" y="{label:.1}" text-anchor="middle" font-size="10">{}</text></g>"#,
        in_words(bin),
        bin.count,
    )
}

fn in_words(bin: &ReliabilityBin) -> String {
    format!(
        "Confidence {:.2} to {:.2}: {} answers, mean confidence {:.2}, share right {:.2}.",
        bin.lower, bin.upper, bin.count, bin.confidence, bin.accuracy
    )
}

/// All that a picture holds beside its axes.
struct Frame<'a> {
    /// Unique among pictures that may stand on one page.
    id: &'static str,
    title: &'static str,
    caption: &'a str,
    description: String,
    across: &'static str,
    up: &'static str,
    /// Elements within the axes, as SVG.
    inside: Vec<String>,
}

fn drawing(frame: &Frame) -> String {
    let Frame { id, title, across, up, .. } = frame;
    let (caption, description) = (escaped(frame.caption), escaped(&frame.description));
    let middle = x(0.5);
    let (below, aside) = (y(0.0) + 40.0, y(0.5));
    let mut lines = vec![
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{id}-title {id}-desc" font-family="sans-serif" font-size="12" fill="{INK}">"#
        ),
        format!(r#"<title id="{id}-title">{title}: {caption}</title>"#),
        format!(r#"<desc id="{id}-desc">{description}</desc>"#),
        format!(r#"<text x="{LEFT}" y="22" font-size="16">{title}</text>"#),
        format!(r#"<text x="{LEFT}" y="40">{caption}</text>"#),
    ];
    lines.extend(TICKS.map(tick));
    lines.extend(frame.inside.iter().cloned());
    lines.push(format!(r#"<rect x="{LEFT}" y="{TOP}" width="{SIZE}" height="{SIZE}" fill="none" stroke="{INK}"/>"#));
    lines.push(format!(r#"<text x="{middle}" y="{below}" text-anchor="middle">{across}</text>"#));
    lines.push(format!(
        r#"<text x="18" y="{aside}" text-anchor="middle" transform="rotate(-90 18 {aside})">{up}</text>"#
    ));
    lines.push("</svg>\n".to_owned());
    lines.join("\n")
}

/// The same number on both axes, with its lines across the plot.
fn tick(value: f64) -> String {
    let (across, up) = (x(value), y(value));
    let (right, bottom) = (x(1.0), y(0.0));
    let (below, aside) = (bottom + 18.0, LEFT - 8.0);
    format!(
        r#"<path d="M{across:.1} {TOP}V{bottom:.1}M{LEFT} {up:.1}H{right:.1}" fill="none" stroke="{INK}" stroke-opacity="0.25"/><path d="M{across:.1} {bottom:.1}v5M{LEFT} {up:.1}h-5" fill="none" stroke="{INK}"/><text x="{across:.1}" y="{below:.1}" text-anchor="middle">{value:.1}</text><text x="{aside:.1}" y="{:.1}" text-anchor="end">{value:.1}</text>"#,
        up + 4.0,
    )
}

fn line(from: (f64, f64), to: (f64, f64), colour: &str) -> String {
    let (from, to) = (place(from), place(to));
    format!(
        r#"<polyline points="{from} {to}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="5 4"/>"#
    )
}

fn dot((across, up): (f64, f64), colour: &str) -> String {
    format!(r#"<circle cx="{:.1}" cy="{:.1}" r="4" fill="{colour}"/>"#, x(across), y(up))
}

fn note(across: f64, up: f64, text: &str) -> String {
    format!(r#"<text x="{:.1}" y="{:.1}">{}</text>"#, x(across), y(up), escaped(text))
}

fn place((across, up): (f64, f64)) -> String {
    format!("{:.1},{:.1}", x(across), y(up))
}

fn x(share: f64) -> f64 {
    LEFT + SIZE * bounded(share)
}

fn y(share: f64) -> f64 {
    TOP + SIZE * (1.0 - bounded(share))
}

/// A share within the plot: what is no number is drawn at 0.
fn bounded(share: f64) -> f64 {
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

/// `text` as XML content: markup is text, and characters that XML forbids are replaced.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            '\u{FFFE}' | '\u{FFFF}' => out.push('\u{FFFD}'),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{reliability, risk_coverage};

    const PAIRS: [(f64, bool); 5] = [(0.2, false), (0.4, true), (0.5, true), (0.9, true), (1.0, true)];

    fn pictures(caption: &str, pairs: &[(f64, bool)]) -> [String; 2] {
        let curve = risk_coverage(pairs).expect("pairs");
        let at = curve.points.first().copied();
        [
            reliability_picture(caption, &reliability(pairs, 10).expect("pairs")),
            risk_coverage_picture(caption, &curve, at),
        ]
    }

    /// Insists that every tag is closed in its turn, every attribute quoted, and no markup left in the text.
    fn check_well_formed(svg: &str) {
        let mut open: Vec<&str> = Vec::new();
        let mut rest = svg;
        while let Some((text, after)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            let entities = text.split('&').skip(1);
            assert!(
                entities.into_iter().all(|e| ["amp;", "lt;", "gt;", "quot;"].iter().any(|k| e.starts_with(k))),
                "{text}"
            );
            let (tag, after) = after.split_once('>').expect("the end of a tag");
            assert!(tag.matches('"').count() % 2 == 0, "{tag}");
            let name = tag.trim_matches('/').split(' ').next().expect("a name");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(name);
            }
            rest = after;
        }
        assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    }

    #[test]
    fn a_bar_stands_where_its_bin_says() {
        let [diagram, _] = pictures("dev", &[(0.2, false), (0.5, true), (0.5, false)]);
        let bars: Vec<&str> = diagram.lines().filter(|line| line.starts_with("<g>")).collect();
        assert_eq!(bars.len(), 2, "empty bins have no bar");
        // 0.2 to 0.3 of 320 pixels from 64, with nothing right; 0.5 to 0.6, half right.
        assert!(bars[0].contains(r#"<rect x="128.0" y="376.0" width="32.0" height="0.0""#), "{}", bars[0]);
        assert!(bars[1].contains(r#"<rect x="224.0" y="216.0" width="32.0" height="160.0""#), "{}", bars[1]);
        assert!(bars[1].contains("2 answers, mean confidence 0.50, share right 0.50."), "{}", bars[1]);
    }

    #[test]
    fn a_curve_goes_through_its_points() {
        // 0.9 right, 0.8 wrong: risk 0 at a coverage of a half, then a half at 1.
        let [_, curve] = pictures("dev", &[(0.9, true), (0.8, false)]);
        assert!(curve.contains(r#"points="224.0,376.0 384.0,216.0""#), "{curve}");
        assert!(curve.contains("As answered: 50% answered, 0% of that wrong."), "{curve}");
        assert!(curve.contains("At coverage 1.00 the risk is 0.50."), "{curve}");
    }

    #[test]
    fn a_picture_says_what_it_shows() {
        for svg in pictures("dev half", &PAIRS) {
            check_well_formed(&svg);
            assert!(svg.contains(": dev half</title>") && svg.contains("<desc "), "{svg}");
            for tick in TICKS {
                assert_eq!(svg.matches(&format!(">{tick:.1}</text>")).count(), 2, "{tick} on both axes");
            }
        }
    }

    #[test]
    fn numbers_out_of_range_stay_in_the_plot() {
        let point = RiskPoint { threshold: 0.5, coverage: f64::NAN, risk: 7.0 };
        let svg = risk_coverage_picture("", &RiskCoverage { points: vec![point], area: 0.5 }, None);
        assert!(svg.contains(r#"cx="64.0" cy="56.0""#), "{svg}");
    }

    proptest! {
        #[test]
        fn any_caption_is_text_and_never_markup(caption in any::<String>()) {
            for svg in pictures(&caption, &PAIRS) {
                check_well_formed(&svg);
                prop_assert!(!svg.chars().any(|c| c.is_ascii_control() && c != '\n'));
            }
        }
    }
}
