# SPDX-License-Identifier: Apache-2.0
"""The features of a profile by name, and how those of which a laboratory has too few are varied in training.

A laboratory's rates, sizes and delays are its own. So in every epoch each sample's are moved: the network learns
what is many, not how many there were here. Nothing is varied in validation and test.
"""
import tomllib

import numpy as np

# Features of rates: all of a flow's rates move together, as on a network that is faster or slower.
RATES = ("flow.packets", "flow.forward_bytes", "flow.backward_bytes", "pair.flows", "source.flows",
         "destination.flows", "destination.packets", "service.flows")
SIZES = ("tcp_length", "udp_length", "ip_length")
SHARES = ("source.unanswered", "source.lone", "destination.unanswered", "destination.lone", "service.unanswered",
          "service.lone")
RATE_OCTAVES = 0.7  # standard deviations, in powers of two
SIZE_OCTAVES = 1.0
TIME_OCTAVES = 1.0
SHARE_SPREAD = 0.05
OTHER_FLAGS, OTHER_SOURCES, REPEATED, CUT = 0.3, 0.4, 0.3, 0.5  # chances
ATTACKED = 0.3  # chance of a benign conversation that its server is under an attack
MOST_REPEATS = 6
REPEAT_MS = (1, 3000)  # from one repeat to the next
FLAGS = ("tcp_flags SYN", "tcp_flags ACK", "tcp_flags RST", "tcp_flags FIN")
FLAG_SETS = ((1, 0, 0, 0), (1, 0, 0, 0), (1, 1, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 1, 1, 0), (0, 0, 0, 1), (0, 1, 0, 1),
             (0, 0, 0, 0), (1, 0, 0, 1))
ONE_FLOW = 0.01  # pair.flows of a single flow in 10 s
FLAG_BITS = {1: "SYN", 4: "ACK", 2: "RST", 0: "FIN"}
LUCID11 = ["time", "ip_length", "highest_layer", "ip_flags", "protocols", "tcp_length", "tcp_ack", "tcp_flags",
           "tcp_window", "udp_length", "icmp_type"]


def cut(x, generator):
    """Leaves half of the flows some of their first packets, in place: one packet more or less must not decide."""
    kept = np.where(generator.random(len(x)) < CUT, generator.integers(1, x.shape[1] + 1, len(x)), x.shape[1])
    x[np.arange(x.shape[1]) >= kept[:, None]] = 0
    return x


class Features:
    def __init__(self, profile):
        if str(profile) == "lucid11":
            self.names = LUCID11
            self.tables = [{"name": name} for name in LUCID11]
            return
        with open(profile, "rb") as file:
            self.tables = tomllib.load(file)["feature"]
        self.names = [t["name"] + (f" {FLAG_BITS[t.get('shift', 0)]}" if t["name"] == "tcp_flags" else "")
                      for t in self.tables]

    def __len__(self):
        return len(self.names)

    @property
    def has_ends(self):
        """Whether a flow's ends are among the features: without them nobody can say what is flooded."""
        return "pair.flows" in self.names

    def _columns(self, wanted):
        """Columns with logarithms among those named, with what an octave is in each."""
        return [(i, 1 / t.get("divisor", 1)) for i, t in enumerate(self.tables)
                if t["name"] in wanted and t.get("log", False)]

    def _column(self, name):
        return self.names.index(name)

    def number(self, x, name):
        """Of each flow: a number that all its packets have, as it was before its logarithm."""
        i = self._column(name)
        value = x[:, 0, i] * self.tables[i].get("divisor", 1)
        return np.exp2(value) - 1 if self.tables[i].get("log", False) else value

    def forward(self, x):
        """Packets that each flow's source sent, of the recorded ones."""
        return ((x[:, :, self._column("is_backward")] == 0) & x.any(axis=2)).sum(axis=1)

    def vary(self, x, y, generator):
        """A copy of the samples [n, packets, features] with other rates, sizes and delays; `y`: attacks are 1."""
        x = x.copy()
        if self.has_ends:
            self._vary_lone_attacks(x, y, generator)
            self._attack_services(x, y, generator)
        recorded = x.any(axis=2)  # a packet that is not there stays all zeros
        for wanted, octaves in ((RATES, RATE_OCTAVES), (SIZES, SIZE_OCTAVES), (("time",), TIME_OCTAVES)):
            moved = generator.normal(0, octaves, (len(x), 1)).astype(np.float32)
            for column, octave in self._columns(wanted):
                value = x[:, :, column]
                x[:, :, column] = np.where(value > 0, np.maximum(value + moved * octave, octave / 4), 0)
        for i, table in enumerate(self.tables):
            if table["name"] in SHARES:
                spread = generator.normal(0, SHARE_SPREAD, (len(x), 1)).astype(np.float32)
                x[:, :, i] = np.clip(x[:, :, i] + spread, 0, 1)
        x[~recorded] = 0
        return cut(x, generator)

    def _attack_services(self, x, y, generator):
        """Benign conversations, in place: as if their server were under an attack, which changes what is told of the server and
        nothing else. Those of one packet are left: who floods with such cannot be told from them."""
        attacks = np.flatnonzero(y == 1)
        spared = np.flatnonzero((y == 0) & (self.forward(x) > 1) & (generator.random(len(x)) < ATTACKED))
        if not len(attacks) or not len(spared):
            return
        donors = x[generator.choice(attacks, len(spared))].max(axis=1)
        is_there = x[spared].any(axis=2)
        for i, table in enumerate(self.tables):
            if table["name"].startswith(("destination.", "service.")):
                own = x[spared, 0, i]
                value = donors[:, i] if table["name"] in SHARES else np.maximum(own, donors[:, i])
                x[spared, :, i] = np.where(is_there, value[:, None], 0)

    def _vary_lone_attacks(self, x, y, generator):
        """Attacks whose source sends one packet, in place: as any tool could have sent them, with other flags, and from
        fewer or more sources."""
        forward = (x[:, :, self._column("is_backward")] == 0) & x.any(axis=2)
        is_lone = (y == 1) & (forward.sum(axis=1) == 1)
        is_tcp = x[:, 0, self._column("flow.tcp")] == 1
        others = np.flatnonzero(is_lone & is_tcp & (generator.random(len(x)) < OTHER_FLAGS))
        place = forward[others].argmax(axis=1)
        flags = np.array(FLAG_SETS, np.float32)[generator.integers(len(FLAG_SETS), size=len(others))]
        for column, name in enumerate(FLAGS):
            x[others, place, self._column(name)] = flags[:, column]

        spread = np.flatnonzero(is_lone & (generator.random(len(x)) < OTHER_SOURCES))
        pair, source, destination = (self._column(n) for n in ("pair.flows", "source.flows", "destination.flows"))
        most = x[spread][:, :, destination].max(axis=1)
        least = np.minimum(x[spread][:, :, pair].max(axis=1), ONE_FLOW)
        drawn = least + generator.random(len(spread)).astype(np.float32) * np.maximum(most - least, 0)
        is_there = x[spread].any(axis=2)
        for column in (pair, source):
            x[spread, :, column] = np.where(is_there, drawn[:, None], 0)
        for flow in np.flatnonzero(is_lone & (generator.random(len(x)) < REPEATED)):
            self._repeat(x[flow], generator)

    def _repeat(self, flow, generator):
        """A tool that uses its ports again: the same packets, and their answers, some times over; in place."""
        recorded = int(flow.any(axis=1).sum())
        times = int(generator.integers(2, MOST_REPEATS + 1))
        length = min(recorded * times, len(flow))
        flow[:length] = flow[np.arange(length) % recorded]
        low, high = REPEAT_MS
        gap = low * (high / low) ** generator.random()
        time = self._column("time")
        flow[:length, time] = np.log2(1 + gap * (np.arange(length) // recorded)) / self.tables[time]["divisor"]
        for name in ("flow.packets", "flow.forward_bytes", "flow.backward_bytes", "destination.packets"):
            i = self._column(name)
            flow[:length, i] += np.where(flow[:length, i] > 0, np.log2(times) / self.tables[i]["divisor"], 0)
        others = generator.random()  # how many of the flood's other flows have one packet only
        for name in ("source.lone", "destination.lone", "service.lone"):
            flow[:length, self._column(name)] *= others
