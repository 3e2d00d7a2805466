"""The child process that looks at photos: answers, limits, crashes, no orphans."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from bot.demo.photos import sticker_photo
from bot.domain.codes import PileCode
from bot.gateways import decode_cli
from bot.gateways.eyes import Eyes
from bot.gateways.qr import MAX_BYTES
from bot.gateways.stickers import Label, sticker_png

LABEL = Label("1023-27", 2, "Type 2, 22 kW", "https://pile.example", "+14155238886")
ROOT = Path(__file__).parents[2]


def photo() -> bytes:
    written = io.BytesIO()
    sticker_png(LABEL, "Pilebot", 500).convert("RGB").save(written, "JPEG")
    return written.getvalue()


def blank() -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (300, 300), "white").save(written, "PNG")
    return written.getvalue()


@pytest.fixture
def watching() -> Iterator[Eyes]:
    with Eyes(["pile.example"], ["whatsapp:+14155238886"]) as each:
        yield each


def child_of(watching: Eyes) -> int:
    assert watching._child is not None
    return watching._child.pid


def gone(pid: int, within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":  # ended; its new parent has not looked yet
            return True
        time.sleep(0.02)
    return False


def test_a_photo_is_read_in_the_child(watching: Eyes) -> None:
    reading = watching.decode_safely(photo())
    assert reading.codes == (PileCode("1023", 2),)
    assert reading.texts == (LABEL.whatsapp_url,)
    first = child_of(watching)
    assert watching.decode_safely(blank()).problem == "no_code"
    assert watching.decode_safely(b"<html>").problem == "not_an_image"
    assert child_of(watching) == first


def test_a_killed_child_is_started_again(watching: Eyes) -> None:
    watching.decode_safely(blank())
    killed = child_of(watching)
    os.kill(killed, signal.SIGKILL)
    assert gone(killed)
    assert watching.decode_safely(photo()).codes == (PileCode("1023", 2),)


def test_a_photo_that_hangs_the_child_is_unreadable_and_the_next_one_works() -> None:
    with Eyes(["pile.example"], ["+14155238886"], time_limit_s=3) as watching:
        watching.decode_safely(blank())  # started and warm
        stopped = child_of(watching)
        os.kill(stopped, signal.SIGSTOP)
        assert watching.decode_safely(photo()).problem == "unreadable"
        assert gone(stopped)
        assert watching.decode_safely(photo()).codes == (PileCode("1023", 2),)


def test_the_child_ends_itself_when_a_photo_takes_too_long() -> None:
    """The limit holds in the child too, inside C code and without an owner to end it."""
    data = sticker_photo(LABEL, "none", 1)  # the longest search
    child = subprocess.run(
        [sys.executable, "-c", "from bot.gateways.eyes import serve; serve()", "[[], []]", "0.02"],
        input=len(data).to_bytes(4, "big") + data,
        cwd=ROOT,
        capture_output=True,
        timeout=100,
        check=False,
    )
    assert child.returncode == -signal.SIGALRM
    assert child.stdout == bytes(4)  # ready, and no answer


def test_threads_share_one_child(watching: Eyes) -> None:
    data, found = photo(), []
    threads = [
        threading.Thread(target=lambda: found.append(watching.decode_safely(data).codes))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [(PileCode("1023", 2),)] * 8


def test_after_a_fork_each_process_has_its_own_child(watching: Eyes) -> None:
    watching.decode_safely(blank())
    before = child_of(watching)
    pid = os.fork()
    if pid == 0:
        right = watching.decode_safely(photo()).codes == (PileCode("1023", 2),)
        other = child_of(watching) != before
        watching.close()
        os._exit(0 if right and other else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert watching.decode_safely(photo()).codes == (PileCode("1023", 2),)
    assert child_of(watching) == before


def test_no_orphan_when_the_owner_is_killed() -> None:
    program = (
        "from bot.gateways.eyes import Eyes\n"
        "watching = Eyes([], [])\n"
        "watching.decode_safely(b'x')\n"
        "print(watching._child.pid, flush=True)\n"
        "import time; time.sleep(60)\n"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT, text=True
    )
    assert owner.stdout is not None
    child = int(owner.stdout.readline())
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert gone(child)


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "made up")
    with Eyes([], []) as watching:
        watching.decode_safely(b"x")
        environment = Path(f"/proc/{child_of(watching)}/environ").read_bytes()
    assert b"TWILIO" not in environment


def test_too_many_bytes_do_not_reach_the_child() -> None:
    watching = Eyes([], [])
    assert watching.decode_safely(bytes(MAX_BYTES + 1)).problem == "too_large"
    assert watching._child is None


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ours.jpg").write_bytes(photo())
    (tmp_path / "blank.png").write_bytes(blank())
    paths = [str(tmp_path / name) for name in ("ours.jpg", "blank.png", "missing.jpg")]
    assert decode_cli.main(paths, ["pile.example"], ["+14155238886"]) == 1
    ours, empty, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert ours["file"] == paths[0]
    assert ours["codes"] == [LABEL.whatsapp_url]
    assert ours["pile"] == "1023-27"
    assert ours["engine"] == "zxing-cpp"
    assert "problem" not in ours
    assert (empty["codes"], empty["pile"], empty["problem"]) == ([], None, "no_code")
    assert missing["problem"] == "no_such_file"


def test_the_command_line_tells_foreign_texts_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.jpg").write_bytes(photo())
    assert decode_cli.main([str(tmp_path / "ours.jpg")], ["other.example"], []) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["codes"] == [LABEL.whatsapp_url]
    assert row["pile"] is None
