//! Acts on a page as a reader does, in a tab of the browser, and records what a page must never do.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::devtools::Browser;

/// The longest wait for a page to show something.
const PATIENCE: Duration = Duration::from_secs(10);

/// The screen of a laptop, on which most people read a report.
pub(crate) const LAPTOP: Screen = Screen { width: 1280, height: 720, phone: false };

/// The screen of a phone, in its own pixels.
pub(crate) const PHONE: Screen = Screen { width: 390, height: 844, phone: true };

/// A screen that shows a page.
#[derive(Clone, Copy)]
pub(crate) struct Screen {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) phone: bool,
}

/// A key of the keyboard.
#[derive(Clone, Copy)]
pub(crate) struct Key(&'static str, u32, &'static str);

pub(crate) const TAB: Key = Key("Tab", 9, "");
pub(crate) const ENTER: Key = Key("Enter", 13, "\r");
pub(crate) const SPACE: Key = Key(" ", 32, " ");
pub(crate) const ESCAPE: Key = Key("Escape", 27, "");
pub(crate) const DOWN: Key = Key("ArrowDown", 40, "");

/// A tab; closed when dropped.
pub(crate) struct Tab<'a> {
    browser: &'a Mutex<Browser>,
    context: String,
    session: String,
    pub(crate) screen: Screen,
    /// The only address that it may request.
    address: String,
    complaints: Vec<String>,
}

impl<'a> Tab<'a> {
    /// Opens a new tab as big as the screen of a laptop, light, and without any memory of other tabs.
    pub(crate) fn new(browser: &'a Mutex<Browser>) -> Tab<'a> {
        let mut running = lock(browser);
        let mut call = |session: Option<&str>, method, parameters| running.call(session, method, parameters);
        let text = |answer: Value, field: &str| answer[field].as_str().expect("an identifier").to_owned();
        let context = text(call(None, "Target.createBrowserContext", json!({})), "browserContextId");
        let target = json!({ "url": "about:blank", "browserContextId": context });
        let target = text(call(None, "Target.createTarget", target), "targetId");
        let target = json!({ "targetId": target, "flatten": true });
        let session = text(call(None, "Target.attachToTarget", target), "sessionId");
        for domain in ["Page.enable", "Runtime.enable", "Log.enable", "Network.enable"] {
            call(Some(&session), domain, json!({}));
        }
        drop(running);
        let address = "about:blank".to_owned();
        let mut tab = Tab { browser, context, session, screen: LAPTOP, address, complaints: Vec::new() };
        tab.show_on(LAPTOP);
        tab.prefer("light");
        tab
    }

    /// Opens another tab of the same browser, without any memory of this one.
    pub(crate) fn another(&self) -> Tab<'a> {
        Tab::new(self.browser)
    }

    /// Opens an address and waits until all of it is there.
    pub(crate) fn open(&mut self, address: &str) {
        self.listen();
        self.address = address.to_owned();
        let answer = self.call("Page.navigate", json!({ "url": address }));
        assert!(answer["errorText"].is_null(), "{address}: {}", answer["errorText"]);
        lock(self.browser).event(Some(&self.session), "Page.loadEventFired");
        // Choices made before the results are unpacked take effect after that.
        self.evaluate("window.photofinish?.ready");
    }

    /// Changes the screen.
    pub(crate) fn show_on(&mut self, screen: Screen) {
        self.screen = screen;
        let Screen { width, height, phone } = screen;
        let screen = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone });
        self.call("Emulation.setDeviceMetricsOverride", screen);
    }

    /// Sets the colour scheme that the reader prefers.
    pub(crate) fn prefer(&mut self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.call("Emulation.setEmulatedMedia", features);
    }

    /// Opens pages without running their scripts from now on. Those of the tests still run.
    pub(crate) fn disable_scripts(&mut self) {
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    }

    /// Returns the value of an expression in the page.
    pub(crate) fn evaluate(&self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", parameters);
        let thrown = &answer["exceptionDetails"];
        let shown: String = expression.chars().take(200).collect();
        assert!(thrown.is_null(), "{}: {shown}", thrown["exception"]["description"]);
        answer["result"]["value"].take()
    }

    /// Returns the value of a function of the page, given one argument.
    pub(crate) fn apply(&self, function: &str, argument: impl Into<Value>) -> Value {
        self.evaluate(&format!("({function})({})", argument.into()))
    }

    /// Opens everything that can be opened, and has it laid out.
    pub(crate) fn open_everything(&self) {
        self.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })");
        self.lay_out_everything();
    }

    /// Lays out the parts that a browser would leave until they are scrolled to.
    pub(crate) fn lay_out_everything(&self) {
        self.evaluate(
            "document.querySelectorAll('main > section, .figures-of').forEach(part => { part.style.contentVisibility = 'visible'; })",
        );
    }

    /// Waits for an expression to be true.
    pub(crate) fn wait_for(&self, expression: &str) {
        let given_up = Instant::now() + PATIENCE;
        while self.evaluate(expression) != true {
            assert!(Instant::now() < given_up, "in vain for {expression}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Returns the visible texts of all elements that match.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let all = "selector => [...document.querySelectorAll(selector)].map(found => found.innerText)";
        let texts = self.apply(all, selector);
        texts.as_array().expect("a list").iter().map(|text| shown(text.as_str().expect("a text"))).collect()
    }

    /// Counts the elements that match.
    pub(crate) fn count(&self, selector: &str) -> u64 {
        let count = self.apply("selector => document.querySelectorAll(selector).length", selector);
        count.as_u64().expect("a number")
    }

    /// Clicks on an element, which nothing may cover.
    pub(crate) fn click(&self, selector: &str) {
        let (x, y) = self.place(selector);
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let mouse = json!({
                "type": kind, "x": x, "y": y, "buttons": buttons, "clickCount": 1,
                "button": if kind == "mouseMoved" { "none" } else { "left" },
            });
            self.call("Input.dispatchMouseEvent", mouse);
        }
    }

    /// Moves the pointer over an element.
    pub(crate) fn hover(&self, selector: &str) {
        let (x, y) = self.place(selector);
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    }

    /// Chooses from a list.
    pub(crate) fn choose(&self, selector: &str, value: &str) {
        self.apply(
            "([selector, value]) => {
                const select = document.querySelector(selector);
                select.focus();
                select.value = value;
                if (select.value !== value) throw new Error(`${selector} has no ${value}`);
                for (const kind of ['input', 'change']) select.dispatchEvent(new Event(kind, { bubbles: true }));
            }",
            json!([selector, value]),
        );
    }

    /// Replaces the content of a field.
    pub(crate) fn write(&self, selector: &str, text: &str) {
        self.apply(
            "selector => { const field = document.querySelector(selector); field.focus(); field.select(); }",
            selector,
        );
        if text.is_empty() {
            self.press(Key("Backspace", 8, ""));
        } else {
            self.call("Input.insertText", json!({ "text": text }));
        }
    }

    /// Presses a key and lets it go.
    pub(crate) fn press(&self, Key(name, code, text): Key) {
        let code_name = if name == " " { "Space" } else { name };
        let mut key = json!({
            "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" },
            "key": name, "code": code_name, "windowsVirtualKeyCode": code, "text": text,
        });
        self.call("Input.dispatchKeyEvent", key.clone());
        key["type"] = "keyUp".into();
        self.call("Input.dispatchKeyEvent", key);
    }

    /// Takes a picture of the screen, in base64.
    pub(crate) fn picture(&self) -> String {
        self.picture_of(json!({ "format": "png" }))
    }

    /// Takes a picture of a part of the page, `from` its top, in base64.
    pub(crate) fn picture_from(&self, top: u32, height: u32) -> String {
        let clip = json!({ "x": 0, "y": top, "width": self.screen.width, "height": height, "scale": 1 });
        self.picture_of(json!({ "format": "png", "captureBeyondViewport": true, "clip": clip }))
    }

    fn picture_of(&self, parameters: Value) -> String {
        match self.call("Page.captureScreenshot", parameters)["data"].take() {
            Value::String(picture) => picture,
            other => panic!("{other} is no picture"),
        }
    }

    /// Clicks on a link that downloads, and returns the file.
    pub(crate) fn download(&self, selector: &str, folder: &Path) -> Vec<u8> {
        let place = json!({
            "behavior": "allow", "browserContextId": self.context, "downloadPath": folder, "eventsEnabled": true,
        });
        lock(self.browser).call(None, "Browser.setDownloadBehavior", place);
        self.click(selector);
        let name = lock(self.browser).event(None, "Browser.downloadWillBegin")["suggestedFilename"].take();
        let file = folder.join(name.as_str().expect("a name"));
        loop {
            let progress = lock(self.browser).event(None, "Browser.downloadProgress");
            assert_ne!(progress["state"], "canceled", "{}", file.display());
            if progress["state"] == "completed" {
                return std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            }
        }
    }

    /// Returns the offences of the pages: errors, dialogs, and requests for anything but themselves.
    pub(crate) fn complaints(&mut self) -> &[String] {
        self.listen();
        &self.complaints
    }

    pub(crate) fn call(&self, method: &str, parameters: Value) -> Value {
        lock(self.browser).call(Some(&self.session), method, parameters)
    }

    /// Returns the place of an element's middle on the screen, once it is visible.
    fn place(&self, selector: &str) -> (f64, f64) {
        let place = self.apply(
            "async selector => {
                const element = document.querySelector(selector);
                if (!element) throw new Error(`no ${selector}`);
                element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
                // A page learns of scrolling with the next frame.
                await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
                const box = element.getBoundingClientRect();
                const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
                const top = document.elementFromPoint(x, y);
                if (!element.contains(top))
                    throw new Error(`${top?.outerHTML.slice(0, 200)} covers ${selector}`);
                return [x, y];
            }",
            selector,
        );
        let coordinate = |index: usize| place[index].as_f64().expect("a coordinate");
        (coordinate(0), coordinate(1))
    }

    fn listen(&mut self) {
        let events = lock(self.browser).events(&self.session);
        let complaints = events.iter().filter_map(|event| complaint(event, &self.address));
        self.complaints.extend(complaints);
    }
}

impl Drop for Tab<'_> {
    fn drop(&mut self) {
        // A browser that has ended has no tabs either.
        if !thread::panicking() {
            let context = json!({ "browserContextId": self.context });
            lock(self.browser).call(None, "Target.disposeBrowserContext", context);
        }
    }
}

/// Writes each gap of a text as one space.
pub(crate) fn shown(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn complaint(event: &Value, address: &str) -> Option<String> {
    let details = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", details["exceptionDetails"])),
        "Runtime.consoleAPICalled" if details["type"] != "log" => Some(format!("console: {details}")),
        "Log.entryAdded" => Some(format!("log: {}", details["entry"])),
        "Page.javascriptDialogOpening" => Some(format!("dialog: {}", details["message"])),
        "Network.requestWillBeSent" if !is_page(details["request"]["url"].as_str()?, address) => {
            Some(format!("request: {}", details["request"]["url"]))
        }
        "Network.webSocketCreated" => Some(format!("socket: {}", details["url"])),
        _ => None,
    }
}

/// Returns `true` if a request is for the page itself. The browser may write the state in the address in
/// another way.
fn is_page(asked: &str, address: &str) -> bool {
    let file = |address: &str| address.split('?').next().map(str::to_owned);
    file(asked) == file(address)
}

/// Locks the browser, even if the test before panicked.
fn lock(browser: &Mutex<Browser>) -> MutexGuard<'_, Browser> {
    browser.lock().unwrap_or_else(PoisonError::into_inner)
}
