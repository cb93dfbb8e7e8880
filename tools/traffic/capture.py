# SPDX-License-Identifier: Apache-2.0
"""tcpdump on a device of the laboratory: one file, started and stopped with certainty."""
import re
import signal
import subprocess
import tempfile
import time

BUFFER_KIB = 65536  # a second of the fastest flood, should the reader not run for so long


class Capture:
    """Packets are written from the constructor's return until stop()."""

    def __init__(self, lab, namespace, device, path, snap_bytes, only_incoming=False):
        self.path = path
        self._said = tempfile.TemporaryFile("w+")
        direction = ["-Q", "in"] if only_incoming else []
        self._child = lab.start(namespace, [
            "tcpdump", "-n", "-Z", "root", "-i", device, "-s", snap_bytes, "-B", BUFFER_KIB,
            "--immediate-mode", "--time-stamp-precision=nano", *direction, "-w", path, "ip"], stderr=self._said)
        deadline = time.monotonic() + 10
        while "listening on" not in self._text():
            if self._child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"tcpdump on {device}: {self._text().strip()}")
            time.sleep(0.02)

    def _text(self):
        self._said.seek(0)
        return self._said.read()

    def stop(self):
        """Returns {"packets": written, "dropped": lost by the kernel}."""
        self._child.send_signal(signal.SIGINT)
        try:
            self._child.wait(20)
        except subprocess.TimeoutExpired:
            self._child.kill()
            raise RuntimeError("tcpdump does not stop") from None
        said = self._text()
        self._said.close()
        count = {word: int(number) for number, word in
                 re.findall(r"(\d+) packets? (captured|dropped by kernel|dropped by interface)", said)}
        return {"packets": count.get("captured", 0),
                "dropped": count.get("dropped by kernel", 0) + count.get("dropped by interface", 0)}
