# SPDX-License-Identifier: Apache-2.0
"""What tools/train.py is made of: sets, networks, files of Keras, measurements, and the report."""
