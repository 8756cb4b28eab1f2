//! What did the client send? JSON of the shape that a route takes; what is wrong is told without repeating it.

use std::fmt::Write as _;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_path_to_error::{Path, Segment};

use crate::error::ApiError;

/// Every field that a body may have, and what it must be. An error names a field by its entry here, never by what was sent.
const FIELDS: [(&str, &str); 29] = [
    ("question", "a question is a text"),
    ("answer", "an answer is a text"),
    ("history", "the history is a list of turns, each with `question` and `answer`"),
    ("filters", "filters are an object of texts"),
    ("kind", "a filter is a text"),
    ("publisher", "a filter is a text"),
    ("specialty", "a filter is a text"),
    ("audience", "a filter is a text"),
    ("language", "a filter is a text"),
    ("grade", "a filter is a text"),
    ("jurisdiction", "a filter is a text"),
    ("since", "a date is written as 2026, 2026-11 or 2026-11-22"),
    ("until", "a date is written as 2026, 2026-11 or 2026-11-22"),
    ("top_k", TOP_K),
    ("region", REGION),
    ("explain", "it is true or false"),
    ("lexical_only", "it is true or false"),
    ("metadata", "it is true or false"),
    ("passage_id", "a passage is named as a citation names it"),
    ("helpful", "it is true or false"),
    ("generation", GENERATION),
    ("model", "a model is named by a text"),
    ("messages", "a message is an object with `role` and `content`"),
    ("role", "a role is `system`, `developer`, `user` or `assistant`"),
    ("content", "the content is a text or a list of text parts"),
    ("stream", "it is true or false"),
    ("stream_options", "it is an object with `include_usage`"),
    ("n", "one choice is made, so it is 1"),
    ("clinqa", "it is an object with `filters`, `top_k` and `region`"),
];

/// What `top_k` is.
pub(crate) const TOP_K: &str = "it is a whole number from 0 to 100";

/// What `region` is.
pub(crate) const REGION: &str = "a region is a country code of two letters, such as GB";

/// What `generation` is.
pub(crate) const GENERATION: &str = "a generation is named as a reply names it";

/// What any field may be said to be.
pub(crate) fn wants() -> impl Iterator<Item = &'static str> {
    FIELDS.iter().map(|(_, wanted)| *wanted)
}

/// What a route takes.
pub(crate) trait Wanted {
    /// Said where the whole body is something else.
    const WANTED: &'static str;
}

/// What is written as an object. By itself serde would also take a list of the values of the fields.
pub(crate) struct Object<T>(pub(crate) T);

/// What is inside, or nothing in particular.
pub(crate) fn object<T: Default>(object: Option<Object<T>>) -> T {
    object.map(|Object(inside)| inside).unwrap_or_default()
}

/// What is inside each.
pub(crate) fn objects<T>(objects: Option<Vec<Object<T>>>) -> Vec<T> {
    objects.into_iter().flatten().map(|Object(inside)| inside).collect()
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfFields<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfFields<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
            }
        }

        deserializer.deserialize_map(OfFields(std::marker::PhantomData))
    }
}

/// A whole number, which JSON may write as `3` or as `3.0`.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let not_whole = || serde::de::Error::custom("not a whole number");
    match Option::<f64>::deserialize(deserializer)? {
        None => Ok(None),
        // Beyond 2^53 a double holds no number exactly; nothing that is counted here is near.
        Some(number) if number.fract() == 0.0 && (0.0..=9e15).contains(&number) => Ok(Some(number as usize)),
        Some(_) => Err(not_whole()),
    }
}

/// A body that was read and understood.
pub(crate) struct Sent<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Wanted> FromRequest<S> for Sent<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::MediaType);
        }
        // The guard has the whole of it by now.
        let body = request.into_body().collect().await.map_err(|_| ApiError::BadRequest)?;
        Ok(Self(parse(&body.to_bytes())?))
    }
}

/// `application/json` or a kin of it, whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads `bytes` as one JSON value of the shape `T`.
fn parse<T: DeserializeOwned + Wanted>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() { misfit::<T>(error.path()) } else { syntax(inner) }
    })?;
    json.end().map_err(|error| syntax(&error))?;
    Ok(value)
}

fn syntax(error: &serde_json::Error) -> ApiError {
    ApiError::Syntax { line: error.line(), column: error.column() }
}

/// The field at `path`, as far as its names are ours.
fn misfit<T: Wanted>(path: &Path) -> ApiError {
    let (mut param, mut wanted) = (String::new(), T::WANTED);
    for segment in path {
        match segment {
            Segment::Seq { index } if !param.is_empty() => {
                let _ = write!(param, "[{index}]");
            }
            Segment::Map { key } => {
                let Some((name, what)) = FIELDS.iter().find(|(name, _)| name == key) else { break };
                let dot = if param.is_empty() { "" } else { "." };
                param.push_str(dot);
                param.push_str(name);
                wanted = what;
            }
            _ => break,
        }
    }
    ApiError::Field { param: Some(param).filter(|param| !param.is_empty()), wanted }
}

#[cfg(test)]
mod tests {
    use clinqa_schema::{Filters, Turn};
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    #[expect(dead_code, reason = "only whether it can be read is asked")]
    struct Body {
        question: String,
        history: Option<Vec<Object<Turn>>>,
        filters: Option<Object<Filters>>,
    }

    impl Wanted for Body {
        const WANTED: &'static str = "an object";
    }

    #[test]
    fn what_is_wrong_is_named_and_never_repeated() {
        let check = |body: &str, expected: &str| {
            let error = parse::<Body>(body.as_bytes()).err().expect(body).to_string();
            assert_eq!(error, expected, "{body}");
        };
        check("{\"question\": \"asthma", "the body is not whole JSON: see line 1, column 20");
        check(&"[".repeat(5_000), "the body does not fit: an object; see /docs");
        check("[\"secret\", null, null]", "the body does not fit: an object; see /docs");
        let list = "{\"question\": \"a\", \"filters\": [\"leaflet\"]}";
        check(list, "`filters` does not fit: filters are an object of texts; see /docs");
        let deep = format!("{{\"question\": \"x\", \"history\": {}", "[".repeat(5_000));
        check(
            &deep,
            "`history[0]` does not fit: the history is a list of turns, each with `question` and `answer`; see /docs",
        );
        check("{\"question\": \"\\ud800\"}", "the body is not whole JSON: see line 1, column 21");
        check("{\"question\": 1e999}", "the body is not whole JSON: see line 1, column 18");
        check("{\"question\": NaN}", "the body is not whole JSON: see line 1, column 14");
        check("{\"question\": \"a\", \"question\": \"b\"}", "the body does not fit: an object; see /docs");
        check("{\"secret\": 1}", "the body does not fit: an object; see /docs");
        check("{\"question\": [\"secret\"]}", "`question` does not fit: a question is a text; see /docs");
        check(
            "{\"question\": \"a\", \"filters\": {\"since\": \"secret\"}}",
            "`filters.since` does not fit: a date is written as 2026, 2026-11 or 2026-11-22; see /docs",
        );
        check("{\"question\": \"a\"} x", "the body is not whole JSON: see line 1, column 19");
    }

    #[test]
    fn unknown_fields_are_passed_over_whatever_they_are_called() {
        let body = "{\"question\": \"a\", \"__proto__\": {\"constructor\": [1]}, \"secret\": {}}";
        assert!(parse::<Body>(body.as_bytes()).is_ok());
    }

    #[test]
    fn json_is_known_by_its_type() {
        let check = |value: &'static str, expected: bool| {
            let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, header::HeaderValue::from_static(value))]);
            assert_eq!(is_json(&headers), expected, "{value}");
        };
        check("application/json", true);
        check("Application/JSON; charset=utf-8", true);
        check("application/problem+json", true);
        check("text/plain", false);
        check("application/x-www-form-urlencoded", false);
        check("text/json+json", false);
        assert!(!is_json(&HeaderMap::new()));
    }
}
