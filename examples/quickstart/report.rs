//! Draws what arrived: a waterfall for every trace, the chain of causes for
//! every issue. Text in, text out; nothing here knows of sockets or clocks.

use std::fmt::{Display, Formatter, Result};
use std::iter;

use crate::common::arrivals::{Arrivals, Frame, Issue, Span};

// Together they fill a line of 80 columns.
const LABEL: usize = 38;
const BAR: usize = 14;
const STATUS: usize = 15;

const HEADING: usize = 11;
const TITLE: usize = 69;
const LOCATION: usize = 21;
const FUNCTION: usize = 47;
const FRAME_LINES: usize = 6;

const BOLD: &str = "1";
const RED: &str = "31";
const PLAIN: &str = "";

/// The glyph and the colour of a service's bars, in order of appearance.
const SERVICES: [(&str, &str); 3] = [("█", "36"), ("▒", "33"), ("░", "35")];

/// A report to print.
pub struct Report<'a> {
    pub arrivals: &'a Arrivals,
    pub coloured: bool,
}

impl Display for Report<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> Result {
        for trace in self.arrivals.traces() {
            writeln!(out)?;
            self.waterfall(out, &trace)?;
        }
        for (index, issue) in self.arrivals.issues.iter().enumerate() {
            writeln!(out)?;
            self.issue(out, index + 1, issue)?;
        }
        Ok(())
    }
}

impl Report<'_> {
    fn waterfall(&self, out: &mut Formatter<'_>, trace: &[(usize, &Span)]) -> Result {
        let mut services: Vec<&str> = Vec::new();
        let mut extent = Extent::default();
        for (_, span) in trace {
            extent.include(span);
            if !services.contains(&span.service.as_str()) {
                services.push(&span.service);
            }
        }
        let id = trace.first().map_or("", |(_, span)| &span.trace);
        write!(out, "{}", self.paint(BOLD, &format!("trace {}", short(id))))?;
        for (service, (glyph, colour)) in services.iter().zip(look()) {
            write!(out, "   {} {service}", self.paint(colour, glyph))?;
        }
        writeln!(out)?;
        for (depth, span) in trace {
            let (_, (glyph, colour)) = services
                .iter()
                .zip(look())
                .find(|(service, _)| **service == span.service)
                .unwrap_or((&"", SERVICES[0]));
            let label = format!("{}{}", "  ".repeat(*depth), span.label());
            let label = shorten(&label, LABEL);
            let bar = self.paint(colour, &extent.bar(span, glyph));
            let milliseconds = (span.end - span.start) * 1e3;
            let status_colour = if span.status == "ok" { PLAIN } else { RED };
            let status = shorten(&span.status, STATUS);
            let status = self.paint(status_colour, &status);
            writeln!(out, "{label:<LABEL$} {bar} {milliseconds:>6.1} ms  {status}")?;
        }
        Ok(())
    }

    fn issue(&self, out: &mut Formatter<'_>, number: usize, issue: &Issue) -> Result {
        let number = format!("issue {number}");
        for (depth, title) in issue.chain.iter().enumerate() {
            let (heading, weight, colour) = match depth {
                0 => (number.as_str(), BOLD, RED),
                _ => ("caused by", PLAIN, PLAIN),
            };
            let heading = format!("{heading:<HEADING$}");
            let heading = self.paint(weight, &heading);
            let title = self.paint(colour, &shorten(title, TITLE));
            writeln!(out, "{heading}{title}")?;
        }
        let mut detail = |heading: &str, text: &str| {
            writeln!(out, "{heading:<HEADING$}{}", shorten(text, TITLE))
        };
        if let Some(span) = self.arrivals.span_of(issue) {
            detail("in span", &span.label())?;
            let transaction = format!("{} ({})", span.transaction, span.service);
            detail("of", &transaction)?;
        }
        detail("in trace", short(&issue.trace))?;
        let lines = frame_lines(&issue.frames);
        let headings = iter::once("frames").chain(iter::repeat(""));
        for (heading, line) in headings.zip(&lines) {
            detail(heading, line)?;
        }
        Ok(())
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match colour {
            PLAIN => text.to_owned(),
            _ if !self.coloured => text.to_owned(),
            _ => format!("\u{1b}[{colour}m{text}\u{1b}[0m"),
        }
    }
}

/// From the first start to the last end of a trace.
struct Extent {
    start: f64,
    end: f64,
}

impl Default for Extent {
    fn default() -> Self {
        Self { start: f64::INFINITY, end: f64::NEG_INFINITY }
    }
}

impl Extent {
    fn include(&mut self, span: &Span) {
        self.start = self.start.min(span.start);
        self.end = self.end.max(span.end);
    }

    fn bar(&self, span: &Span, glyph: &str) -> String {
        let column = |time: f64| {
            let share = (time - self.start) / (self.end - self.start);
            (share * BAR as f64).round() as usize
        };
        let from = column(span.start).min(BAR - 1);
        let to = column(span.end).clamp(from + 1, BAR);
        format!("{}{}{}", " ".repeat(from), glyph.repeat(to - from), " ".repeat(BAR - to))
    }
}

fn look() -> impl Iterator<Item = (&'static str, &'static str)> {
    SERVICES.into_iter().cycle()
}

/// The newest frames of the application, or of everything if none is known to
/// be the application's.
fn frame_lines(frames: &[Frame]) -> Vec<String> {
    let (own, foreign): (Vec<&Frame>, Vec<&Frame>) = frames.iter().partition(|frame| frame.in_app);
    let summary = match (own.len(), foreign.len()) {
        (0, 0) => return Vec::new(),
        (0, foreign) => format!("newest first, all {foreign} not in-app"),
        (own, foreign) => format!("newest first, {own} in-app, {foreign} of libraries left out"),
    };
    let shown = if own.is_empty() { &foreign } else { &own };
    let mut lines = vec![summary];
    for frame in shown.iter().take(FRAME_LINES) {
        let function = frame.function.trim_end_matches("::{{closure}}");
        let function = shorten(function, FUNCTION);
        let location = shorten(&frame.location, LOCATION);
        lines.push(format!("{function:<FUNCTION$} {location}"));
    }
    lines
}

/// One line of at most `width` characters; the middle gives way, because the
/// ends of URLs, queries and paths tell more.
fn shorten(text: &str, width: usize) -> String {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let words: Vec<&str> = text.split_whitespace().collect();
    let line: Vec<char> = " ".repeat(indent).chars().chain(words.join(" ").chars()).collect();
    if line.len() <= width {
        return line.into_iter().collect();
    }
    let tail = width / 3;
    let head = width - tail - 1;
    let (head, tail) = (&line[..head], &line[line.len() - tail..]);
    head.iter().chain(&['…']).chain(tail).collect()
}

fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}
