//! A REST client that speaks JSON and multipart forms and keeps errors as values.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// An error as the contract words it.
#[derive(Debug, PartialEq)]
pub(crate) struct ErrorBody {
    pub(crate) status: u16,
    pub(crate) code: String,
}

/// One key's view of the REST door.
#[derive(Clone)]
pub(crate) struct Rest {
    address: String,
    base: String,
    key: String,
    http: reqwest::Client,
}

pub(crate) type Answer = Result<(StatusCode, Value), ErrorBody>;

impl Rest {
    pub(crate) fn new(address: &str, key: &str) -> Self {
        Self {
            address: address.to_owned(),
            base: format!("http://{address}/api/v2"),
            key: key.to_owned(),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
        }
    }

    /// The same client, with a header on each of its requests.
    pub(crate) fn with_header(&self, name: &'static str, value: &str) -> Self {
        let headers = HeaderMap::from_iter([(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        )]);
        let http = reqwest::Client::builder().no_proxy().default_headers(headers);
        Self { http: http.build().unwrap(), ..self.clone() }
    }

    /// The same client of another server.
    pub(crate) fn of(&self, address: &str) -> Self {
        let (address, key) = (address.to_owned(), self.key.clone());
        Self { base: format!("http://{address}/api/v2"), address, key, http: self.http.clone() }
    }

    /// The same client, below another path than the facade's.
    pub(crate) fn at(&self, path: &str) -> Self {
        Self { base: format!("http://{}{path}", self.address), ..self.clone() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    pub(crate) async fn post(&self, path: &str) -> Answer {
        self.send(self.request(Method::POST, path)).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Posts a form of files (name, bytes) and texts (name, text).
    pub(crate) async fn post_form(
        &self,
        path: &str,
        files: &[(&str, &[u8])],
        texts: &[(&str, &str)],
    ) -> Answer {
        let mut form = Form::new();
        for (name, bytes) in files {
            form = form.part((*name).to_owned(), Part::bytes(bytes.to_vec()).file_name("a.jpg"));
        }
        for (name, text) in texts {
            form = form.text((*name).to_owned(), (*text).to_owned());
        }
        self.send(self.request(Method::POST, path).multipart(form)).await
    }

    /// Sends bytes as they are; without a content type where that is empty.
    pub(crate) async fn send_raw(
        &self,
        method: Method,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        let mut request = self.request(method, path);
        if !content_type.is_empty() {
            request = request.header("content-type", content_type);
        }
        self.send(request.body(body)).await
    }

    /// The text of `/metrics`, or none when the server is gone.
    pub(crate) async fn metrics(&self) -> Option<String> {
        let asked = self.http.get(format!("http://{}/metrics", self.address));
        let answer = asked.bearer_auth(&self.key).send().await.ok()?;
        assert!(answer.status().is_success(), "/metrics: {}", answer.status());
        answer.text().await.ok()
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.key)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let status = response.status();
        let text = response.text().await.unwrap();
        if status.is_success() {
            let body = if text.is_empty() { Value::Null } else { parsed(&text) };
            return Ok((status, body));
        }
        let body = parsed(&text);
        let code = body["detail"]["code"].as_str();
        let code = code.unwrap_or_else(|| panic!("no code in {text:?}")).to_owned();
        assert!(body["detail"]["message"].is_string(), "no message in {text:?}");
        Err(ErrorBody { status: status.as_u16(), code })
    }
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("not JSON ({error}): {text:?}"))
}
