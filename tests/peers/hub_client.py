"""huggingface_hub, as a program would use it: downloads, one of them behind a redirect to another
host, and uploads, one of them to storage at another host."""
import os

from huggingface_hub import HfApi, hf_hub_download, snapshot_download

print("small", open(hf_hub_download("me/model", "config.json")).read())
print("large", os.path.getsize(hf_hub_download("me/model", "model.safetensors")))
print("snapshot", sorted(os.listdir(snapshot_download("me/model"))))
api = HfApi()
api.create_repo("me/data", repo_type="dataset", private=True, exist_ok=True)
for path, data in (("README.md", b"hello"), ("d/x.bin", b"\0\1" * 500000)):
    api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id="me/data", repo_type="dataset")
    print("uploaded", path)
