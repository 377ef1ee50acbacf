"""A stand-in for the Hugging Face hub on the loopback address: as much of its HTTP interface as models need.

Repositories live in memory: branches of commits, each a dictionary of files. Uploads of weights go through LFS, as on
the hub; nothing of huggingface_hub is replaced.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Repository:
    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    proposed: int = 0

    def commit(self, branch: str, files: dict[str, bytes], message: str) -> str:
        self.messages.append(message)
        content = repr((len(self.commits), sorted(files)))
        name = hashlib.sha1(content.encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def resolve(self, revision: str) -> str | None:
        return self.branches.get(revision) or (revision if revision in self.commits else None)


@dataclass
class Hub:
    """What the server holds and has been asked: repositories by name, blobs, and requests in order."""

    address: str = ""
    token: str = "hf_good"
    repositories: dict[str, Repository] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken_uploads: bool = False

    def add(self, name: str, files: dict[str, bytes], branch: str = "main", **settings: bool) -> str:
        repository = self.repositories.setdefault(name, Repository(**settings))
        return repository.commit(branch, files, "first")

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        repository = self.repositories[name]
        return repository.commits[repository.branches[branch]]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Serve a hub from a thread until the block ends."""
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self._route()

    def do_PUT(self) -> None:
        self._route()

    def _route(self) -> None:
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        parts = path.strip("/").split("/")
        if path == "/api/repos/create":
            self._create()
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif parts[0] == "blob":
            self.hub.blobs[parts[1]] = self.body
            self._answer({}, status=500 if self.hub.broken_uploads else 200)
        elif path.endswith(".git/info/lfs/objects/batch"):
            self._batch()
        elif parts[:2] == ["api", "models"] and len(parts) > 3:
            self._api("/".join(parts[2:4]), parts[4:])
        elif len(parts) > 3 and parts[2] == "resolve":
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))
        else:
            self._refuse(404, "EntryNotFound")

    @property
    def _known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {self.hub.token}"

    def _create(self) -> None:
        asked = json.loads(self.body)
        if not self._known:
            return self._refuse(401, "")
        if asked["organization"] != "me":
            return self._refuse(403, "")
        name = f"{asked['organization']}/{asked['name']}"
        there = name in self.hub.repositories
        if not there:
            private = asked.get("private") is True or asked.get("visibility") == "private"
            self.hub.add(name, {".gitattributes": b""}, private=private)
        self._answer({"url": f"{self.hub.address}/{name}", "name": name, "id": name}, status=409 if there else 200)

    def _open(self, name: str) -> Repository | None:
        """The repository, if this user may see it; else the answer is given."""
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and not self._known):
            self._refuse(404 if self._known else 401, "RepoNotFound")
            return None
        if repository.gated and not self._known:
            self._refuse(403, "GatedRepo")
            return None
        return repository

    def _api(self, name: str, rest: list[str]) -> None:
        repository = self._open(name)
        if repository is None:
            return
        kind, revision = (rest[0], "/".join(rest[1:])) if len(rest) > 1 else ("revision", "main")
        if kind == "branch":
            there = revision in repository.branches
            repository.branches.setdefault(revision, repository.branches["main"])
            return self._answer({}, status=409 if there else 200)
        commit = repository.resolve(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        files = repository.commits[commit]
        if kind == "revision":
            siblings = [{"rfilename": file} for file in files]
            self._answer(
                {"id": name, "modelId": name, "sha": commit, "private": repository.private, "siblings": siblings}
            )
        elif kind == "tree":
            self._answer([self._entry(file, content) for file, content in files.items()])
        elif kind == "preupload":
            asked = json.loads(self.body)["files"]
            modes = {True: "lfs", False: "regular"}
            found = [
                {
                    "path": file["path"],
                    "uploadMode": modes[file["path"].endswith(".safetensors")],
                    "shouldIgnore": False,
                }
                for file in asked
            ]
            self._answer({"files": found})
        elif kind == "commit":
            self._commit(name, repository, revision, dict(files))
        else:
            self._refuse(404, "EntryNotFound")

    def _entry(self, file: str, content: bytes) -> dict:
        entry: dict = {"type": "file", "path": file, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
        if file.endswith(".safetensors"):
            entry["lfs"] = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 100}
        return entry

    def _commit(self, name: str, repository: Repository, branch: str, files: dict[str, bytes]) -> None:
        if not self._known:
            return self._refuse(403, "")
        message = ""
        for line in self.body.decode().splitlines():
            row = json.loads(line)
            value = row["value"]
            match row["key"]:
                case "header":
                    message = value["summary"]
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.hub.blobs[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        answer = {"commitMessage": message}
        if "create_pr=1" in urlsplit(self.path).query:
            repository.proposed += 1
            branch = f"refs/pr/{repository.proposed}"
            answer["pullRequestUrl"] = f"{self.hub.address}/{name}/discussions/{repository.proposed}"
        commit = repository.commit(branch, files, message)
        self._answer({**answer, "commitOid": commit, "commitUrl": f"{self.hub.address}/{name}/commit/{commit}"})

    def _batch(self) -> None:
        asked = json.loads(self.body)["objects"]
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.hub.address}/blob/{one['oid']}", "header": {}}}}
            for one in asked
        ]
        self._answer({"transfer": "basic", "objects": objects})

    def _resolve(self, name: str, revision: str, file: str) -> None:
        repository = self._open(name)
        if repository is None:
            return
        commit = repository.resolve(revision)
        if commit is None:
            return self._refuse(404, "RevisionNotFound")
        content = repository.commits[commit].get(file)
        if content is None:
            return self._refuse(404, "EntryNotFound", commit)
        self.send_response(200)
        self.send_header("X-Repo-Commit", commit)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def _answer(self, content: object, status: int = 200) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _refuse(self, status: int, code: str, commit: str = "") -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        if commit:
            self.send_header("X-Repo-Commit", commit)
        self.send_header("Content-Length", "0")
        self.end_headers()
