"""A provider whose every answer costs 0.02 USD, however the gateway knows the price."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Tokens of input and output for 0.02 USD: at 0.001 each where the configuration states a rate, else at gpt-4o's.
BY_RATE, BY_COST_MAP = (10, 10), (4, 1999)


class Provider(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        model = request.get("model") or self.path.split("/")[3]
        prompt, completion = BY_RATE if "fixed" in model else BY_COST_MAP
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
        if model == "acme/fixed":
            usage["cost"] = 0.02
        message = {"role": "assistant", "content": "Hello."}
        answer = {
            "id": f"chatcmpl-{threading.get_ident()}-{id(request)}",
            "object": "chat.completion",
            "created": 0,
            "model": "gpt-4o" if model == "unpriced-alias" else model,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def serve(port):
    server = ThreadingHTTPServer(("127.0.0.1", port), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


if __name__ == "__main__":
    import sys

    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
