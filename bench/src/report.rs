//! What the benchmarks found: one table of ratios, and a section of figures each. Markdown, on a terminal as in the file.

use std::fmt::Write;

/// One comparison.
#[derive(Debug)]
pub(crate) struct Ratio {
    /// What is compared.
    pub(crate) what: String,
    /// Our figure with its unit.
    pub(crate) ours: String,
    /// The other's name and figure.
    pub(crate) other: String,
    /// Ours over the other's; below 1 is better unless `what` says otherwise.
    pub(crate) ratio: f64,
    /// The bar that we set ourselves, and whether it holds.
    pub(crate) bar: Option<Bar>,
}

/// A bar of DESIGN section 9.
#[derive(Debug)]
pub(crate) struct Bar {
    text: String,
    holds: bool,
}

impl Bar {
    /// A bar that `value` must not exceed.
    pub(crate) fn at_most(limit: f64, unit: &str, value: f64) -> Self {
        Self {
            text: format!("at most {limit} {unit}"),
            holds: value <= limit,
        }
    }
}

/// The figures of one benchmark.
#[derive(Debug)]
pub(crate) struct Section {
    /// Heading.
    pub(crate) title: &'static str,
    /// How to read the figures, and what was left out.
    pub(crate) notes: Vec<String>,
    /// Heads of the columns.
    pub(crate) columns: Vec<&'static str>,
    /// Cells.
    pub(crate) rows: Vec<Vec<String>>,
    /// What goes to the table of ratios.
    pub(crate) ratios: Vec<Ratio>,
}

/// All that was found, in the order in which it ran.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Lines about machine, date and command.
    pub(crate) context: Vec<String>,
    /// Figures.
    pub(crate) sections: Vec<Section>,
    /// What didn't run, and why.
    pub(crate) missing: Vec<String>,
    /// Whether any of that was meant to run.
    pub(crate) has_failures: bool,
}

impl Report {
    /// Takes what a benchmark found, or why it didn't run.
    pub(crate) fn add(&mut self, name: &str, outcome: anyhow::Result<Section>) {
        match outcome {
            Ok(section) => self.sections.push(section),
            Err(error) => {
                self.skip(name, &format!("{error:#}"));
                self.has_failures = true;
            }
        }
    }

    /// Says that a benchmark wasn't run, and why.
    pub(crate) fn skip(&mut self, name: &str, reason: &str) {
        eprintln!("bench: {name} was not run: {reason}");
        self.missing.push(format!("{name}: {reason}"));
    }

    /// The report as Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::new();
        for line in &self.context {
            push_line(&mut text, &format!("- {line}"));
        }
        push_line(&mut text, "\n## Ratios\n");
        let columns = ["what", "ours", "the other", "ratio", "bar"];
        let ratios = self.sections.iter().flat_map(|section| &section.ratios);
        push_table(
            &mut text,
            &columns,
            &ratios.map(ratio_cells).collect::<Vec<_>>(),
        );
        for missing in &self.missing {
            push_line(&mut text, &format!("\n**Not run:** {missing}"));
        }
        for section in &self.sections {
            push_line(&mut text, &format!("\n## {}\n", section.title));
            push_table(&mut text, &section.columns, &section.rows);
            for note in &section.notes {
                push_line(&mut text, &format!("\n{note}"));
            }
        }
        text
    }
}

fn ratio_cells(ratio: &Ratio) -> Vec<String> {
    let bar = ratio.bar.as_ref().map_or(String::new(), |bar| {
        let verdict = if bar.holds { "holds" } else { "**missed**" };
        format!("{}: {verdict}", bar.text)
    });
    vec![
        ratio.what.clone(),
        ratio.ours.clone(),
        ratio.other.clone(),
        format!("{:.2}", ratio.ratio),
        bar,
    ]
}

/// A table whose columns also line up where Markdown isn't rendered.
fn push_table(text: &mut String, columns: &[&str], rows: &[Vec<String>]) {
    let width = |index: usize| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
        widest.max(columns[index].chars().count())
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    push_row(text, columns.iter().copied(), &widths);
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    push_row(text, rules.iter().map(String::as_str), &widths);
    for row in rows {
        push_row(text, row.iter().map(String::as_str), &widths);
    }
}

fn push_row<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>, widths: &[usize]) {
    text.push('|');
    for (cell, width) in cells.zip(widths) {
        // Writing to a String doesn't fail.
        let _ = write!(text, " {cell:width$} |");
    }
    text.push('\n');
}

fn push_line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_bars_are_missed() {
        let report = Report {
            sections: vec![Section {
                title: "Gateway",
                notes: vec![],
                columns: vec!["variant", "CPU"],
                rows: vec![vec!["JSON".into(), "20 µs".into()]],
                ratios: vec![Ratio {
                    what: "JSON".into(),
                    ours: "20 µs".into(),
                    other: "Envoy 40 µs".into(),
                    ratio: 0.5,
                    bar: Some(Bar::at_most(18.0, "µs", 20.0)),
                }],
            }],
            ..Report::default()
        };
        let text = report.markdown();
        assert!(
            text.contains("| JSON | 20 µs | Envoy 40 µs | 0.50  | at most 18 µs: **missed** |")
        );
        assert!(text.contains("| variant | CPU   |"));
    }
}
