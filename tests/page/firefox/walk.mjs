// The main walk through the page in Firefox, by WebDriver BiDi: node walk.mjs FIREFOX ADDRESS IMAGE IMAGE...
// Prints its observations as JSON; tests/page/test_firefox.py checks them.

import puppeteer from "puppeteer-core";

const WAIT = { timeout: 60_000 };

const [executablePath, address, ...images] = process.argv.slice(2);
const browser = await puppeteer.launch({ browser: "firefox", executablePath, headless: true });
try {
    const page = await browser.newPage();
    await page.setViewport({ width: 1280, height: 720 });
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("console", (message) => {
        if (["error", "warn"].includes(message.type())) complaints.push(message.text());
    });
    await page.goto(address);
    await page.waitForSelector("#measured table", WAIT);
    const picker = await page.$("#picker");
    await picker.uploadFile(...images);
    for (const number of images.keys()) await page.waitForSelector(`#images li:nth-child(${number + 1}) .chip`, WAIT);
    await page.click("#images li:last-child .image");
    await page.waitForSelector("#opacity:enabled", WAIT);
    const seen = {
        complaints,
        chips: await texts(page, "#images .chip"),
        verdict: await text(page, "#result .chip"),
        probability: await text(page, "#result .probability strong"),
    };
    await page.select("#prevalence", "0.1");
    seen.atOneInTen = await text(page, "#result .probability strong");
    seen.heat = await page.$eval("#heat-layer", (canvas) => {
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, index) => index % 4 === 3 && value > 60).length / (canvas.width * canvas.height);
    });
    await page.focus("#images-heading");
    for (const key of ["u", "i", "+"]) await page.keyboard.press(key);
    seen.lungs = await page.$eval("#lung-layer", (canvas) => !canvas.hidden);
    seen.inverted = await page.$eval("#image-layer", (canvas) => getComputedStyle(canvas).filter);
    seen.zoom = await text(page, "#zoom-value");
    const stage = await (await page.$("#stage")).boundingBox();
    const middle = [stage.x + stage.width / 2, stage.y + stage.height / 2];
    await page.mouse.move(...middle);
    await page.mouse.down();
    await page.mouse.move(middle[0] - 100, middle[1]);
    await page.mouse.up();
    seen.window = await text(page, "#stage-window");
    await page.keyboard.press("?");
    seen.keys = await page.$eval("#keys-dialog", (dialog) => dialog.open);
    await page.keyboard.press("Escape");
    await page.keyboard.press("ArrowUp");
    seen.before = await text(page, ".result-name");
    await page.click("#clear");
    await page.click("#undo button");
    seen.restored = (await texts(page, "#images .chip")).length;
    console.log(JSON.stringify(seen));
} finally {
    await browser.close();
}

function text(page, selector) {
    return page.$eval(selector, (element) => element.textContent.trim());
}

function texts(page, selector) {
    return page.$$eval(selector, (elements) => elements.map((element) => element.textContent.trim()));
}
