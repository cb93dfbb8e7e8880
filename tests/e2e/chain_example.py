#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""examples/chain as its user runs it: three probes on xdp and on tc, each of which counts every frame that was sent;
with a published model (third-party data beside the repository) the detector scores its flows."""
import shutil
import signal
import time

import _harness as harness
import _live as live

EXAMPLE = harness.REPOSITORY / "examples" / "chain"
MODEL = harness.SHARED_DATA / "models" / "ammar-siddique-10t-10n-DOS2019-LUCID.h5"
HOOKS = ("xdp", "tc-ingress")
OTHERS = 30
FRAMES = [live.packet(f"10.0.0.{1 + i % 5}", 4000 + i, 443, protocol=6, flags=2) for i in range(100)]
FRAMES += [live.packet("10.0.0.9", 5000, 53) for _ in range(OTHERS)]


def policy(box, end, **changes):
    """The example in the test's folder, on that end, with one text replaced by another."""
    shutil.copy(EXAMPLE / "counter.bpf.c", box.folder)
    text = (EXAMPLE / "policy.toml").read_text(encoding="utf-8")
    changes = {'interface = "eth0"': f'interface = "{end.device}"\nformat = "json"', "window = 2 ": "window = 60 ",
               "max_rows = 20": "max_rows = 1000", **changes}
    for old, new in changes.items():
        assert text.count(old) == 1, f"{old!r} does not stand in the example once"
        text = text.replace(old, new)
    return box.file("policy.toml", text)


def windows_of(box, **changes):
    """Sends FRAMES. Returns the one window of each probe, by hook and name, and what weir said."""
    net = box.net()
    weir = box.weir(net.right, "run", policy(box, net.right, **changes))
    harness.wait_attached(weir, 60)
    time.sleep(0.5)  # the chain on tc is attached behind the one on xdp
    live.send(net, FRAMES)
    time.sleep(0.2)
    weir.signal(signal.SIGINT)
    windows = weir.windows(30)
    assert weir.wait(30) == 0, weir.stderr
    assert harness.attached_program(net.right) is None
    found = {(window["hook"], window["probe"]): window for window in windows}
    assert len(windows) == len(found) == 6, [(w["hook"], w["probe"], w["window"]) for w in windows]
    return found, weir.stderr


def test_every_probe_counts_every_frame_on_both_hooks(box):
    found, said = windows_of(box)
    for hook in HOOKS:
        for probe in ("counter", "flows", "ddos"):
            assert found[hook, probe]["packets"]["entered"] == len(FRAMES), (hook, probe, found[hook, probe]["packets"])
        rows = {row["key"]: row["sum"]["packets"] for row in
                found[hook, "counter"]["tables"]["sources"]["entries"]}
        assert sorted(rows.values()) == [20] * 5, rows
        assert found[hook, "counter"]["tables"]["first_seen"]["rows"] == 5, found[hook, "counter"]
        flows = found[hook, "flows"]["tables"]["flows"]["entries"]
        assert sum(row["value"]["packets"] for row in flows) == len(FRAMES) and len(flows) == 101, len(flows)
        assert found[hook, "ddos"]["flows"] == 101, found[hook, "ddos"]["flows"]
    assert said.count("asks port 443 for the first time") == 2 * 5, said


def test_parameter_of_the_policy_is_the_port(box):
    found, said = windows_of(box, **{"PORT = 443": "PORT = 444"})
    for hook in HOOKS:
        assert found[hook, "counter"]["packets"]["entered"] == len(FRAMES)
        assert found[hook, "counter"]["tables"]["sources"]["rows"] == 0
    assert "for the first time" not in said, said


def test_with_a_model_every_flow_gets_its_score(box):
    if not MODEL.exists():
        raise harness.Skip(f"no {MODEL}", is_kernel=False)
    shutil.copy(MODEL, box.folder / "lucid.h5")
    found, _ = windows_of(box, **{"# model =": 'alerts = "all"\nmodel =', "# profile =": "profile ="})
    for hook in HOOKS:
        window = found[hook, "ddos"]
        assert window["packets"]["entered"] == len(FRAMES), window["packets"]
        assert len(window["alerts"]) == window["flows"] == 101, (hook, window)
        assert all(0 <= alert["score"] <= 1 for alert in window["alerts"])
        assert "malicious" not in found[hook, "flows"]


if __name__ == "__main__":
    harness.main(globals())
