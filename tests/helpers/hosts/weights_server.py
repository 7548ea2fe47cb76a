"""A server of weights on this machine: plain files, and a hub with repositories as huggingface_hub asks."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "c" * 40
TOKEN = "hf_of_a_test"
_RESOLVE = re.compile(r"/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)")
_MODEL = re.compile(r"/api/models/([\w.-]+/[\w.-]+?)(?:/revision/[^/]+)?")
_PREUPLOAD = re.compile(r"/api/models/([\w.-]+/[\w.-]+)/preupload/main")
_COMMIT = re.compile(r"/api/models/([\w.-]+/[\w.-]+)/commit/main")
_BATCH = re.compile(r"/([\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch")


@dataclass
class Repository:
    """What a repository holds."""

    files: dict[str, bytes] = field(default_factory=dict)
    private: bool = False
    gated: bool = False


@dataclass
class WeightsServer:
    """What the server holds, how it behaves, and what it was asked."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    """Path -> content of plain files."""
    repositories: dict[str, Repository] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of every request."""
    statuses: dict[str, int] = field(default_factory=dict)
    """Path -> the error that it is answered with."""
    breaks_after: list[int] = field(default_factory=list)
    """Bytes of the next answers after which the connection ends; the first of them is used up each time."""
    knows_ranges: bool = True
    redirects: bool = False
    """Large files of repositories lie elsewhere, at ``/cdn/``."""
    stored: dict[str, bytes] = field(default_factory=dict)
    """SHA-256 -> what was uploaded as a large file."""
    tokens: list[str] = field(default_factory=list)
    """The authorisation of every request that brought one."""

    def count(self, method: str, path: str) -> int:
        """How often a path was asked for."""
        return sum(one[:2] == (method, path) for one in self.asked)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: WeightsServer

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self._note()
        self._get(body=False)

    def do_GET(self) -> None:
        self._note()
        self._get(body=True)

    def _note(self) -> None:
        self.path = self.path.partition("?")[0]
        self.state.asked.append((self.command, self.path, self.headers.get("Range", "")))
        if token := self.headers.get("Authorization"):
            self.state.tokens.append(f"{self.path} {token}")

    def _get(self, body: bool) -> None:
        state = self.state
        if status := state.statuses.get(self.path):
            return self._json({"error": "no"}, status)
        if match := _MODEL.fullmatch(self.path):
            repository = self._repository(match[1])
            if repository is not None:
                self._json({"id": match[1], "private": repository.private, "sha": COMMIT, "siblings": []})
            return None
        if match := _RESOLVE.fullmatch(self.path):
            return self._resolve(match, body)
        if self.path.startswith("/cdn/"):
            return self._send(state.stored[self.path.removeprefix("/cdn/")], {}, body)
        if self.path in state.files:
            return self._send(state.files[self.path], {}, body)
        return self._json({"error": "not found"}, 404)

    def _is_known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def _repository(self, name: str) -> Repository | None:
        """The repository, or None where the answer has been given."""
        found = self.state.repositories.get(name)
        if found is None or (found.private and not self._is_known()):
            self._json({"error": "Repository not found"}, 401, {"X-Error-Code": "RepoNotFound"})
            return None
        if found.gated and not self._is_known():
            self._json({"error": "gated"}, 401, {"X-Error-Code": "GatedRepo"})
            return None
        return found

    def _resolve(self, match: re.Match[str], body: bool) -> None:
        repository = self._repository(match[1])
        if repository is None:
            return None
        if match[2] not in ("main", COMMIT):
            return self._json({}, 404, {"X-Error-Code": "RevisionNotFound"})
        content = repository.files.get(match[3])
        if content is None:
            return self._json({}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        digest = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{digest}"'}
        if not self.state.redirects:
            return self._send(content, headers, body)
        self.state.stored[digest] = content
        linked = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
        # By another name of this machine, so that it is another host.
        place = self.state.url.replace("127.0.0.1", "localhost")
        return self._empty(302, {**headers, **linked, "Location": f"{place}/cdn/{digest}"})

    def _send(self, content: bytes, headers: dict[str, str], body: bool) -> None:
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and self.state.knows_ranges:
            start = int(asked[1])
            if start >= len(content):
                return self._empty(416, {"Content-Range": f"bytes */{len(content)}"})
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        self.send_response(206 if start else 200)
        for name, text in {**headers, "Content-Length": str(len(content) - start)}.items():
            self.send_header(name, text)
        self.end_headers()
        if not body:
            return None
        rest = content[start:]
        if self.state.breaks_after:
            rest = rest[: self.state.breaks_after.pop(0)]
            self.close_connection = True
        self.wfile.write(rest)
        return None

    def do_PUT(self) -> None:
        self._note()
        content = self._body()
        self.state.stored[hashlib.sha256(content).hexdigest()] = content
        self._empty(200, {"ETag": '"x"'})

    def do_POST(self) -> None:
        self._note()
        raw = self._body()
        if status := self.state.statuses.get(self.path):
            return self._json({"error": "no"}, status)
        if self.path == "/api/validate-yaml":
            return self._json({"errors": [], "warnings": []})
        if not self._is_known():
            return self._json({"error": "Invalid credentials in Authorization header"}, 401)
        if self.path == "/api/repos/create":
            return self._create(json.loads(raw))
        if match := _PREUPLOAD.fullmatch(self.path):
            return self._modes(json.loads(raw))
        if match := _BATCH.fullmatch(self.path):
            return self._batch(json.loads(raw))
        if match := _COMMIT.fullmatch(self.path):
            return self._commit(match[1], [json.loads(line) for line in raw.splitlines()])
        return self._json({}, 404)

    def _create(self, asked: dict[str, Any]) -> None:
        name = f"{asked['organization']}/{asked['name']}"
        private = asked.get("visibility") == "private" or bool(asked.get("private"))
        self.state.repositories[name] = Repository(private=private)
        self._json({"url": f"{self.state.url}/{name}", "name": name})

    def _modes(self, asked: dict[str, Any]) -> None:
        large = (".safetensors",)
        found = [
            {
                "path": file["path"],
                "uploadMode": "lfs" if file["path"].endswith(large) else "regular",
                "shouldIgnore": False,
            }
            for file in asked["files"]
        ]
        self._json({"files": found})

    def _batch(self, asked: dict[str, Any]) -> None:
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.state.url}/lfs/{one['oid']}"}}}
            for one in asked["objects"]
        ]
        self._json({"transfer": "basic", "objects": objects})

    def _commit(self, name: str, lines: list[dict[str, Any]]) -> None:
        files = self.state.repositories[name].files
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.state.stored[value["oid"]]
        url = f"{self.state.url}/{name}/commit/{COMMIT}"
        self._json({"success": True, "commitUrl": url, "commitOid": COMMIT})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _empty(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, text in {**headers, "Content-Length": "0"}.items():
            self.send_header(name, text)
        self.end_headers()

    def _json(self, value: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(content))}
        for name, text in {**given, **(headers or {})}.items():
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def weights_server() -> Iterator[WeightsServer]:
    """A server of this process; it ends with the block."""
    state = WeightsServer()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"state": state}))
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
