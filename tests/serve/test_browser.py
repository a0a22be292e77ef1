"""The web page in a real browser: headless Chromium, with scripts allowed, so that one in a name would show."""

import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait

from serving import Server

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="no browser: Debian's packages chromium and chromium-driver, which `make test` installs as root",
    ),
    pytest.mark.timeout(180),
]


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[WebDriver]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for argument in ("--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1000,800"):
        options.add_argument(argument)
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # root has none
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


def follow(browser: WebDriver, how: str, what: str) -> None:
    """Click on something that leads to another page, and wait for that."""
    browser.execute_script("window.left = true")
    browser.find_element(how, what).click()
    arrived = "return window.left === undefined && document.readyState === 'complete'"
    # Between two pages the driver has none to ask, and fails in several ways.
    wait = WebDriverWait(browser, 30, ignored_exceptions=[WebDriverException])
    wait.until(lambda driver: driver.execute_script(arrived))


@pytest.fixture
def logged_in(browser: WebDriver, server: Server) -> WebDriver:
    """A browser that shows the list of collections."""
    browser.delete_all_cookies()
    browser.get(server.url)
    browser.find_element(By.ID, "token").send_keys(server.reading_token)
    follow(browser, By.TAG_NAME, "button")
    assert browser.title.startswith("Collections")
    return browser


@pytest.fixture(scope="module")
def uuid(server: Server) -> str:
    """A collection with files, folders, and names that would do harm."""
    locator = server.put(b"line one\nline two\n")
    page = server.put(b"<script>document.title = 'run'</script><p id=shown>shown")
    text = (
        f". {locator} {page} 0:18:notes.txt 18:56:page.html 0:18:<img\\040src=x\\040onerror=alert(1)>\n"
        f"./reads/deep {locator} 0:9:first.fastq\n"
    )
    name = "<script>document.title='run'<\\script> in a browser"
    made = server.api("POST", "collections", {"name": name, "manifest_text": text, "description": "for the browser"})
    return str(made["uuid"])


def titles(browser: WebDriver) -> list[str]:
    """The first column of the table."""
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, "tbody tr td:first-child")]


def test_a_wrong_token_is_refused_with_an_alert(browser: WebDriver, server: Server) -> None:
    browser.delete_all_cookies()
    browser.get(server.url)
    browser.find_element(By.ID, "token").send_keys("v2/local-gj3su-000000000000000/wrong")
    follow(browser, By.TAG_NAME, "button")
    assert "not valid" in browser.find_element(By.CSS_SELECTOR, "[role=alert]").text


def test_from_the_list_down_to_a_file_and_back(logged_in: WebDriver, uuid: str) -> None:
    logged_in.find_element(By.ID, "q").send_keys("in a browser")
    follow(logged_in, By.CSS_SELECTOR, "[role=search] button")
    (name,) = titles(logged_in)
    assert name == "<script>document.title='run'<\\script> in a browser"
    follow(logged_in, By.LINK_TEXT, name)
    assert titles(logged_in) == ["reads/", "<img src=x onerror=alert(1)>", "notes.txt", "page.html"]
    assert "for the browser" in logged_in.find_element(By.TAG_NAME, "dl").text
    follow(logged_in, By.LINK_TEXT, "reads/")
    follow(logged_in, By.LINK_TEXT, "deep/")
    assert titles(logged_in) == ["first.fastq"]
    follow(logged_in, By.LINK_TEXT, "first.fastq")
    assert logged_in.find_element(By.TAG_NAME, "body").text == "line one"
    logged_in.back()
    follow(logged_in, By.LINK_TEXT, name)
    logged_in.find_element(By.LINK_TEXT, "<img src=x onerror=alert(1)>")


def test_nothing_of_a_collection_is_run(logged_in: WebDriver, server: Server, uuid: str, downloads: Path) -> None:
    logged_in.get(f"{server.url}c/{uuid}/")
    assert "run" not in logged_in.title.partition(" - ")[2]
    assert logged_in.execute_script("return document.scripts.length") == 0
    logged_in.find_element(By.LINK_TEXT, "page.html").click()
    WebDriverWait(logged_in, 30).until(lambda driver: (downloads / "page.html").exists())
    assert logged_in.find_elements(By.ID, "shown") == []
    logged_in.execute_script(
        "const s = document.createElement('script'); s.text = 'window.ran = 1'; document.body.append(s)"
    )
    assert logged_in.execute_script("return window.ran") is None  # the policy of the page forbids it


def test_a_folder_is_downloaded_as_an_archive(logged_in: WebDriver, server: Server, uuid: str, downloads: Path) -> None:
    logged_in.get(f"{server.url}c/{uuid}/reads/")
    logged_in.find_element(By.PARTIAL_LINK_TEXT, "zip").click()
    WebDriverWait(logged_in, 30).until(lambda driver: (downloads / "reads.zip").exists())
    with zipfile.ZipFile(downloads / "reads.zip") as archive:
        assert archive.namelist() == ["deep/first.fastq"]


def test_the_pages_can_be_used_by_ear_and_keyboard(logged_in: WebDriver, server: Server, uuid: str) -> None:
    for path in ("", f"c/{uuid}/", "login"):
        logged_in.get(f"{server.url}{path}")
        assert logged_in.execute_script("return document.documentElement.lang") == "en"
        assert len(logged_in.find_elements(By.TAG_NAME, "h1")) == 1
        assert len(logged_in.find_elements(By.TAG_NAME, "main")) == 1
        for field in logged_in.find_elements(By.CSS_SELECTOR, "input:not([type=hidden])"):
            assert logged_in.find_elements(By.CSS_SELECTOR, f"label[for={field.get_attribute('id')}]")
        for table in logged_in.find_elements(By.TAG_NAME, "table"):
            assert table.find_element(By.TAG_NAME, "caption").text
            assert all(head.get_attribute("scope") == "col" for head in table.find_elements(By.TAG_NAME, "th"))
        assert logged_in.find_elements(By.CSS_SELECTOR, "a:empty, button:empty") == []


# The lowest contrast of any text with what is behind it, as WCAG computes it.
CONTRAST = """
function parts(color) { return color.match(/[0-9.]+/g).map(Number); }
function luminance(color) {
  const [r, g, b] = parts(color).map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element) {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor;
    if (parts(color)[3] !== 0) return color;
  }
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'rgb(18, 18, 18)' : 'rgb(255, 255, 255)';
}
const texts = [...document.querySelectorAll('body *')].filter(e => e.innerText && !e.children.length);
return Math.min(...texts.map(element => {
  const both = [luminance(getComputedStyle(element).color), luminance(behind(element))].sort((a, b) => b - a);
  return (both[0] + 0.05) / (both[1] + 0.05);
}));
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(logged_in: WebDriver, server: Server, uuid: str, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    logged_in.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for path in ("", f"c/{uuid}/", "c/nothing/", "login"):
        logged_in.get(f"{server.url}{path}")
        assert logged_in.execute_script(f"return matchMedia('(prefers-color-scheme: {scheme})').matches")
        assert logged_in.execute_script(CONTRAST) >= 4.5
    logged_in.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_the_keyboard_reaches_everything_and_shows_where_it_is(logged_in: WebDriver, server: Server, uuid: str) -> None:
    for path in ("", f"c/{uuid}/", "c/nothing/"):
        logged_in.get(f"{server.url}{path}")
        targets = logged_in.find_elements(By.CSS_SELECTOR, "a, button, input:not([type=hidden])")
        assert targets
        for target in targets:
            ActionChains(logged_in).send_keys(Keys.TAB).perform()
            assert logged_in.switch_to.active_element == target
            assert target.value_of_css_property("outline-style") != "none"


def test_logging_out_ends_it(logged_in: WebDriver, server: Server) -> None:
    follow(logged_in, By.XPATH, "//button[text()='Log out']")
    logged_in.get(server.url)
    assert logged_in.title.startswith("Log in")


def test_it_works_without_scripts(server: Server, uuid: str, browser: WebDriver) -> None:
    # No page has a script, and none has a handler or an address that is one.
    for path in ("/", f"/c/{uuid}/", "/login"):
        body = server.request("GET", path).body
        assert b"<script" not in body
        assert b"javascript:" not in body
