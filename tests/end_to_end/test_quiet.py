"""No command reaches anything but this machine, and none leaves in the home folder what nobody asked for."""

import os
import subprocess
import sys

import pytest
from helpers.traced import outside, require_strace, traced

# What Matplotlib and fontconfig find out about fonts.
KEPT_AT_HOME = (".cache/matplotlib/", ".cache/fontconfig/")


def strange(files):
    return {name for name in files if not name.startswith(KEPT_AT_HOME)}


def test_no_command_reaches_out(commands):
    require_strace()
    assert commands.reached == set()


def test_no_command_leaves_anything_else_at_home(commands):
    assert strange(commands.files) == set()


def test_a_host_that_is_reached_for_is_found(tmp_path):
    require_strace()
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'?', ('192.0.2.1', 9))"
    assert traced([sys.executable, "-c", code], tmp_path, {}).reached == {"192.0.2.1 port 9"}


def test_a_runtime_that_keeps_an_id_at_home_is_found_and_with_the_library_it_does_not(tmp_path):
    pytest.importorskip("onnxruntime")
    found = {}
    for before in ("", "import bench_lib; "):
        folder = tmp_path / str(len(before))
        folder.mkdir()
        found[before] = strange(traced([sys.executable, "-c", f"{before}import onnxruntime"], folder, {}).files)
    assert [name for name in found[""] if name.endswith("deviceid")]
    assert found["import bench_lib; "] == set()


def test_what_is_outside_is_told_by_its_address_and_by_what_looks_names_up():
    trace = """
    1 connect(3, {sa_family=AF_INET, sin_port=htons(40001), sin_addr=inet_addr("127.0.0.1")}, 16) = 0
    1 connect(3, {sa_family=AF_INET6, sin6_port=htons(0), sin6_flowinfo=htonl(0), inet_pton(AF_INET6, "::1", &x)}, 28)
    1 connect(3, {sa_family=AF_UNIX, sun_path="/run/some.socket"}, 110) = 0
    """
    assert outside(trace) == set()
    trace += """
    1 connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0
    1 connect(3, {sa_family=AF_INET6, sin6_port=htons(443), inet_pton(AF_INET6, "2001:db8::1", &x)}, 28)
    1 connect(3, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0
    """
    assert outside(trace) == {"127.0.0.53 port 53", "2001:db8::1 port 443", "io.systemd.Resolve"}


def test_hugging_face_s_client_tells_the_hub_nothing_of_this_machine():
    pytest.importorskip("huggingface_hub")
    shown = "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    told = [
        subprocess.run([sys.executable, "-c", before + shown], env=environment, capture_output=True, text=True).stdout
        for before in ("", "import bench_lib; ")
    ]
    assert told == ["False\n", "True\n"]
