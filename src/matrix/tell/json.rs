//! The matrix as JSON: small enough to be kept beside the table made of it, and read again to be shown or joined. A line for
//! each trial, so that a change is one line in version control, too.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;

use crate::matrix::defects::Defect;
use crate::matrix::{Cell, CellFinding, Column, Matrix, Row};
use crate::outcome::Outcome;
use crate::report::json::{self, NotAReport};
use crate::secret::Redacted;

/// Grows with every change that could break readers of a matrix.
const FORMAT: u32 = 2;

/// The oldest that is read: it does not say how a trial was refused.
const OLDEST: u32 = 1;

/// What each trial does on each version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Matrix")]
#[serde(deny_unknown_fields)]
pub struct WrittenMatrix<'a> {
    /// Grows with every change that could break readers of a matrix.
    matrix: u32,
    /// The version of gatecrash that wrote it.
    gatecrash: Cow<'a, str>,
    /// How it was measured, in the user's words.
    note: Option<String>,
    /// 0 all passed, 1 a trial failed, 3 the environment broke, 4 nothing was run, 130 interrupted.
    exit_code: u8,
    /// Whether it was interrupted, so that cells may be missing.
    interrupted: bool,
    /// What could not be removed, and what to do.
    left_behind: Vec<String>,
    /// The versions in their order.
    columns: Cow<'a, [Column]>,
    /// The trials, by name.
    rows: Vec<OfTrial<'a>>,
    /// What follows from the rows: since when, and until when. Not read again.
    defects: Cow<'a, [Defect]>,
}

/// A trial.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Row")]
#[serde(deny_unknown_fields)]
struct OfTrial<'a> {
    trial: Cow<'a, str>,
    /// What its scenario proves.
    name: Cow<'a, str>,
    file: Cow<'a, str>,
    /// A digest of the scenario's text: a scenario in other words elsewhere is not the same.
    text: Cow<'a, str>,
    /// What came of it. Targets on which it has not run are in none.
    cells: Vec<Cells<'a>>,
}

/// What came of a trial on some targets.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Cells<'a> {
    on: Vec<Cow<'a, str>>,
    outcome: Cow<'a, Outcome>,
    /// How it refused last: `403 budget_exceeded`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "<[CellFinding]>::is_empty")]
    findings: Cow<'a, [CellFinding]>,
}

impl<'a> OfTrial<'a> {
    fn new(row: &'a Row, columns: &'a [Column]) -> OfTrial<'a> {
        let mut cells: Vec<Cells<'a>> = Vec::new();
        for (target, cell) in columns.iter().filter_map(|column| row.cells.get_key_value(&column.target)) {
            let refused = cell.refused.as_deref();
            let is_same = |own: &&mut Cells<'_>| {
                (&*own.outcome, own.refused.as_deref(), &*own.findings) == (&cell.outcome, refused, &*cell.findings)
            };
            match cells.iter_mut().find(is_same) {
                Some(own) => own.on.push(Cow::Borrowed(target)),
                None => cells.push(Cells {
                    on: vec![Cow::Borrowed(target)],
                    outcome: Cow::Borrowed(&cell.outcome),
                    refused: refused.map(Cow::Borrowed),
                    findings: Cow::Borrowed(&cell.findings),
                }),
            }
        }
        let [trial, name, file, text] =
            [&row.trial, &row.name, &row.file, &row.text].map(|text| Cow::Borrowed(text.as_str()));
        OfTrial { trial, name, file, text, cells }
    }

    fn read(self) -> Row {
        let mut cells = BTreeMap::new();
        for Cells { on, outcome, refused, findings } in self.cells {
            let (outcome, refused) = (outcome.into_owned(), refused.map(Cow::into_owned));
            let cell = Cell { outcome, refused, findings: findings.into_owned() };
            cells.extend(on.into_iter().map(|target| (target.into_owned(), cell.clone())));
        }
        let [trial, name, file, text] = [self.trial, self.name, self.file, self.text].map(Cow::into_owned);
        Row { trial, name, file, text, cells }
    }
}

/// What is written of a matrix.
pub fn document(matrix: &Matrix) -> WrittenMatrix<'_> {
    WrittenMatrix {
        matrix: FORMAT,
        gatecrash: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
        note: matrix.note.clone(),
        exit_code: matrix.exit().code(),
        interrupted: matrix.interrupted,
        left_behind: matrix.left_behind.clone(),
        columns: Cow::Borrowed(&matrix.columns),
        rows: matrix.rows.iter().map(|row| OfTrial::new(row, &matrix.columns)).collect(),
        defects: Cow::Owned(matrix.defects()),
    }
}

/// The JSON Schema of a [`document`].
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(WrittenMatrix<'_>)
}

/// Reads a matrix, or a report of `run` or `compare`.
///
/// # Errors
/// When it is neither, or of another format.
pub fn read(text: &str) -> Result<Matrix, NotAReport> {
    /// What a matrix of any format says about itself.
    #[derive(Deserialize)]
    struct FormatOf {
        matrix: u32,
        gatecrash: String,
    }
    let Ok(FormatOf { matrix, gatecrash }) = serde_json::from_str(text) else {
        return json::read(text).map(|report| Matrix::of(&report));
    };
    if !(OLDEST..=FORMAT).contains(&matrix) {
        return Err(NotAReport::Format { found: matrix, by: gatecrash, reads: FORMAT });
    }
    let document: WrittenMatrix<'_> =
        serde_json::from_str(text).map_err(|error| NotAReport::Other(error.to_string()))?;
    Ok(Matrix {
        columns: document.columns.into_owned(),
        rows: document.rows.into_iter().map(OfTrial::read).collect(),
        note: document.note,
        interrupted: document.interrupted,
        left_behind: document.left_behind,
    })
}

/// The same matrix without secrets in its values, in whatever form it is shown.
///
/// # Errors
/// When it is no longer a matrix. Then none of it may be shown.
pub fn redacted(matrix: &Matrix) -> Result<Matrix, NotAReport> {
    let json = serde_json::to_string(&Redacted(&document(matrix)));
    read(&json.map_err(|error| NotAReport::Other(error.to_string()))?)
}

/// A line for each field of the document, and for each item of its lists.
#[derive(Default)]
pub struct Lines {
    depth: usize,
}

impl Lines {
    fn begin<W: Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(bracket)
    }

    fn end<W: Write + ?Sized>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < 2 {
            writer.write_all(b"\n")?;
        }
        writer.write_all(bracket)
    }

    fn item<W: Write + ?Sized>(&self, writer: &mut W, is_first: bool) -> io::Result<()> {
        let between: &[u8] = match (is_first, self.depth) {
            (true, ..=2) => b"\n",
            (true, _) => b"",
            (false, ..=2) => b",\n",
            (false, _) => b", ",
        };
        writer.write_all(between)
    }
}

impl Formatter for Lines {
    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"[")
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"]")
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        self.item(writer, is_first)
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin(writer, b"{")
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.end(writer, b"}")
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        self.item(writer, is_first)
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
