"""How a notebook's process is started."""

import uuid
from typing import Any

from jupyter_client.manager import AsyncKernelManager

from bench_lib.sweep.deaths import WatchedProvisioner


class OwnKernelManager(AsyncKernelManager):
    """Jupyter's kernel manager, except that it starts its kernel with `provisioner_class`."""

    provisioner_class = WatchedProvisioner

    async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
        self.kernel_id = self.kernel_id or kwargs.pop("kernel_id", None) or str(uuid.uuid4())
        self.provisioner = self.provisioner_class(
            kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self
        )  # fmt: skip
        return await super()._async_pre_start_kernel(**kwargs)
