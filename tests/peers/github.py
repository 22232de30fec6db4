#!/usr/bin/env python3
"""An upstream over TLS that answers a little of GitHub's REST API: github.py CERT KEY LOG KEYVALUE.
Prints its port."""
import json
import sys

import mock

cert, key, log_path, secret = sys.argv[1:5]


class GitHub(mock.Handler):
    def do_GET(self):
        body = self.read_body()
        self.note(body, key_fits=self.key() == secret)
        path = self.path.partition("?")[0]
        repo = {"id": 1, "name": "project", "full_name": "me/project",
                "url": "https://api.github.com/repos/me/project"}
        if self.key() != secret:
            self.answer(401, {"message": "Bad credentials"})
        elif path == "/repos/me/project":
            self.answer(200, repo)
        elif path == "/repos/me/project/issues" and self.command == "POST":
            title = json.loads(body)["title"]
            self.answer(201, {"id": 5, "number": 5, "title": title, "url": repo["url"] + "/issues/5"})
        elif path == "/repos/me/project/issues":
            self.answer(200, [{"id": n, "number": n, "title": "t%d" % n} for n in (1, 2)])
        else:
            self.answer(404, {"message": "Not Found"})

    do_POST = do_PATCH = do_DELETE = do_GET


mock.serve(GitHub, cert, key, log_path)
