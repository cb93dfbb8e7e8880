# SPDX-License-Identifier: Apache-2.0
"""Histograms of a table as BCC prints them: keys are slots (of BPF_HISTOGRAM), or structs of a bucket and a slot."""
import ctypes as ct
import time

from weir._ctypes_types import member_names

_LOG2_SLOTS, _LINEAR_SLOTS = 65, 1025
_WIDTH = 40


def _stars(value, most, width):
    return "*" * min(width, int(width * value / most))


class Histograms:
    """Of anything with items(), Key and integer leaves."""

    def print_log2_hist(self, val_type="value", section_header="Bucket ptr", section_print_fn=None, bucket_fn=None,
                        strip_leading_zero=None, bucket_sort_fn=None):
        """Slot n counts values of n bits; rows are ranges."""
        for counts in self._sections(_LOG2_SLOTS, section_header, section_print_fn, bucket_fn, bucket_sort_fn):
            _print_log2(counts, val_type, strip_leading_zero)

    def print_linear_hist(self, val_type="value", section_header="Bucket ptr", section_print_fn=None, bucket_fn=None,
                          strip_leading_zero=None, bucket_sort_fn=None):
        """Slot n counts the value n, up to 1,024. Errors: IndexError (a larger one)."""
        for counts in self._sections(_LINEAR_SLOTS, section_header, section_print_fn, bucket_fn, bucket_sort_fn):
            _print_linear(counts, val_type, strip_leading_zero)

    def print_json_hist(self, val_type="value", section_header="Bucket ptr", section_print_fn=None, bucket_fn=None,
                        bucket_sort_fn=None):
        """As print_log2_hist(), a dictionary a line."""
        for bucket, counts in self._buckets(_LOG2_SLOTS, bucket_fn, bucket_sort_fn):
            last = max((slot for slot, count in enumerate(counts) if count), default=0)
            ranges = [{"interval-start": 0 if slot == 1 else 2 ** (slot - 1), "interval-end": 2 ** slot - 1,
                       "count": int(counts[slot])} for slot in range(1, last + 1)]
            histogram = {"ts": time.strftime("%Y-%m-%d %H:%M:%S"), "val_type": val_type, "data": ranges}
            if self._has_buckets():
                histogram[section_header] = section_print_fn(bucket) if section_print_fn else bucket
            print(histogram)

    def _has_buckets(self):
        return issubclass(self.Key, ct.Structure)

    def _sections(self, slots, header, print_fn, bucket_fn, sort_fn):
        """The counts of each bucket, its heading printed."""
        for bucket, counts in self._buckets(slots, bucket_fn, sort_fn):
            if self._has_buckets():
                text = print_fn(bucket) if print_fn else repr(bucket)
                print(f"\n{header} = {text}")
            yield counts

    def _buckets(self, slots, bucket_fn, sort_fn):
        """(bucket, [count of each slot]); one without a bucket where keys are plain slots."""
        found = {} if self._has_buckets() else {None: [0] * slots}
        bucket_name, slot_name = member_names(self.Key)[:2] if self._has_buckets() else (None, "value")
        for key, leaf in self.items():
            bucket = getattr(key, bucket_name) if bucket_name else None
            if bucket_name and bucket_fn:
                bucket = bucket_fn(bucket)
            slot = getattr(key, slot_name)
            if slot >= slots:
                raise IndexError(f"slot {slot} of a histogram of {slots}")
            found.setdefault(bucket, [0] * slots)[slot] = leaf.value
        return [(bucket, found[bucket]) for bucket in (sort_fn(list(found)) if sort_fn else found)]


def _print_log2(counts, val_type, strip_leading_zero):
    last = max((slot for slot, count in enumerate(counts) if count), default=0)
    is_wide = last > 32
    digits, width = (20, _WIDTH // 2) if is_wide else (10, _WIDTH)
    if last > 0:
        print(f"{'':{15 if is_wide else 5}}{val_type:<{29 if is_wide else 19}} : count     distribution")
    for slot in range(1, last + 1):
        if strip_leading_zero and not counts[slot]:
            continue
        strip_leading_zero = False
        low, high = (0 if slot == 1 else 2 ** (slot - 1)), 2 ** slot - 1
        stars = _stars(counts[slot], max(counts), width)
        print(f"{low:>{digits}d} -> {high:<{digits}d} : {counts[slot]:<8d} |{stars:<{width}}|")


def _print_linear(counts, val_type, strip_leading_zero):
    last = max((slot for slot, count in enumerate(counts) if count), default=-1)
    if last >= 0:
        print(f"     {val_type:<13} : count     distribution")
    for slot in range(last + 1):
        if strip_leading_zero and not counts[slot]:
            continue
        strip_leading_zero = False
        print(f"        {slot:<10d} : {counts[slot]:<8d} |{_stars(counts[slot], max(counts), _WIDTH):<{_WIDTH}}|")
