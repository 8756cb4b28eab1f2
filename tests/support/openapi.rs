//! Does a JSON value look as the `OpenAPI` document says? The part of JSON Schema that our document uses, and no more.

use serde_json::{Map, Value};

/// An `OpenAPI` document whose references are within it.
pub(crate) struct Document(pub(crate) Value);

/// One operation of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Operation {
    pub(crate) path: String,
    pub(crate) method: String,
}

impl Document {
    /// Every operation, in order.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let operations = object(&self.0["paths"]).into_iter().flat_map(|(path, item)| {
            let methods = object(&item).into_iter().map(|(method, _)| method);
            methods.map(|method| Operation { path: path.clone(), method }).collect::<Vec<_>>()
        });
        operations.collect()
    }

    /// What is said about one operation.
    pub(crate) fn operation(&self, path: &str, method: &str) -> &Value {
        &self.0["paths"][path][method]
    }

    /// Insists that `value` is what `method path` answers with `status`, in the form `content_type`.
    #[track_caller]
    pub(crate) fn check(&self, path: &str, method: &str, status: u16, content_type: &str, value: &Value) {
        let response = &self.operation(path, method)["responses"][status.to_string()];
        assert!(response.is_object(), "{method} {path} does not say that it answers {status}");
        let schema = &response["content"][content_type]["schema"];
        assert!(schema.is_object(), "{method} {path} {status} does not describe its {content_type}");
        let broken = self.differences(schema, value, "");
        assert!(broken.is_empty(), "{method} {path} {status}: {broken:#?}");
    }

    /// Where `value` is not as `schema` says.
    pub(crate) fn differences(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut broken = Vec::new();
        self.compare(schema, value, at, &mut broken);
        let (known, open) = self.properties(schema);
        if let (Some(object), false) = (value.as_object(), open) {
            let unknown = object.keys().filter(|key| !known.contains(key));
            broken.extend(unknown.map(|key| format!("{at}.{key} is not described")));
        }
        broken
    }

    fn compare(&self, schema: &Value, value: &Value, at: &str, broken: &mut Vec<String>) {
        let schema = self.resolved(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.compare(part, value, at, broken);
        }
        for keyword in ["oneOf", "anyOf"] {
            let Some(choices) = schema[keyword].as_array() else { continue };
            let fits = choices.iter().filter(|choice| self.differences(choice, value, at).is_empty()).count();
            if fits == 0 || (keyword == "oneOf" && fits > 1) {
                broken.push(format!("{at} fits {fits} of the choices of {keyword}"));
            }
        }
        let types: Vec<&str> = match &schema["type"] {
            Value::String(one) => vec![one],
            Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        if !types.is_empty() && !types.iter().any(|kind| is_a(kind, value)) {
            broken.push(format!("{at} is not {types:?}: {value}"));
        }
        if schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
            broken.push(format!("{at} is none of {}: {value}", schema["enum"]));
        }
        if let (Some(list), items @ Value::Object(_)) = (value.as_array(), &schema["items"]) {
            for (place, item) in list.iter().enumerate() {
                broken.extend(self.differences(items, item, &format!("{at}[{place}]")));
            }
        }
        let Some(fields) = value.as_object() else { return };
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                broken.push(format!("{at}.{name} is missing"));
            }
        }
        for (name, field) in fields {
            let described = schema["properties"].get(name).or(schema.get("additionalProperties"));
            if let Some(schema @ Value::Object(_)) = described {
                broken.extend(self.differences(schema, field, &format!("{at}.{name}")));
            }
        }
    }

    /// The names of an object's fields, and whether it may have others.
    fn properties(&self, schema: &Value) -> (Vec<String>, bool) {
        let schema = self.resolved(schema);
        let mut names: Vec<String> = object(&schema["properties"]).keys().cloned().collect();
        let choices = schema["oneOf"].is_array() || schema["anyOf"].is_array();
        let mut open = choices || schema.get("additionalProperties").is_some();
        let parts = schema["allOf"].as_array();
        for part in parts.into_iter().flatten() {
            let (more, part_open) = self.properties(part);
            names.extend(more);
            open |= part_open;
        }
        // An object of which nothing is said may be anything.
        (names.clone(), open || (names.is_empty() && parts.is_none()))
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let Some(reference) = schema["$ref"].as_str() else { return schema };
        let found = reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer));
        found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// References that lead nowhere, operations without an id of their own, parameters that the path does not name.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        self.dangling(&self.0, &mut faults);
        let mut ids = Vec::new();
        for Operation { path, method } in self.operations() {
            let operation = self.operation(&path, &method);
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            if id.is_empty() || ids.contains(&id) {
                faults.push(format!("{method} {path} has the id `{id}`, which is none or another's"));
            }
            ids.push(id);
            let named: Vec<&str> = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
            let given = operation["parameters"].as_array().into_iter().flatten();
            let given: Vec<&str> = given.filter(|p| p["in"] == "path").filter_map(|p| p["name"].as_str()).collect();
            if named != given {
                faults.push(format!("{method} {path} has the parameters {given:?}"));
            }
            if !object(&operation["responses"]).keys().any(|status| status.starts_with(['2', '3'])) {
                faults.push(format!("{method} {path} never succeeds"));
            }
            if operation["summary"].as_str().unwrap_or_default().is_empty() {
                faults.push(format!("{method} {path} does not say what it does"));
            }
        }
        faults
    }

    fn dangling(&self, value: &Value, faults: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(reference) = fields.get("$ref").and_then(Value::as_str)
                    && reference.strip_prefix('#').and_then(|pointer| self.0.pointer(pointer)).is_none()
                {
                    faults.push(format!("{reference} leads nowhere"));
                }
                fields.values().for_each(|field| self.dangling(field, faults));
            }
            Value::Array(items) => items.iter().for_each(|item| self.dangling(item, faults)),
            _ => {}
        }
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type of JSON Schema"),
    }
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
