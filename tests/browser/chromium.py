"""A headless Chromium: what it shows, its console messages, its requests."""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

T = TypeVar("T")

AXE = Path(__file__).parents[1] / "axe" / "node_modules" / "axe-core" / "axe.min.js"
GUARD = 20.0  #: seconds after which a wait fails

SWITCHES = (
    "--headless",
    "--no-sandbox",  # there is none as root or in most containers, and it visits only our pages
    "--disable-dev-shm-usage",  # too small in containers
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
    "--lang=en",
    # Requests to any other host fail, and are recorded.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class Observation:
    """A way to look at a page."""

    scheme: str  #: light or dark
    device: str
    width: int  #: CSS pixels
    height: int  #: CSS pixels

    def __str__(self) -> str:
        return f"{self.scheme}-{self.device}"


DEVICES = {"phone": (360, 740), "desktop": (1200, 800)}
LOOKS = [Observation(scheme, device, *size) for scheme in ("dark", "light") for device, size in DEVICES.items()]


def missing_programs() -> list[str]:
    """The programs that a browser test needs and this machine lacks."""
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    return missing if AXE.exists() else [*missing, "axe-core"]


class Browser:
    """One tab."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self._driver = driver
        self._messages: list[str] = []  #: by the console
        self._requested: list[str] = []  #: addresses

    @property
    def address(self) -> str:
        """The tab's address."""
        return self._driver.current_url

    def open(self, address: str) -> None:
        """Go to `address`; returns when the page is loaded."""
        self._listen()
        self._driver.get(address)

    def text(self, selector: str = "main") -> str:
        """The visible text of the first element that `selector` finds. Raises NoSuchElementException."""
        return self._driver.find_element(By.CSS_SELECTOR, selector).text

    def texts(self, selector: str) -> list[str]:
        """The visible text of each element that `selector` finds."""
        source = "return Array.from(document.querySelectorAll(arguments[0]), (element) => element.innerText.trim())"
        texts: list[str] = self.script(source, selector)
        return texts

    def wait(self, condition: Callable[[], T]) -> T:
        """Wait for a true result of `condition`, even if the page changes meanwhile; returns it."""
        changing = (NoSuchElementException, StaleElementReferenceException)
        return WebDriverWait(self._driver, GUARD, 0.05, changing).until(lambda _: condition())

    def wait_text(self, text: str, selector: str = "main") -> None:
        """Return as soon as `text` is visible there."""
        self.wait(lambda: text in self.text(selector))

    def fill(self, field: str, text: str, form: str = "main") -> None:
        """Write `text` into the field named `field` of the part `form`, in place of what it holds."""
        element = self._driver.find_element(By.CSS_SELECTOR, f"{form} [name={field}]")
        element.clear()
        element.send_keys(text)

    def click(self, selector: str) -> None:
        """Click on the first element that `selector` finds, which loads no page."""
        self._driver.find_element(By.CSS_SELECTOR, selector).click()

    def press(self, label: str) -> None:
        """Press the button with that label; returns when the page it leads to is loaded."""
        self._leave(self._driver.find_element(By.XPATH, f"//button[normalize-space()='{label}']"))

    def follow(self, label: str) -> None:
        """Follow the link with that label; returns when its page is loaded."""
        self._leave(self._driver.find_element(By.LINK_TEXT, label))

    def script(self, source: str, *arguments: Any) -> Any:
        """The result of the function body `source`; a promise is awaited."""
        return self._driver.execute_script(source, *arguments)

    def type(self, *keys: str) -> None:
        """Press keys, wherever the focus is."""
        ActionChains(self._driver).send_keys(*keys).perform()

    @property
    def profile(self) -> Path:
        """The folder in which it keeps what outlasts a page."""
        return Path(self._driver.capabilities["chrome"]["userDataDir"])

    def look(self, look: Observation) -> None:
        """Emulate that device for this page and those after it."""
        scheme = {"name": "prefers-color-scheme", "value": look.scheme}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=look.width, height=look.height, deviceScaleFactor=1, mobile=look.device == "phone",
        )  # fmt: skip

    @contextmanager
    def without_scripts(self) -> Iterator[None]:
        """Disable scripts."""
        self.command("Emulation.setScriptExecutionDisabled", value=True)
        try:
            yield
        finally:
            self.command("Emulation.setScriptExecutionDisabled", value=False)

    def start_anew(self) -> None:
        """Reset to a new visitor with the default look."""
        self.open("about:blank")
        self.forget_cookies()
        self.look(LOOKS[-1])
        self._messages, self._requested = [], []

    def forget_cookies(self) -> None:
        """Delete the cookies."""
        self.command("Network.clearBrowserCookies")

    def picture(self, scale: float) -> bytes:
        """The whole page as PNG, below the fold too, with so many pixels for each of CSS."""
        width, height = self.script(
            "const page = document.documentElement; return [page.clientWidth, page.scrollHeight]"
        )
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        capture = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(capture["data"])

    def violations(self) -> list[str]:
        """The accessibility violations that axe-core finds in the page as it is now."""
        if not self.script("return 'axe' in window"):
            self.script(AXE.read_text())
        violations = self.script("return axe.run().then((result) => result.violations)")
        return [
            f"{rule['id']}: {node['html']}: {node['failureSummary']}" for rule in violations for node in rule["nodes"]
        ]

    def scrolls_sideways(self) -> bool:
        """Whether the page is wider than the viewport."""
        return bool(self.script("return document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def problems(self, origin: str) -> list[str]:
        """Console messages, and requests to any origin but `origin`, since the last call."""
        self._listen()
        elsewhere = [address for address in self._requested if not address.startswith(f"{origin}/")]
        problems = [*self._messages, *elsewhere]
        self._messages, self._requested = [], []
        return problems

    def command(self, name: str, **parameters: Any) -> dict[str, Any]:
        """The answer to a command of the DevTools protocol."""
        answer: dict[str, Any] = self._driver.execute_cdp_cmd(name, parameters)
        return answer

    def _leave(self, element: WebElement) -> None:
        self._listen()
        here = self._driver.find_element(By.TAG_NAME, "html")
        element.click()
        self.wait(lambda: self._driver.find_element(By.TAG_NAME, "html") != here)
        self.wait(lambda: self.script("return document.readyState") == "complete")

    def _listen(self) -> None:
        """Collect the current page's console messages and requests."""
        # The console reports the status of an error page, which is no fault.
        own_status = f"{self.address} - Failed to load resource"
        messages = [entry["message"] for entry in self._log("browser")]
        self._messages += [message for message in messages if not message.startswith(own_status)]
        events = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        self._requested += [address for event in events if (address := _requested_by(event)) is not None]

    def _log(self, kind: str) -> list[dict[str, Any]]:
        """What came since the last call."""
        entries: list[dict[str, Any]] = self._driver.get_log(kind)  # type: ignore[no-untyped-call]  # selenium forgot it
        return entries


def _requested_by(event: dict[str, Any]) -> str | None:
    """The address of the request or websocket in the event."""
    match event:
        case {"method": "Network.requestWillBeSent", "params": {"request": {"url": str(address)}}}:
            return address
        case {"method": "Network.webSocketCreated", "params": {"url": str(address)}}:
            return address
    return None


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser with a fresh profile, which ends with the block and leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = _path("chromium")
        for switch in (*SWITCHES, f"--user-data-dir={folder}/profile", "about:blank"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # With the driver's path given, selenium looks for none and downloads nothing.
        service = Service(_path("chromedriver"), env={**os.environ, "TMPDIR": folder})
        driver = webdriver.Chrome(options=options, service=service)
        try:
            yield Browser(driver)
        finally:
            driver.quit()


def _path(program: str) -> str:
    path = shutil.which(program)
    if path is None:
        raise FileNotFoundError(f"{program} is not installed")
    return path
