//! Some hundreds of requests that no client should send, against every call: each is refused with a
//! documented error, nothing is stored, and the server needs no more memory for it.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use reqwest::Method;

use super::bad_images::png;
use crate::support::{Answer, Rest, ServerBuilder, TestServer, sample_photos};

const BOUNDARY: &str = "boundary";
const FORM: &str = "multipart/form-data; boundary=boundary";
/// Calls with images, and the names of these.
const UPLOADS: [(&str, &[&str]); 4] = [
    ("/faces:detect", &["image"]),
    ("/faces:compare", &["source_image", "target_image"]),
    ("/collections/c/faces", &["image"]),
    ("/collections/c/search-by-image", &["image"]),
];

/// A server with a collection `c` that holds one face.
struct World {
    server: TestServer,
    rest: Rest,
    photo: Vec<u8>,
    face: String,
    /// Errors as the manual lists them: code and status.
    documented: Vec<(String, u16)>,
    sent: usize,
}

impl World {
    async fn new() -> Self {
        let server = ServerBuilder::new().with_models().start().await;
        let rest = server.rest(&server.create_key("acme", "test", "admin").await);
        let photo = std::fs::read(&sample_photos()[0]).unwrap();
        let name = serde_json::json!({ "external_id": "c" });
        rest.post_json("/collections", &name).await.unwrap();
        let (_, indexed) =
            rest.post_form("/collections/c/faces", &[("image", &photo)], &[]).await.unwrap();
        let face = indexed["face_id"].as_str().unwrap().to_owned();
        Self { server, rest, photo, face, documented: documented(), sent: 0 }
    }

    /// Sends a request that must be refused in a documented way.
    async fn refused(&mut self, what: &str, method: Method, path: &str, body: Body<'_>) {
        let answer = self.send(method, path, body).await;
        assert!(answer.is_err(), "{what}: {path} answered {answer:?}");
        self.check(what, path, &answer);
    }

    /// Sends a request that may be served too; whether it was.
    async fn tolerated(&mut self, what: &str, path: &str, body: Body<'_>) -> bool {
        let answer = self.send(Method::POST, path, body).await;
        self.check(what, path, &answer);
        answer.is_ok()
    }

    async fn send(&mut self, method: Method, path: &str, body: Body<'_>) -> Answer {
        self.sent += 1;
        self.rest.send_raw(method, path, body.content_type, body.bytes).await
    }

    fn check(&self, what: &str, path: &str, answer: &Answer) {
        let Err(error) = answer else { return };
        let known =
            self.documented.iter().any(|known| *known == (error.code.clone(), error.status));
        assert!(known && error.status < 500, "{what}: {path} answered {error:?}");
    }

    /// That the collection holds so many faces, and is the only one.
    async fn holds(&self, faces: usize) {
        let (_, all) = self.rest.get("/collections").await.unwrap();
        assert_eq!(all["collections"].as_array().unwrap().len(), 1, "{all}");
        assert_eq!(all["collections"][0]["face_count"], faces, "{all}");
    }
}

/// The table of errors of the manual.
fn documented() -> Vec<(String, u16)> {
    let manual = include_str!("../../docs/rest.md");
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let (codes, status) = (cells.next()?.to_owned(), cells.next()?.parse::<u16>().ok()?);
        Some((codes, status))
    };
    let rows = manual.lines().filter_map(row);
    let codes = rows.flat_map(|(codes, status)| {
        let codes: Vec<String> = codes.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        codes.into_iter().map(move |code| (code, status))
    });
    let codes: Vec<_> = codes.collect();
    assert!(codes.len() > 25, "{codes:?}");
    codes
}

#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) content_type: &'a str,
    pub(crate) bytes: Vec<u8>,
}

const NOTHING: Body<'static> = Body { content_type: "", bytes: Vec::new() };

pub(crate) fn json(text: impl Into<Vec<u8>>) -> Body<'static> {
    Body { content_type: "application/json", bytes: text.into() }
}

/// A form of parts: what stands in their heads behind `form-data`, and their bytes.
pub(crate) fn form(parts: &[(&str, &[u8])]) -> Body<'static> {
    let mut bytes = Vec::new();
    for (head, content) in parts {
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n");
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    Body { content_type: FORM, bytes }
}

/// A form with the same image in all of the places for one, and texts.
fn upload(images: &[&str], image: &[u8], texts: &[(&str, &str)]) -> Body<'static> {
    let image_heads = images.iter().map(|name| format!("name=\"{name}\"; filename=\"a\""));
    let text_heads = texts.iter().map(|(name, _)| format!("name=\"{name}\""));
    let heads: Vec<String> = image_heads.chain(text_heads).collect();
    let contents =
        images.iter().map(|_| image).chain(texts.iter().map(|(_, text)| text.as_bytes()));
    let parts: Vec<(&str, &[u8])> = heads.iter().map(String::as_str).zip(contents).collect();
    form(&parts)
}

/// Numbers that look random and are the same every time.
fn scattered(seed: u64) -> impl Iterator<Item = usize> {
    let mut state = seed;
    std::iter::from_fn(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 11).ok()
    })
}

/// A PNG of few pixels whose data unfold to a hundred megabytes.
fn unfolding() -> Vec<u8> {
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1 << 20];
    for _ in 0..100 {
        packed.write_all(&zeros).unwrap();
    }
    let mut bytes = png(64, 64)[..33].to_vec();
    for (name, data) in [(b"IDAT", packed.finish().unwrap()), (b"IEND", Vec::new())] {
        bytes.extend_from_slice(&u32::try_from(data.len()).unwrap().to_be_bytes());
        let chunk = [&name[..], &data].concat();
        bytes.extend_from_slice(&chunk);
        bytes.extend_from_slice(&crc32fast::hash(&chunk).to_be_bytes());
    }
    bytes
}

/// The photo with an EXIF segment of these bytes.
fn with_exif(photo: &[u8], tiff: &[u8]) -> Vec<u8> {
    let length = u16::try_from(2 + 6 + tiff.len()).unwrap().to_be_bytes();
    let segment = [&[0xff, 0xe1], &length[..], b"Exif\0\0", tiff].concat();
    [&photo[..2], &segment, &photo[2..]].concat()
}

/// EXIF segments that make no sense: tables beyond the end, in circles, of the greatest counts.
fn absurd_exif() -> Vec<Vec<u8>> {
    let entry = |tag: u16, kind: u16, count: u32, value: u32| {
        [&tag.to_be_bytes()[..], &kind.to_be_bytes(), &count.to_be_bytes(), &value.to_be_bytes()]
            .concat()
    };
    let table = |offset: u32, count: u16, entries: &[u8], next: u32| {
        let head = [b"MM\0\x2a", &offset.to_be_bytes()[..], &count.to_be_bytes()].concat();
        [&head, entries, &next.to_be_bytes()].concat()
    };
    let orientation = |value: u32| entry(0x0112, 3, 1, value << 16);
    vec![
        Vec::new(),
        b"MM".to_vec(),
        b"XX\0\x2a\0\0\0\x08".to_vec(),
        table(u32::MAX, 1, &orientation(1), 0),
        table(8, u16::MAX, &orientation(1), 0),
        table(8, 1, &orientation(0), 0),
        table(8, 1, &orientation(65_535), 0),
        table(8, 1, &orientation(6), 8),
        table(8, 1, &entry(0x0112, 2, u32::MAX, 0), 0),
        table(8, 1, &entry(0x8769, 4, 1, 8), 8),
        table(8, 1, &entry(0xffff, 255, u32::MAX, u32::MAX), u32::MAX),
        vec![0xff; 60_000],
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn images_that_are_none_are_refused_by_every_call() {
    let mut world = World::new().await;
    let photo = world.photo.clone();
    let before = world.server.peak_memory();
    let mut useless: Vec<(String, Vec<u8>)> = vec![
        ("text".to_owned(), b"GIF89a and so on".to_vec()),
        ("svg".to_owned(), b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec()),
        ("nothing but zeros".to_owned(), vec![0; 100_000]),
        ("two bytes".to_owned(), photo[..2].to_vec()),
        ("half a riff".to_owned(), b"RIFF\xff\xff\xff\xffWEBPVP8 ".to_vec()),
    ];
    for cut in 1..10 {
        let image = photo[..photo.len() * cut / 10].to_vec();
        useless.push((format!("{cut} tenths"), image));
    }
    let small = png(300, 200);
    for cut in 1..5 {
        useless.push((format!("png {cut} fifths"), small[..small.len() * cut / 5].to_vec()));
    }
    for (what, image) in &useless {
        for (path, names) in UPLOADS {
            world.refused(what, Method::POST, path, upload(names, image, &[])).await;
        }
    }
    let mut stored = 1;
    // Decoders stop where the declared pixels end, however much more there is.
    let mut doubtful = vec![("an unfolding png".to_owned(), unfolding())];
    for flip in 0..6 {
        let mut image = photo.clone();
        for at in scattered(flip + 1).take(8) {
            let at = at % image.len();
            image[at] ^= 1 << (at % 8);
        }
        doubtful.push((format!("flipped {flip}"), image));
    }
    let exif = absurd_exif().into_iter().enumerate();
    let absurd: Vec<_> = exif.map(|(at, exif)| (at, with_exif(&photo, &exif))).collect();
    for (at, image) in &absurd {
        let body = upload(&["image"], image, &[]);
        world.tolerated(&format!("exif {at}"), "/faces:detect", body).await;
    }
    for (what, image) in &doubtful {
        for (path, names) in UPLOADS {
            let served = world.tolerated(what, path, upload(names, image, &[])).await;
            stored += usize::from(served && path.ends_with("/faces"));
        }
    }
    world.holds(stored).await;
    assert!(world.sent >= 110, "{}", world.sent);
    if let (Some(before), Some(after)) = (before, world.server.peak_memory()) {
        let grown = after.saturating_sub(before) >> 20;
        assert!(grown < 300, "peak memory grew by {grown} MiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_that_are_broken_or_say_nonsense_are_refused_by_every_call() {
    let mut world = World::new().await;
    let image = png(64, 64);
    let texts: [(&str, &[&str]); 6] = [
        ("threshold", &["NaN", "inf", "-1", "1.1", "1e999", "", "0x1", "½", "0,5"]),
        ("max_results", &["-1", "0", "101", "1e1", "", "NaN", "99999999999999999999"]),
        ("max_faces", &["-1", "0", "101", "1.0", "", "\u{662}"]),
        ("attributes", &["", "ALL", "none,default", "\0"]),
        ("quality_filter", &["", "AUTO", "null"]),
        ("external_face_id", &["", &"x".repeat(256), &"\u{1f642}".repeat(256), &"x".repeat(5000)]),
    ];
    for (path, names) in UPLOADS {
        let whole = upload(names, &image, &[]).bytes;
        let name = format!("name=\"{}\"", names[0]);
        let with =
            |content_type: &'static str, bytes: &[u8]| Body { content_type, bytes: bytes.to_vec() };
        let long_head = format!("{name}; filename=\"{}\"", "x".repeat(100_000));
        let many: Vec<(&str, &[u8])> = vec![("name=\"more\"", b"x"); 40];
        let broken = [
            ("no type", with("", &whole)),
            ("no boundary", with("multipart/form-data", &whole)),
            ("another boundary", with("multipart/form-data; boundary=other", &whole)),
            ("urlencoded", with("application/x-www-form-urlencoded", b"image=x")),
            ("json", with("application/json", b"{\"image\": \"\"}")),
            ("nothing", with(FORM, b"")),
            ("cut off in a head", with(FORM, &whole[..30])),
            ("cut off in an image", with(FORM, &whole[..whole.len() - 60])),
            ("no image", form(&[("name=\"other\"; filename=\"a\"", &image)])),
            ("an empty image", upload(names, b"", &[])),
            ("the same twice", form(&[(&name, &image), (&name, &image)])),
            ("a part without a name", form(&[("filename=\"a\"", &image)])),
            ("many parts", form(&many)),
            ("a whole disk", upload(names, &vec![0xff; 9 << 20], &[])),
        ];
        for (what, body) in broken {
            world.refused(what, Method::POST, path, body).await;
        }
        for (field, values) in texts {
            for value in values {
                let body = upload(names, &image, &[(field, value)]);
                // Fields of other calls are passed over, and then there is no face in the image.
                world.tolerated(&format!("{field}={value:.20}"), path, body).await;
            }
        }
        world.tolerated("a long head", path, form(&[(&long_head, &image)])).await;
        let not_text = form(&[(&name, &image), ("name=\"threshold\"", b"\xff\xfe")]);
        world.tolerated("a text that is none", path, not_text).await;
    }
    world.holds(1).await;
    assert!(world.sent >= 190, "{}", world.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_of_nonsense_are_refused() {
    let mut world = World::new().await;
    let documents: [&[u8]; 22] = [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1e999",
        b"\"c\"",
        b"{}",
        b"{\"external_id\": null}",
        b"{\"external_id\": 7}",
        b"{\"external_id\": NaN}",
        b"{\"external_id\": [\"a\"]}",
        b"{\"external_id\": \"\"}",
        b"{\"external_id\": \"a\\u0000b\"}",
        b"{\"external_id\": \"\\ud800\"}",
        b"{\"external_id\": \"a\", \"external_id\": \"b\"}",
        b"{\"external_id\": \"a\", \"description\": {}}",
        b"{\"external_id\": \"a\"} trailing",
        b"{'external_id': 'a'}",
        b"\xef\xbb\xbf{\"external_id\": \"a\"}",
        b"{\"external_id\": \"\xff\"}",
        b"[\"a\", null]",
        b"{\"external_id\": \"c\"}",
    ];
    for document in documents {
        let what = String::from_utf8_lossy(document);
        world.refused(&what, Method::POST, "/collections", json(document)).await;
    }
    let long = format!("{{\"external_id\": \"{}\"}}", "x".repeat(121));
    let deep = format!("{{\"external_id\": {}1", "[".repeat(10_000));
    let large = format!("{{\"external_id\": \"a\"{}}}", " ".repeat(70_000));
    let wordy = format!("{{\"external_id\": \"a\", \"description\": \"{}\"}}", "x".repeat(1001));
    for document in [long, deep, large, wordy] {
        world.refused("a long document", Method::POST, "/collections", json(document)).await;
    }
    for wrong in ["", "text/plain", "application/jsonp", "application/x-www-form-urlencoded", FORM]
    {
        let body = Body { content_type: wrong, bytes: b"{\"external_id\": \"a\"}".to_vec() };
        world.refused(wrong, Method::POST, "/collections", body).await;
    }
    world.holds(1).await;
    assert!(world.sent >= 30, "{}", world.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_of_nonsense_are_refused() {
    let mut world = World::new().await;
    let long = "x".repeat(3000);
    let names = [
        "..%2f..%2fetc%2fpasswd",
        "%2e%2e%2fc",
        "%00",
        "c%00",
        "%ff",
        "%F0%9F%99%82",
        "C",
        "c%20",
        "%27%3B%20DROP%20TABLE%20c",
        "absent",
        &long,
    ];
    for name in names {
        for (method, rest) in [
            (Method::GET, ""),
            (Method::DELETE, ""),
            (Method::GET, "/faces"),
            (Method::POST, "/search-by-face/f_01KC4Q2V8S5R4J9X6T3W7Z1A0B"),
        ] {
            let path = format!("/collections/{name}{rest}");
            world.refused(name, method, &path, NOTHING).await;
        }
    }
    let face = world.face.clone();
    let faces = ["f_", "F_01KC4Q2V8S5R4J9X6T3W7Z1A0B", "..%2fc", "-1", "NaN", "%00", "%ff", &long];
    let strangers = [&face.to_lowercase(), &face[..27], &format!("{face}0")].map(str::to_owned);
    for id in faces.into_iter().chain(strangers.iter().map(String::as_str)) {
        for (method, call) in
            [(Method::GET, "faces"), (Method::DELETE, "faces"), (Method::POST, "search-by-face")]
        {
            world.refused(id, method, &format!("/collections/c/{call}/{id}"), NOTHING).await;
        }
    }
    world.holds(1).await;
    assert!(world.sent >= 70, "{}", world.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_and_methods_of_nonsense_are_refused() {
    let mut world = World::new().await;
    let face = world.face.clone();
    let long = "x".repeat(3000);
    let numbers =
        ["", "-1", "0", "201", "NaN", "1e1", "99999999999999999999", "%31%00", "1&limit=2"];
    for number in numbers {
        for path in ["/collections", "/collections/c/faces"] {
            world.refused(number, Method::GET, &format!("{path}?limit={number}"), NOTHING).await;
        }
    }
    for cursor in ["", "%00", "x", "....", "AAAA", "%F0%9F%99%82", &long] {
        for path in ["/collections", "/collections/c/faces"] {
            world.refused(cursor, Method::GET, &format!("{path}?cursor={cursor}"), NOTHING).await;
        }
    }
    let search = format!("/collections/c/search-by-face/{face}");
    for query in
        ["max_results=0", "max_results=101", "max_results=-1", "threshold=NaN", "threshold=2"]
    {
        world.refused(query, Method::POST, &format!("{search}?{query}"), NOTHING).await;
    }
    for method in [Method::PUT, Method::PATCH, Method::OPTIONS, Method::TRACE] {
        for path in ["/collections", "/collections/c", "/faces:detect", &search] {
            world.refused("a method", method.clone(), path, NOTHING).await;
        }
    }
    world.holds(1).await;
    assert!(world.sent >= 50, "{}", world.sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn images_without_a_face_are_told_apart_by_their_place() {
    let world = World::new().await;
    let (rest, photo, empty) = (&world.rest, &world.photo[..], &png(300, 200)[..]);
    let compare = async |source, target| {
        let images = [("source_image", source), ("target_image", target)];
        rest.post_form("/faces:compare", &images, &[]).await.unwrap_err().code
    };
    assert_eq!(compare(empty, photo).await, "no_face_in_source");
    assert_eq!(compare(photo, empty).await, "no_face_in_target");
    assert_eq!(compare(empty, empty).await, "no_face_in_source");
    for path in ["/collections/c/faces", "/collections/c/search-by-image"] {
        let refused = rest.post_form(path, &[("image", empty)], &[]).await.unwrap_err();
        assert_eq!((refused.status, refused.code.as_str()), (422, "no_face_detected"));
    }
    let taken = rest.post_json("/collections", &serde_json::json!({ "external_id": "c" })).await;
    assert_eq!(taken.unwrap_err().code, "collection_exists");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_repeated_with_its_key_adds_its_face_once() {
    let world = World::new().await;
    let rest = world.rest.with_header("idempotency-key", "c0ffee");
    let upload = async |texts: &[(&str, &str)]| {
        rest.post_form("/collections/c/faces", &[("image", &world.photo)], texts).await
    };
    let first = upload(&[("external_face_id", "ann")]).await.unwrap();
    // Its boundary differs, what it says does not.
    assert_eq!(upload(&[("external_face_id", "ann")]).await.unwrap(), first);
    let other = upload(&[("external_face_id", "bob")]).await.unwrap_err();
    assert_eq!((other.status, other.code.as_str()), (422, "idempotency_key_reused"));
    world.holds(2).await;
}
