//! What was measured, as the table and the plot in `docs/`.
use std::fmt::Write;

/// One line of the table.
pub struct Row {
    pub name: String,
    pub per_second: f64,
    /// Of what the bare answer and the bare signature allow together.
    pub ratio: Option<f64>,
}

/// What `docs/benchmarks.md` has between its marks.
#[derive(Default)]
pub struct Report {
    text: String,
}

const DOCUMENT: &str = "docs/benchmarks.md";
const PLOT: &str = "docs/benchmarks.svg";
const BEGIN: &str = "<!-- make bench writes from here -->\n";
const END: &str = "<!-- to here -->\n";

/// Peers measured elsewhere, on one core with their database on it: tokens a second.
const ELSEWHERE: [(&str, f64); 4] = [
    ("rauthy, EdDSA, two rows a token", 2_399.0),
    ("rauthy, RS256, two rows a token", 668.0),
    ("Glewlwyd, ES256, a row a token", 452.0),
    ("django-oauth-toolkit, PBKDF2", 3.2),
];

impl Report {
    pub fn say(&mut self, line: &str) {
        println!("{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }

    pub fn rows(&mut self, rows: &[Row]) {
        self.say("| one core, 32 connections | per second | of the ceiling |");
        self.say("|---|---|---|");
        for Row { name, per_second, ratio } in rows {
            let ratio = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
            self.say(&format!("| {name} | {} | {ratio} |", thousands(*per_second)));
        }
        for (name, per_second) in ELSEWHERE {
            self.say(&format!("| *{name}* (measured elsewhere) | *{}* | |", thousands(per_second)));
        }
        self.say("");
    }

    /// Replaces what the document has between its marks.
    pub fn write(&self) {
        let document = std::fs::read_to_string(DOCUMENT).unwrap();
        let (before, rest) = document.split_once(BEGIN).unwrap();
        let (_, after) = rest.split_once(END).unwrap();
        std::fs::write(DOCUMENT, format!("{before}{BEGIN}{}{END}{after}", self.text)).unwrap();
    }
}

fn thousands(number: f64) -> String {
    let digits = if number < 100.0 { return format!("{number:.1}") } else { format!("{number:.0}") };
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Tokens a second of one core, as bars.
pub fn plot(rows: &[Row]) {
    let ours = rows.iter().filter(|row| row.name.contains("access tokens")).map(|row| (row.name.as_str(), row.per_second, false));
    let bars: Vec<_> = ours.chain(ELSEWHERE.map(|(name, per_second)| (name, per_second, true))).collect();
    let most = bars.iter().map(|(_, per_second, _)| *per_second).fold(1.0, f64::max);
    let height = 40 + 26 * bars.len();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 860 {height}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">\n\
         <title>Access tokens a second of one core</title>\n<rect width=\"860\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"10\" y=\"20\" font-weight=\"bold\">Access tokens a second of one core (grey: measured elsewhere)</text>\n"
    );
    for (place, (name, per_second, elsewhere)) in bars.iter().enumerate() {
        let (y, width) = (36 + 26 * place, (per_second / most * 360.0).max(1.0));
        let colour = if *elsewhere { "#9aa0a6" } else { "#2b6cb0" };
        let _ = writeln!(
            svg,
            "<text x=\"370\" y=\"{}\" text-anchor=\"end\">{name}</text><rect x=\"380\" y=\"{y}\" width=\"{width:.0}\" height=\"18\" \
             fill=\"{colour}\"/><text x=\"{:.0}\" y=\"{}\">{}</text>",
            y + 14,
            386.0 + width,
            y + 14,
            thousands(*per_second)
        );
    }
    svg.push_str("</svg>\n");
    std::fs::write(PLOT, svg).unwrap();
}
