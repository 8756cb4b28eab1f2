//! `GET /v1/documents/{id}` and `GET /v1/passages/{id}`: where an answer stands, word for word.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use clinqa_qa::Engine;
use clinqa_schema::{Document, DocumentId, Metadata, PassageId};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Absences, ApiError};

/// A document as the index holds it.
#[derive(Serialize, ToSchema)]
pub(crate) struct DocumentReply {
    /// Its name.
    document_id: DocumentId,
    /// Its title.
    title: String,
    /// Its text; every offset in a reply counts Unicode scalar values of it.
    text: String,
    /// The bodies under its headings, in order.
    sections: Vec<DocumentSection>,
    /// What is known about it.
    metadata: Metadata,
    /// The generation of the index that holds it.
    generation: String,
}

/// A stretch of a document under one heading.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
struct DocumentSection {
    /// The heading; empty for text before the first one.
    heading: String,
    /// First character.
    start: usize,
    /// End, in characters.
    end: usize,
}

/// A passage: the stretch of a document that is ranked and read.
#[derive(Serialize, ToSchema)]
pub(crate) struct PassageReply {
    /// Its name.
    passage_id: PassageId,
    /// Its document.
    document_id: DocumentId,
    /// The title of its document.
    title: String,
    /// The heading it stands under.
    #[serde(skip_serializing_if = "Option::is_none")]
    section: Option<String>,
    /// Its text, as in the document.
    text: String,
    /// First character in the document's text.
    start: usize,
    /// End, in characters of the document's text.
    end: usize,
    /// What is known about its document.
    metadata: Metadata,
    /// The generation of the index that holds it.
    generation: String,
}

/// Gives a document
#[utoipa::path(
    get,
    path = "/v1/documents/{id}",
    tag = "sources",
    params(("id" = DocumentId, Path, description = "`document_id` of a citation")),
    responses((status = 200, description = "The document", body = DocumentReply), Absences)
)]
pub(crate) async fn document(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<DocumentReply>, ApiError> {
    let missing = || ApiError::NotFound("document");
    let id = id.ok().and_then(|Path(id)| DocumentId::new(id).ok()).ok_or_else(missing)?;
    let reply = app.look(move |engine| find_document(engine, &id)).await??;
    reply.map(Json).ok_or_else(missing)
}

/// Gives a passage
///
/// The `#` of its name is written `%23` in the address.
#[utoipa::path(
    get,
    path = "/v1/passages/{id}",
    tag = "sources",
    params(("id" = PassageId, Path, description = "`passage_id` of a citation, percent-encoded")),
    responses((status = 200, description = "The passage", body = PassageReply), Absences)
)]
pub(crate) async fn passage(
    State(app): State<Arc<App>>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<PassageReply>, ApiError> {
    let missing = || ApiError::NotFound("passage");
    let id: PassageId = id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(missing)?;
    let reply = app.look(move |engine| find_passage(engine, &id)).await??;
    reply.map(Json).ok_or_else(missing)
}

fn find(engine: &Engine, id: &DocumentId) -> Result<Option<Document>, ApiError> {
    engine.index().document(id).map_err(|_| ApiError::Index)
}

fn find_document(engine: &Engine, id: &DocumentId) -> Result<Option<DocumentReply>, ApiError> {
    let Some(document) = find(engine, id)? else { return Ok(None) };
    let sections = sections(&document);
    let Document { id, title, text, metadata, .. } = document;
    let generation = engine.index().manifest().id.to_string();
    Ok(Some(DocumentReply { document_id: id, title, text, sections, metadata, generation }))
}

fn find_passage(engine: &Engine, id: &PassageId) -> Result<Option<PassageReply>, ApiError> {
    let index = engine.index();
    let Some(passage) = index.passage(id).map_err(|_| ApiError::Index)? else { return Ok(None) };
    let document = find(engine, &id.document)?.ok_or(ApiError::Index)?;
    let start = document.char_offset(passage.bytes().start);
    Ok(Some(PassageReply {
        passage_id: id.clone(),
        document_id: document.id,
        title: document.title,
        section: Some(passage.heading().to_owned()).filter(|heading| !heading.is_empty()),
        text: passage.text().to_owned(),
        start,
        end: start + passage.text().chars().count(),
        metadata: document.metadata,
        generation: index.manifest().id.to_string(),
    }))
}

/// The sections in characters. They stand in order, so that the text is counted once, however many there are.
fn sections(document: &Document) -> Vec<DocumentSection> {
    let (mut byte, mut character) = (0, 0);
    let mut at = |end: usize| {
        character += document.text.get(byte..end).map_or(0, |between| between.chars().count());
        byte = end;
        character
    };
    let section = |section: &clinqa_schema::Section| {
        let (start, end) = (at(section.bytes.start), at(section.bytes.end));
        DocumentSection { heading: section.heading.clone(), start, end }
    };
    document.sections.iter().map(section).collect()
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Section, SourceLocator};

    use super::*;

    #[test]
    fn sections_are_counted_in_characters() {
        let text = "Über Ängste\nÄpfel\n\n😀 Ende";
        let bytes = |part: &str| text.find(part).map(|start| start..start + part.len()).expect("a part");
        let sections = ["Äpfel", "😀 Ende"].map(|part| Section { heading: part.to_owned(), bytes: bytes(part) });
        let document = Document {
            id: DocumentId::new("d").expect("an id"),
            title: "D".into(),
            text: text.into(),
            sections: sections.into(),
            metadata: Metadata::default(),
            source: SourceLocator::default(),
        };
        let chars: Vec<char> = text.chars().collect();
        for section in super::sections(&document) {
            assert_eq!(chars[section.start..section.end].iter().collect::<String>(), section.heading);
        }
    }
}
