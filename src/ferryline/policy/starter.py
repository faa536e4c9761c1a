"""The commented policy file that `ferryline init` writes. It is valid as it stands.

The command line calls `text`; it writes no file itself.
"""

_TEXT = """\
# Ferryline policy. Check it with `ferryline check`; every field is described in docs/reference/policy.md.
version: 1
name: my-team # stamped on every replica, so that another policy cannot take it over

# state: "s3://my-team-ops/ferryline/" # where run documents go; default: your state folder

# Places where bytes live. Secrets are never written here: use a profile, "${env:NAME}" or "${file:PATH}".
locations:
  home:
    url: "s3://my-team-train"
    region: us-east-1
  eu:
    url: "s3://my-team-train-eu"
    region: eu-central-1
    # profile: my-team-eu
    # storage_class: INTELLIGENT_TIERING
  # minio:
  #   url: "s3://train"
  #   endpoint_url: "https://minio.example"
  #   access_key_id: "${env:MINIO_KEY}"
  #   secret_access_key: "${env:MINIO_SECRET}"
  # disk:
  #   url: "file:///mnt/train"

# Trees of objects: one source, which is only read, and any number of replicas.
datasets:
  images:
    source: home/images/
    replicas:
      - eu/images/
    # schedule: cron(0 0 * * ? *) # every day at midnight UTC; or rate(6 hours)
    options:
      verify_mode: ONLY_FILES_TRANSFERRED # or POINT_IN_TIME_CONSISTENT, NONE
      overwrite_mode: ALWAYS # or NEVER
      preserve_deleted_files: PRESERVE # REMOVE deletes at the replicas what the source no longer has
      transfer_mode: CHANGED # or ALL
      bytes_per_second: -1 # no limit; or 100MB
    # include: ["/train*"] # a star only at the end
    # exclude: ["*.tmp"]
    max_delete: {count: 1000, percent: 10} # a run that would delete more is refused
    on_unknown: copy # or read_back, refuse: when equality cannot be known without reading
    # residency: {allow: [EU, US]}
"""


def text() -> str:
    """The file's text."""
    return _TEXT
