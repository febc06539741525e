"""Another list of models takes the place of the first while requests are answered."""

from __future__ import annotations

import logging
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.lifecycle.conftest import DEADLINE, await_state

from lightship.errors import (
    Cancelled,
    DeadlineExceeded,
    FailedPrecondition,
    InvalidArgument,
    LightshipError,
    NotFound,
    Unknown,
)
from lightship.lifecycle import (
    Configuration,
    FileSystemSource,
    Manager,
    ModelConfig,
    Specific,
    State,
)

AddVersion = Callable[[int], Path]


@pytest.fixture
def source(manager: Manager) -> Iterator[FileSystemSource]:
    made = FileSystemSource(manager, poll_seconds=0.02)
    yield made
    made.close()


@pytest.fixture
def configuration(manager: Manager, source: FileSystemSource) -> Iterator[Configuration]:
    made = Configuration(manager, source)
    yield made
    made.close()


@pytest.fixture
def lenient(manager: Manager, source: FileSystemSource) -> Configuration:
    """Labels of versions that are not AVAILABLE are allowed."""
    return Configuration(manager, source, allow_labels_for_unavailable=True)


@pytest.fixture
def half(folder: Path, add_version: AddVersion) -> ModelConfig:
    """Versions 1 and 2 in the folder, 1 configured."""
    add_version(1)
    add_version(2)
    return ModelConfig("half", folder, Specific([1]))


def answering(manager: Manager, label: str | None = None, model: str = "half") -> int:
    with manager.handle(model, None, label) as handle:
        return handle.servable.id.version


def not_available(version: int) -> str:
    return (
        f"^Request to assign label to version {version} of model half, which is not currently available for inference$"
    )


def test_models_come_and_go(configuration: Configuration, manager: Manager, half: ModelConfig) -> None:
    configuration.start([half])
    assert manager.wait_ready(DEADLINE)
    twin = replace(half, name="twin", policy=Specific([2]))
    configuration.reload([half, twin], DEADLINE)
    assert [answering(manager, model=name) for name in ("half", "twin")] == [1, 2]  # reload has waited for it
    configuration.reload([twin], DEADLINE)
    assert manager.models() == ["twin"]
    assert configuration.models == [twin]
    await_state(manager, 1, State.END)
    configuration.reload([], DEADLINE)
    assert manager.ready()
    await_state(manager, 2, State.END, "twin")


@pytest.mark.parametrize(
    ("names", "path", "text"),
    [
        (["twin", "twin"], None, "Illegal to list model twin multiple times in config list"),
        (
            ["twin"],
            Path("rel"),
            "Expected model twin to have an absolute path or URI; got base_path()=rel",
        ),
    ],
)
def test_a_list_that_cannot_be_changes_nothing(
    configuration: Configuration,
    manager: Manager,
    half: ModelConfig,
    names: list[str],
    path: Path | None,
    text: str,
) -> None:
    configuration.start([half])
    with pytest.raises(InvalidArgument, match=f"^{re.escape(text)}$"):
        configuration.reload([replace(half, name=name, path=path or half.path) for name in names], DEADLINE)
    assert manager.models() == ["half"]
    assert configuration.models == [half]


def test_a_kept_model_gets_its_new_policy_and_path(
    configuration: Configuration, manager: Manager, half: ModelConfig, tmp_path: Path
) -> None:
    configuration.start([half])
    assert manager.wait_ready(DEADLINE)
    configuration.reload([replace(half, policy=Specific([2]))], DEADLINE)
    await_state(manager, 2, State.AVAILABLE)
    await_state(manager, 1, State.END)
    elsewhere = shutil.copytree(half.path, tmp_path / "elsewhere")
    with manager.handle("half") as handle:
        before = handle.servable
    configuration.reload([ModelConfig("half", elsewhere, Specific([1, 2]))], DEADLINE)
    await_state(manager, 1, State.AVAILABLE)
    with manager.handle("half", 2) as handle:
        assert handle.servable is before  # the same name and number: not loaded again
    with manager.handle("half", 1) as handle:
        assert handle.servable.bundle.path == elsewhere / "1"


def test_a_loaded_version_that_stays_in_its_old_folder_is_told(
    configuration: Configuration, manager: Manager, half: ModelConfig, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def note() -> str:
        (status,) = (one for one in manager.versions("half") if one.version == 1)
        return status.note

    def await_note(text: str) -> None:
        deadline = time.monotonic() + DEADLINE
        while text not in note() or (not text and note()):
            assert time.monotonic() < deadline, note()
            time.sleep(0.02)

    only = replace(half, policy=Specific([1]))
    configuration.start([only])
    await_state(manager, 1, State.AVAILABLE)
    elsewhere = shutil.copytree(half.path, tmp_path / "elsewhere")
    configuration.reload([replace(only, path=elsewhere)], DEADLINE)
    await_note("from another folder than is configured now")
    assert str(tmp_path) not in note()  # clients may see it
    told = [record.getMessage() for record in caplog.records if "is configured in" in record.getMessage()]
    assert len(told) == 1
    assert str(elsewhere / "1") in told[0]
    configuration.reload([only], DEADLINE)
    await_note("")


def test_labels_of_the_first_list_answer_as_soon_as_their_version_does(
    configuration: Configuration, manager: Manager, half: ModelConfig
) -> None:
    labelled = replace(half, labels={"stable": 1, "later": 7})
    configuration.start([labelled])
    assert manager.wait_ready(DEADLINE)
    assert answering(manager, "stable") == 1
    with pytest.raises(NotFound, match=r"Servable not found for request: Specific\(half, 7\)"):
        manager.handle("half", None, "later")
    configuration.reload([labelled], DEADLINE)  # the same once more is no request for a label that cannot be


def test_a_model_comes_together_with_its_labels(
    configuration: Configuration, manager: Manager, half: ModelConfig
) -> None:
    configuration.start([])
    configuration.reload([replace(half, labels={"stable": 1})], DEADLINE)
    assert answering(manager, "stable") == 1


def test_a_label_is_moved_once_its_version_is_available(
    configuration: Configuration, manager: Manager, half: ModelConfig
) -> None:
    configuration.start([replace(half, labels={"stable": 1})])
    assert manager.wait_ready(DEADLINE)
    both = replace(half, policy=Specific([1, 2]), labels={"stable": 1})
    with pytest.raises(FailedPrecondition, match=not_available(2)):
        configuration.reload([replace(both, labels={"stable": 2})], DEADLINE)
    assert manager.versions("half")[0].version == 1  # nothing of that list was taken
    configuration.reload([both], DEADLINE)
    await_state(manager, 2, State.AVAILABLE)
    configuration.reload([replace(both, labels={"stable": 2, "old": 1})], DEADLINE)
    assert (answering(manager, "stable"), answering(manager, "old")) == (2, 1)
    configuration.reload([replace(both, labels={"stable": 2})], DEADLINE)
    with pytest.raises(InvalidArgument, match="Unrecognized servable version label: old"):
        manager.handle("half", None, "old")


def test_labels_may_wait_and_keep_their_old_version_until_then(
    configuration: Configuration, manager: Manager, half: ModelConfig, add_version: AddVersion
) -> None:
    configuration.start([replace(half, labels={"stable": 1})])
    assert manager.wait_ready(DEADLINE)
    moved = replace(half, policy=Specific([1, 3]), labels={"stable": 3, "canary": 3})
    configuration.apply([moved], labels_wait=True)
    configuration.apply([moved], labels_wait=True)  # once more changes nothing
    with pytest.raises(FailedPrecondition, match=not_available(3)):
        configuration.reload([moved], DEADLINE)  # as a client's request it is refused
    assert answering(manager, "stable") == 1
    with pytest.raises(NotFound, match=r"Specific\(half, 3\)"):
        manager.handle("half", None, "canary")
    add_version(3)
    await_state(manager, 3, State.AVAILABLE)
    assert (answering(manager, "stable"), answering(manager, "canary")) == (3, 3)


def test_a_label_that_waits_names_its_new_version_when_the_old_one_goes(
    configuration: Configuration, manager: Manager, half: ModelConfig
) -> None:
    both = replace(half, policy=Specific([1, 2]), labels={"stable": 1})
    configuration.start([both])
    await_state(manager, 1, State.AVAILABLE)
    await_state(manager, 2, State.AVAILABLE)
    configuration.apply([replace(half, policy=Specific([2, 3]), labels={"stable": 3})], labels_wait=True)
    await_state(manager, 1, State.END)
    with pytest.raises(NotFound, match=r"Specific\(half, 3\)"):
        manager.handle("half", None, "stable")


def test_labels_move_before_the_versions_that_they_named_go(
    configuration: Configuration,
    manager: Manager,
    source: FileSystemSource,
    half: ModelConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = replace(half, policy=Specific([1, 2]), labels={"stable": 1})
    configuration.start([both])
    await_state(manager, 1, State.AVAILABLE)
    await_state(manager, 2, State.AVAILABLE)
    watch, meanwhile = source.watch, []

    def watched(models: Sequence[ModelConfig]) -> None:
        meanwhile.append(answering(manager, "stable"))
        watch(models)

    monkeypatch.setattr(source, "watch", watched)
    configuration.apply([replace(half, policy=Specific([2]), labels={"stable": 2})])
    assert meanwhile == [2]
    await_state(manager, 1, State.END)


def test_a_label_whose_version_has_gone_is_refused_again(
    configuration: Configuration, manager: Manager, half: ModelConfig
) -> None:
    labelled = replace(half, labels={"stable": 1})
    configuration.start([labelled])
    assert manager.wait_ready(DEADLINE)
    configuration.reload([labelled], DEADLINE)
    shutil.rmtree(half.path / "1")
    await_state(manager, 1, State.END)
    with pytest.raises(FailedPrecondition, match=not_available(1)):
        configuration.reload([labelled], DEADLINE)


def test_where_it_is_allowed_new_labels_wait_but_a_label_in_use_is_not_moved(
    lenient: Configuration, manager: Manager, half: ModelConfig
) -> None:
    lenient.start([replace(half, labels={"stable": 1})])
    assert manager.wait_ready(DEADLINE)
    both = replace(half, policy=Specific([1, 2]), labels={"stable": 1, "canary": 2})
    lenient.reload([both], DEADLINE)
    await_state(manager, 2, State.AVAILABLE)
    assert answering(manager, "canary") == 2
    with pytest.raises(FailedPrecondition, match=not_available(9)):
        lenient.reload([replace(both, labels={"stable": 9, "canary": 2})], DEADLINE)
    lenient.reload([replace(both, policy=Specific([2]), labels={"stable": 1, "canary": 2})], DEADLINE)
    await_state(manager, 1, State.END)
    lenient.reload([replace(both, policy=Specific([2]), labels={"stable": 1, "canary": 2})], DEADLINE)  # kept


def test_a_new_model_that_fails_is_named_and_stays_configured_and_the_next_reload_does_not_care(
    configuration: Configuration, manager: Manager, half: ModelConfig, tmp_path: Path
) -> None:
    configuration.start([half])
    assert manager.wait_ready(DEADLINE)
    (tmp_path / "broken" / "3").mkdir(parents=True)
    broken = ModelConfig("broken", tmp_path / "broken")
    with pytest.raises(Unknown) as caught:
        configuration.reload([half, broken], DEADLINE)
    assert caught.value.message.startswith(
        "1 model(s) did not become available: {{name: broken version: 3} due to error: NOT_FOUND: Specified file path "
        "does not appear to contain a SavedModel bundle"
    )
    assert caught.value.message.endswith("}, }")
    assert configuration.models == [half, broken]
    assert set(manager.not_ready()) == {"broken"}
    configuration.reload([half, broken, replace(half, name="twin")], DEADLINE)
    assert answering(manager, model="twin") == 1


def in_thread(call: Callable[[], None]) -> tuple[threading.Thread, list[LightshipError]]:
    errors: list[LightshipError] = []

    def run() -> None:
        try:
            call()
        except LightshipError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors


def known(name: str) -> Callable[[Manager], bool]:
    return lambda manager: name in manager.models()


def test_a_model_whose_folder_comes_late_is_awaited_and_holds_up_no_other_reload(
    configuration: Configuration, manager: Manager, half: ModelConfig, tmp_path: Path
) -> None:
    late = ModelConfig("late", tmp_path / "late")
    thread, errors = in_thread(lambda: configuration.reload([late]))
    assert manager.wait(known("late"), DEADLINE)
    configuration.reload([late, half], DEADLINE)
    assert answering(manager) == 1
    shutil.copytree(half.path, tmp_path / ".late")
    (tmp_path / ".late").rename(tmp_path / "late")
    thread.join(DEADLINE)
    assert errors == []
    assert answering(manager, model="late") == 2


def test_the_wait_for_a_model_ends_when_it_is_removed(
    configuration: Configuration, manager: Manager, tmp_path: Path
) -> None:
    thread, errors = in_thread(lambda: configuration.reload([ModelConfig("late", tmp_path / "late")]))
    assert manager.wait(known("late"), DEADLINE)
    configuration.reload([], DEADLINE)
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert errors == []


def test_the_wait_has_its_limit(configuration: Configuration, tmp_path: Path) -> None:
    late = ModelConfig("late", tmp_path / "late")
    with pytest.raises(DeadlineExceeded, match=f"not AVAILABLE after 0.05 seconds: late: {tmp_path / 'late'} does not"):
        configuration.reload([late], 0.05)
    assert configuration.models == [late]


def test_closing_ends_the_wait_and_takes_no_other_list(
    configuration: Configuration, manager: Manager, tmp_path: Path
) -> None:
    thread, errors = in_thread(lambda: configuration.reload([ModelConfig("late", tmp_path / "late")]))
    assert manager.wait(known("late"), DEADLINE)
    configuration.close()
    thread.join(DEADLINE)
    assert [type(error) for error in errors] == [Cancelled]
    with pytest.raises(Cancelled):
        configuration.reload([])


def test_a_list_that_changes_something_is_logged(
    configuration: Configuration, half: ModelConfig, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "lightship.lifecycle.configuration"):
        for models in ([half], [half], []):
            configuration.apply(models)
    assert caplog.messages == ["configured: half", "configured: no model"]
