//! Keys and values of a file, whatever its format: YAML, TOML, JSON, a Dockerfile, shell variables. Read by lines and
//! their indentation, because a chart's template is not even YAML, and places have to be known. It leaves out what it
//! does not understand.

/// A key and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ConfigEntry<'a> {
    /// Counted from 1.
    pub line: usize,
    /// Entries beside one another are in the same block.
    pub block: usize,
    /// The key or header that the block is under.
    pub within: &'a str,
    pub key: &'a str,
    pub sign: Sign,
    pub value: &'a str,
}

/// What stands between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// YAML, JSON.
    Colon,
    /// TOML, variables.
    Equals,
}

/// A block that is open.
struct Open<'a> {
    indent: usize,
    block: usize,
    within: &'a str,
}

/// Words that stand before a variable.
const BEFORE_A_VARIABLE: [&str; 4] = ["ARG ", "ENV ", "export ", "readonly "];

/// The entries of a file, from top to bottom.
pub(super) fn entries(text: &str) -> Vec<ConfigEntry<'_>> {
    let mut entries: Vec<ConfigEntry<'_>> = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let (mut blocks, mut opener) = (0, "");
    let mut new_block = || {
        blocks += 1;
        blocks
    };
    for (line, whole) in lines(text) {
        let content = whole.trim_start();
        let mut indent = whole.len() - content.len();
        let mut rest = content;
        if let Some(header) = header(content) {
            open = vec![Open { indent: 0, block: new_block(), within: header }];
            continue;
        }
        while let Some(item) = rest.strip_prefix("- ") {
            // An item of a list is a block of its own.
            open.retain(|open| open.indent <= indent);
            let inner = item.trim_start();
            indent += rest.len() - inner.len();
            rest = inner;
            open.retain(|open| open.indent < indent);
        }
        open.retain(|open| open.indent <= indent);
        if open.last().is_none_or(|open| open.indent < indent) {
            open.push(Open { indent, block: new_block(), within: opener });
        }
        let (block, within) = open.last().map_or((0, ""), |open| (open.block, open.within));
        opener = "";
        if let Some((key, sign, value)) = entry(rest) {
            entries.push(ConfigEntry { line, block, within, key, sign, value });
            // A key with a value of its own has nothing below it.
            opener = if value.is_empty() || value.starts_with(['{', '[']) { key } else { "" };
        }
        if let Some((before, inner)) = rest.split_once('{')
            && let Some((inner, _)) = inner.rsplit_once('}')
            && !before.ends_with(['$', '{'])
        {
            let (block, within) = (new_block(), opener);
            let parts = inner.split(',').filter_map(entry);
            entries.extend(parts.map(|(key, sign, value)| ConfigEntry { line, block, within, key, sign, value }));
        }
    }
    entries
}

/// The lines that say something, without comments.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let said = |line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with("//")
    };
    let numbered = text.lines().enumerate().filter(move |(_, line)| said(line));
    numbered.map(|(index, line)| (index + 1, line.find(" #").map_or(line, |comment| &line[..comment])))
}

/// The last part of `[tool.poetry.dependencies.litellm]` or `[[package]]`.
fn header(content: &str) -> Option<&str> {
    let inner = content.trim_end().strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner.trim_matches(['[', ']']);
    let is_name = !inner.is_empty() && !inner.contains([',', '=', '{', ' ']);
    is_name.then(|| inner.rsplit('.').next().unwrap_or(inner).trim_matches(['"', '\'']))
}

/// One key and its value: `key: value`, `"key": "value",`, `key = "value"`, `ARG KEY=value`, `KEY ?= value`.
fn entry(text: &str) -> Option<(&str, Sign, &str)> {
    let text = text.trim();
    let text = BEFORE_A_VARIABLE.iter().find_map(|word| text.strip_prefix(word)).unwrap_or(text).trim_start();
    let (key, rest, is_quoted) = match text.strip_prefix(['"', '\'']) {
        Some(inner) => {
            let end = inner.find(text.get(..1)?)?;
            (&inner[..end], &inner[end + 1..], true)
        }
        None => {
            let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))?;
            (&text[..end], &text[end..], false)
        }
    };
    let rest = rest.trim_start();
    let assigned = ["::=", ":=", "?=", "="].iter().find_map(|sign| rest.strip_prefix(sign));
    let (sign, value) = match (assigned, rest.strip_prefix(':')) {
        (Some(value), _) if !value.starts_with('=') => (Sign::Equals, value),
        (_, Some(value)) if is_quoted || value.is_empty() || value.starts_with(' ') => (Sign::Colon, value),
        _ => return None,
    };
    let value = value.trim().trim_end_matches(',').trim_end();
    let unquoted = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    (!key.is_empty()).then(|| (key, sign, unquoted.unwrap_or(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<String> {
        let shown = |entry: &ConfigEntry<'_>| {
            format!("{} {} {}/{}={}", entry.line, entry.block, entry.within, entry.key, entry.value)
        };
        entries(text).iter().map(shown).collect()
    }

    #[test]
    fn items_of_a_list_are_blocks_of_their_own() {
        let text = "images:\n  - name: a\n    newTag: b # why\n  - name: c\n# newTag: x\n    newTag: d\nlast: e\n";
        let expected =
            ["1 1 /images=", "2 2 images/name=a", "3 2 images/newTag=b", "4 3 /name=c", "6 3 /newTag=d", "7 1 /last=e"];
        assert_eq!(read(text), expected);
    }

    #[test]
    fn tables_and_objects_have_entries_of_their_own() {
        let text = "[[package]]\nname = \"a\"\nversion = \"1\"\n[tool.poetry.dependencies.b]\nversion = '2'\n";
        assert_eq!(read(text), ["2 1 package/name=a", "3 1 package/version=1", "5 2 b/version=2"]);
        let text = "{\n  \"a\": {\n    \"hashes\": [\n      \"x\"\n    ],\n    \"version\": \"==1\"\n  }\n}\n";
        assert_eq!(read(text), ["2 2 /a={", "3 3 a/hashes=[", "6 3 a/version===1"]);
        let text = "a = { version = \"1\", extras = [\"p\"] }\nb: ${C:-d}\n";
        assert_eq!(read(text)[1..], ["1 2 a/version=1", "1 2 a/extras=[\"p\"]", "2 1 /b=${C:-d}"]);
    }

    #[test]
    fn nothing_makes_it_stumble() {
        for text in [
            "",
            "-",
            "- - - ",
            "[",
            "[]",
            "\"",
            "'",
            "=",
            ":",
            "{",
            "}{",
            "é = {ü",
            "\t- é: {,}",
            "a\u{0}:\r\n",
            "- \u{a0}x: y",
        ] {
            entries(text);
        }
    }
}
