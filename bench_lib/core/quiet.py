"""No runtime phones home: what each would send to its maker is turned off before it can be imported.

`bench_lib/__init__.py` imports this module, so it holds in each process that imports any part of the library: the
command, the fork server and what is forked from it, kernels (a notebook opened by hand, too), workers, tasks of Slurm.
"""

import os
import sys

# ONNX Runtime reads it when it is imported. Otherwise its wheels keep an id of this machine and a file of events in the
# home folder, and send the events to Microsoft.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# Hugging Face's client, through which timm downloads weights, reads it when it is imported. Otherwise it tells the hub
# which packages are installed here.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Importing OpenVINO sends an event to Google Analytics, from a thread and a child process of its own, and keeps an id
# in the home folder. No variable turns it off. Where this package is not installed, OpenVINO uses a stub; None makes
# Python treat it as not installed.
sys.modules["openvino_telemetry"] = None
