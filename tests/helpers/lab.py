"""A real JupyterLab with nothing of this user's, and a browser before it."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from helpers.here import CHROMIUM

ROOT = Path(__file__).parents[2]
TOKEN = "lab"


@contextlib.contextmanager
def lab(folder, python_path=()):
    """Serve a folder; yield the address of the lab. `python_path` comes first for its kernels."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {name: str(folder / ".own" / name) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR",
           "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}  # fmt: skip
    path = os.pathsep.join(map(str, (*python_path, ROOT)))
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--log-level=ERROR", f"--port={port}",
        "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1", f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={TOKEN}", "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(command, env=os.environ | own | {"PYTHONPATH": path}, stdout=log, stderr=log)
        try:
            wait_for(f"http://127.0.0.1:{port}/api/status?token={TOKEN}", server)
            yield f"http://127.0.0.1:{port}/lab"
        finally:
            server.terminate()
            server.wait(30)


def wait_for(address, server, seconds=60):
    """Wait until the server answers."""
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address):
                return
        except (urllib.error.URLError, ConnectionError):
            if server.poll() is not None or time.monotonic() > end:
                raise
            time.sleep(0.2)


@contextlib.contextmanager
def notebook(address, name):
    """The notebook in a browser's tab, all of its cells run."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1400, "height": 1400})
        tab.set_default_timeout(60_000)
        tab.goto(f"{address}/tree/{name}?token={TOKEN}")
        tab.get_by_text("| Idle").wait_for()  # the kernel has started
        tab.get_by_role("menuitem", name="Run", exact=True).click()
        tab.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        yield tab
        browser.close()
