"""Entries on disk: damaged, foreign or in a folder of others, they are not there."""

import errno
import os
import pathlib
import pickle
import resource
import shutil
import stat
import subprocess
import sys
import warnings

import pytest

from xdl.native import entries

PAYLOAD = bytes(range(256)) * 4
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Give every test a folder of its own for entries; it is not made yet."""
    monkeypatch.setenv("XDL_CACHE", str(tmp_path / "above" / "entries"))
    monkeypatch.setattr(entries, "_warned_of", set())
    return tmp_path / "above" / "entries"


@pytest.fixture
def entry(place):
    """Return the path of an entry that was written."""
    entries.write("one", PAYLOAD)
    return place / "one"


def _read_with_warnings(name="one"):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = entries.read(name)
    return found, [str(warning.message) for warning in caught]


def test_what_was_written_is_read(entry):
    assert PAYLOAD == entries.read("one")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o002])
def test_the_folder_and_its_entries_are_the_users_alone(umask, place):
    before = os.umask(umask)
    try:
        entries.write("one", PAYLOAD)
    finally:
        os.umask(before)

    made = [place.parent, place, place / "one"]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in made]
    assert [0o700, 0o700, 0o600] == modes
    assert PAYLOAD == entries.read("one")


def test_every_flipped_byte_is_found(entry):
    whole, unnoticed = entry.read_bytes(), []

    for i in range(len(whole)):
        entry.write_bytes(whole[:i] + bytes([whole[i] ^ 1 << i % 8]) + whole[i + 1 :])
        if entries.read("one") is not None:
            unnoticed.append(i)

    assert [] == unnoticed


@pytest.mark.parametrize(
    "changed",
    [
        b"",
        b"short",
        bytes(32),
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: bytes(len(whole)),
        lambda whole: whole[:100] + bytes(512) + whole[612:],
        lambda whole: whole + b"x",
        lambda whole: whole[1:],
        lambda whole: pickle.dumps("foreign"),
    ],
)
def test_a_damaged_entry_is_not_there_and_is_written_anew(changed, entry):
    whole = entry.read_bytes()
    entry.write_bytes(changed(whole) if callable(changed) else changed)

    damaged = entries.read("one")
    entries.write("one", PAYLOAD)

    assert (None, PAYLOAD) == (damaged, entries.read("one"))


def test_an_entry_under_another_name_is_not_there(entry):
    shutil.copy(entry, entry.with_name("two"))

    assert entries.read("two") is None


def _fifo(path):
    os.mkfifo(path)


def _link(path):
    path.symlink_to("/dev/zero")


def _link_to_itself(path):
    path.symlink_to(path)


@pytest.mark.parametrize("make", [_fifo, _link, _link_to_itself, pathlib.Path.mkdir])
def test_what_is_no_file_is_not_there_and_nobody_waits_for_it(make, entry):
    entry.unlink()
    make(entry)

    assert entries.read("one") is None
    assert entries.write("one", PAYLOAD) is None


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_entry_that_others_may_change_is_not_there(mode, entry):
    entry.chmod(mode)

    assert entries.read("one") is None


@as_root
def test_an_entry_of_another_user_is_not_there(entry):
    os.chown(entry, 12345, 12345)

    assert entries.read("one") is None


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702, 0o1777])
@pytest.mark.parametrize("shared", ["the folder", "one above it"])
def test_a_folder_that_others_may_write_to_is_refused(mode, shared, entry):
    folder = entry.parent if shared == "the folder" else entry.parent.parent
    folder.chmod(mode)
    is_sticky = mode == 0o1777 and shared != "the folder"

    found, said = _read_with_warnings()
    again, _ = _read_with_warnings()

    if is_sticky:
        assert (PAYLOAD, [], PAYLOAD) == (found, said, again)
    else:
        (text,) = said
        assert (None, None) == (found, again)
        assert f"{folder}; set XDL_CACHE to a folder that is yours alone" in text


@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_nothing_is_made_below_a_folder_that_others_may_write_to(mode, place):
    place.parent.mkdir()
    place.parent.chmod(mode)

    with pytest.warns(RuntimeWarning, match="other users may write to"):
        entries.write("one", PAYLOAD)

    assert [] == list(place.parent.iterdir())


@as_root
@pytest.mark.parametrize("whose", ["the folder", "one above it", "a sticky one above"])
def test_a_folder_of_another_user_is_refused(whose, entry):
    folder = entry.parent if whose == "the folder" else entry.parent.parent
    os.chown(folder, 12345, 12345)
    folder.chmod(0o1777 if "sticky" in whose else 0o755)

    found, said = _read_with_warnings()

    assert found is None
    assert f"{folder} belongs to another user" in said[0]


def test_a_link_leads_to_the_folder_that_is_judged(entry, tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o700)
    (shared / "one").write_bytes(entry.read_bytes())
    shared.chmod(0o777)
    (tmp_path / "link").symlink_to(shared)
    monkeypatch.setenv("XDL_CACHE", str(tmp_path / "link"))

    found, said = _read_with_warnings()

    assert found is None
    assert str(shared) in said[0]


def test_a_warning_that_is_an_error_is_raised_only_where_asked_for(entry):
    entry.parent.chmod(0o777)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert entries.read("one") is None
        entries.write("two", PAYLOAD)
        for _ in range(2):
            with pytest.raises(RuntimeWarning, match="not used"):
                entries.warn_of_refusal()

    assert [entry] == list(entry.parent.iterdir())


def _limited(monkeypatch):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _failing(owner, name, number):
    def prepare(monkeypatch):
        def fail(*arguments, **options):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(owner, name, fail)
        return monkeypatch.undo

    return prepare


@pytest.mark.parametrize(
    "prepare",
    [
        _limited,
        _failing(os, "open", errno.ENOSPC),  # no inodes
        _failing(os, "fsync", errno.ENOSPC),
        _failing(os, "fsync", errno.EIO),
        _failing(pathlib.Path, "replace", errno.EROFS),
        _failing(pathlib.Path, "mkdir", errno.EACCES),
    ],
)
def test_a_disk_that_is_full_or_fails_keeps_nothing_and_says_nothing(
    prepare, place, monkeypatch
):
    restore = prepare(monkeypatch)
    try:
        entries.write("one", PAYLOAD)
    finally:
        restore()
    monkeypatch.setenv("XDL_CACHE", str(place))

    assert entries.read("one") is None
    assert [] == [path for path in place.parent.rglob("*") if path.is_file()]


@pytest.mark.parametrize("chosen", ["a file", "a loop", "a long name", "below a file"])
def test_a_place_where_no_folder_can_be_keeps_nothing(chosen, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    places = {
        "a file": tmp_path / "file",
        "a loop": tmp_path / "loop",
        "a long name": tmp_path / ("x" * 300),
        "below a file": tmp_path / "file" / "entries",
    }
    monkeypatch.setenv("XDL_CACHE", str(places[chosen]))

    entries.write("one", PAYLOAD)

    assert entries.read("one") is None


def test_without_a_home_nothing_is_kept(monkeypatch):
    monkeypatch.delenv("XDL_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def expanduser(self):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(pathlib.Path, "expanduser", expanduser)

    entries.write("one", PAYLOAD)

    assert entries.read("one") is None


WARNED = """
import os, sys, warnings
import xdl
try:
    xdl.compile(lambda x: x, executor="numba")
except RuntimeWarning as error:
    print("refused", "other users may write to" in str(error))
"""


def test_compile_says_so_before_anything_has_changed(place):
    pytest.importorskip("numba")
    place.mkdir(parents=True)
    place.chmod(0o777)
    command = [sys.executable, "-W", "error::RuntimeWarning", "-c", WARNED]

    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "refused True\n" == done.stdout
