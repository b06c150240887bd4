//! The marker that rides in every prompt: which trial and request it belongs to, and what the upstream
//! shall answer (DESIGN, decision 1).

use std::fmt;
use std::time::Duration;

use crate::scenario::Usd;

/// What one answer consumed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// In USD; reported in `usage.cost` if there is one.
    pub cost: Option<Usd>,
}

/// What the upstream shall do with one request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Marker {
    /// The trial, by a name that is unique on the upstream and holds no blank.
    pub trial: String,
    /// The number of the request in its trial, from 1.
    pub request: usize,
    pub usage: Usage,
    /// The model that the answer names, if not the one asked for.
    pub model: Option<String>,
    /// Fail with this HTTP status.
    pub fail_with: Option<u16>,
    /// Answer this much later.
    pub late: Duration,
}

const OPEN: &str = "[gatecrash ";
const CLOSE: char = ']';

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Usage { input_tokens, output_tokens, cost } = &self.usage;
        write!(f, "{OPEN}trial={} request={} input={input_tokens} output={output_tokens}", self.trial, self.request)?;
        if let Some(cost) = cost {
            write!(f, " cost={cost}")?;
        }
        if let Some(model) = &self.model {
            write!(f, " model={model}")?;
        }
        if let Some(status) = self.fail_with {
            write!(f, " fail={status}")?;
        }
        if !self.late.is_zero() {
            write!(f, " late={}", self.late.as_millis())?;
        }
        write!(f, "{CLOSE}")
    }
}

impl Marker {
    /// The marker in a text, if there is a whole and well-formed one.
    pub fn find(text: &str) -> Option<Marker> {
        let inside = text.split_once(OPEN)?.1.split_once(CLOSE)?.0;
        let mut marker = Marker::default();
        for field in inside.split_ascii_whitespace() {
            let (name, value) = field.split_once('=')?;
            match name {
                "trial" => marker.trial = value.to_owned(),
                "request" => marker.request = value.parse().ok()?,
                "input" => marker.usage.input_tokens = value.parse().ok()?,
                "output" => marker.usage.output_tokens = value.parse().ok()?,
                "cost" => marker.usage.cost = Some(value.parse().ok()?),
                "model" => marker.model = Some(value.to_owned()),
                "fail" => marker.fail_with = Some(value.parse().ok()?),
                "late" => marker.late = Duration::from_millis(value.parse().ok()?),
                _ => return None,
            }
        }
        (!marker.trial.is_empty() && marker.request > 0).then_some(marker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_the_prompt_it_rides_in() {
        let marker = Marker {
            trial: "r1-t2".into(),
            request: 3,
            usage: Usage { input_tokens: 4, output_tokens: 1999, cost: Some("0.02".parse().unwrap()) },
            model: Some("gpt-4o".into()),
            fail_with: Some(503),
            late: Duration::from_millis(1500),
        };
        assert_eq!(Marker::find(&format!("Be brief. {marker} What is new?")), Some(marker));
    }

    #[test]
    fn a_broken_marker_is_none() {
        for text in [
            "",
            "[gatecrash ]",
            "[gatecrash trial=a request=1",
            "[gatecrash trial=a request=x]",
            "[gatecrash trial=a request=1 hm=2]",
        ] {
            assert_eq!(Marker::find(text), None, "{text}");
        }
    }
}
