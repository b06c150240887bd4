//! The matrix as JSON: small enough to be kept beside the table made of it, and read again to be shown or joined. A line
//! for each trial, so that a change is one in version control, too.

use std::borrow::Cow;
use std::io::{self, Write};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::ser::Formatter;

use crate::gateway::secret::redact_json;
use crate::matrix::defects::Defect;
use crate::matrix::{Column, Matrix, Row};
use crate::report::json::{self, NotAReport};

/// Grows with every change that could break who reads a matrix.
const FORMAT: u32 = 1;

/// What each trial does on each version.
#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Matrix")]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    /// Grows with every change that could break who reads a matrix.
    matrix: u32,
    /// The version of gatecrash that wrote it.
    gatecrash: Cow<'a, str>,
    /// How it was measured, in its user's words.
    note: Option<String>,
    /// 0 all passed, 1 a trial failed, 3 the environment broke, 4 nothing was run, 130 interrupted.
    exit_code: u8,
    /// Whether it was interrupted, so that cells may be missing.
    interrupted: bool,
    /// What could not be taken away, with what to do.
    left_behind: Vec<String>,
    /// The versions in their order.
    columns: Cow<'a, [Column]>,
    rows: Cow<'a, [Row]>,
    /// What follows from the rows: since when, and until when. Not read again.
    defects: Cow<'a, [Defect]>,
}

pub fn render(matrix: &Matrix) -> String {
    let document = Document {
        matrix: FORMAT,
        gatecrash: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
        note: matrix.note.clone(),
        exit_code: matrix.exit_code(),
        interrupted: matrix.interrupted,
        left_behind: matrix.left_behind.clone(),
        columns: Cow::Borrowed(&matrix.columns),
        rows: Cow::Borrowed(&matrix.rows),
        defects: Cow::Owned(matrix.defects()),
    };
    let mut written = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut written, Lines::default());
    match document.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&written).into_owned() + "\n",
        Err(error) => format!("{{\"error\": \"{error}\"}}"),
    }
}

/// The JSON Schema of what [`render`] writes.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Document<'_>)
}

/// Reads a matrix, or a report of `run` or `compare`.
///
/// # Errors
/// When it is neither, or of another format.
pub fn read(text: &str) -> Result<Matrix, NotAReport> {
    /// What a matrix of any format says of itself.
    #[derive(Deserialize)]
    struct Head {
        matrix: u32,
        gatecrash: String,
    }
    let Ok(Head { matrix, gatecrash }) = serde_json::from_str(text) else {
        return json::read(text).map(|report| Matrix::of(&report));
    };
    if matrix != FORMAT {
        return Err(NotAReport::Format { found: matrix, by: gatecrash, reads: FORMAT });
    }
    let document: Document<'_> = serde_json::from_str(text).map_err(|error| NotAReport::Other(error.to_string()))?;
    Ok(Matrix {
        columns: document.columns.into_owned(),
        rows: document.rows.into_owned(),
        note: document.note,
        interrupted: document.interrupted,
        left_behind: document.left_behind,
    })
}

/// The same matrix without anything secret in it, whatever it is shown as.
pub fn redacted(matrix: &Matrix) -> Matrix {
    read(&redact_json(&render(matrix))).unwrap_or_else(|_| matrix.clone())
}

/// A line for each field of the document, and for each item of its lists.
#[derive(Default)]
struct Lines {
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
