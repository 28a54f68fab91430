"""The report in a real browser, opened from disk and served."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from tests.browser.conftest import HOSTILE, Browser

pytestmark = pytest.mark.browser

METHOD = "runs/ped2/hf2vad.html"
SHOWN = "return [...document.querySelectorAll('#results tbody tr')].filter((row) => !row.hidden)"
RANGE = "return document.getElementById('curve')._fullLayout.xaxis.range"
SCREENSHOTS = Path("build/screenshots")


def pages(site: Path) -> list[str]:
    return sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))


def test_every_page_loads_in_silence_and_asks_nobody_else(
    browser: Browser, site: Path, origin: str
) -> None:
    assert len(pages(site)) >= 14
    for page in pages(site):
        browser.open(origin + page)
        console, asked = browser.told()
        assert not console, page
        assert asked
        assert not [url for url in asked if not url.startswith((origin, "data:", "blob:"))], page


def test_rows_are_filtered_by_data_set_and_by_words(browser: Browser, origin: str) -> None:
    browser.open(f"{origin}index.html")
    everything = len(browser.run(SHOWN))
    form = browser.driver.find_element(By.CSS_SELECTOR, "form[data-for=results]")
    Select(form.find_element(By.NAME, "dataset")).select_by_visible_text("ped2")
    shown = browser.run(f"{SHOWN}.map((row) => row.dataset.dataset)")
    assert set(shown) == {"ped2"}
    assert 0 < len(shown) < everything
    form.find_element(By.NAME, "text").send_keys("Box Count")
    shown = browser.run(f"{SHOWN}.map((row) => row.textContent)")
    assert len(shown) == 1
    assert "box count" in shown[0]
    assert form.find_element(By.TAG_NAME, "output").text == f"1 of {everything} rows"
    form.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    browser.wait(f"{SHOWN}.length === {everything}")


def test_a_head_sorts_by_mouse_and_by_keyboard(browser: Browser, origin: str) -> None:
    browser.open(f"{origin}index.html")
    head = browser.driver.find_element(
        By.XPATH, "//table[@id='results']//th[button[normalize-space()='AUC']]"
    )
    column = browser.run("return arguments[0].cellIndex", head)
    cells = f"{SHOWN}.map((row) => row.cells[{column}].dataset.sort)"
    head.find_element(By.TAG_NAME, "button").click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(text) for text in browser.run(cells) if text]
    assert len(values) > 5
    assert values == sorted(values, reverse=True)
    assert browser.run(cells)[-1] == ""  # a run without a number stays last
    head.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    again = browser.run(cells)
    assert [float(text) for text in again if text] == sorted(values)
    assert again[-1] == ""


def test_a_curve_is_zoomed_by_buttons_and_by_dragging(browser: Browser, origin: str) -> None:
    browser.open(origin + METHOD)
    whole = browser.run(RANGE)
    assert whole == [-0.5, 179.5]
    browser.driver.find_element(By.CSS_SELECTOR, "[data-zoom=in]").click()
    near = browser.run(RANGE)
    assert near[1] - near[0] == pytest.approx((whole[1] - whole[0]) / 2, rel=0.01)
    browser.driver.find_element(By.CSS_SELECTOR, "[data-zoom=all]").click()
    assert browser.run(RANGE) == whole
    plot = browser.driver.find_element(By.CSS_SELECTOR, "#curve .nsewdrag")
    browser.run("arguments[0].scrollIntoView({block: 'center'})", plot)
    chain = ActionChains(browser.driver).move_to_element(plot)
    chain.click_and_hold().move_by_offset(60, 5).move_by_offset(60, 5).release().perform()
    browser.wait("return document.getElementById('curve')._fullLayout.xaxis.range[0] > 50")
    dragged = browser.run(RANGE)
    assert dragged[1] - dragged[0] < 0.5 * (whole[1] - whole[0])


def test_the_frame_follows_the_cursor_and_the_clip_is_chosen(browser: Browser, origin: str) -> None:
    browser.open(origin + METHOD)
    readout = browser.driver.find_element(By.ID, "readout")
    slider = browser.driver.find_element(By.ID, "frame")
    before = int(slider.get_attribute("value"))
    assert f"frame {before}," in readout.text
    assert "fused" in readout.text
    slider.send_keys(Keys.ARROW_LEFT * 8)
    assert f"frame {before - 8}," in readout.text
    # Of 180 frames every third has a picture; that of the nearest is shown, and named.
    thumb = browser.driver.find_element(By.ID, "thumb")
    for t, nearest in ((30, 30), (31, 30), (32, 33)):
        browser.run(
            "const slider = arguments[0]; slider.value = arguments[1];"
            "slider.dispatchEvent(new Event('input'))",
            slider,
            t,
        )
        assert readout.text.startswith(f"frame {t},")
        assert readout.text.endswith(f"; picture: frame {nearest}") == (t != nearest)
        assert thumb.get_attribute("aria-label") == f"Frame {nearest} of Test001"
    sheet = browser.run("return getComputedStyle(document.getElementById('thumb')).backgroundImage")
    assert "datasets/ped2/0.jpg" in sheet
    browser.driver.find_element(By.ID, "after").click()
    browser.wait("return document.getElementById('curve').ariaLabel.includes('Test002')")
    Select(browser.driver.find_element(By.ID, "run")).select_by_index(1)
    browser.wait("return document.getElementById('roc-plot').data.length === 4")
    names = browser.run("return document.getElementById('curve').data.map((trace) => trace.name)")
    assert set(names) == {"fused", "flow reconstruction", "frame prediction"}
    browser.driver.find_element(By.CSS_SELECTOR, "button.show[data-clip='3']").click()
    browser.wait("return document.getElementById('curve').ariaLabel.includes('Test004')")
    assert not browser.told()[0]


def test_scores_that_are_gone_leave_no_other_runs_curve(
    browser: Browser, site: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "report"
    shutil.copytree(site, copy)
    folder = copy / "runs/ped2/hf2vad"
    first, second = sorted(folder.glob("r*"))[:2]
    shutil.rmtree(first)
    browser.open(f"file://{folder}.html")
    said = "return document.getElementById('readout').textContent"
    assert browser.run(said) == "there are no scores of this clip"
    # Another run is shown as ever, and the cursor follows.
    choose = (
        "const box = document.getElementById('run'); box.value = arguments[0]; "
        "box.dispatchEvent(new Event('change'))"
    )
    browser.run(choose, second.name)
    browser.wait("return document.getElementById('curve').ariaLabel.startsWith('Score of')")
    browser.run("document.getElementById('curve').emit('plotly_hover', {points: [{x: 7}]})")
    assert browser.run(said).startswith("frame 7,")
    browser.run(choose, first.name)
    browser.wait("return !document.getElementById('curve').data.length")
    browser.run(
        "const slider = document.getElementById('frame'); slider.value = 9; "
        "slider.dispatchEvent(new Event('input'))"
    )
    assert browser.run(said) == "there are no scores of this clip"
    assert browser.run("return document.getElementById('curve').ariaLabel") == browser.run(said)
    browser.told()  # Chromium itself says that the file is not there.


def test_hostile_names_are_shown_as_they_are(browser: Browser, origin: str) -> None:
    browser.open(f"{origin}runs/mine/hf2vad.html")
    names = browser.run("return [...document.querySelectorAll('#clip option')].map((o) => o.text)")
    assert names == [HOSTILE, "clip 2"]
    assert HOSTILE in browser.run("return document.getElementById('curve').ariaLabel")


def test_a_row_leads_to_the_curves_and_a_run_to_its_provenance(
    browser: Browser, origin: str
) -> None:
    browser.open(f"{origin}index.html")
    browser.driver.find_element(By.CSS_SELECTOR, "#results a[href='runs/ped2/hf2vad.html']").click()
    browser.ready()
    assert browser.driver.title.startswith("hf2vad on ped2")
    browser.open(f"{origin}provenance.html")
    browser.driver.find_element(By.CSS_SELECTOR, "#run-list tbody a").click()
    browser.ready()
    shown = browser.run("return document.querySelector('details:target').open")
    assert shown


def test_axe_finds_nothing_serious(browser: Browser, site: Path, origin: str, axe: str) -> None:
    if origin.startswith("http"):
        pytest.skip("the pages are the same from disk")
    script = (
        "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
        ".then((found) => done(found.violations))"
    )
    try:
        for dark in (False, True):
            browser.look(dark=dark)
            for page in pages(site):
                browser.open(origin + page)
                browser.run("document.querySelectorAll('details').forEach((d) => (d.open = true))")
                browser.run(axe)
                found = browser.driver.execute_async_script(script)
                serious = [
                    (item["id"], [node["html"][:160] for node in item["nodes"][:3]])
                    for item in found
                    if item["impact"] in {"serious", "critical"}
                ]
                assert not serious, (page, dark, serious)
    finally:
        browser.look()


@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_pages_fit_their_window(
    browser: Browser, site: Path, origin: str, width: int, dark: bool
) -> None:
    """Tables scroll in their boxes, the page never does; pictures of all are kept to look at."""
    if origin.startswith("http"):
        pytest.skip("the pages are the same from disk")
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    try:
        browser.look(width=width, dark=dark)
        for page in pages(site):
            browser.open(origin + page)
            wide = browser.run("return document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, page
            name = page.replace("/", "-").removesuffix(".html")
            theme = "dark" if dark else "light"
            path = SCREENSHOTS / f"{name}-{width}-{theme}.png"
            assert browser.driver.save_screenshot(str(path))
            image = cv2.imread(str(path)).astype(np.float64)
            assert image.std() > 5, page
            assert (image.mean() < 90) == dark, page
    finally:
        browser.look()


def test_print_leaves_controls_out_and_no_table_is_cut(browser: Browser, origin: str) -> None:
    browser.open(f"{origin}index.html")
    try:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
        hidden = browser.run(
            "return [...document.querySelectorAll('.top, .filters')]"
            ".every((item) => getComputedStyle(item).display === 'none')"
        )
        assert hidden
        flow = "return getComputedStyle(document.querySelector('.scroll')).overflowX"
        assert browser.run(flow) == "visible"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
