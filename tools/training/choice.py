# SPDX-License-Identifier: Apache-2.0
"""Which samples an epoch draws, and above which score a flow is an attack."""
import numpy as np

BENIGN_SHARE = 0.6  # of an epoch's samples: false alarms are what makes people switch a detector off


# Windows in which an attack with whole connections has hardly begun, or of which little is left: its few flows are then what
# an office behind one address sends, and to learn them is to call the office an attack.
WEAK_FLOWS_S, WEAK_PACKETS_S = 20, 30
# A service is flooded from so many flows a second on, most of them with one packet from their source.
FLOODED_FLOWS_S, FLOODED_ADDRESS_FLOWS_S, FLOODED_LONE = 50, 200, 0.7


def is_weak(samples, features):
    return ((samples.y == 1) & (features.forward(samples.x) > 1) &
            (features.number(samples.x, "pair.flows") < WEAK_FLOWS_S) &
            (features.number(samples.x, "flow.packets") < WEAK_PACKETS_S))


def is_collateral(samples, features):
    """Benign flows of one packet to what is flooded with such: nothing in them is another than in the flood."""

    def is_flooded(end, flows_s):
        return ((features.number(samples.x, f"{end}.flows") > flows_s) &
                (features.number(samples.x, f"{end}.lone") > FLOODED_LONE))

    return ((samples.y == 0) & (features.forward(samples.x) <= 1) &
            (is_flooded("service", FLOODED_FLOWS_S) | is_flooded("destination", FLOODED_ADDRESS_FLOWS_S)))


def group_weights(samples):
    """Each sample's chance to be drawn. Within a label a group counts by the root of its size: a flood has a
    thousand times the flows of a slow attack, and must not have a thousand times its say."""
    weights = np.zeros(len(samples))
    for label, share in ((1, 1 - BENIGN_SHARE), (0, BENIGN_SHARE)):
        own = samples.y == label
        sizes = np.bincount(samples.group[own], minlength=len(samples.groups))
        chance = np.sqrt(sizes[samples.group[own]]) / sizes[samples.group[own]]
        weights[own] = share * chance / chance.sum()
    return weights


def choose_threshold(samples, scores, false_alarms):
    """The least score, in steps of 0.01 and at the end of 0.001, above which at most that share of the benign samples lies; the mean over
    groups as well, so that one program with many flows does not hide another."""
    benign = samples.y == 0
    groups = [samples.group == g for g in np.unique(samples.group[benign])]
    for threshold in np.concatenate([np.arange(0.5, 0.985, 0.01), np.arange(0.98, 0.9995, 0.001)]):
        above = scores > threshold
        shares = [above[benign & own].mean() for own in groups if (benign & own).any()]
        if above[benign].mean() <= false_alarms and np.mean(shares) <= 2 * false_alarms:
            return round(float(threshold), 3)
    return 0.999
