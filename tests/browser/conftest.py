"""A generated report, served and on disk, and a headless Chromium to look at it."""

import json
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from tests.trees import SIZES, config_of, make_tree
from vadbench.report.site.build import build_site

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
    "--window-size=1280,900",
)
WAIT = 120  # seconds, of a machine that has much else to do
HOSTILE = "clip \"<script>alert(1)</script>\" & 'more' </script>"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *words: Any) -> None:
        """Tests have nothing to say of single requests."""


@dataclass
class Browser:
    """Chromium, with what it has to say of pages."""

    driver: webdriver.Chrome

    def open(self, url: str) -> None:
        self.told()
        self.driver.get(url)
        self.ready()

    def ready(self) -> None:
        WebDriverWait(self.driver, WAIT).until(
            lambda driver: driver.execute_script("return document.documentElement.dataset.ready")
        )

    def told(self) -> tuple[list[str], list[str]]:
        """Returns what the console said and what was asked for since the last call."""
        console = [item["message"] for item in self.driver.get_log("browser")]
        asked = []
        for item in self.driver.get_log("performance"):
            message = json.loads(item["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return console, asked

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, script: str) -> None:
        WebDriverWait(self.driver, WAIT).until(lambda driver: driver.execute_script(script))

    def look(self, *, width: int = 1280, dark: bool = False) -> None:
        """Sets the window's width in CSS pixels, and the preferred colours."""
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 700}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def _found(*names: str) -> str:
    for name in names:
        if path := shutil.which(name):
            return path
    pytest.fail(
        f"there is no {names[0]}; the browser tests need Chromium and its driver: "
        "apt-get install chromium chromium-driver"
    )


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    options = webdriver.ChromeOptions()
    options.binary_location = _found("chromium", "chromium-browser", "google-chrome")
    profile = tmp_path_factory.mktemp("chromium")
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = Service(_found("chromedriver", "chromium-driver"))
    driver = webdriver.Chrome(options=options, service=service)
    driver.set_page_load_timeout(WAIT)
    driver.set_script_timeout(5 * WAIT)  # axe looks at every element
    try:
        yield Browser(driver)
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two data sets; on one a method has no numbers, and names are hostile."""
    folder = tmp_path_factory.mktemp("tree")
    before = Path.cwd()
    os.chdir(folder)
    try:
        ped2 = {f"Test{number:03d}": count for number, count in enumerate(SIZES["ped2"][:4], 1)}
        mine = {HOSTILE: 90, "clip 2": 120}
        methods = ["hf2vad", "flow_duality", "object_class_aware", "baselines"]
        plan = make_tree(
            config_of(["ped2", "mine"], methods, [0, 1]),
            {"ped2": ped2, "mine": mine},
            pictures=True,
            leave_out=lambda run: (run.dataset, run.method) == ("mine", "flow_duality"),
        )
        build_site(plan)
    finally:
        os.chdir(before)
    return folder / "results/report"


@pytest.fixture(scope="session", params=["disk", "served"])
def origin(request: pytest.FixtureRequest, site: Path) -> Iterator[str]:
    """Where the report is opened from: a `file:` or an `http:` address that ends in a slash."""
    if request.param == "disk":
        yield f"{site.as_uri()}/"
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, as a package ships it."""
    try:
        return (files("axe_playwright_python") / "axe.min.js").read_text()
    except ModuleNotFoundError:
        pytest.fail("axe-core is missing: pip install --no-deps axe-playwright-python")
