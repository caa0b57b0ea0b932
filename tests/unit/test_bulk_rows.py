"""The CSV files of a bulk signup: what is read, and where one is malformed."""

from pathlib import Path

import pytest

from commands.client.rows import BulkError, read_rows
from tests.harness.support import csv_file


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("name,pasword\n", "'pasword' is no column"),
        ("password\n", "no column 'name'"),
        ("name,owner_key\n", "or 'password'"),
        ("", "no column 'name'"),
        ("name,password,name\n", "two columns 'name'"),
        ('name,password\nalice-1,a\nbob-1,"b\n', "after line 2 is no CSV"),
        (f"name,password\nalice-1,{'a' * 200_000}\n", "after line 1 is no CSV"),
    ],
)
def test_malformed_file_is_refused_with_the_place(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BulkError, match=sentence):
        list(read_rows(csv_file(tmp_path, text)))


def test_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_bytes("name,password\nalice-1,caf\xe9\n".encode("latin-1"))
    with pytest.raises(BulkError, match="not UTF-8"):
        list(read_rows(file))


def test_csv_dialects_of_spreadsheets_are_read(tmp_path: Path) -> None:
    text = '\ufeffname; password\r\nalice-1 ;a\r\n\r\nbob-1;"b;\r\nb"\r\n carol-1; c \r\n'
    rows = list(read_rows(csv_file(tmp_path, text)))
    assert [(row.line, row.name, row.problem) for row in rows] == [
        (2, "alice-1", None), (5, "bob-1", None), (6, "carol-1", None),
    ]  # fmt: skip
    # A user logs in with the password as it is, blanks included.
    assert [row.fields["password"] for row in rows] == ["a", "b;\r\nb", " c "]
