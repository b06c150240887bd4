//! What a trial's provider answered, as a program that answers so again, if it always did the same.

use serde_json::Value;

use super::Failed;
use crate::upstream::{Answered, answered};

/// Where that program answers, and where the issue's configuration expects it.
pub(super) const PORT: u16 = 9099;

/// In Python, which anyone who works on a gateway has, and without packages.
pub(super) fn program(failed: &Failed<'_>) -> Option<String> {
    let sent = failed.result.exchanges.iter().filter_map(|exchange| exchange.sent.as_ref());
    let mut answers = sent.filter(|sent| !sent.body.is_null()).map(|sent| answered(&sent.route, &sent.body));
    let first = answers.next()??;
    if !answers.all(|answer| answer.as_ref() == Some(&first)) {
        return None;
    }
    let Answered { mut body, names_model_asked_for } = first;
    let mut own = Vec::new();
    let fields = body.as_object_mut()?;
    if names_model_asked_for {
        fields.remove("model");
        own.push("\"model\": asked[\"model\"]");
    }
    if fields.get("id").is_some_and(Value::is_string) {
        fields.remove("id");
        own.push("\"id\": str(uuid.uuid4())");
    }
    let own = own.join(", ");
    Some(format!(
        r#"import http.server, json, uuid

ANSWER = json.loads(r"""{body}""")

class Provider(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({{{own}, **ANSWER}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

http.server.ThreadingHTTPServer(("0.0.0.0", {PORT}), Provider).serve_forever()
"#
    ))
}
