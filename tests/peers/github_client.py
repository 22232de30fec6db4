"""PyGithub, as a program would use it: lazy, because answers name objects by addresses on
api.github.com, which it refuses itself when its base is another."""
import os

import github

hub = github.Github(base_url=os.environ["GITHUB_API_URL"], auth=github.Auth.Token("sandbox"), retry=None)
print("repo", hub.get_repo("me/project").full_name)
repo = hub.get_repo("me/project", lazy=True)
print("issue", repo.create_issue(title="hello", body="b").number)
print("issues", [i.number for i in repo.get_issues()])
for name in ("me/other", "you/project"):
    try:
        hub.get_repo(name).full_name
        print(name, "is there")
    except github.GithubException as e:
        print(name, e.status)
try:
    hub.get_user().login
    print("user", "is there")
except github.GithubException as e:
    print("user", e.status)
