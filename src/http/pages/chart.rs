//! Pictures as SVG, made of numbers and escaped labels; their colours are the style's.
use std::fmt::Write;

use crate::domain::timestamp::Timestamp;

const WIDTH: f64 = 720.0;
/// Of the bars, without the labels below them.
const HEIGHT: f64 = 140.0;
const ROW: f64 = 26.0;
/// Where the rows' bars begin, and how long the longest is.
const LABELS: f64 = 205.0;
const LONGEST: f64 = 430.0;

pub struct Bar {
    pub label: String,
    pub value: i64,
    /// A class of the style: `good`, `warn`, `bad`, `plain`.
    pub class: &'static str,
}

fn highest(bars: &[Bar]) -> i64 {
    bars.iter().map(|bar| bar.value).max().unwrap_or(0).max(1)
}

/// A line for a table's cell.
pub fn spark(values: &[i64]) -> String {
    let most = values.iter().copied().max().unwrap_or(0).max(1);
    let step = 80.0 / (values.len().max(2) - 1) as f64;
    let point = |(at, value): (usize, &i64)| format!("{:.1},{:.1}", at as f64 * step, 19.0 - 18.0 * *value as f64 / most as f64);
    let points = values.iter().enumerate().map(point).collect::<Vec<_>>().join(" ");
    let sum: i64 = values.iter().sum();
    format!(r#"<svg class="spark" viewBox="0 0 80 20" role="img" aria-label="{sum} uses in 24 hours"><polyline points="{points}"/></svg>"#)
}

/// What follows one another in time, from left to right: every fourth has its label.
pub fn columns(bars: &[Bar]) -> String {
    let most = highest(bars);
    let width = WIDTH / bars.len().max(1) as f64;
    let total = HEIGHT + 20.0;
    let mut svg =
        format!(r#"<svg class="chart" viewBox="0 0 {WIDTH} {total}" role="img" aria-label="{} bars, the highest {most}">"#, bars.len());
    for (at, bar) in bars.iter().enumerate() {
        let (x, height) = (at as f64 * width, (HEIGHT - 14.0) * bar.value as f64 / most as f64);
        let label = escaped(&bar.label);
        let (top, inner) = (HEIGHT - height, width - 2.0);
        let _ = write!(
            svg,
            r#"<rect class="{}" x="{:.1}" y="{top:.1}" width="{inner:.1}" height="{height:.1}"><title>{label}: {}</title></rect>"#,
            bar.class,
            x + 1.0,
            bar.value
        );
        if at % 4 == 0 {
            let _ = write!(svg, r#"<text x="{x:.1}" y="{total}">{label}</text>"#);
        }
    }
    let _ = write!(svg, r#"<line x1="0" y1="{HEIGHT}" x2="{WIDTH}" y2="{HEIGHT}"/>"#);
    if bars.iter().any(|bar| bar.value > 0) {
        let _ = write!(svg, r#"<text x="0" y="10">{most}</text>"#);
    }
    svg.push_str("</svg>");
    svg
}

/// What stands beside one another, from the top down, each with its label and its number.
pub fn rows(bars: &[Bar]) -> String {
    let most = highest(bars);
    let height = ROW * bars.len() as f64;
    let mut svg =
        format!(r#"<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{} bars, the longest {most}">"#, bars.len());
    for (at, bar) in bars.iter().enumerate() {
        let (y, length) = (at as f64 * ROW, LONGEST * bar.value as f64 / most as f64);
        let (text, end) = (y + 17.0, LABELS + length + 8.0);
        let _ = write!(
            svg,
            r#"<text x="0" y="{text}">{}</text><rect class="{}" x="{LABELS}" y="{}" width="{length:.1}" height="{}"/><text x="{end:.1}" y="{text}">{}</text>"#,
            escaped(&bar.label),
            bar.class,
            y + 4.0,
            ROW - 8.0,
            bar.value
        );
    }
    svg.push_str("</svg>");
    svg
}

/// A part of a life, from a moment to another.
pub struct Stretch {
    pub from: Timestamp,
    pub until: Timestamp,
    pub class: &'static str,
    pub what: &'static str,
}

/// Lives beside one another, from the left to the right as time passes, with a line where now is.
pub fn timeline(lives: &[(String, Vec<Stretch>)], now: Timestamp) -> String {
    let all = || lives.iter().flat_map(|(_, stretches)| stretches);
    let first = all().map(|stretch| stretch.from).min().unwrap_or(now).min(now);
    let last = all().map(|stretch| stretch.until).max().unwrap_or(now).max(now);
    let whole = last.since(first).as_secs_f64().max(1.0);
    let place = |at: Timestamp| LABELS + (WIDTH - LABELS) * at.since(first).as_secs_f64() / whole;
    let height = ROW * lives.len() as f64;
    let total = height + 20.0;
    let mut svg = format!(r#"<svg class="chart" viewBox="0 0 {WIDTH} {total}" role="img" aria-label="{} keys over time">"#, lives.len());
    for (at, (label, stretches)) in lives.iter().enumerate() {
        let y = at as f64 * ROW;
        let _ = write!(svg, r#"<text x="0" y="{}">{}</text>"#, y + 17.0, escaped(label));
        for Stretch { from, until, class, what } in stretches {
            let (left, right) = (place(*from), place(*until));
            let (top, inner, width) = (y + 4.0, ROW - 8.0, (right - left).max(2.0));
            let _ = write!(
                svg,
                r#"<rect class="{class}" x="{left:.1}" y="{top}" width="{width:.1}" height="{inner}"><title>{what}: {from} to {until}</title></rect>"#
            );
        }
    }
    let _ = write!(svg, r#"<line x1="{0:.1}" y1="0" x2="{0:.1}" y2="{height}"/>"#, place(now));
    let (below, today, end) = (height + 14.0, place(now), WIDTH);
    // Days, or within a few of them the minutes too.
    let letters = if whole < 3.0 * 24.0 * 3600.0 { 16 } else { 10 };
    let day = |at: Timestamp| at.to_string().replace('T', " ").chars().take(letters).collect::<String>();
    let _ = write!(svg, r#"<text x="{LABELS}" y="{below}">{}</text>"#, day(first));
    // Each has room only where the others are not.
    if today - LABELS > 150.0 {
        let _ = write!(
            svg,
            r#"<text x="{today:.1}" y="{below}" text-anchor="{}">now</text>"#,
            if end - today < 40.0 { "end" } else { "middle" }
        );
    }
    if end - today > 150.0 {
        let _ = write!(svg, r#"<text x="{end}" y="{below}" text-anchor="end">{}</text>"#, day(last));
    }
    svg.push_str("</svg>");
    svg
}

fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map_or_else(|_infallible| String::new(), |safe| safe.to_string())
}
