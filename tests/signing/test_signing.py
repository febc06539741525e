"""`lightship.sign`: with which keys and certificates, what it refuses, and that model-signing's own command agrees."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.signing.conftest import Copy
from tests.signing.keys import Keys, encrypted, issue, make_authority, make_keys, openssl

import lightship
from lightship.bundle.manifest import MANIFEST_FILE, Manifest, write_manifest
from lightship.errors import DataLoss, FailedPrecondition, InvalidArgument, NotFound
from lightship.signing import Verifier, sign


def model_signing(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_signing", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_model_signing_itself_verifies_what_lightship_signed(version: Path, keys: Keys) -> None:
    signature = sign(version, keys.private)
    arguments = ("verify", "key", version, "--signature", signature, "--public_key", keys.public)
    done = model_signing(*arguments)
    assert done.returncode == 0, done.stderr
    (version / "saved_model.pb").write_bytes(b"")
    assert model_signing(*arguments).returncode != 0


def test_lightship_verifies_what_model_signing_itself_signed(
    model: Path, version: Path, keys: Keys, copy: Copy
) -> None:
    done = model_signing("sign", "key", version, "--signature", version / "model.sig", "--private_key", keys.private)
    assert done.returncode == 0, done.stderr
    assert copy(version, name="any").digests
    version.rename(model / "2")
    with pytest.raises(lightship.errors.FailedPrecondition, match="signed as version 1"):
        copy(model / "2", number=2)


def test_the_newest_version_of_a_model_is_signed(model: Path, version: Path, keys: Keys) -> None:
    shutil.copytree(version, model / "2")
    assert lightship.sign(model, keys.private) == model / "2" / "model.sig"
    assert not (version / "model.sig").exists()


@pytest.mark.parametrize("curve", ["secp384r1", "secp521r1"])
def test_other_curves(version: Path, tmp_path: Path, copy: Copy, curve: str) -> None:
    keys = make_keys(tmp_path, curve, curve)
    sign(version, keys.private)
    assert copy(version, keys.public)


def test_signing_again_replaces_the_signature(version: Path, keys: Keys, other_keys: Keys, copy: Copy) -> None:
    sign(version, other_keys.private)
    (version / ".model.sig-left").write_text("of a killed process")
    sign(version, keys.private)
    assert copy(version)
    assert [file.name for file in version.iterdir() if "sig" in file.name] == ["model.sig"]


def test_a_signed_bundle_is_still_whole(version: Path, keys: Keys, copy: Copy) -> None:
    (version / "assets.extra").mkdir()
    write_manifest(version, Manifest("now", {}, {}))
    sign(version, keys.private)
    Manifest.read(version).verify(version)
    assert MANIFEST_FILE in copy(version).digests
    assert sign(version, keys.private)


def test_a_version_that_was_changed_after_its_export_is_not_signed(version: Path, keys: Keys) -> None:
    (version / "assets.extra").mkdir()
    write_manifest(version, Manifest("now", {}, {}))
    (version / "saved_model.pb").write_bytes(b"other")
    with pytest.raises(DataLoss, match="after export"):
        sign(version, keys.private)
    assert not (version / "model.sig").exists()


def test_a_link_out_of_the_model_is_refused_without_an_option_that_signing_lacks(
    version: Path, tmp_path: Path, keys: Keys
) -> None:
    version.joinpath("variables").rename(tmp_path / "elsewhere")
    version.joinpath("variables").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FailedPrecondition, match="outside of the model's folder .*: copy the files into the version$"):
        sign(version, keys.private)


def test_links_within_the_model_are_signed_for_what_they_lead_to(
    model: Path, version: Path, keys: Keys, copy: Copy
) -> None:
    version.joinpath("variables").rename(model / "shared")
    version.joinpath("variables").symlink_to("../shared")
    sign(version, keys.private)
    copied = copy(version).path / "variables"
    assert copied.is_dir()
    assert not copied.is_symlink()


def test_an_encrypted_key_needs_its_password(version: Path, keys: Keys, copy: Copy) -> None:
    key = encrypted(keys.private, "letter")
    with pytest.raises(InvalidArgument, match="is encrypted: give its password"):
        sign(version, key)
    with pytest.raises(InvalidArgument, match="the password of .* is wrong") as refused:
        sign(version, key, password="wrong-word")
    assert "wrong-word" not in refused.value.message
    sign(version, key, password="letter")
    assert copy(version)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("public", "is a public key: sign with a private key"), ("none", "is not a key in PEM: .*openssl ecparam")],
)
def test_what_is_not_a_private_key_is_named(version: Path, tmp_path: Path, keys: Keys, kind: str, text: str) -> None:
    file = tmp_path / "none.pem"
    file.write_text("none")
    with pytest.raises(InvalidArgument, match=text):
        sign(version, keys.public if kind == "public" else file)


def test_keys_without_a_fitting_curve_are_refused(version: Path, tmp_path: Path) -> None:
    openssl("genrsa", "-out", tmp_path / "rsa.pem", 2048)
    openssl("rsa", "-in", tmp_path / "rsa.pem", "-pubout", "-out", tmp_path / "rsa-public.pem")
    koblitz = make_keys(tmp_path, "koblitz", "secp256k1")
    for private, public in ((tmp_path / "rsa.pem", tmp_path / "rsa-public.pem"), koblitz):
        with pytest.raises(InvalidArgument, match="curve"):
            sign(version, private)
        with pytest.raises(InvalidArgument, match="P-256, P-384 or P-521"):
            Verifier(public)


def test_a_server_takes_no_private_key(keys: Keys) -> None:
    with pytest.raises(InvalidArgument, match=r"has a private key.*openssl ec -in private\.pem -pubout"):
        Verifier(keys.private)


def test_a_missing_key_is_named(version: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"none\.pem does not exist"):
        sign(version, tmp_path / "none.pem")


def test_a_key_in_the_version_folder_is_refused(version: Path, keys: Keys) -> None:
    shutil.copy(keys.private, version / "private.pem")
    with pytest.raises(InvalidArgument, match="would be published with it"):
        sign(version, version / "private.pem")


@pytest.mark.parametrize("name", ["", "a/b", "a:b"])
def test_a_name_under_which_nothing_can_be_served_is_refused(version: Path, keys: Keys, name: str) -> None:
    with pytest.raises(InvalidArgument, match="give the name under which the model is served"):
        sign(version, keys.private, name=name)


def test_certificates(version: Path, tmp_path: Path, copy: Copy, keys: Keys) -> None:
    authority = make_authority(tmp_path)
    signer = issue(authority, tmp_path)
    sign(version, signer.private, certificate=signer.public)
    assert copy(version, authority.public)
    with pytest.raises(DataLoss, match="is not trusted"):
        copy(version, make_authority(tmp_path, "stranger").public)
    with pytest.raises(DataLoss, match="made with a certificate"):
        copy(version, keys.public)
    sign(version, keys.private)
    with pytest.raises(DataLoss, match="made with a key, not with a certificate"):
        copy(version, authority.public)


@pytest.mark.filterwarnings("ignore:The 'warn' method")
def test_a_certificate_for_something_else_does_not_sign(version: Path, tmp_path: Path, copy: Copy) -> None:
    authority = make_authority(tmp_path)
    signer = issue(authority, tmp_path, usage="keyEncipherment")
    with pytest.raises(InvalidArgument, match="neither the key usage digitalSignature nor"):
        sign(version, signer.private, certificate=signer.public)
    assert not (version / "model.sig").exists()
    certificates = ("--signing_certificate", signer.public, "--certificate_chain", signer.public)
    signature = ("--signature", version / "model.sig")
    done = model_signing("sign", "certificate", version, *signature, "--private_key", signer.private, *certificates)
    assert done.returncode == 0, done.stderr
    with pytest.raises(DataLoss, match="cannot be used for signing"):
        copy(version, authority.public)


def test_a_certificate_of_another_key_is_refused(version: Path, tmp_path: Path, keys: Keys) -> None:
    signer = issue(make_authority(tmp_path), tmp_path)
    with pytest.raises(InvalidArgument, match="does not match"):
        sign(version, keys.private, certificate=signer.public)
