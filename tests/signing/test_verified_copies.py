"""What is copied of a signed version, and what is refused, whatever somebody does to its folder."""

from __future__ import annotations

import json
import os
import shutil
from base64 import b64decode, b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.signing.conftest import Copy
from tests.signing.keys import Keys

from lightship.errors import DataLoss, FailedPrecondition, LightshipError, PermissionDenied, ResourceExhausted
from lightship.lifecycle.servable import ServableId
from lightship.lifecycle.version_files import fingerprint
from lightship.signing import VerifiedCopies, Verifier, sign
from lightship.signing import verified_copies as verified_copies_module

DATA = "variables/variables.data-00000-of-00001"


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in fingerprint(folder)}


def test_a_signed_version_is_copied_with_its_digests(version: Path, keys: Keys, copy: Copy) -> None:
    before = contents(version)
    assert sign(version, keys.private) == version / "model.sig"
    copied = copy(version)
    assert contents(copied.path) == before
    assert copied.digests.keys() == before.keys()
    assert copied.path.parent.stat().st_mode & 0o077 == 0


def test_a_copy_is_removed_with_everything_in_it(version: Path, keys: Keys, copy: Copy, copies: Path) -> None:
    sign(version, keys.private)
    copied = copy(version)
    copied.remove()
    copied.remove()
    assert not list(copies.iterdir())


def test_what_is_changed_later_is_not_in_the_copy(version: Path, keys: Keys, copy: Copy) -> None:
    sign(version, keys.private)
    before, copied = contents(version), copy(version)
    (version / DATA).write_bytes(b"other")
    assert (copied.path / DATA).read_bytes() == before[DATA]


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a bit of the weights": (lambda path: flip(path / DATA), "variables.data.* was changed after it was signed"),
    "the graph": (lambda path: (path / "saved_model.pb").write_bytes(b""), "saved_model.pb was changed after"),
    "a file less": (lambda path: (path / DATA).unlink(), "variables.data.* missing"),
    "a file more": (lambda path: (path / "assets.extra").mkdir() or _add_warm_up(path), "warmup_requests was added"),
    "a hidden file more": (lambda path: (path / ".hidden").touch(), ".hidden was added"),
    "another signature's content": (lambda path: _forge(path), "content was changed"),
    "no JSON": (lambda path: (path / "model.sig").write_bytes(b"{"), "is not a signature of model-signing"),
    "no text": (lambda path: (path / "model.sig").write_bytes(b"\xff\x00"), "is not a signature of model-signing"),
    "deep JSON": (lambda path: (path / "model.sig").write_text("[" * 100_000), "is not a signature of model-signing"),
    "JSON of nothing": (lambda path: (path / "model.sig").write_text("{}"), "is not a signature of model-signing"),
    "no signature in it": (lambda path: _without_signatures(path), "valid signature"),
}


def _add_warm_up(path: Path) -> None:
    (path / "assets.extra" / "tf_serving_warmup_requests").touch()


def _forge(path: Path) -> None:
    """Puts the digest of a changed file into the signed content."""
    flip(path / DATA)
    bundle = json.loads((path / "model.sig").read_text())
    statement = json.loads(b64decode(bundle["dsseEnvelope"]["payload"]))
    statement["predicate"]["resources"][0]["digest"] = "0" * 64
    bundle["dsseEnvelope"]["payload"] = b64encode(json.dumps(statement).encode()).decode()
    (path / "model.sig").write_text(json.dumps(bundle))


def _without_signatures(path: Path) -> None:
    bundle = json.loads((path / "model.sig").read_text())
    bundle["dsseEnvelope"]["signatures"] = []
    (path / "model.sig").write_text(json.dumps(bundle))


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_version_is_refused(version: Path, keys: Keys, copy: Copy, copies: Path, change: str) -> None:
    sign(version, keys.private)
    done, text = CHANGES[change]
    done(version)
    with pytest.raises(DataLoss, match=text):
        copy(version)
    assert not list(copies.iterdir())


def test_an_unsigned_version_is_refused_with_what_to_do(version: Path, copy: Copy, copies: Path) -> None:
    with pytest.raises(FailedPrecondition, match=r"is not signed: it has no model\.sig.*lightship sign"):
        copy(version)
    assert not list(copies.iterdir())


def test_a_signature_with_another_key_is_refused(version: Path, other_keys: Keys, copy: Copy) -> None:
    sign(version, other_keys.private)
    with pytest.raises(DataLoss, match="made with another key"):
        copy(version)


def test_the_key_in_a_signature_does_not_count(version: Path, keys: Keys, other_keys: Keys, copy: Copy) -> None:
    sign(version, keys.private)
    hint = json.loads((version / "model.sig").read_text())["verificationMaterial"]
    sign(version, other_keys.private)
    forged = json.loads((version / "model.sig").read_text()) | {"verificationMaterial": hint}
    (version / "model.sig").write_text(json.dumps(forged))
    with pytest.raises(DataLoss, match="its content was changed, or signed with another key"):
        copy(version)


def test_a_signature_without_the_digest_of_its_key_prints_nothing(
    version: Path, keys: Keys, copy: Copy, capsys: pytest.CaptureFixture[str]
) -> None:
    sign(version, keys.private)
    bundle = json.loads((version / "model.sig").read_text())
    bundle["verificationMaterial"]["publicKey"] = {}
    (version / "model.sig").write_text(json.dumps(bundle))
    with pytest.raises(DataLoss, match="an old version of model-signing"):
        copy(version)
    assert capsys.readouterr() == ("", "")


def test_an_old_version_does_not_answer_as_a_new_one(model: Path, version: Path, keys: Keys, copy: Copy) -> None:
    sign(version, keys.private)
    shutil.copytree(version, model / "2")
    with pytest.raises(FailedPrecondition, match="was signed as version 1, so it may not answer as version 2"):
        copy(model / "2", number=2)


def test_a_version_of_another_model_is_refused(version: Path, tmp_path: Path, keys: Keys, copy: Copy) -> None:
    sign(version, keys.private)
    shutil.copytree(version, tmp_path / "other" / "1")
    said = "was signed for the model half, so it may not answer for other: .* --key private.pem --name other`"
    with pytest.raises(FailedPrecondition, match=said):
        copy(tmp_path / "other" / "1", name="other")


def test_a_model_may_be_served_under_another_name_and_be_copied_elsewhere(
    version: Path, tmp_path: Path, keys: Keys, copy: Copy
) -> None:
    sign(version, keys.private)
    assert copy(version, name="other")
    shutil.copytree(version, tmp_path / "elsewhere" / "1")
    assert copy(tmp_path / "elsewhere" / "1", name="half")


def test_a_model_is_signed_for_the_name_that_is_given(version: Path, tmp_path: Path, keys: Keys, copy: Copy) -> None:
    sign(version, keys.private, name="pet")
    shutil.copytree(version, tmp_path / "elsewhere" / "1")
    assert copy(tmp_path / "elsewhere" / "1", name="pet")


def test_a_file_that_changes_while_it_is_copied_is_refused(
    version: Path, keys: Keys, copy: Copy, copies: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody changes a file after all names were looked at and restores it after it was read."""
    sign(version, keys.private)
    real, good = verified_copies_module._copy_file, (version / DATA).read_bytes()

    def swapped(file: Path, target: Path) -> object:
        if file.name == Path(DATA).name:
            file.write_bytes(b"x" * len(good))
        try:
            return real(file, target)
        finally:
            (version / DATA).write_bytes(good)

    monkeypatch.setattr(verified_copies_module, "_copy_file", swapped)
    with pytest.raises(DataLoss, match="was changed after it was signed"):
        copy(version)
    assert not list(copies.iterdir())


def test_a_link_to_a_secret_is_not_copied(version: Path, tmp_path: Path, keys: Keys, copy: Copy, copies: Path) -> None:
    sign(version, keys.private)
    (tmp_path / "secret").write_text("secret")
    (version / DATA).unlink()
    (version / DATA).symlink_to(tmp_path / "secret")
    with pytest.raises(DataLoss, match="was changed after it was signed"):
        copy(version)
    assert not list(copies.iterdir())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no FIFOs")
@pytest.mark.parametrize("name", ["model.sig", DATA])
def test_a_fifo_holds_up_nothing(version: Path, keys: Keys, copy: Copy, name: str) -> None:
    sign(version, keys.private)
    (version / name).unlink()
    os.mkfifo(version / name)
    with pytest.raises(LightshipError):
        copy(version)


def test_a_huge_signature_is_not_read(version: Path, copy: Copy) -> None:
    with (version / "model.sig").open("wb") as file:
        file.truncate(65 << 20)
    with pytest.raises(ResourceExhausted, match="at most 67,108,864 are read"):
        copy(version)


def test_a_version_that_does_not_fit_is_refused_with_both_figures(
    version: Path, keys: Keys, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(version, keys.private)
    usage = shutil.disk_usage(version)._replace(free=10)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        ResourceExhausted, match="bytes, and its verified copy does not fit into .*, which has 10 bytes"
    ):
        copy(version)


def test_a_folder_for_copies_that_is_missing_is_named(version: Path, keys: Keys, tmp_path: Path) -> None:
    sign(version, keys.private)
    copies = VerifiedCopies(Verifier(keys.public), lambda: tmp_path / "missing")
    with pytest.raises(FailedPrecondition, match="cannot be written into .*missing.*--cache-dir"):
        copies(ServableId("half", 1), version)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_signature_that_may_not_be_read_is_not_a_missing_one(version: Path, keys: Keys, copy: Copy) -> None:
    sign(version, keys.private)
    (version / "model.sig").chmod(0)
    with pytest.raises(PermissionDenied):
        copy(version)
