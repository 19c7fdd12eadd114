//! Pages of metrics in Prometheus's text format, read while they come: one line is held, and one [`Figures`] for each
//! question, however long the page is.

mod line;

pub use self::line::{Labels, Line, LineError, Sample};
use super::http::{HttpClient, HttpError};
use crate::lines::{LineTooLong, Lines};
use crate::wire::WireError;

/// The longest line: a metric with as many labels as anybody uses.
const LONGEST_LINE: usize = 16 * 1024;

/// Which series are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    metric: String,
    labels: Vec<(String, LabelMatch)>,
}

/// What a label must be. One that is absent is empty, as in Prometheus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LabelMatch {
    /// `=`.
    Is(String),
    /// `!=`.
    IsNot(String),
}

impl Selector {
    /// All series of a metric.
    #[must_use]
    pub fn metric(name: impl Into<String>) -> Self {
        Self { metric: name.into(), labels: Vec::new() }
    }

    /// Those of them with such a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, matches: LabelMatch) -> Self {
        self.labels.push((name.into(), matches));
        self
    }

    /// Whether a sample is of a series that is meant.
    #[must_use]
    pub fn selects(&self, sample: &Sample<'_>) -> bool {
        self.metric == sample.metric
            && self.labels.iter().all(|(name, matches)| match matches {
                LabelMatch::Is(value) => sample.labels.get(name) == *value,
                LabelMatch::IsNot(value) => sample.labels.get(name) != *value,
            })
    }
}

/// All samples that a selector selects, in one value. Samples that are not a number are counted, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// How many samples there are.
    pub count: u64,
    /// How many of them are not a number.
    pub not_numbers: u64,
    /// Their sum.
    pub sum: f64,
    /// The least; infinite where there is none.
    pub min: f64,
    /// The greatest; negatively infinite where there is none.
    pub max: f64,
}

impl Default for Figures {
    fn default() -> Self {
        Self { count: 0, not_numbers: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Figures {
    fn add(&mut self, value: f64) {
        self.count += 1;
        if value.is_nan() {
            self.not_numbers += 1;
        } else {
            self.sum += value;
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }
}

/// What can go wrong with a page.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// The request.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A line that is too long.
    #[error(transparent)]
    Long(#[from] LineTooLong),
    /// A line that is none. The whole page is refused, as Prometheus does: half of it would be taken for all.
    #[error("line {number} of the page: {error}")]
    Line {
        /// Which one, from 1.
        number: u64,
        /// Why.
        error: LineError,
    },
}

impl From<WireError> for ScrapeError {
    fn from(error: WireError) -> Self {
        Self::Http(error.into())
    }
}

/// Reads a page as it comes.
#[derive(Debug)]
pub struct Page<'a> {
    selectors: &'a [Selector],
    figures: Vec<Figures>,
    lines: Option<Lines>,
    number: u64,
}

impl<'a> Page<'a> {
    /// A page of which these series are wanted.
    #[must_use]
    pub fn new(selectors: &'a [Selector]) -> Self {
        let figures = vec![Figures::default(); selectors.len()];
        Self { selectors, figures, lines: Some(Lines::new(LONGEST_LINE)), number: 0 }
    }

    /// Takes bytes as they come.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), ScrapeError> {
        let Some(mut lines) = self.lines.take() else { return Ok(()) };
        lines.push(chunk, |line| self.line(line))?;
        self.lines = Some(lines);
        Ok(())
    }

    /// The figures of each selector, in their order.
    pub fn finish(mut self) -> Result<Vec<Figures>, ScrapeError> {
        if let Some(lines) = self.lines.take() {
            lines.finish(|line| self.line(line))?;
        }
        Ok(self.figures)
    }

    fn line(&mut self, line: &[u8]) -> Result<(), ScrapeError> {
        self.number += 1;
        let line = Line::parse(line).map_err(|error| ScrapeError::Line { number: self.number, error })?;
        let Line::Sample(sample) = line else { return Ok(()) };
        for (selector, figures) in self.selectors.iter().zip(&mut self.figures) {
            if selector.selects(&sample) {
                figures.add(sample.value);
            }
        }
        Ok(())
    }
}

/// Reads a page, and gives the figures of each selector in their order. The client's limit in bytes bounds the page, not
/// what is held of it: give it as much as a healthy page has, and some more.
pub async fn scrape(client: &HttpClient, path: &str, selectors: &[Selector]) -> Result<Vec<Figures>, ScrapeError> {
    let mut page = Page::new(selectors);
    client.stream(path, |chunk| page.push(chunk)).await?;
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE hikaricp_connections_pending gauge\n\
        hikaricp_connections_pending{pool=\"shop\"} 3\n\
        hikaricp_connections_pending{pool=\"mail\"} 1\n\
        hikaricp_connections_pending{pool=\"old\"} NaN\n\
        hikaricp_connections{pool=\"shop\"} 10\n\
        latency_bucket{le=\"0.1\"} 4\nlatency_bucket{le=\"+Inf\"} 9";

    fn read(page: &str, selectors: &[Selector]) -> Result<Vec<Figures>, ScrapeError> {
        let mut reader = Page::new(selectors);
        for chunk in page.as_bytes().chunks(7) {
            reader.push(chunk)?;
        }
        reader.finish()
    }

    #[test]
    fn series_are_selected_while_reading() {
        let pending = || Selector::metric("hikaricp_connections_pending");
        let selectors = [
            pending(),
            pending().label("pool", LabelMatch::Is("shop".into())),
            pending().label("pool", LabelMatch::IsNot("shop".into())).label("zone", LabelMatch::Is(String::new())),
            Selector::metric("latency_bucket").label("le", LabelMatch::Is("+Inf".into())),
            Selector::metric("hikaricp"),
        ];
        let figures = read(PAGE, &selectors).unwrap();
        let expected = Figures { count: 3, not_numbers: 1, sum: 4.0, min: 1.0, max: 3.0 };
        assert_eq!(figures[0], expected);
        assert_eq!((figures[1].count, figures[1].sum), (1, 3.0));
        assert_eq!((figures[2].count, figures[2].not_numbers), (2, 1));
        assert_eq!((figures[3].sum, figures[4]), (9.0, Figures::default()));
    }

    #[test]
    fn a_broken_page_is_no_page() {
        let result = read("up 1\n<html>\n", &[Selector::metric("up")]);
        assert!(matches!(result, Err(ScrapeError::Line { number: 2, error: LineError::Name })), "{result:?}");
        let result = read(&"x".repeat(LONGEST_LINE + 1), &[]);
        assert!(matches!(result, Err(ScrapeError::Long(LineTooLong(LONGEST_LINE)))), "{result:?}");
    }
}
