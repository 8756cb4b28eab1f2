//! How does an index of another machine answer the screen? Over the API of its `clinqa serve`.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clinqa_fetch::{Client, ClientConfig, ClientError};
use clinqa_qa::{Changes, Delivered, Facet, FacetCounts, FileCheck, GenerationId, Manifest};
use clinqa_schema::{Document, DocumentId, Filters, Gaps, Metadata, Observer, PassageId, Reply};
use clinqa_tui::{By, Desk, DeskError, Found, LISTED, Opening, Place, READ, Row, Shelved, Wanted};
use serde_json::{Value, json};

use super::follow::{Rhythm, follow};
use super::wire::{
    Checked, Compared, Corpora, Facets, Generations, Index, Listed, Names, Readiness, Rebuild, RebuildState,
    WiredDocument, WiredReply,
};

/// Where a rebuild is begun and followed.
const REBUILD: &str = "/v1/index/rebuild";

/// How the files of its corpora are.
const CORPORA: &str = "/v1/index/corpora";

/// How long the server may take for what reads all of its index; a little longer than it allows itself.
const PATIENCE: Duration = Duration::from_secs(310);

/// Why the server cannot be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RemoteError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("cannot read {path}: {source}; check the path and who may read it")]
    Read { path: String, source: io::Error },
}

/// The index of a server.
pub(crate) struct Remote {
    client: Client,
    /// The manifest of the generation that was told of last.
    told: Mutex<Option<Manifest>>,
}

impl Remote {
    /// The server at `address`, opened by the key in a file; nothing is sent yet.
    pub(crate) fn to(address: &str, key: Option<&Path>, authorities: Option<&Path>) -> Result<Self, RemoteError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|source| RemoteError::Read { path: path.display().to_string(), source })
        };
        let key = key.map(read).transpose()?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        // `clinqa key new` prints the secret and then the lines for the server's file.
        let key = key.map(|text| text.lines().next().unwrap_or_default().to_owned());
        let authorities = authorities.map(read).transpose()?;
        let client = Client::new(&ClientConfig { address: address.to_owned(), key, authorities })?;
        Ok(Self { client, told: Mutex::default() })
    }

    fn told(&self) -> Option<Manifest> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn search(&self, wanted: &Wanted, by: By) -> Result<Found, DeskError> {
        let start = Instant::now();
        let body = json!({
            "question": wanted.question.text(), "filters": wanted.filters, "top_k": LISTED,
            "lexical_only": by == By::Words, "explain": true, "metadata": true,
        });
        let listed: Listed = self.client.post("/v1/search", &body).map_err(desk_error)?;
        let has_vectors = self.told().is_some_and(|manifest| manifest.encoder.is_some());
        let by = if has_vectors { by } else { By::Words };
        let (found, documents) = listed.found();
        let known = |id: &DocumentId| documents.get(id.as_str()).cloned().unwrap_or_default();
        Ok(Found::of(found, by, start, known))
    }

    /// What a server that does not let us see it does not have, as far as we know.
    fn unless_shut<T>(result: Result<T, ClientError>) -> Result<Option<T>, DeskError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(ClientError::Refused { status: 401 | 403 | 404, .. }) => Ok(None),
            Err(error) => Err(desk_error(error)),
        }
    }
}

fn desk_error(error: ClientError) -> DeskError {
    match error {
        ClientError::Lost { .. } => DeskError::Lost { source: error.into() },
        ClientError::Busy { after, .. } => DeskError::Busy { after },
        ClientError::Refused { status: 400 | 422, ref sentence, .. } => {
            DeskError::Refused { source: sentence.clone().into() }
        }
        other => DeskError::failed(other),
    }
}

/// What became of that which only an administrator may do.
pub(super) fn administrator(error: ClientError) -> DeskError {
    match error {
        ClientError::Refused { host, status: 401 | 403, .. } => DeskError::failed(format!(
            "{host} does this only for a key of role admin; start with `--key-file` of such a key"
        )),
        other => desk_error(other),
    }
}

fn misfit(what: &str) -> DeskError {
    DeskError::failed(format!("the server sent {what} that is not whole; it may be of another version"))
}

impl Desk for Remote {
    fn place(&self) -> Place {
        Place::There(self.client.host().to_owned())
    }

    fn open(&self) -> Result<Opening, DeskError> {
        // Cheap, and counted against no rate: asked every few seconds.
        let Readiness { generation } = self.client.get("/readyz").map_err(desk_error)?;
        if self.told().is_some_and(|manifest| manifest.id.to_string() == generation) {
            return Ok(Opening::Same);
        }
        let Index { manifest } = self.client.get("/v1/index").map_err(desk_error)?;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(manifest.clone());
        Ok(Opening::New(Box::new(manifest)))
    }

    fn names(&self) -> Result<Vec<String>, DeskError> {
        let Names { names } = self.client.get("/v1/names").map_err(desk_error)?;
        Ok(names)
    }

    fn prepare(&self) -> Result<(), DeskError> {
        // The server has its models.
        Ok(())
    }

    fn by_words(&self, wanted: &Wanted) -> Result<Found, DeskError> {
        self.search(wanted, By::Words)
    }

    fn by_meaning(&self, wanted: &Wanted) -> Result<Found, DeskError> {
        self.search(wanted, By::Meaning)
    }

    fn answer(&self, wanted: &Wanted) -> Result<Reply, DeskError> {
        let mut body = json!({
            "question": wanted.question.text(), "filters": wanted.filters, "top_k": READ, "explain": true,
        });
        if let Some(region) = wanted.region {
            body["region"] = Value::from(region.code());
        }
        let reply: WiredReply = self.client.post("/v1/ask", &body).map_err(desk_error)?;
        reply.reply().ok_or_else(|| misfit("a reply"))
    }

    fn document(&self, id: &DocumentId) -> Result<Option<Document>, DeskError> {
        let path = format!("/v1/documents/{}", encoded(id.as_str()));
        let document: WiredDocument = match self.client.get(&path) {
            Ok(document) => document,
            Err(ClientError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(desk_error(error)),
        };
        document.document().map(Some).ok_or_else(|| misfit("a document"))
    }

    fn similar(&self, of: &PassageId, filters: &Filters) -> Result<Vec<Row>, DeskError> {
        let body = json!({"passage_id": of, "filters": filters, "top_k": LISTED});
        let listed: Listed = self.client.post("/v1/similar", &body).map_err(desk_error)?;
        let Listed { results, documents, .. } = listed;
        let row = |reading: clinqa_schema::Reading| {
            let id = reading.citation.document_id.as_str();
            let metadata: Metadata = documents.get(id).cloned().unwrap_or_default();
            Row::beside(reading, metadata)
        };
        Ok(results.into_iter().map(row).collect())
    }

    fn counts(&self, filters: &Filters) -> Result<FacetCounts, DeskError> {
        let Facets { facets } = self.client.post("/v1/facets", &json!({"filters": filters})).map_err(desk_error)?;
        let known = |(name, values): (String, _)| Some((Facet::named(&name)?, values));
        Ok(facets.into_iter().filter_map(known).collect())
    }

    fn shelf(&self) -> Result<Vec<Shelved>, DeskError> {
        let listed: Option<Generations> = Self::unless_shut(self.client.get("/v1/index/generations"))?;
        let current = || self.told().into_iter().map(|manifest| Shelved { manifest, current: true, scores: None });
        let Some(listed) = listed else { return Ok(current().collect()) };
        let shelved = listed.generations.into_iter().map(|generation| Shelved {
            manifest: generation.manifest,
            current: generation.current,
            scores: generation.scores,
        });
        Ok(shelved.collect())
    }

    fn compare(&self, earlier: &GenerationId, later: &GenerationId) -> Result<Changes, DeskError> {
        let path = format!("/v1/index/changes/{earlier}/{later}");
        let Compared { changes } = self.client.get_within(&path, PATIENCE).map_err(desk_error)?;
        Ok(changes)
    }

    fn check(&self) -> Result<Vec<FileCheck>, DeskError> {
        let checked: Checked =
            self.client.post_within("/v1/index/check", &json!({}), PATIENCE).map_err(administrator)?;
        Ok(checked.files())
    }

    fn corpora(&self) -> Result<Option<Vec<Delivered>>, DeskError> {
        let told: Option<Corpora> = Self::unless_shut(self.client.get_within(CORPORA, PATIENCE))?;
        Ok(told.map(Corpora::delivered))
    }

    fn activate(&self, id: &GenerationId) -> Result<(), DeskError> {
        let body = json!({"generation": id});
        let Index { .. } = self.client.post_within("/v1/index/current", &body, PATIENCE).map_err(administrator)?;
        Ok(())
    }

    fn rebuild(&self, observer: &mut dyn Observer) -> Result<String, DeskError> {
        let ask = || self.client.get::<Rebuild>(REBUILD);
        let begun = match self.client.post(REBUILD, &json!({})) {
            Ok(begun) => begun,
            Err(ClientError::Refused { status: 409, sentence, .. }) => {
                let rebuild = ask().map_err(administrator)?;
                // Somebody else has begun one here: it is followed. Any other hindrance is told.
                if rebuild.state != RebuildState::Running {
                    return Err(DeskError::failed(sentence));
                }
                rebuild
            }
            Err(error) => return Err(administrator(error)),
        };
        follow(begun, ask, &Rhythm::default(), observer)
    }

    fn gaps(&self) -> Result<Option<Gaps>, DeskError> {
        Self::unless_shut(self.client.get("/v1/gaps"))
    }
}

/// A name as part of an address.
fn encoded(name: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    name.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener};

    use clinqa_schema::Silent;

    use super::*;

    /// What a rebuild comes to at a server that says these replies in turn, each with its status.
    fn rebuilt(replies: &'static [(u16, &'static str)]) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let served = std::thread::spawn(move || {
            for (status, body) in replies {
                let (mut stream, _) = listener.accept().expect("a connection");
                let asked = stream.read(&mut [0; 4096]).expect("a request");
                assert!(asked > 0);
                let head = format!("HTTP/1.1 {status} said\r\nconnection: close\r\ncontent-length: {}", body.len());
                stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).expect("written");
                // Whoever closes before all was read may take back what it said.
                stream.shutdown(Shutdown::Write).and_then(|()| stream.read_to_end(&mut Vec::new())).expect("the end");
            }
        });
        let remote = Remote::to(&address, None, None).expect("a remote");
        let told = remote.rebuild(&mut Silent).map_err(|error| error.to_string());
        served.join().expect("all was asked");
        told
    }

    #[test]
    fn a_rebuild_that_somebody_else_began_there_is_followed_and_any_other_hindrance_told() {
        const HINDERED: (u16, &str) = (409, r#"{"error": {"message": "it is written to"}}"#);
        const IDLE: (u16, &str) = (200, r#"{"state": "idle", "skipped": {"count": 0, "latest": []}}"#);
        const RUNNING: (u16, &str) = (200, r#"{"state": "running", "skipped": {"count": 0, "latest": []}}"#);
        const DONE: (u16, &str) =
            (200, r#"{"state": "done", "skipped": {"count": 0, "latest": []}, "summary": "Published."}"#);
        assert_eq!(rebuilt(&[HINDERED, RUNNING, DONE]).as_deref(), Ok("Published."));
        assert_eq!(rebuilt(&[HINDERED, IDLE]), Err("it is written to".to_owned()));
        assert_eq!(rebuilt(&[(501, r#"{"error": {"message": "not here"}}"#)]), Err("127.0.0.1: not here".to_owned()));
        assert!(rebuilt(&[(403, "{}")]).is_err_and(|told| told.contains("role admin")));
    }

    #[test]
    fn a_name_is_written_so_that_it_stays_one_part_of_an_address() {
        assert_eq!(encoded("sepsis-2.1_x"), "sepsis-2.1_x");
        assert_eq!(encoded("../a b#2?"), "..%2Fa%20b%232%3F");
    }

    #[test]
    fn a_key_that_cannot_be_read_is_told_with_its_path() {
        let missing = Remote::to("https://a.example", Some(Path::new("nowhere/key")), None).err().expect("an error");
        assert!(missing.to_string().contains("nowhere/key"), "{missing}");
        let clear = Remote::to("http://a.example", None, None).err().expect("an error");
        assert!(clear.to_string().contains("https://"), "{clear}");
    }
}
