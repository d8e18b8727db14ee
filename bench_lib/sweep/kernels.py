"""How a notebook's process is started: by this very interpreter, whatever kernels and settings Jupyter knows of."""

import os
import sys
import uuid
from typing import Any

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from bench_lib.sweep.deaths import WatchedProvisioner

# -P: nothing is imported from the folder that the notebook runs in.
COMMAND = [sys.executable, "-P", "-m", "ipykernel_launcher", "-f", "{connection_file}"]


class OwnKernelManager(AsyncKernelManager):
    """Jupyter's kernel manager, except that it looks no kernel up: a user's own may be of another Python, or broken."""

    provisioner_class = WatchedProvisioner

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel that is started, of whatever name it is asked for."""
        return KernelSpec(argv=COMMAND, display_name="Python 3", language="python")

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        self.kernel_id = self.kernel_id or kwargs.pop("kernel_id", None) or str(uuid.uuid4())
        self.provisioner = self.provisioner_class(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )  # fmt: skip
        environment = dict(kwargs.pop("env", os.environ))
        environment.pop("PYTHONSTARTUP", None)  # IPython would run that file
        return await super()._async_pre_start_kernel(env=environment, **kwargs)
