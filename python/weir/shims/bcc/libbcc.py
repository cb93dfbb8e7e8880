# SPDX-License-Identifier: Apache-2.0
"""Stands in for bcc.libbcc: `lib`, whose map functions go by the bpf(2) system call."""
from weir._bpf_lib import lib
