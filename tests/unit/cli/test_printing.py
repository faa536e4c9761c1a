"""What others wrote reaches a terminal as text, whoever forgot to make it safe before."""

import pytest

from ferryline import errors
from ferryline.cli import console, main

EVIL = "name\tcolumn\x1b[2J\u202e\x07 end\nnext line"
SAFE = "name\tcolumn\\x1b[2J\\u202e\\x07 end\nnext line"


def test_errors(monkeypatch, capsys):
    def fail(*_given, **_more):
        raise errors.EndpointFailed(EVIL, advice=EVIL, place="s3://\x1b[1m")

    monkeypatch.setattr(main.group, "main", fail)

    assert main.run(["copy"]) == 4

    assert capsys.readouterr().err == f"ferryline: s3://\\x1b[1m: {SAFE}\n  {SAFE}\n"


@pytest.mark.parametrize("way", ["say", "note"])
def test_what_is_said(capsys, way):
    getattr(console.Console(json_mode=True), way)(EVIL)

    assert capsys.readouterr().err == SAFE + "\n"
