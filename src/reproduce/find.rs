//! JSON objects in a text: in a file that is one, or between the prose of a whole issue.

use serde_json::value::RawValue;

/// How many bytes are read in all. Prose can be full of braces, and each may begin an object that breaks off at the end
/// of the text.
const READ_AT_MOST: usize = 16 * 1024 * 1024;

/// An object, and the line that it begins on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Object<'a> {
    pub json: &'a str,
    pub line: usize,
}

/// What was meant to be JSON and is not: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BrokenJson {
    pub line: usize,
    pub column: usize,
    pub message: String,
    /// How far it could be read, in bytes.
    read: usize,
}

#[derive(Debug, Default)]
pub(super) struct TextObjects<'a> {
    pub objects: Vec<Object<'a>>,
    /// Of the broken objects, the one that could be read furthest.
    pub broken: Option<BrokenJson>,
    /// Whether the end of the text was not looked at.
    pub is_cut: bool,
}

/// Finds every object that is not inside another one. Objects inside a broken one are found as well.
pub(super) fn objects(text: &str) -> TextObjects<'_> {
    let mut found = TextObjects::default();
    let (mut at, mut line, mut read_in_all) = (0, 1, 0);
    // How far the broken one could be read, where it began, and why.
    let mut furthest: (usize, usize, Option<serde_json::Error>) = (0, 0, None);
    while let Some(brace) = text[at..].find('{').map(|offset| at + offset) {
        line += lines(&text[at..brace]);
        let rest = &text[brace..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        // Each turn goes past this brace at least.
        let read = match stream.next() {
            Some(Ok(object)) => {
                found.objects.push(Object { json: object.get(), line });
                stream.byte_offset().max(1)
            }
            Some(Err(error)) => {
                let before = error.line().saturating_sub(1);
                let read = rest.split_inclusive('\n').take(before).map(str::len).sum::<usize>() + error.column();
                read_in_all += read;
                if read > furthest.0 {
                    furthest = (read, brace, Some(error));
                }
                1
            }
            None => 1,
        };
        line += lines(&rest[..read]);
        at = brace + read;
        if read_in_all > READ_AT_MOST {
            found.is_cut = true;
            break;
        }
    }
    let (read, brace, error) = furthest;
    found.broken = error.map(|error| BrokenJson::new(text, brace, read, &error));
    found
}

fn lines(text: &str) -> usize {
    text.bytes().filter(|byte| *byte == b'\n').count()
}

impl BrokenJson {
    fn new(text: &str, brace: usize, read: usize, error: &serde_json::Error) -> BrokenJson {
        let before = &text[..brace];
        let beside = before.rsplit('\n').next().unwrap_or_default().chars().count();
        let message = error.to_string();
        BrokenJson {
            line: lines(before) + error.line().max(1),
            column: error.column() + if error.line() <= 1 { beside } else { 0 },
            message: message.split(" at line ").next().unwrap_or_default().to_owned(),
            read,
        }
    }

    /// Whether it looks like JSON at all: a brace in prose is wrong at once.
    pub(super) fn is_json(&self) -> bool {
        self.read > 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(usize, &str)> {
        objects(text).objects.into_iter().map(|object| (object.line, object.json)).collect()
    }

    #[test]
    fn objects_are_found_whatever_is_around_them() {
        assert_eq!(found("{}"), [(1, "{}")]);
        assert_eq!(
            found("a {b} {\"c\": {\"d\": 1}}\n[{\"e\": \"}\"},\n{\"f\": 2}]"),
            [(1, "{\"c\": {\"d\": 1}}"), (2, "{\"e\": \"}\"}"), (3, "{\"f\": 2}")]
        );
        // Somebody left something out of the outer object.
        assert_eq!(found("{\"a\": ...,\n\"info\": {\"b\": 1}}"), [(2, "{\"b\": 1}")]);
        assert_eq!(
            found("```json\n{\"a\": 1}\n```\n```bash\nnever closed\n{\"b\": 2}"),
            [(2, "{\"a\": 1}"), (6, "{\"b\": 2}")]
        );
    }

    #[test]
    fn hostile_texts_come_to_an_end() {
        for text in ["{".repeat(1 << 20), "{\"a\":".repeat(200_000), "{\"a\":[".repeat(150_000), "{}".repeat(1 << 19)] {
            let found = objects(&text);
            assert_eq!(found.objects.is_empty(), !text.starts_with("{}"));
        }
        assert!(objects(&"{\"a\":".repeat(200_000)).is_cut);
    }

    #[test]
    fn what_broke_is_told_by_its_place() {
        let text = "see:\n{\n  \"key\": \"a\",\n  \"info\": {\"spend\": 0.5 \"max_budget\": 1}\n}";
        let broken = objects(text).broken.unwrap();
        assert_eq!((broken.line, broken.column), (4, 25), "{broken:?}");
        assert!(broken.is_json());
        assert!(!objects("a {b} c").broken.unwrap().is_json());
    }
}
