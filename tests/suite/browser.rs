//! A browser without a window, driven as `WebDriver` has it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

/// The key under which `WebDriver` names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What takes longer than this, in milliseconds, hangs.
const PATIENCE_MS: u32 = 60_000;

/// Chromium and its driver, until this is dropped.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    driver: Child,
}

impl Browser {
    /// Starts one; none, with a word about it, where there is no driver on the machine.
    ///
    /// Where all clients must run, it is a failure not to have one.
    pub(crate) async fn start() -> Option<Self> {
        let command = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).spawn();
        let Ok(mut driver) = command else {
            assert!(
                std::env::var_os("LIKENESS_CLIENTS").is_none_or(|clients| clients != "all"),
                "chromedriver is not installed, and all clients must run"
            );
            println!("chromedriver is not installed: the console was not driven");
            return None;
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let session =
            format!("http://127.0.0.1:{}/session", port.expect("the driver tells its port"));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut browser = Self { http, session, driver };
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--window-size=1280,900",
            // A camera that shows a test picture, and nobody who would have to allow it.
            "--use-fake-device-for-media-stream",
            "--use-fake-ui-for-media-stream",
        ];
        let wanted = json!({
            "goog:chromeOptions": { "args": flags },
            "goog:loggingPrefs": { "browser": "ALL" },
            "timeouts": { "script": PATIENCE_MS },
        });
        let started = browser.post("", &json!({ "capabilities": { "alwaysMatch": wanted } })).await;
        browser.session = format!("{}/{}", browser.session, started["sessionId"].as_str().unwrap());
        Some(browser)
    }

    /// Goes to an address.
    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url })).await;
    }

    /// Presses what a selector finds first.
    pub(crate) async fn click(&self, selector: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/click"), &json!({})).await;
    }

    /// Types into what a selector finds first: text, keys, or the path of a file.
    pub(crate) async fn type_into(&self, selector: &str, text: &str) {
        let element = self.element(selector).await;
        self.post(&format!("/element/{element}/value"), &json!({ "text": text })).await;
    }

    /// Makes the window as narrow as a phone.
    pub(crate) async fn narrow(&self) {
        let size = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
        let command = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": size });
        self.post("/goog/cdp/execute", &command).await;
    }

    /// What a script returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] })).await
    }

    /// Waits until a condition holds, looked at within the page.
    pub(crate) async fn wait_for(&self, condition: &str) {
        let script = format!(
            "const done = arguments[0];
             const look = () => ({condition} ? done(true) : setTimeout(look, 20));
             look();"
        );
        let body = json!({ "script": script, "args": [] });
        let answer = self.send("/execute/async", &body).await;
        if answer["value"] != json!(true) {
            let text = self.run("return document.body.innerText").await;
            panic!("{condition} never held: {answer}; the page says {text}");
        }
    }

    /// What the browser complained about so far: each message once.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" })).await;
        let entries = entries.as_array().unwrap().iter();
        let severe = entries.filter(|entry| entry["level"] == "SEVERE");
        severe.map(|entry| entry["message"].as_str().unwrap().to_owned()).collect()
    }

    /// Writes a picture of the page where somebody wants to see it.
    pub(crate) async fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("LIKENESS_SCREENSHOTS") else { return };
        let shot = self.http.get(format!("{}/screenshot", self.session)).send().await.unwrap();
        let shot: Value = shot.json().await.unwrap();
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            shot["value"].as_str().unwrap(),
        );
        let path = std::path::Path::new(&folder).join(format!("{name}.png"));
        std::fs::write(path, bytes.unwrap()).unwrap();
    }

    async fn element(&self, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.post("/element", &wanted).await;
        found[ELEMENT].as_str().unwrap().to_owned()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let mut answer = self.send(path, body).await;
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path} {body}: {value}");
        value
    }

    async fn send(&self, path: &str, body: &Value) -> Value {
        let sent = self.http.post(format!("{}{path}", self.session)).json(body).send().await;
        sent.unwrap().json().await.unwrap()
    }
}

impl Drop for Browser {
    /// Asks the driver to end its browser, also when a test failed; left alone it would stay.
    fn drop(&mut self) {
        let (host, path) = self.session.trim_start_matches("http://").split_once('/').unwrap();
        if let Ok(mut driver) = TcpStream::connect(host) {
            let request = format!("DELETE /{path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            let asked = driver.write_all(request.as_bytes());
            // It answers once the browser is gone.
            let _ = asked.and_then(|()| driver.read(&mut [0; 1]));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
